"""What the registry finds for a request, looked up while an LLM plans: the choice needs it next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from hugginggraph.registry import HuggingGraphError, Settings

if TYPE_CHECKING:
    from hugginggraph.registry import CardStore, Lookups

MOST = 16
"""Requests that are looked up and not yet chosen for; the oldest are forgotten."""


FRESH_SECONDS = 60.0
"""How long a lookup holds: a run that chose no model leaves its own behind."""


class LookAhead:
    """The lookups of requests by their words, where the store is open."""

    def __init__(self, store: Callable[[], CardStore | None], settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._begun: dict[str, tuple[float, asyncio.Future[Lookups]]] = {}

    def begin(self, request: str) -> None:
        """Start in a thread; it is called in the event loop of the run.

        A store that is not open is left to the choice, which a run may never come to.
        """
        if (store := self._store()) is None:
            return
        begun = asyncio.get_running_loop().run_in_executor(None, self._look_up, store, request)
        begun.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._begun.pop(request, None)
        self._begun[request] = time.monotonic(), begun
        for forgotten in list(self._begun)[:-MOST]:
            self._begun.pop(forgotten, None)

    async def taken(self, request: str) -> Lookups | None:
        """What was found, once it is; None where nobody began just now, or where it failed."""
        began, begun = self._begun.pop(request, (0.0, None))
        if begun is None or begun.get_loop() is not asyncio.get_running_loop():
            return None
        if time.monotonic() - began > FRESH_SECONDS:
            return None
        with suppress(HuggingGraphError):  # the choice meets the error where it can tell it
            return await begun
        return None

    def _look_up(self, store: CardStore, request: str) -> Lookups:
        from hugginggraph.registry import Lookups

        lookups = Lookups(store)
        lookups.prepare(request, self._settings)
        return lookups
