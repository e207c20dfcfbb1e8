"""A real HTTP server on loopback that speaks the Hub's Inference API and keeps what it was asked.

It stands for three things: an Inference API of one's own (``url``), the Hub with its router and a
provider (`as_the_hub`), and a stranger that must never see a token.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from loopback import serving

TOKEN = "hf_very_secret_token"


@dataclass(frozen=True)
class Asked:
    """A request as it came: its method, path, headers (lower case) and body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class HubServer:
    """``replies`` are given out in order; the last one again and again.

    A reply is a JSON value, bytes (a picture, a sound), a ready ``Response``, or a callable that
    is given the request (to be slow, or to break off).
    """

    replies: list[Any]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    mapping: dict[str, Any] = field(default_factory=dict)
    tag: str = ""

    @property
    def calls(self) -> list[Asked]:
        """The requests for inference: not those for facts about a model."""
        return [a for a in self.asked if a.method == "POST"]

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        asked = Asked(request.method, path, dict(request.headers), await request.body())
        self.asked.append(asked)
        if request.method == "HEAD" or path == "/":
            return Response(status_code=200 if path == "/" else 404)
        if path.startswith("/api/models/"):
            model = path.removeprefix("/api/models/")
            facts = {"id": model, "pipeline_tag": self.tag, "tags": [self.tag]}
            return JSONResponse({**facts, "inferenceProviderMapping": self.mapping})
        if request.method != "POST" and not path.startswith("/together"):
            return JSONResponse({"error": "not found"}, 404)
        reply = self.replies[min(len(self.calls), len(self.replies)) - 1]
        if request.method == "GET" and isinstance(reply, bytes):
            return Response(reply)
        if callable(reply) and not isinstance(reply, Response):
            reply = await reply(asked)
        if isinstance(reply, Response):
            return reply
        if isinstance(reply, bytes):
            return Response(reply, media_type="application/octet-stream")
        return JSONResponse(reply)


@contextmanager
def hub_server(*replies: Any, **options: Any) -> Iterator[HubServer]:
    """The server, running in a thread on a free port, until the end of the block."""
    state = HubServer(list(replies), **options)
    app = FastAPI()
    app.add_api_route(
        "/{path:path}", state.answer, methods=["GET", "HEAD", "POST"], response_model=None
    )
    with serving(app) as state.url:
        yield state


def as_the_hub(server: HubServer, monkeypatch: pytest.MonkeyPatch, *, provider: str) -> None:
    """Lets huggingface_hub take the server for the Hub, its router and the provider."""
    from huggingface_hub import constants
    from huggingface_hub.inference._providers import PROVIDERS, _common, hf_inference

    _common._fetch_inference_provider_mapping.cache_clear()
    hf_inference._check_supported_task.cache_clear()
    hub_at(server.url, monkeypatch)
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", server.url + "/{provider}")
    for tasks in (PROVIDERS["hf-inference"], {"": _auto_router()}):
        for helper in tasks.values():
            monkeypatch.setattr(helper, "base_url", f"{server.url}/hf-inference")
    server.mapping = {provider: {"status": "live", "providerId": "their-id", "task": server.tag}}


def hub_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets huggingface_hub look for the Hub at another address."""
    from huggingface_hub import constants

    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def _auto_router() -> Any:
    from huggingface_hub.inference._providers import CONVERSATIONAL_AUTO_ROUTER

    return CONVERSATIONAL_AUTO_ROUTER


def picture_bytes(width: int = 40, height: int = 30, colour: str = "red") -> bytes:
    """A PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def mask_base64(width: int, height: int, filled: float) -> str:
    """A mask as the API gives it: a PNG in base64, white in its left part."""
    from PIL import Image

    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (0, 0, round(width * filled), height))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def sound_bytes(seconds: float = 0.5, rate: int = 16_000, form: str = "WAV") -> bytes:
    """A sound file with a tone."""
    import numpy as np
    import soundfile

    buffer = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(int(seconds * rate)) * 0.1)
    soundfile.write(buffer, tone, rate, format=form)
    return buffer.getvalue()


def film_bytes(frames: int = 12, rate: int = 24) -> bytes:
    """An MP4 file."""
    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(frames):
            picture = np.full((48, 64, 3), shade * 10, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()
