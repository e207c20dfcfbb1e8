"""Stopping a run from outside: whoever started it sets an event, and the run looks at it often.

    with cancel_scope() as event:   # where a run starts
        ...                         # somewhere else: event.set()
    check_cancelled()               # inside: at each layer, step, token or piece of a file

The scope is a context variable: threads that are started with a copy of the context share it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from hugginggraph.registry import CancelledRunError

LOOKS = 0.1
"""Seconds between two looks of who waits, whether it should stop."""

_EVENT: ContextVar[threading.Event | None] = ContextVar("cancel", default=None)


@contextmanager
def cancel_scope(event: threading.Event | None = None) -> Iterator[threading.Event]:
    """The event that stops what runs inside the block: the given one, or a new one."""
    event = event or threading.Event()
    token = _EVENT.set(event)
    try:
        yield event
    finally:
        _EVENT.reset(token)


def cancel_event() -> threading.Event | None:
    """The event of the scope around the caller, None where there is none."""
    return _EVENT.get()


def check_cancelled() -> None:
    """Goes on, or ends the run where its event is set.

    Raises:
        CancelledRunError: it is set.
    """
    event = _EVENT.get()
    if event is not None and event.is_set():
        raise CancelledRunError("The run was stopped.")
