"""How far a run is: told by whatever works (a download, a load, a generation) to who listens.

    with progress_to(print):                   # where a run starts
        ...
    report("running", 3, 20, "steps")          # inside

The listener is a context variable and is called in the thread that works. What it raises ends the
run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeAlias

from typing_extensions import TypedDict

EVERY = 0.1
"""Seconds between two reports of one state; its first and its last are always told."""


class Progress(TypedDict):
    """``total`` is 0 where it is not known; ``unit`` is what is counted, or what is waited for."""

    state: Literal["waiting", "fetching", "loading", "running"]
    done: int
    total: int
    unit: str


Listener: TypeAlias = Callable[[Progress], None]


class _Channel:
    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.told = ("", "")
        self.next = 0.0


_CHANNEL: ContextVar[_Channel | None] = ContextVar("progress", default=None)


@contextmanager
def progress_to(listener: Listener | None) -> Iterator[None]:
    """Lets the listener hear what is reported inside the block; None: nobody listens."""
    token = _CHANNEL.set(_Channel(listener) if listener else None)
    try:
        yield
    finally:
        _CHANNEL.reset(token)


def progress_listener() -> Listener | None:
    """Who listens around the caller."""
    channel = _CHANNEL.get()
    return channel.listener if channel else None


def report(
    state: Literal["waiting", "fetching", "loading", "running"],
    done: int = 0,
    total: int = 0,
    unit: str = "",
) -> None:
    """Tells the listener, at most ten times a second."""
    channel = _CHANNEL.get()
    if channel is None:
        return
    now = time.monotonic()
    if channel.told == (state, unit) and now < channel.next and (done < total or not total):
        return
    channel.told, channel.next = (state, unit), now + EVERY
    channel.listener(Progress(state=state, done=done, total=total, unit=unit))
