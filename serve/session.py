"""Running the graph for a person at a terminal, in threads that outlive the process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from hugginggraph.graph import Context, Parts, build_graph
from hugginggraph.registry import RequestError, Settings

from .terminal import LivePlan, building

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class Thread(TypedDict):
    """A thread of the store: its name, its last request, and whether a run is left unfinished."""

    name: str
    request: str
    unfinished: bool


def waiting(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a run that stopped for approval asks: ``name``, ``args`` and ``description``."""
    stops = state.get("__interrupt__") or ()
    return dict(stops[0].value["action_requests"][0]) if stops else None


class Session:
    """A graph on its own event loop, with one thread of conversation in the user's SQLite file.

    Every finished task is on disk at once: a run that was stopped or killed can be resumed.
    """

    def __init__(self, settings: Settings, *, show: bool, thread: str | None = None) -> None:
        self.parts = Parts(settings)
        self.path = settings.data_dir / "threads.sqlite"
        self.thread = thread or uuid.uuid4().hex[:12]
        self.show = show
        self._runner = asyncio.Runner()  # never closed: closing waits for threads still at work
        self._saver: AsyncSqliteSaver | None = None

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

    def _show(self, given: Any, context: Context) -> dict[str, Any]:
        with building() as progress:
            self.parts.open_store(progress)
        return self._runner.run(self._run(given, context))

    async def _open(self) -> AsyncSqliteSaver:
        if self._saver is None:
            import aiosqlite
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._saver = AsyncSqliteSaver(await aiosqlite.connect(self.path, timeout=30))
            await self._saver.setup()
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
                given, config, context=context, stream_mode=["updates", "custom", "values"]
            ):
                if mode == "values":
                    state = part
                    live.resources = state.get("resources") or {}
                else:
                    live.update(str(mode), part)
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
        latest = (
            "SELECT thread_id FROM checkpoints GROUP BY thread_id "
            "ORDER BY MAX(checkpoint_id) DESC LIMIT ?"
        )
        rows = await saver.conn.execute_fetchall(latest, (limit,))
        graph, found = build_graph(saver, parts=self.parts), []
        for (name,) in rows:
            state = await graph.aget_state({"configurable": {"thread_id": name}})
            request = str(state.values.get("request", ""))
            found.append(Thread(name=name, request=request, unfinished=bool(state.next)))
        return found
