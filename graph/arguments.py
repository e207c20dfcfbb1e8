"""From a plan's arguments to what a tool takes: references and resources become texts and paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hugginggraph.registry import (
    FileMissingError,
    HuggingGraphError,
    ModelRunError,
    Slot,
    TaskType,
)
from hugginggraph.tools import as_text, read_text

from .references import REFERENCE, whole_reference
from .state import Resource, Result


def resolve(
    row: TaskType,
    args: Mapping[str, Any],
    resources: Mapping[str, Resource],
    results: Mapping[int, Result],
) -> dict[str, Any]:
    """The arguments by slot name: text as ``str``, files as paths, ``many`` slots as lists.

    Raises:
        HuggingGraphError: a file cannot be used, or a result has nothing of the kind wanted.
    """
    out: dict[str, Any] = {}
    for name, value in args.items():
        slot = row.slot(name)
        if slot is None:
            continue
        if isinstance(value, list):
            out[name] = [_one(slot, item, resources, results) for item in value]
        else:
            out[name] = _one(slot, value, resources, results)
    return out


def _one(
    slot: Slot, value: str, resources: Mapping[str, Resource], results: Mapping[int, Result]
) -> str:
    source = whole_reference(value)
    if source is not None:
        return _result(slot, results[source], source)
    if value in resources:
        return _file(slot, resources[value])
    if slot.kind == "text":
        return REFERENCE.sub(
            lambda m: as_text(results[int(m[1])]["kind"], results[int(m[1])]["value"]), value
        )
    return value


def _result(slot: Slot, result: Result, source: int) -> str:
    if slot.kind in ("text", "labels"):
        return as_text(result["kind"], result["value"])
    segments = result["kind"] == slot.kind == "masks"  # the masks stand behind the drawn picture
    path = next(iter(result["files"][1:] if segments else result["files"]), None)
    if path is None:
        raise ModelRunError(
            f"Task {source} made no {slot.kind}, which '{slot.name}' needs.", "Change the plan."
        )
    return path


def _file(slot: Slot, resource: Resource) -> str:
    if "problem" in resource:
        raise HuggingGraphError.from_json(resource["problem"])
    if not Path(resource["path"]).is_file():
        raise FileMissingError(f"The file '{resource['name']}' is gone.", "Give it again.")
    return read_text(Path(resource["path"])) if slot.kind == "text" else resource["path"]
