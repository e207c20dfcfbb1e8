"""A graph whose plain ``stream`` and ``invoke`` can be stopped: by Ctrl-C, or by leaving the loop.

LangGraph runs the nodes of a sync run in threads, and where the caller is interrupted it waits for
them before the caller hears of it. Here the run has a thread of its own and the caller waits for
that: an interrupt reaches the caller at once, who then cancels the nodes' coroutines, and with them
what works for them (``tools/cancel.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from .background import SYNC_RUN, SyncRun

ENDS_WITHIN = 2.0
"""Seconds that a stopped run has to come to its end before its caller goes on."""

_END = object()


class StoppableGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """A compiled graph; ``invoke`` and ``batch`` go through its ``stream``."""

    def stream(self, *args: Any, **options: Any) -> Iterator[Any]:
        """As LangGraph's; an interrupt, or closing the iterator, stops what runs."""
        chunks: Any = super().stream(*args, **options)
        thread = ThreadPoolExecutor(1, "hugginggraph-run")
        run, context = SyncRun(), copy_context()
        context.run(SYNC_RUN.set, run)  # the nodes' threads have it in their context
        try:
            while True:
                chunk = thread.submit(context.run, lambda: next(chunks, _END)).result()
                if chunk is _END:
                    return
                yield chunk
        except BaseException:
            run.cancel()
            wait([thread.submit(context.run, chunks.close)], ENDS_WITHIN)
            raise
        finally:
            thread.shutdown(wait=False)
