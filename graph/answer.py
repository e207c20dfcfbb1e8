"""The answer without an LLM: good plain sentences, composed from what really came out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hugginggraph.registry import Kind, TaskType, languages, model_cards, task_types
from hugginggraph.tools import as_text, listed

from .builtin_planner import asks_language_only
from .counts import counted_in, pictures_in, together
from .differences import differences
from .existence import yes_or_no
from .naming import named, shown_path
from .restrictions import unkept
from .state import Plan, Result, State, Task

_NO_ANSWER = frozenset(("unknown", "unanswerable", "no answer"))
"""What models that answer questions say where they know no answer."""
_IN = "It is in"
_WHERE: Mapping[Kind, str] = {"text": "See", "image": "See", "audio": _IN, "video": _IN}
"""How a sentence points to the files of a result of each kind."""
_DRAWN: Mapping[Kind, str] = {"text": "See", "image": "See", "audio": "Its wave is drawn in"}
"""How it points to the pictures of a result, which else are drawn of what was found."""


def compose(state: State) -> str:
    """The answer of a run: what was found, the files made, the models behind it, what failed."""
    if error := state.get("error"):
        return _sentence(error)
    plan = state["plan"]
    if not plan["valid"]:
        return _refusal(plan)
    results = state["results"]
    tasks = [task for task in plan["tasks"] if results[str(task["id"])]["status"] == "done"]
    counted = counted_in(tasks, state)
    lines = _findings(tasks, state, list(counted.values()))
    if tasks:
        lines[0] = f"{yes_or_no(state)} {lines[0]}".strip()
        lines.append(_models(tasks, results))
    lines += [_failure(t, results[str(t["id"])]) for t in plan["tasks"] if t not in tasks]
    told = [note for note in plan["notes"] if note not in counted]
    notes = [*told, *differences(tasks, state), *unkept(state), *replanned(state)]
    lines += [f"Note: {note}" for note in notes]
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
    words = {name: named(value, plan, resources) for name, value in task["args"].items()}
    words = {slot.name: words.get(slot.name, "") for slot in row.inputs} | _value_words(result)
    many = len(result["value"]) if isinstance(result["value"], list) else None
    says = row.says if many is None else row.says_of.get(many, row.says)
    if nothing := _nothing_found(task, result, state):
        says = nothing
    text = says.format_map(words).replace(", before .", ".")
    text = f"The {text[4:]}" if text.startswith("the ") else text
    if whose := _whose(task, row, says, plan):
        text = f"{words[whose]}: {text}"
    made: dict[str, list[str]] = {}
    for each in (resources[key] for key in result["files"] if key in resources):
        if Path(each["path"]).is_file():
            ways = _DRAWN if each["kind"] == "image" else _WHERE
            made.setdefault(ways.get(row.output, "Drawn in"), []).append(shown_path(each["path"]))
    text += "".join(f" {where} {', '.join(paths)}." for where, paths in made.items())
    return re.sub(r"([.!?…])\.(?=\s|$)", r"\1", text)


def _whose(task: Task, row: TaskType, says: str, plan: Plan) -> str:
    """The input that tells a task from one of its like, where the sentence does not name it."""
    told = [slot.name for slot in row.required if f"{{{slot.name}}}" in says]
    untold = [slot.name for slot in row.required if slot.name not in told]
    like = [t["args"] for t in plan["tasks"] if t["task"] == row.id and t["id"] != task["id"]]
    same = [args for args in like if all(args.get(n) == task["args"].get(n) for n in told)]
    differs = (n for n in untold if any(args.get(n) != task["args"].get(n) for args in same))
    return next(differs, "")


def _findings(tasks: list[Task], state: State, counts: list[str]) -> list[str]:
    """What each task found, with what was to be counted in pictures before the first of them."""
    pictures = [task for task, _ in pictures_in(tasks, state)]
    lines: list[str] = []
    for task in tasks:
        if task in pictures[:1] and len(pictures) > 1:
            lines += counts or together(tasks, state)
        first = counts if task in pictures and len(pictures) == 1 else []
        lines.append(" ".join([*first, finding(task, state)]))
    return lines


def _value_words(result: Result) -> dict[str, str]:
    value = result["value"]
    words = {"value": as_text(result["kind"], value), "best": "", "rest": "", "score": ""}
    if result["kind"] == "labels" and value:
        words["best"] = as_text("labels", value[:1])
        words["rest"] = as_text("labels", value[1:4]) if value[1:] else ""
        words["score"] = f"{value[0]['score']:.2f}"
    return words


def _nothing_found(task: Task, result: Result, state: State) -> str:
    """What to say in place of a value that answers nothing, empty for one that does.

    That is a model's own word for no answer, and classes of something else where the language of a
    text was asked for.
    """
    row, value = task_types()[task["task"]], result["value"]
    if row.noun == "answer" and str(value).strip(" .").lower() in _NO_ANSWER:
        return "{question} The model found no answer: it says '{value}'."
    if row.id != "text-classification" or not value:
        return ""
    known = any(languages.code(str(each["label"])) for each in value)
    if known or not asks_language_only(state["request"]):
        return ""
    return (
        "What language {text} is in was not found out: its words do not say it plainly, and the "
        "model that was asked knows none (it answered {best})."
    )


def _models(tasks: list[Task], results: Mapping[str, Result]) -> str:
    """Which model did what, and of which small world it knows, each named once."""
    done = [(task["task"], results[str(task["id"])].get("model", "")) for task in tasks]
    line = f"Models: {', '.join(f'{task} by {model}' for task, model in dict.fromkeys(done))}."
    return " ".join([line, *limits({model for _, model in done})])


def limits(used: Collection[str]) -> list[str]:
    """A sentence for each small world beyond which models of these ids know nothing."""
    worlds: dict[str, list[str]] = {}
    for model, world in _small_worlds().items():
        if model in used:
            worlds.setdefault(world, []).append(model.rpartition("/")[2])
    return [
        f"{names[0]} knows only {world}."
        if len(names) == 1
        else f"{listed(names)} know only {world}."
        for world, names in worlds.items()
    ]


@cache
def _small_worlds() -> Mapping[str, str]:
    """What each installed model that knows little knows; the packages are searched once."""
    return {card.id: card.world for card in model_cards() if card.world}


def _failure(task: Task, result: Result) -> str:
    error = result.get("error") or {"message": "no reason is known.", "hint": ""}
    what = "was skipped" if result["status"] == "skipped" else "failed"
    return f"{task['task']} (task {task['id']}) {what}: {_sentence(error)}"
