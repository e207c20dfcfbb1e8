"""What the server bears: ``python tests/measure_serving.py --workers 2`` tells it and the targets.

The server runs in a process of its own, with a planner and tools that answer at once and a pinned
model, so that what is measured is everything around the models; one line has the choice of models
by retrieval in it. The clients share the machine with it, so the server's own processor time for a
request stands beside each rate: it holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvicorn
from fastapi import FastAPI
from langchain_core.messages import ToolMessage

from hugginggraph.graph import Draft, Parts, PlanRequest
from hugginggraph.registry import Settings
from hugginggraph.serve.server import create_app
from hugginggraph.serve.server.workers import serve_with_workers

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


def app_of(settings: Settings, shared: Path | None = None) -> FastAPI:
    return create_app(settings, StubParts(settings), page=False, shared=shared, alone=True)


def serve(folder: str, port: int, workers: int) -> None:
    settings = Settings(
        offline=True, data_dir=Path(folder), artifacts_dir=Path(folder) / "artifacts",
        server_requests_per_minute=0, server_runs=2000, cache_bytes=0, server_workers=workers,
        pinned_models={PINNED: "hugginggraph/minilm-summarizer"},
    )  # fmt: skip
    options: dict[str, Any] = {"port": port, "log_level": "error", "timeout_keep_alive": 120}
    if workers > 1:
        serve_with_workers(settings, lambda _: None, app_of, **options)
    else:
        uvicorn.run(app_of(settings), **options)


class Server:
    """The processes of the server."""

    def __init__(self, pid: int) -> None:
        self._first = psutil.Process(pid)

    def _all(self) -> list[psutil.Process]:
        return [self._first, *self._first.children(recursive=True)]

    def busy(self) -> float:
        """Seconds of processor time that all of them have taken."""
        return sum(sum(each.cpu_times()[:2]) for each in self._all())

    def memory(self) -> int:
        """Bytes that all of them hold."""
        return sum(int(each.memory_info().rss) for each in self._all())

    def files(self) -> int:
        """How many files all of them have open."""
        return sum(each.num_fds() for each in self._all())


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
    port: int,
    server: Server,
    at_once: int,
    *,
    total: int = 10**9,
    seconds: float = 600.0,
    request: str = "Summarize this, please.",
) -> Load:
    """Requests without pause, until there were ``total`` or the ``seconds`` are over.

    Written to plain sockets: a whole HTTP client would take much of the machine from the server.
    """
    times: list[float] = []
    body = json.dumps({"input": {"request": request}}).encode()
    head = f"POST /agent/invoke HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    asked = head.encode() + body
    left, started, busy = iter(range(total)), time.perf_counter(), server.busy()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            began = time.perf_counter()
            if began - started > seconds:
                break
            writer.write(asked)
            told = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(told.partition(b"content-length:")[2].partition(b"\r\n")[0])
            reply = await reader.readexactly(length)
            assert b'"status":"done"' in reply, reply
            times.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(at_once)))
    return Load(times, time.perf_counter() - started, server.busy() - busy)


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
    for _ in range(4):  # each on a connection of its own, so that every worker gets one
        async with httpx.AsyncClient(base_url=http.base_url, timeout=300) as other:
            await other.post("/agent/invoke", json={"input": {"request": "release"}})
    assert set(await asyncio.gather(*clients)) == {"event: done"}
    return most, took


async def upload(http: httpx.AsyncClient, server: Server, size: int) -> tuple[float, int]:
    """Seconds that an upload took, and by how many bytes the server grew at most."""
    chunk = b"some words and a line\n" * 50_000

    async def form() -> AsyncIterator[bytes]:
        yield (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n')
        for _ in range(size // len(chunk)):
            yield chunk
        yield b"\r\n--b--\r\n"

    before, most = server.memory(), 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, server.memory() - before)
            await asyncio.sleep(0.02)

    watching, began = asyncio.create_task(watch()), time.perf_counter()
    headers = {"content-type": "multipart/form-data; boundary=b"}
    reply = await http.post("/files", content=form(), headers=headers, timeout=300)
    watching.cancel()
    assert reply.status_code == 201, reply.text
    return time.perf_counter() - began, most


async def measure(port: int, server: Server) -> None:
    limits = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as http:
        await load(port, server, 10, total=200, seconds=SECONDS)
        found = await load(port, server, 50, seconds=SECONDS)
        say("requests a second, 50 without pause", str(found), "150/s or more")
        say("… p50 / p99", f"{found.share(0.5):.0f} / {found.share(0.99):.0f} ms", "p99 < 250 ms")
        chosen = await load(port, server, 50, seconds=SECONDS, request="choose a model for this")
        say("… with models chosen by retrieval", str(chosen), "–")
        await load(port, server, 1, total=300)
        memory, files = server.memory(), server.files()
        found = await load(port, server, 1, total=1000)
        grown = server.memory() / memory - 1
        say("1,000 one after the other: memory", f"{grown:+.1%}", "under 5 %")
        say("… open files", f"{server.files() - files:+d}", "0")
        say("… p50", f"{found.share(0.5):.1f} ms", "–")
        say("memory of an upload of 1 GB",
            "{1:.0f} MB in {0:.1f} s".format(*_mb(await upload(http, server, 1_000_000_000))),
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
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--serve", nargs=2, metavar=("FOLDER", "PORT"))
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    if given.serve:
        serve(given.serve[0], int(given.serve[1]), given.workers)
        return
    with tempfile.TemporaryDirectory() as folder:
        from hugginggraph.registry import CardStore

        CardStore.open(Path(folder) / "registry")
        port = 8700 + os.getpid() % 1000
        workers = ["--workers", str(given.workers)]
        command = [sys.executable, "-m", "hugginggraph.serve.cli", "serve", "--port", str(port)]
        os.environ |= {"HUGGINGGRAPH_DATA_DIR": folder, "HUGGINGGRAPH_OFFLINE": "1"}
        began = time.perf_counter()
        with running([*command, *workers], port):
            say("`hugginggraph serve` is ready after", f"{time.perf_counter() - began:.1f} s",
                "under 4 s")  # fmt: skip
        with running([sys.executable, __file__, "--serve", folder, str(port), *workers], port) as s:
            asyncio.run(measure(port, s))


@contextmanager
def running(command: list[str], port: int) -> Iterator[Server]:
    """A server, ready."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60).is_success:
                    break
            except httpx.ConnectError:
                assert child.poll() is None
                time.sleep(0.02)
        yield Server(child.pid)
    finally:
        child.terminate()
        child.wait(20)


if __name__ == "__main__":
    main()
