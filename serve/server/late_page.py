"""The web page behind the server; its framework is imported only once the server is ready."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from .files import use
from .guard import LOCAL
from .runs import Runs


class LatePage:
    """The page as an ASGI app that is made by `open`, or by who first asks for it.

    Each owner has one of its own. That of the one person at this machine, where nobody signs in,
    keeps its threads and files where the command line does.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._pages: dict[str, FastAPI] = {}
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the page of the owner who asks."""
        await (await self.open(scope["state"]["owner"]))(scope, receive, send)

    async def warm(self, owner: str) -> None:
        """Import the framework, and make an owner's page where one is named."""
        await asyncio.to_thread(_load)
        if owner:
            await self.open(owner)

    async def open(self, owner: str) -> FastAPI:
        """An owner's page, made and started the first time."""
        async with self._opening:
            if owner not in self._pages:
                mount = await asyncio.to_thread(_load)
                page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
                mount(page, **await self._of(owner))  # Gradio wants the loop that it will run on
                await self._stack.enter_async_context(page.router.lifespan_context(page))
                self._pages[owner] = page
            return self._pages[owner]

    async def _of(self, owner: str) -> dict[str, Any]:
        runs = self._runs
        admit = runs.admit
        if owner == LOCAL:
            parts, folder = runs.parts, runs.settings.artifacts_dir
            if runs.made == parts.settings.artifacts_dir:
                parts = await asyncio.to_thread(parts.apart, folder)
            return {"parts": parts, "admit": admit}
        made = await asyncio.to_thread(runs.files.folder_of, owner, "made")
        parts = await asyncio.to_thread(runs.parts.apart, made)
        uploads = (runs.settings.data_dir / "page" / owner).resolve()

        def note(path: Path) -> None:
            if path.parent == made.resolve():
                use(path)
            elif path.parent.parent == uploads:
                use(path.parent)

        return {
            "parts": parts, "checkpointer": runs.graph.checkpointer, "owner": owner,
            "admit": admit, "use": note,
        }  # fmt: skip

    async def close(self) -> None:
        """Stop what runs on the pages."""
        await self._stack.aclose()


def _load() -> Any:
    """What mounts a page; it imports the framework."""
    from ..page import mount_page

    return mount_page


def has_page() -> bool:
    """Whether what the page needs is installed."""
    return find_spec("gradio") is not None
