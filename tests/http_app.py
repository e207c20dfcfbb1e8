"""The server of the product on a free port, for tests that speak to it over HTTP."""

from __future__ import annotations

import io
import math
import random
import threading
import time
import wave
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from hugginggraph.graph import Parts
from hugginggraph.registry import Settings
from hugginggraph.serve.server import create_app


class Running(uvicorn.Server):
    """The app on a free port of this machine, in a thread."""

    def __init__(
        self, settings: Settings, parts: Parts | None = None, *, page: bool = False, **options: Any
    ) -> None:
        self.app = create_app(settings, parts, page=page)
        super().__init__(uvicorn.Config(self.app, port=0, log_level="critical", **options))
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> httpx.Client:
        self.thread.start()
        while not self.started:
            assert self.thread.is_alive()
            time.sleep(0.01)
        port = self.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        return self.client

    def __exit__(self, *exc: object) -> None:
        self.client.close()
        self.should_exit = True
        self.thread.join(20)


def upload(http: httpx.Client, path: Path, name: str = "", **options: Any) -> str:
    with path.open("rb") as file:
        reply = http.post("/files", files={"file": (name or path.name, file)}, **options)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


def invoke(http: httpx.Client, request: str, *files: str, **more: Any) -> dict[str, Any]:
    given = {"request": request, "files": list(files), **more}
    reply = http.post("/agent/invoke", json={"input": given})
    assert reply.status_code == 200, reply.text
    out: dict[str, Any] = reply.json()["output"]
    return out


def sound() -> bytes:
    """A second of a tone in noise, as a WAV file."""
    dice, out = random.Random(1), io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = (9000 * math.sin(0.17 * n) + dice.gauss(0, 900) for n in range(16_000))
        file.writeframes(b"".join(int(value).to_bytes(2, "little", signed=True) for value in tone))
    return out.getvalue()
