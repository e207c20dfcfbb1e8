"""What the built-in planner makes of a request, in a line for each task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hugginggraph.graph import Draft, Finding, PlanRequest, Resource
from hugginggraph.graph.builtin_planner import LATER, plan
from hugginggraph.graph.state import State
from hugginggraph.registry import Kind, task_types

ROWS = {**LATER, **task_types()}
SCENE = Resource(kind="image", path="/data/scene.png", name="scene.png")
CAPTION = Finding(task="image-to-text", text="a red circle", resources=1)
SAID = (("human", "Describe scene.png"), ("ai", "It shows a red circle."))
GIVEN = Finding(task="given-text", text="Ann lives in Rome.", resources=1)
SUMMARY = Finding(task="summarization", text="Ann: Rome.", resources=1)
KINDS: dict[str, Kind] = {
    "png": "image",
    "txt": "text",
    "wav": "audio",
    "mp4": "video",
    "csv": "table",
}


def draft(text: str, *files: str | Path) -> Draft:
    """The plan for a request with these files, r1, r2, …"""
    resources = {
        f"r{n}": Resource(kind=KINDS[str(file).rpartition(".")[2]], path=str(file),
                          name=Path(file).name)
        for n, file in enumerate(files, 1)
    }  # fmt: skip
    return plan(PlanRequest(text, resources), task_types())


def tasks(text: str, *files: str | Path) -> list[str]:
    """The plan as lines such as ``image-to-text(image=r1)``."""
    return [
        f"{task['task']}({', '.join(f'{name}={value}' for name, value in task['args'].items())})"
        for task in draft(text, *files).tasks
    ]


def state(text: str, planned: Sequence[Any], *found: Any) -> State:
    """A finished run of these tasks; ``found`` is a value and a kind for each."""
    pairs = list(zip(found[::2], found[1::2], strict=True))
    results = {
        str(task["id"]): {
            "status": "done", "kind": kind, "value": value, "files": [], "seconds": 0.1,
            "attempts": [], "model": "hugginggraph/shapes-detector" if kind == "boxes" else "a/b",
        }
        for task, (value, kind) in zip(planned, pairs, strict=True)
    }  # fmt: skip
    made = {"tasks": list(planned), "valid": True, "notes": [], "errors": [], "repairs": []}
    resources = {"r1": Resource(kind="image", path="/data/scene.png", name="scene.png")}
    return cast(State, {"request": text, "plan": made, "results": results, "resources": resources})


def steps(text: str, *earlier: Finding, files: int = 1, **more: Any) -> list[str]:
    """The plan after earlier turns as lines such as ``image-to-text(r1)``."""
    resources = {f"r{n}": SCENE for n in range(1, files + 1)}
    made = plan(PlanRequest(text, resources, earlier=earlier, **more), ROWS).tasks
    return [f"{task['task']}({', '.join(map(str, task['args'].values()))})" for task in made]


def asked(*requests: str) -> tuple[tuple[str, str], ...]:
    """A history of these requests."""
    return tuple(pair for said in requests for pair in (("human", said), ("ai", "Done.")))
