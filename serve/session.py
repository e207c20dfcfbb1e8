"""Running the graph for a person at a terminal, in threads that outlive the process."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypedDict

from hugginggraph.graph import Context, Parts, build_graph
from hugginggraph.registry import RequestError, Settings

from .terminal import LivePlan, building
from .threads import SERVERS, Saver, keep_latest, open_saver, thread_names, threads_before

AT_WORK = 3600.0
"""Seconds for which an unfinished thread without a new step may still be at work."""


class Thread(TypedDict):
    """A thread of the store: its name, its last request, and how that ended.

    ``status`` is done, partial or failed; unfinished where something is left to run or to decide.
    """

    name: str
    request: str
    status: str


def waiting(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a run that stopped for approval asks: ``name``, ``args`` and ``description``."""
    stops = state.get("__interrupt__") or ()
    return dict(stops[0].value["action_requests"][0]) if stops else None


class Session:
    """A graph on its own event loop, with one thread of conversation in a store on disk.

    Every finished task is on disk at once: a run that was stopped or killed can be resumed.
    """

    def __init__(self, settings: Settings, *, show: bool, thread: str | None = None) -> None:
        self.parts = Parts(settings)
        self.thread = thread or uuid.uuid4().hex[:12]
        self.show = show
        self._runner = asyncio.Runner()  # never closed: closing waits for threads still at work
        self._saver: Saver | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of the file, whose thread would keep the process alive; what is on disk stays."""
        if self._saver is not None:
            with suppress(ValueError):
                self._runner.run(self._saver.conn.close())

    def run(self, request: str, files: list[str], context: Context) -> dict[str, Any]:
        """The final state of a run; the plan is shown live while it runs."""
        return self._show({"request": request, "files": files}, context)

    def decide(self, decision: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """The state after a person's decision about the plan that the thread waits with.

        Where a run waits for one, ``waiting`` gives what it asks.
        """
        from langgraph.types import Command

        return self._show(Command(resume={"decisions": [decision]}), context)

    def resume(self, context: Context) -> dict[str, Any]:
        """The final state of the thread's last run, after what was left of it is done.

        Raises:
            RequestError: there is no such thread.
        """
        return self._show(None, context)

    def plan(self, request: str, files: list[str]) -> dict[str, Any]:
        """The state after planning; nothing is kept."""
        return self._runner.run(self._plan({"request": request, "files": files}))

    def threads(self, limit: int = 20) -> list[Thread]:
        """The threads on disk, the one last worked on first."""
        return self._runner.run(self._threads(limit))

    def delete(self, names: list[str]) -> None:
        """Remove threads with all that was said in them; files that runs made stay.

        Raises:
            RequestError: there is no thread of a name; then none is removed.
        """
        self._runner.run(self._delete(names))

    def delete_older(self, days: float) -> int:
        """Remove the threads last worked on more than ``days`` ago, and say how many.

        A server's threads stay, which it removes itself; so does what may be at work elsewhere: an
        unfinished thread whose last step is not ``AT_WORK`` seconds old.

        Raises:
            RequestError: the days are no number from 0 on.
        """
        if not days >= 0:
            raise RequestError("The days must be a number from 0 on.", "For example 30.")
        return self._runner.run(self._delete_older(max(0.0, time.time() - days * 24 * 3600)))

    async def _delete_older(self, before: float) -> int:
        saver = await self._open()
        graph, gone = build_graph(saver, parts=self.parts), 0
        resting = await threads_before(saver, time.time() - AT_WORK)
        for name in await threads_before(saver, before):
            if SERVERS.match(name):
                continue
            state = await graph.aget_state({"configurable": {"thread_id": name}})
            if not state.next or name in resting:
                await saver.adelete_thread(name)
                gone += 1
        return gone

    async def _delete(self, names: list[str]) -> None:
        saver = await self._open()
        for name in names:
            if await saver.aget_tuple({"configurable": {"thread_id": name}}) is None:
                raise RequestError(
                    f"There is no thread '{name}'.", "`hugginggraph threads` lists them."
                )
        for name in names:
            await saver.adelete_thread(name)

    def _show(self, given: Any, context: Context) -> dict[str, Any]:
        with building() as progress:
            self.parts.open_store(progress)
        return self._runner.run(self._run(given, context))

    async def _open(self) -> Saver:
        if self._saver is None:
            self._saver = await open_saver(self.parts.settings)
        return self._saver

    async def _run(self, given: Any, context: Context) -> dict[str, Any]:
        graph = build_graph(await self._open(), parts=self.parts)
        config: Any = {"configurable": {"thread_id": self.thread}}
        state: Any = {}
        with LivePlan(self.show) as live:
            if given is None:
                state = (await graph.aget_state(config)).values
                if not state:
                    raise RequestError(
                        f"There is no thread '{self.thread}'.", "`hugginggraph threads` lists them."
                    )
                live.resources, live.plan = state.get("resources") or {}, state.get("plan")
            elif not isinstance(given, dict):  # a decision about the plan of the last run
                live.plan = dict((await graph.aget_state(config)).values.get("plan") or {})
            async for mode, part in graph.astream(
                given,
                config,
                context=context,
                stream_mode=["updates", "custom", "values", "messages"],
            ):
                if mode == "values":
                    state = part
                    live.resources = state.get("resources") or {}
                else:
                    live.update(str(mode), part)
        if not (await graph.aget_state(config)).next:
            await keep_latest(await self._open(), self.thread)
        return dict(state)

    async def _plan(self, given: Any) -> dict[str, Any]:
        state: dict[str, Any] = {}
        graph = build_graph(parts=self.parts)
        async for part in graph.astream(
            given, stream_mode="values", interrupt_before=["choose_models"]
        ):
            state = dict(part)
        return state

    async def _threads(self, limit: int) -> list[Thread]:
        saver = await self._open()
        graph, found = build_graph(saver, parts=self.parts), []
        for name in await thread_names(saver, limit):
            state = await graph.aget_state({"configurable": {"thread_id": name}})
            request = " ".join(str(state.values.get("request", "")).split())
            status = "unfinished" if state.next else str(state.values.get("status", "done"))
            found.append(Thread(name=name, request=request, status=status))
        return found
