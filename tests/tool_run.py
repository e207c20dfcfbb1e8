"""Running a task through its tool on a tiny checkpoint, which is built the first time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from checkpoints import card

from hugginggraph.registry import ModelCard, load_settings, reads_as, task_type
from hugginggraph.tools import Artifacts, ModelPool, TaskResult, TaskRunner, hugginggraph_tools

Builder = Callable[[Path], ModelCard]
Run = Callable[..., TaskResult]


def tool_run(
    folder: Path, builders: Mapping[str, Builder], library: str = "diffusers", **given: Any
) -> Run:
    """A function that runs a task on a checkpoint of the builders through its tool.

    A name that no builder has is a folder that the test filled, of a model of ``library``.
    ``given`` are settings.
    """
    settings = load_settings(offline=True, **given)
    runner = TaskRunner(ModelPool(6), Artifacts(folder / "artifacts"), settings)
    cards: dict[str, ModelCard] = {}

    def find(task: str, model: str | None, args: Mapping[str, Any]) -> ModelCard:
        name = model or ""
        if name not in cards:
            place = folder / name
            place.mkdir(exist_ok=True)
            cards[name] = builders[name](place) if name in builders else card(place, task, library)
        return cards[name].model_copy(update={"task": task})

    def run(name: str, task: str, **args: Any) -> TaskResult:
        tool = hugginggraph_tools([task], runner=runner, find_card=find, handle_tool_error=False)[0]
        call = {"name": task, "args": {**args, "model": name}, "id": "1", "type": "tool_call"}
        result: TaskResult = tool.invoke(call).artifact
        assert_usable(task, result)
        assert result["model"] == cards[name].id
        return result

    return run


def assert_usable(task: str, result: TaskResult) -> None:
    """What every row promises to the tasks that read its result: the first file is the result."""
    kind = task_type(task).output
    assert result["kind"] == kind
    assert json.loads(json.dumps(result)) == result
    first = next((file["kind"] for file in result["files"]), None)
    if kind in ("image", "audio", "video", "table"):
        assert first == kind
    elif reads_as(kind, "image"):  # boxes and masks, drawn
        assert first == "image"
    if kind == "masks":  # and each mask by itself
        assert len(result["files"]) == 1 + len(result["value"])
    assert all(Path(file["path"]).stat().st_size > 0 for file in result["files"])
