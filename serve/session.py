"""Running the graph for a person at a terminal."""

from __future__ import annotations

import asyncio
from typing import Any

from hugginggraph.graph import Context, Parts, build_graph
from hugginggraph.registry import Settings

from .terminal import LivePlan, building


class Session:
    """A graph, its event loop and, where it ``remember``s, one thread of conversation."""

    def __init__(self, settings: Settings, *, show: bool, remember: bool = False) -> None:
        saver = None
        if remember:
            from langgraph.checkpoint.memory import InMemorySaver

            saver = InMemorySaver()
        self.parts = Parts(settings)
        self.graph = build_graph(saver, parts=self.parts)
        self.config: Any = {"configurable": {"thread_id": "terminal"}}
        self.show = show
        self._runner = asyncio.Runner()  # never closed: closing waits for threads still at work

    def run(self, request: str, files: list[str], context: Context) -> dict[str, Any]:
        """The final state of a run; the plan is shown live while it runs."""
        with building() as progress:
            self.parts.open_store(progress)
        return self._runner.run(self._run(request, files, context))

    def plan(self, request: str, files: list[str]) -> dict[str, Any]:
        """The state after planning."""
        return self._runner.run(self._plan(request, files))

    async def _run(self, request: str, files: list[str], context: Context) -> dict[str, Any]:
        state: Any = {}
        with LivePlan(self.show) as live:
            async for mode, part in self.graph.astream(
                {"request": request, "files": files},
                self.config,
                context=context,
                stream_mode=["updates", "custom", "values"],
            ):
                if mode == "values":
                    state = part
                    live.resources = state.get("resources") or {}
                else:
                    live.update(str(mode), part)
        return dict(state)

    async def _plan(self, request: str, files: list[str]) -> dict[str, Any]:
        state: dict[str, Any] = {}
        async for part in self.graph.astream(
            {"request": request, "files": files},
            self.config,
            stream_mode="values",
            interrupt_before=["choose_models"],
        ):
            state = dict(part)
        return state
