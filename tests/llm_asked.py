"""Runs of the graph with an LLM of a test, for the tests of what an LLM may do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from llm_server import LLMServer

from hugginggraph.graph import Parts, build_graph

Ask = Callable[..., Coroutine[Any, Any, dict[str, Any]]]
SCENE = str(Path(__file__).parents[1] / "examples" / "scene.png")


def asking(parts: Parts, monkeypatch: pytest.MonkeyPatch, key: str, request: str) -> Ask:
    """A call that asks ``request`` about a picture, unless told otherwise, over an LLM's server."""

    async def ask(
        server: LLMServer, request: str = request, files: tuple[str, ...] = (SCENE,), **context: Any
    ) -> dict[str, Any]:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        given: Any = {"llm": f"openai:{server.base_url}", **context}
        asked: Any = {"request": request, "files": list(files)}
        return dict(await build_graph(parts=parts).ainvoke(asked, context=given))

    return ask


def tasks_of(out: dict[str, Any]) -> list[str]:
    return [task["task"] for task in out["plan"]["tasks"]]
