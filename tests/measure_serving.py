"""What the server bears: ``python tests/measure_serving.py`` prints each figure with its target.

The server runs in a process of its own, with a planner and tools that answer at once and a pinned
model, so that what is measured is everything around the models; one line has the choice of models
by retrieval in it. The clients share the machine with it, so the server's own processor time for a
request stands beside each rate: it holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvicorn
from langchain_core.messages import ToolMessage

from hugginggraph.graph import Draft, Parts, PlanRequest
from hugginggraph.registry import Settings
from hugginggraph.serve.server import create_app

PINNED, CHOSEN = "summarization", "text-classification"
"""The task with a pinned model, and the one whose model is retrieved for each request."""
SECONDS = 15.0
"""How long a load lasts."""

RELEASED = asyncio.Event()


class StubPlanner:
    """Two tasks at once, whatever is asked.

    A request that starts with "wait" makes them wait for one that starts with "release"; "choose"
    leaves their model to retrieval.
    """

    name = "builtin"

    async def plan(self, request: PlanRequest) -> Draft:
        task = CHOSEN if request.text.startswith("choose") else PINNED
        tasks = [
            {"id": n, "task": task, "dep": [], "args": {"text": request.text}} for n in range(2)
        ]
        return Draft(tasks, confidence=1.0)

    async def mend(self, request: PlanRequest, raw: Any, errors: Any) -> None:
        return None


class StubTool:
    """A tool that gives back what it got."""

    async def ainvoke(self, call: Any) -> ToolMessage:
        text = str(call["args"]["text"])
        if text.startswith("release"):
            RELEASED.set()
        if text.startswith("wait"):
            await RELEASED.wait()
        made = {"kind": "text", "value": "a summary", "files": [], "model": "stub", "seconds": 0.0}
        return ToolMessage("a summary", tool_call_id=call["id"], artifact=made)


class StubParts(Parts):
    """The parts of a graph whose planner and tools answer at once."""

    def planners(self, context: Any) -> list[Any]:
        return [StubPlanner()]

    @property
    def tools(self) -> Any:
        return {PINNED: StubTool(), CHOSEN: StubTool()}


def serve(folder: str, port: int) -> None:
    settings = Settings(
        offline=True, data_dir=Path(folder), artifacts_dir=Path(folder) / "artifacts",
        server_requests_per_minute=0, server_runs=2000, cache_bytes=0,
        pinned_models={PINNED: "hugginggraph/minilm-summarizer"},
    )  # fmt: skip
    app = create_app(settings, StubParts(settings), page=False)
    uvicorn.run(app, port=port, log_level="error", timeout_keep_alive=120)


class Load:
    """What clients measured: seconds of each request, sorted, and the server's own time."""

    def __init__(self, times: list[float], seconds: float, busy: float) -> None:
        self.times = sorted(times)
        self.rate = len(times) / seconds
        self.busy = busy / len(times)

    def share(self, share: float) -> float:
        """The milliseconds within which this share of the requests was answered."""
        return self.times[int((len(self.times) - 1) * share)] * 1e3

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s, {self.busy * 1e3:.1f} ms of CPU each"


async def load(
    http: httpx.AsyncClient,
    process: psutil.Process,
    at_once: int,
    *,
    total: int = 10**9,
    seconds: float = 600.0,
    request: str = "Summarize this, please.",
) -> Load:
    """Requests without pause, until there were ``total`` or the ``seconds`` are over."""
    times: list[float] = []
    left, started, busy = iter(range(total)), time.perf_counter(), _busy(process)

    async def client() -> None:
        for _ in left:
            began = time.perf_counter()
            if began - started > seconds:
                return
            reply = await http.post("/agent/invoke", json={"input": {"request": request}})
            assert reply.json()["output"]["status"] == "done", reply.text
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(at_once)))
    return Load(times, time.perf_counter() - started, _busy(process) - busy)


def _busy(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


async def streams(http: httpx.AsyncClient, count: int) -> tuple[int, float]:
    """How many event streams were open at the same time, and the seconds that opening them took.

    Each has told its first event, and none ends before the last is open or two minutes are over.
    """
    open_now, began = 0, time.perf_counter()
    all_open = asyncio.Event()

    async def one() -> str:
        nonlocal open_now
        given, last = {"request": "wait for it"}, ""
        async with http.stream("POST", "/agent/events", json=given, timeout=300) as reply:
            async for line in reply.aiter_lines():
                last = line if line.startswith("event: ") else last
                if line == "event: started":
                    open_now += 1
                    if open_now == count:
                        all_open.set()
        open_now -= 1
        return last

    clients = [asyncio.create_task(one()) for _ in range(count)]
    with suppress(TimeoutError):
        await asyncio.wait_for(all_open.wait(), 120)
    most, took = open_now, time.perf_counter() - began
    await http.post("/agent/invoke", json={"input": {"request": "release"}}, timeout=300)
    assert set(await asyncio.gather(*clients)) == {"event: done"}
    return most, took


async def upload(http: httpx.AsyncClient, process: psutil.Process, size: int) -> tuple[float, int]:
    """Seconds that an upload took, and by how many bytes the server grew at most."""
    chunk = b"some words and a line\n" * 50_000

    async def form() -> AsyncIterator[bytes]:
        yield (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n')
        for _ in range(size // len(chunk)):
            yield chunk
        yield b"\r\n--b--\r\n"

    before, most = process.memory_info().rss, 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, process.memory_info().rss - before)
            await asyncio.sleep(0.02)

    watching, began = asyncio.create_task(watch()), time.perf_counter()
    headers = {"content-type": "multipart/form-data; boundary=b"}
    reply = await http.post("/files", content=form(), headers=headers, timeout=300)
    watching.cancel()
    assert reply.status_code == 201, reply.text
    return time.perf_counter() - began, most


async def measure(port: int, process: psutil.Process) -> None:
    limits = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as http:
        await load(http, process, 10, total=200, seconds=SECONDS)
        found = await load(http, process, 50, seconds=SECONDS)
        say("requests a second, 50 at once", str(found), "150/s or more")
        say("… p50 / p99", f"{found.share(0.5):.0f} / {found.share(0.99):.0f} ms", "p99 < 250 ms")
        chosen = await load(http, process, 50, seconds=SECONDS, request="choose a model for this")
        say("… with models chosen by retrieval", str(chosen), "–")
        await load(http, process, 1, total=300)
        memory, files = process.memory_info().rss, process.num_fds()
        found = await load(http, process, 1, total=1000)
        grown = process.memory_info().rss / memory - 1
        say("1,000 one after the other: memory", f"{grown:+.1%}", "under 5 %")
        say("… open files", f"{process.num_fds() - files:+d}", "0")
        say("… p50", f"{found.share(0.5):.1f} ms", "–")
        say("memory of an upload of 1 GB",
            "{1:.0f} MB in {0:.1f} s".format(*_mb(await upload(http, process, 1_000_000_000))),
            "under 64 MB")  # fmt: skip
        opened = await streams(http, 500)
        say("event streams open at once", "{} within {:.0f} s".format(*opened), "500")


def _mb(found: tuple[float, int]) -> tuple[float, float]:
    return found[0], found[1] / 1e6


def say(what: str, found: str, target: str) -> None:
    sys.stdout.write(f"{what:<40} {found:<32} target: {target}\n")
    sys.stdout.flush()


def main() -> None:
    """Start the server, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=2, metavar=("FOLDER", "PORT"))
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    if given.serve:
        serve(given.serve[0], int(given.serve[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        from hugginggraph.registry import CardStore

        CardStore.open(Path(folder) / "registry")
        port = 8700 + os.getpid() % 1000
        began = time.perf_counter()
        child = subprocess.Popen([sys.executable, __file__, "--serve", folder, str(port)])
        try:
            while True:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                except httpx.ConnectError:
                    assert child.poll() is None
                    time.sleep(0.02)
            say("ready after", f"{time.perf_counter() - began:.1f} s", "under 4 s")
            asyncio.run(measure(port, psutil.Process(child.pid)))
        finally:
            child.terminate()
            child.wait(20)


if __name__ == "__main__":
    main()
