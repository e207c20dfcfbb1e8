"""The page of a server with several workers: one of them has it, and the others pass requests on.

Gradio keeps its sessions in its process. The first worker to take the page's lock serves it, to the
others on a Unix socket in the folder that they share, which nobody else may enter; who has been let
in is said there. When that worker ends, the next request or the next worker takes the page over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .late_page import LatePage
from .refusals import Refusal
from .shared import Held

STARTS_WITHIN = 20.0
"""Seconds that a request waits for the page of another worker to start."""
_ABOUT = b"x-hugginggraph-about"
_OF_THE_CONNECTION = {b"connection", b"keep-alive", b"transfer-encoding", _ABOUT}


class OnePage:
    """The page as an ASGI app that is the same one in every worker."""

    def __init__(self, page: LatePage, held: Held, shared: Path) -> None:
        self._page = page
        self._held = held
        self._path = str(shared / "page.sock")
        self._server: _Inner | None = None
        self._serving: asyncio.Task[None] | None = None
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self._others = httpx.AsyncHTTPTransport(uds=self._path, limits=limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here, or with what the worker that has the page answers."""
        if self.here():
            await self._page(scope, receive, send)
            return
        request = Request(scope, receive)
        asked = _passed_on(request)
        try:
            reply = await self._reply(asked)
        except httpx.TransportError as exc:
            raise Refusal(
                503, "The page is starting.", "Try again in a moment.", {"Retry-After": "3"}
            ) from exc
        told = StreamingResponse(reply.aiter_raw(), reply.status_code)
        told.raw_headers = _between(reply.headers.raw)
        try:
            await told(scope, receive, send)
        finally:
            await reply.aclose()

    async def _reply(self, asked: httpx.Request) -> httpx.Response:
        until = asyncio.get_running_loop().time() + STARTS_WITHIN
        while True:
            try:
                return await self._others.handle_async_request(asked)
            except httpx.ConnectError:  # nothing was sent yet
                if asyncio.get_running_loop().time() > until:
                    raise
                self.here()
                await asyncio.sleep(0.1)

    async def warm(self, owner: str) -> None:
        """As the page does, where it is here."""
        if self.here():
            await self._page.warm(owner)

    def here(self) -> bool:
        """Whether this worker has the page; where nobody has it, this one does from now on."""
        if self._server is None and self._held.take("page"):
            options: dict[str, Any] = {"log_level": "error", "access_log": False, "ws": "none"}
            config = uvicorn.Config(
                self._from_others,
                interface="asgi3",
                uds=self._path,
                lifespan="off",
                proxy_headers=False,
                timeout_keep_alive=3600,
                **options,
            )
            self._server = _Inner(config)
            self._serving = asyncio.create_task(self._server.serve())
        return self._server is not None

    async def _from_others(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        owner, scope["scheme"], scope["client"] = json.loads(headers[_ABOUT])
        scope["headers"] = _between(scope["headers"])
        scope["state"] = {"owner": owner}
        await self._page(scope, receive, send)

    async def close(self) -> None:
        """Stop answering the others, and the page where it is here."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = self._server.force_exit = True
            await asyncio.wait([self._serving], timeout=2)
        await self._others.aclose()
        await self._page.close()


class _Inner(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the outer server's."""
        yield


def _passed_on(request: Request) -> httpx.Request:
    scope = request.scope
    path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    about: Any = [scope["state"]["owner"], scope["scheme"], scope["client"]]
    headers = [*_between(scope["headers"]), (_ABOUT, json.dumps(about).encode())]
    bodied = {b"content-length", b"transfer-encoding"} & {name for name, _ in scope["headers"]}
    return httpx.Request(
        scope["method"],
        httpx.URL(scheme="http", host="page", raw_path=path),
        headers=headers,
        content=request.stream() if bodied else None,
    )


def _between(headers: Any) -> list[tuple[bytes, bytes]]:
    """The headers that are not of one connection only."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION]
