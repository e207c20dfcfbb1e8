"""Async nodes that can also be called synchronously.

Every node here is written once, as a coroutine function. ``graph.invoke`` needs a plain function
too: ``both`` adds one that runs the coroutine on a background event loop of this process. One
loop for all such calls, since HTTP clients stay tied to the loop that they were first used on.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

from langchain_core.runnables import RunnableLambda

T = TypeVar("T")


@cache
def _background_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="hugginggraph-sync", daemon=True).start()
    return loop


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, waited for from a thread that has no part in its event loop.

    Context variables of the caller hold inside. An interrupt of the caller cancels the coroutine.
    """
    loop, context = _background_loop(), contextvars.copy_context()
    done: Future[T] = Future()
    started: Future[asyncio.Task[T]] = Future()

    def settle(task: asyncio.Task[T]) -> None:
        if task.cancelled():
            done.cancel()
        elif error := task.exception():
            done.set_exception(error)
        else:
            done.set_result(task.result())

    def start() -> None:
        task = loop.create_task(coroutine, context=context)
        task.add_done_callback(settle)
        started.set_result(task)

    loop.call_soon_threadsafe(start)
    try:
        return done.result()
    except BaseException:
        loop.call_soon_threadsafe(started.result().cancel)
        raise


def both(node: Callable[[Any], Coroutine[Any, Any, T]], name: str) -> RunnableLambda[Any, T]:
    """The node as a Runnable with ``invoke`` and ``ainvoke``."""

    def call(state: Any) -> T:
        return run_sync(node(state))

    return RunnableLambda(call, node, name=name)
