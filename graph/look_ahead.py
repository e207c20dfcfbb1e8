"""What the registry finds for a request, looked up while an LLM plans: the choice needs it next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from hugginggraph.registry import HuggingGraphError, Settings

if TYPE_CHECKING:
    from hugginggraph.registry import CardStore, Lookups

MOST = 16
"""Requests that are looked up and not yet chosen for; the oldest are forgotten."""


class LookAhead:
    """The lookups of requests by their words."""

    def __init__(self, open_store: Callable[[], CardStore], settings: Settings) -> None:
        self._open_store = open_store
        self._settings = settings
        self._begun: dict[str, asyncio.Future[Lookups]] = {}

    def begin(self, request: str) -> None:
        """Start in a thread; it is called in the event loop of the run."""
        begun = asyncio.get_running_loop().run_in_executor(None, self._look_up, request)
        begun.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._begun.pop(request, None)
        self._begun[request] = begun
        for forgotten in list(self._begun)[:-MOST]:
            self._begun.pop(forgotten, None)

    async def taken(self, request: str) -> Lookups | None:
        """What was found, once it is; None where nobody began, or where it failed."""
        begun = self._begun.pop(request, None)
        if begun is None or begun.get_loop() is not asyncio.get_running_loop():
            return None
        with suppress(HuggingGraphError):  # the choice meets the error where it can tell it
            return await begun
        return None

    def _look_up(self, request: str) -> Lookups:
        from hugginggraph.registry import Lookups

        lookups = Lookups(self._open_store())
        lookups.prepare(request, self._settings)
        return lookups
