"""``hugginggraph serve``, as people start it: one process or two, and the end by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest


@pytest.mark.parametrize(
    "workers",
    [1, pytest.param(2, marks=pytest.mark.skipif(sys.platform == "win32", reason="one only"))],
)
def test_the_command_serves_lets_slow_clients_go_and_ends_by_ctrl_c(
    workers: int, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "registry").symlink_to(data_dir / "registry")
    command = ["serve", "--port", "0", "--workers", str(workers)]
    process = subprocess.Popen(
        [sys.executable, "-m", "hugginggraph.serve.cli", *command],
        env={**os.environ, "HUGGINGGRAPH_DATA_DIR": str(tmp_path), "HUGGINGGRAPH_OFFLINE": "1"},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        try:
            told = process.stderr.readline()
            found = re.fullmatch(r"HuggingGraph is ready at http://127\.0\.0\.1:(\d+)\n", told)
            assert found, told
            port = int(found[1])
            with socket.create_connection(("127.0.0.1", port)) as slow:
                slow.sendall(b"GET /healthz HT")
                slow.settimeout(60)
                began = time.monotonic()
                reply = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60)
                assert reply.json() == {"status": "ok"} and "server" not in reply.headers
                assert slow.recv(100) == b"" and time.monotonic() - began > 5
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(20) in (0, -signal.SIGINT, 130)
        finally:
            process.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_cannot_keep_threads_says_so_once_and_ends(
    workers: str, tmp_path: Path
) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "threads.sqlite").write_text("no database")
    command = ["serve", "--port", "0", "--workers", workers]
    done = subprocess.run(
        [sys.executable, "-m", "hugginggraph.serve.cli", *command],
        env={**os.environ, "HUGGINGGRAPH_DATA_DIR": str(tmp_path), "HUGGINGGRAPH_OFFLINE": "1"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "threads.sqlite, is damaged: file is not a database. Move it away" in done.stderr


def test_a_registry_that_a_server_cannot_open_is_told_when_it_starts(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hugginggraph.serve.cli", "serve", "--port", "0"],
        env={**os.environ, "HUGGINGGRAPH_DATA_DIR": str(tmp_path), "HUGGINGGRAPH_OFFLINE": "1",
             "HUGGINGGRAPH_CHROMA_URL": "http://127.0.0.1:9"},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        try:
            assert "is ready at" in process.stderr.readline()
            told = process.stderr.readline()
        finally:
            process.terminate()
    assert "Requests cannot be served yet: The Chroma server http://127.0.0.1:9 does not" in told
