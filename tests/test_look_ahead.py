"""Models are looked up while an LLM plans, and the choice takes what was found."""

from __future__ import annotations

import asyncio
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from llm_server import llm_server

import hugginggraph.graph.look_ahead as module
from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import CardStore, RegistryError, Settings

SCENE = str(Path(__file__).parents[1] / "examples" / "scene.png")
PLAN = {"tasks": [{"id": 0, "task": "image-to-text", "dep": [], "args": {"image": "r1"}}]}


async def test_the_choice_after_an_llms_plan_searches_nothing_again(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    search = CardStore.search

    def counted(self: CardStore, *args: Any, **more: Any) -> Any:
        searched.append("".join(traceback.format_stack()))
        return search(self, *args, **more)

    monkeypatch.setattr(CardStore, "search", counted)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    settings = Settings(offline=True, data_dir=data_dir, artifacts_dir=tmp_path)
    parts = Parts(settings)
    parts.open_store()
    with llm_server(PLAN, "A scene.") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        out = await build_graph(parts=parts).ainvoke(
            {"request": "Say what this is.", "files": [SCENE]},
            context={"llm": f"openai:{server.base_url}"},
        )
    assert out["status"] == "done" and out["plan"]["planner"] == "llm"
    assert len(searched) == 1 and "_look_up" in searched[0]


async def test_what_was_found_is_taken_once_and_an_error_is_left_to_the_choice(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(offline=True, data_dir=data_dir)
    ahead = module.LookAhead(Parts(settings).open_store, settings)
    ahead.begin("find the cats")
    found = await ahead.taken("find the cats")
    assert found is not None and "find the cats" in found
    assert await ahead.taken("find the cats") is None and await ahead.taken("other") is None

    def broken(*_: object) -> None:
        raise RegistryError("The store is locked.", "Wait.")

    monkeypatch.setattr(CardStore, "search", broken)
    ahead.begin("find the cats")
    assert await ahead.taken("find the cats") is None


async def test_no_store_is_opened_for_it_and_what_is_old_is_not_taken(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(Settings(offline=True, data_dir=data_dir))
    parts.ahead.begin("find the cats")
    assert await parts.ahead.taken("find the cats") is None
    parts.open_store()
    monkeypatch.setattr(module, "FRESH_SECONDS", -1.0)
    parts.ahead.begin("find the cats")
    assert await parts.ahead.taken("find the cats") is None


async def test_of_requests_that_nobody_chose_for_the_oldest_are_forgotten(data_dir: Path) -> None:
    settings = Settings(offline=True, data_dir=data_dir)
    ahead = module.LookAhead(Parts(settings).open_store, settings)
    for number in range(module.MOST + 1):
        ahead.begin(f"request {number}")
    assert await ahead.taken("request 0") is None
    assert await ahead.taken(f"request {module.MOST}") is not None


def test_what_another_event_loop_began_is_not_waited_for(data_dir: Path) -> None:
    settings = Settings(offline=True, data_dir=data_dir)
    ahead = module.LookAhead(Parts(settings).open_store, settings)

    async def begin() -> None:
        ahead.begin("find the cats")

    asyncio.run(begin())
    assert asyncio.run(ahead.taken("find the cats")) is None


def test_who_plans_again_does_not_wait_for_a_store_that_opens(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    parts = Parts(Settings(offline=True, data_dir=data_dir, llm="openai:none"))
    asyncio.run(parts.get_planners({}))
    opens, planned = threading.Event(), threading.Event()

    def open_slowly(*_: object, **__: object) -> None:
        opens.set()
        assert planned.wait(20)
        raise RegistryError("The store cannot be reached.", "Wait.")

    async def plan_again() -> list[str]:
        return [planner.name for planner in await parts.get_planners({})]

    monkeypatch.setattr(CardStore, "of", open_slowly)
    with ThreadPoolExecutor() as pool:
        opening = pool.submit(parts.open_store)
        assert opens.wait(20)
        try:
            assert pool.submit(asyncio.run, plan_again()).result(10) == ["llm", "builtin"]
        finally:
            planned.set()
        assert isinstance(opening.exception(20), RegistryError)
