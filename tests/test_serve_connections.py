"""The first process hands a connection only to a worker that listens for it."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn import Config, Server

from hugginggraph.serve.server.connections import Door, Handed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has one worker only")


def test_a_connection_for_a_busy_worker_waits_and_is_answered(tmp_path: Path) -> None:
    loops, looked = list[asyncio.AbstractEventLoop](), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        if scope["type"] == "lifespan":
            for each in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{each}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})

    worker = Server(Config(app, http=Handed, log_level="error"))
    own = socket.socket(socket.AF_UNIX)
    own.bind(str(tmp_path / f"{os.getpid()}.sock"))
    serving = threading.Thread(target=worker.run, args=([own],))
    serving.start()
    bound = socket.create_server(("127.0.0.1", 0))
    door = Door(bound, tmp_path, 8)
    try:
        while not worker.started:
            time.sleep(0.01)
        loops[0].call_soon_threadsafe(time.sleep, 0.5)  # its loop does nothing else meanwhile
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        door.open()
        assert not door.know([os.getpid()])
        until = time.monotonic() + 10
        while not door.know([os.getpid()]) and time.monotonic() < until:
            time.sleep(0.01)
        assert httpx.get(address).text == "here"
        wrong: list[dict[str, Any]] = []
        loops[0].set_exception_handler(lambda _, about: wrong.append(about))
        with socket.socket(socket.AF_UNIX) as line:  # one whose answer came too late
            line.connect(own.getsockname())
            assert select.select([line], [], [], 10)[0]
        assert httpx.get(address).text == "here"
        loops[0].call_soon_threadsafe(looked.set)
        assert looked.wait(10) and not wrong
    finally:
        door.close()
        worker.should_exit = True
        serving.join(10)
        own.close()
    assert not serving.is_alive()
