"""The answer without an LLM: good plain sentences, composed from what really came out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hugginggraph.registry import Kind, model_cards, task_types
from hugginggraph.tools import as_text, count_labels, plural

from .references import REFERENCE, whole_reference
from .state import Plan, Resource, Result, State, Task

_QUOTE_CHARS = 70
_WHERE: Mapping[Kind, str] = {"text": "See", "audio": "It is in", "video": "It is in"}
"""How a sentence points to the files of a result of each kind; pictures are drawn."""


def shown_path(path: str) -> str:
    """A path as people read it: relative where it lies below the working folder."""
    absolute, here = Path(path), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else path


def compose(state: State) -> str:
    """The answer of a run: what was found, the files made, the models behind it, what failed."""
    if error := state.get("error"):
        return _sentence(error)
    plan = state["plan"]
    if not plan["valid"]:
        return _refusal(plan)
    results = state["results"]
    tasks = [task for task in plan["tasks"] if results[str(task["id"])]["status"] == "done"]
    lines = [*(finding(task, state) for task in tasks), *_together(tasks, state)]
    if tasks:
        lines.append(_models(tasks, results))
    lines += [_failure(t, results[str(t["id"])]) for t in plan["tasks"] if t not in tasks]
    lines += [f"Note: {note}" for note in [*plan["notes"], *replanned(state)]]
    return "\n".join(lines)


def replanned(state: State) -> list[str]:
    """A sentence for each time that the plan was made anew, in words for a person."""
    now = {task["id"]: task["task"] for task in state["plan"]["tasks"]}
    lines: list[str] = []
    for entry in state.get("replans") or []:
        new = ", ".join(f"{now[n]} (task {n})" for n in entry["added"] if n in now) or "less"
        if entry["cause"] == "rejected":
            lines.append(f"You rejected a plan ('{entry['reason']:.100}'). Planned instead: {new}.")
            continue
        for lost in entry["failed"]:
            why = lost["error"]["message"] if lost["error"] else "no reason is known."
            lines.append(f"{lost['task']} (task {lost['id']}) failed: {why}")
        lines.append(f"Planned instead: {new}.")
    return lines


def _sentence(error: Mapping[str, Any]) -> str:
    return f"{error['message']} {error['hint']}".strip()


def _refusal(plan: Plan) -> str:
    faults = "\n".join(f"- {_sentence(error)}" for error in plan["errors"])
    tried = "; ".join(plan["repairs"])
    mended = f"\nWhat was mended before: {tried}." if tried else ""
    return f"I could not make a plan that can run, so nothing was run:\n{faults}{mended}"


def finding(task: Task, state: State) -> str:
    """What a finished task found, as a sentence, with the files it made that are there."""
    plan, resources = state["plan"], state.get("resources") or {}
    row, result = task_types()[task["task"]], state["results"][str(task["id"])]
    words = {name: _named(value, plan, resources) for name, value in task["args"].items()}
    words = {slot.name: words.get(slot.name, "") for slot in row.inputs} | _value_words(result)
    text = row.says.format_map(words).replace(", before .", ".")
    text = f"The {text[4:]}" if text.startswith("the ") else text
    files = [resources[key]["path"] for key in result["files"] if key in resources]
    there = [shown_path(path) for path in files if Path(path).is_file()]
    if there:
        what = _WHERE.get(row.output, "Drawn in")
        text += f" {what} {', '.join(there)}."
    return re.sub(r"([.!?…])\.(?=\s|$)", r"\1", text)


def _together(tasks: list[Task], state: State) -> list[str]:
    """What detections in several pictures come to, of what the request names where it does."""
    found = [state["results"][str(task["id"])] for task in tasks]
    pictures = [result["value"] for result in found if result["kind"] == "boxes"]
    boxes = [box for picture in pictures for box in picture]
    if len(pictures) < 2 or not boxes:
        return []
    request = {*re.findall(r"\w+", state["request"].lower())}
    said = {}
    for label in {box["label"] for box in boxes}:
        said[label] = sum(bool(request & {w, plural(w)}) for w in label.lower().split())
    most = max(said.values())
    asked = [box for box in boxes if said[box["label"]] == most]
    counts = count_labels(asked)
    each = ", ".join(f"{count} {plural(label, count)}" for label, count in counts.items())
    whole = f"{len(asked)} of {len(boxes)}" if len(asked) < len(boxes) else str(len(boxes))
    return [f"In the {len(pictures)} pictures together: {whole} objects ({each})."]


def _value_words(result: Result) -> dict[str, str]:
    value = result["value"]
    words = {"value": as_text(result["kind"], value), "best": "", "rest": ""}
    if result["kind"] == "labels" and value:
        words["best"] = as_text("labels", value[:1])
        words["rest"] = as_text("labels", value[1:4])
    return words


def _named(value: Any, plan: Plan, resources: Mapping[str, Resource]) -> str:
    """How a sentence calls an argument: a file's name, a quoted text, an earlier result."""
    if isinstance(value, list):
        return ", ".join(_named(item, plan, resources) for item in value)
    source = whole_reference(value)
    if source is not None:
        return _noun(source, plan)
    if value in resources:
        return resources[value]["name"]
    text = REFERENCE.sub(lambda m: f"({_noun(int(m[1]), plan)})", str(value))
    text = " ".join(text.split())
    return f"“{text if len(text) <= _QUOTE_CHARS else text[: _QUOTE_CHARS - 1].rstrip() + '…'}”"


def _noun(source: int, plan: Plan) -> str:
    tasks = {task["id"]: task for task in plan["tasks"]}
    row = task_types()[tasks[source]["task"]]
    same = [task for task in plan["tasks"] if task["task"] == row.id]
    return f"the {row.noun}" if len(same) == 1 else f"the {row.noun} of task {source}"


def _models(tasks: list[Task], results: Mapping[str, Result]) -> str:
    """Which model did what, and of which small world it knows, each named once."""
    done = [(task["task"], results[str(task["id"])].get("model", "")) for task in tasks]
    line = f"Models: {', '.join(f'{task} by {model}' for task, model in dict.fromkeys(done))}."
    used = {model for _, model in done}
    worlds: dict[str, list[str]] = {}
    for model, world in _small_worlds().items():
        if model in used:
            worlds.setdefault(world, []).append(model.rpartition("/")[2])
    limits = [
        f"{names[0]} knows only {world}."
        if len(names) == 1
        else f"{', '.join(names[:-1])} and {names[-1]} know only {world}."
        for world, names in worlds.items()
    ]
    return " ".join([line, *limits])


@cache
def _small_worlds() -> Mapping[str, str]:
    """What each installed model that knows little knows; the packages are searched once."""
    return {card.id: card.world for card in model_cards() if card.world}


def _failure(task: Task, result: Result) -> str:
    error = result.get("error") or {"message": "no reason is known.", "hint": ""}
    what = "was skipped" if result["status"] == "skipped" else "failed"
    return f"{task['task']} (task {task['id']}) {what}: {_sentence(error)}"
