"""A real page server in a process of its own, and a real browser in front of it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def page_server(
    data_dir: Path, artifacts: Path, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a page, and its process."""
    port = port or free_port()
    environment = os.environ | {
        "HUGGINGGRAPH_DATA_DIR": str(data_dir), "HUGGINGGRAPH_ARTIFACTS_DIR": str(artifacts),
        "GRADIO_TEMP_DIR": str(artifacts.parent / "uploads"),
        "HUGGINGGRAPH_SERVER_UPLOAD_BYTES": "200000000",
    }  # fmt: skip
    log = artifacts.parent / "page.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "hugginggraph.serve.page", "--port", str(port)],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}/"
    try:
        limit = time.monotonic() + 90
        while True:
            try:
                httpx.get(address + "page/alive", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                assert server.poll() is None and time.monotonic() < limit, log.read_text()
                time.sleep(0.2)
        yield address, server
    finally:
        server.kill()
        server.wait()


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """Chromium, or a skipped test where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *flags])
        try:
            yield opened
        finally:
            opened.close()


def watched(context: Any, address: str) -> tuple[Any, list[str]]:
    """A new tab at the address once the chat is ready, and what goes wrong in it."""
    tab, wrong = context.new_page(), list[str]()
    tab.set_default_timeout(60_000)
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "request",
        lambda r: (
            None
            if r.url.startswith((address, "data:", "blob:"))
            else wrong.append(f"asked {r.url}")
        ),
    )
    tab.goto(address)
    tab.wait_for_selector("#hg-ask textarea")
    tab.wait_for_selector(".hg-welcome, .hg-turn")
    return tab, wrong


def ask(tab: Any, request: str, files: list[dict[str, Any]] | None = None) -> None:
    """Upload, write and send."""
    if files:
        tab.set_input_files("#hg-ask input[type=file]", files)
        tab.wait_for_selector(".thumbnail-item, .thumbnails")
        tab.wait_for_function("!document.querySelector('#hg-ask .uploading')")
    tab.fill("#hg-ask textarea", request)
    tab.press("#hg-ask textarea", "Enter")


def asked(http: httpx.Client, request: str, files: list[dict[str, Any]], known: Any = None) -> str:
    """All that the server tells a client which submits a request of its own making."""
    return told_of(http, "submit", [{"text": request, "files": files}, known, False])


def told_of(http: httpx.Client, event: str, data: list[Any]) -> str:
    """All that the server tells a client of an event of the page."""
    events = http.get("/config").json()["dependencies"]
    (found,) = [each for each in events if [event] == [what for _, what in each["targets"]]]
    session = secrets.token_hex(5)
    given = {
        "data": data, "event_data": None, "fn_index": found["id"],
        "trigger_id": found["targets"][0][0], "session_hash": session,
    }  # fmt: skip
    http.post("/gradio_api/queue/join", json=given).raise_for_status()
    told = []
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as reply:
        for line in reply.iter_lines():
            told.append(line)
            if "process_completed" in line:
                break
    return "\n".join(told)
