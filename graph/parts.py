"""What the nodes work with, made when first needed and shared by all runs of a graph."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.runtime import get_runtime

from hugginggraph.registry import (
    LLMError,
    Settings,
    TaskType,
    can_serve,
    load_settings,
    model_cards,
    pinned,
    secrets_of,
    task_types,
)

from .llm import LLM
from .llm_setup import chat_model, is_local
from .look_ahead import LookAhead
from .planner import Planner
from .result_cache import ResultCache, open_result_cache
from .state import Context

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from hugginggraph.registry import CardStore, ModelCard
    from hugginggraph.tools import Artifacts, FindCard, ModelPool

    from .demonstrate import Demonstrations


class Parts:
    """The settings of a graph and the parts that follow from them.

    Nothing is opened or loaded before a node asks for it, so that a graph can be built, drawn and
    inspected without a store, a model or a key.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._llms: dict[str, LLM] = {}
        self._store: CardStore | None = None
        self._planned_with = set[str]()
        self._made_tools: Mapping[str, BaseTool] | None = None
        self._lock = threading.RLock()

    @cached_property
    def settings(self) -> Settings:
        """The settings given, or those of the environment."""
        return self._settings or load_settings()

    async def ready(self) -> Settings:
        """The settings; they, the table of tasks and what is packaged are read in a thread, once.

        What a node does after this with a plan or a request touches no disk.
        """
        if "settings" not in vars(self):
            await asyncio.to_thread(lambda: (task_types(), model_cards(), self.settings))
        return self.settings

    @property
    def store(self) -> CardStore:
        """The registry's store, built on first use."""
        return self.open_store()

    def open_store(self, progress: Callable[[int, int], None] | None = None) -> CardStore:
        """The registry's store; ``progress`` is told (done, total) where it has to be built.

        Raises:
            RegistryError: it cannot be opened.
        """
        from hugginggraph.registry import CardStore

        with self._lock:
            if self._store is None:
                self._store = CardStore.of(self.settings, progress=progress)
            return self._store

    @cached_property
    def artifacts(self) -> Artifacts:
        """The folder for the files that runs make."""
        from hugginggraph.tools import Artifacts

        return Artifacts(self.settings.artifacts_dir)

    @cached_property
    def _demonstrations(self) -> Demonstrations:
        from .demonstrate import Demonstrations

        return Demonstrations(self.settings.data_dir)

    @cached_property
    def ahead(self) -> LookAhead:
        """What looks up a request's models while an LLM plans."""
        return LookAhead(lambda: self._store, self.settings)

    @cached_property
    def result_cache(self) -> ResultCache | None:
        """The results kept by content, None where that is switched off."""
        return open_result_cache(self.settings)

    def apart(self, artifacts_dir: Path) -> Parts:
        """The same parts, whose runs keep the files they make elsewhere; models are shared."""
        with self._lock:
            _ = self._pool, self.open_store()
            other = copy.copy(self)
        other._settings = self.settings.model_copy(update={"artifacts_dir": artifacts_dir})
        other._made_tools = None
        for name in ("settings", "artifacts", "_tools"):
            other.__dict__.pop(name, None)
        return other

    @cached_property
    def _pool(self) -> ModelPool:
        from hugginggraph.tools import ModelPool

        return ModelPool(max_memory=self.settings.max_memory)

    @cached_property
    def _tools(self) -> Mapping[str, BaseTool]:
        from hugginggraph.tools import TaskRunner, hugginggraph_tools

        runner = TaskRunner(self._pool, self.artifacts, self.settings)
        tools = hugginggraph_tools(runner=runner, find_card=self.find_card, handle_tool_error=False)
        return {tool.name: tool for tool in tools}

    @property
    def tools(self) -> Mapping[str, BaseTool]:
        """The LangChain tool of each task type, by its id."""
        with self._lock:
            return self._tools

    async def get_tools(self) -> Mapping[str, BaseTool]:
        """The same for an event loop: they are made in a thread, once."""
        if self._made_tools is not None:
            return self._made_tools
        return await asyncio.to_thread(self._tools_made_once)

    def _tools_made_once(self) -> Mapping[str, BaseTool]:
        with self._lock:  # two threads that make LangChain tools at once can raise its warnings
            if self._made_tools is None:
                self._made_tools = self.tools
            return self._made_tools

    @cached_property
    def find_card(self) -> FindCard:
        """What finds the card of a named model, or of the best model for a task."""
        from hugginggraph.tools import card_finder

        return card_finder(lambda: self.store, self.settings)

    def pin(self, task: str, model: str) -> Any:
        """The candidate of a model that a person named for a task."""
        return pinned(self.store, model, task, settings=self.settings)

    def llm_name(self, context: Context) -> str:
        """What the controller LLM of a run is called, empty where none is set or it is no use."""
        try:
            usable = self.llm(context) is not None
        except LLMError:
            usable = False
        return (context.get("llm") or self.settings.llm) if usable else ""

    def llm(self, context: Context) -> LLM | None:
        """The controller LLM of a run, None where none is set.

        Raises:
            LLMError: it is set and cannot be used.
        """
        name = self._named_llm(context)
        if not name or name in self._llms:  # the lock may be held while a store opens
            return self._llms.get(name)
        with self._lock:
            if name not in self._llms:
                self._llms[name] = LLM(
                    chat_model(self.settings, name),
                    local=is_local(name),
                    seconds=self.settings.llm_timeout,
                    secrets=secrets_of(self.settings),
                )
            return self._llms[name]

    async def get_llm(self, context: Context) -> LLM | None:
        """The same for an event loop: where one is set it is made in a thread, once."""
        name = self._named_llm(context)
        if not name or name in self._llms:
            return self._llms.get(name)
        return await asyncio.to_thread(self.llm, context)

    def _named_llm(self, context: Context) -> str:
        without = context.get("planner") == "builtin"
        return "" if without else context.get("llm") or self.settings.llm

    def planners(self, context: Context) -> list[Planner]:
        """The planners of a run in the order in which they are tried.

        Raises:
            LLMError: the LLM planner is demanded and no LLM is set.
        """
        from .builtin_planner import BuiltinPlanner
        from .llm_planner import LLMPlanner

        wanted = context.get("planner") or self.settings.planner
        llm = None if wanted == "builtin" else self.llm(context)
        if wanted == "llm" and llm is None:
            raise LLMError(
                "The LLM planner was asked for, but no LLM is set.",
                "Set HUGGINGGRAPH_LLM (or --llm) to provider:model.",
            )
        first: list[Planner] = (
            [LLMPlanner(llm, self._demonstrations, meanwhile=self.ahead.begin)] if llm else []
        )
        if wanted == "llm":
            return first
        rows, can_run = partial(self._rows, context), partial(self._can_run, context)
        return [*first, BuiltinPlanner(rows, can_run)]

    async def get_planners(self, context: Context) -> list[Planner]:
        """The same for an event loop: what they need is imported and made in a thread, once."""
        name = self._named_llm(context)
        if name in self._planned_with:
            return self.planners(context)
        found = await asyncio.to_thread(self.planners, context)
        self._planned_with.add(name)
        return found

    @cached_property
    def _installed(self) -> list[ModelCard]:
        return model_cards()

    def _rows(self, context: Context) -> dict[str, TaskType]:
        """The table without rows that nothing can serve now and that have a stand-in.

        A question about a picture is then planned as a description and a detection. Rows without
        a stand-in stay: the choice of models says best why they cannot run.
        """
        from .builtin_planner import traits

        rows = dict(task_types())
        for task, trait in traits().items():
            if trait.instead and task in rows and not self._can_run(context, task):
                del rows[task]
        return rows

    def _can_run(self, context: Context, task: str) -> bool:
        llm = self.llm_name(context)
        return can_serve(task, self._installed, settings=self.settings, llm=llm)


def run_context() -> Context:
    """What the caller set for this run."""
    return get_runtime(Context).context or Context()
