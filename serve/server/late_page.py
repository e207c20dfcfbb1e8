"""The web page behind the server; its framework is imported only once the server is ready."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from hugginggraph.graph import Parts


class LatePage:
    """The page as an ASGI app that is made by `open`, or by who first asks for it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._page: FastAPI | None = None
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the page."""
        await (await self.open())(scope, receive, send)

    async def open(self) -> FastAPI:
        """The page, made and started the first time."""
        async with self._opening:
            if self._page is None:
                mount = await asyncio.to_thread(_import)
                bare = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
                self._page = mount(bare, self._parts)  # Gradio wants the loop that it will run on
                life = self._page.router.lifespan_context(self._page)
                await self._stack.enter_async_context(life)
            return self._page

    async def close(self) -> None:
        """Stop what runs on the page."""
        await self._stack.aclose()


def _import() -> Any:
    from ..page import mount_page

    return mount_page


def has_page() -> bool:
    """Whether what the page needs is installed."""
    return find_spec("gradio") is not None
