"""One event loop of this process, running in the background.

HTTP clients stay tied to the event loop that they were first used on, so LLM calls are made here
whatever loop the caller runs. And every node of the graph is written once, as a coroutine
function: ``both`` adds the plain function that ``graph.invoke`` needs, which runs it here.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

T = TypeVar("T")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="hugginggraph-background", daemon=True).start()
    return loop


def in_background(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the background loop, with the caller's context variables.

    Cancelling the future cancels the coroutine.
    """
    context = contextvars.copy_context()
    done: Future[T] = Future()

    def start() -> None:
        task = _loop().create_task(coroutine, context=context)
        task.add_done_callback(settle)
        done.add_done_callback(lambda _: _loop().call_soon_threadsafe(stop, task))

    def stop(task: asyncio.Task[T]) -> None:
        if done.cancelled():
            task.cancel()

    def settle(task: asyncio.Task[T]) -> None:
        if done.cancelled():
            return
        if task.cancelled():
            done.cancel()
        elif error := task.exception():
            done.set_exception(error)
        else:
            done.set_result(task.result())

    _loop().call_soon_threadsafe(start)
    return done


class SyncRun:
    """The coroutines that a sync run waits for, which can be cancelled all at once."""

    def __init__(self) -> None:
        self._futures = set[Future[Any]]()
        self._cancelled = False

    def add(self, future: Future[Any]) -> None:
        """Takes one in; one that comes too late is cancelled."""
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        if self._cancelled:
            future.cancel()

    def cancel(self) -> None:
        """Ends the run: what runs and whatever is still to start."""
        self._cancelled = True
        for future in list(self._futures):
            future.cancel()


SYNC_RUN: ContextVar[SyncRun | None] = ContextVar("sync_run", default=None)
"""The run that ``run_sync`` belongs to, in threads that have the caller's context."""


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, waited for. An interrupt of the caller cancels the coroutine."""
    future, run = in_background(coroutine), SYNC_RUN.get()
    if run is not None:
        run.add(future)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


class Step(Runnable[Any, T]):
    """A node or an edge of the graph, for ``invoke`` and for ``ainvoke``.

    LangGraph traces a node by itself; a RunnableLambda, or the plain function that it would run in
    a thread, would be traced again and cost several hops of the event loop each.
    """

    def __init__(
        self, name: str, call: Callable[[Any], T], acall: Callable[[Any], Coroutine[Any, Any, T]]
    ) -> None:
        self.name = name
        self._call = call
        self._acall = acall

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> T:
        """The next part of the state, or the name of the next node."""
        return self._call(input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> T:
        """The same, in an event loop."""
        return await self._acall(input)


def both(node: Callable[[Any], Coroutine[Any, Any, T]], name: str) -> Step[T]:
    """A node that is written as a coroutine function."""
    return Step(name, lambda state: run_sync(node(state)), node)


def edge_step(choose: Callable[[Any], str], name: str) -> Step[str]:
    """A choice of the next node, which is quick and touches no disk."""

    async def achoose(state: Any) -> str:
        return choose(state)

    return Step(name, choose, achoose)
