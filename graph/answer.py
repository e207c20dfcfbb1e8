"""The answer without an LLM: good plain sentences, composed from what really came out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hugginggraph.registry import Kind, TaskType, languages, model_cards, task_types
from hugginggraph.tools import as_text, count_labels, listed, plural

from .builtin_planner import asks_language_only, told_count
from .differences import differences
from .existence import known_labels, yes_or_no
from .references import REFERENCE, whole_reference
from .restrictions import unkept
from .state import Plan, Resource, Result, State, Task

_QUOTE_CHARS = 70
_MOST_NAMED = 3
"""How many results that a text is made of are named one by one."""
_NO_ANSWER = frozenset(("unknown", "unanswerable", "no answer"))
"""What models that answer questions say where they know no answer."""
_IN = "It is in"
_WHERE: Mapping[Kind, str] = {"text": "See", "image": "See", "audio": _IN, "video": _IN}
"""How a sentence points to the files of a result of each kind."""
_DRAWN: Mapping[Kind, str] = {"text": "See", "image": "See", "audio": "Its wave is drawn in"}
"""How it points to the pictures of a result, which else are drawn of what was found."""


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
    counted = _counted(tasks, state)
    lines = [*(_told(task, state, counted) for task in tasks), *_together(tasks, state)]
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
    words = {name: _named(value, plan, resources) for name, value in task["args"].items()}
    words = {slot.name: words.get(slot.name, "") for slot in row.inputs} | _value_words(result)
    many = len(result["value"]) if isinstance(result["value"], list) else None
    says = row.says if many is None else row.says_of.get(many, row.says)
    if nothing := _nothing_found(task, result, words, state):
        says = nothing
    whose = _whose(task, row, says, plan)
    text = whose and f"{words[whose]}: "
    text += says.format_map(words).replace(", before .", ".")
    text = f"The {text[4:]}" if text.startswith("the ") else text
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
    apart = (n for n in untold if any(args.get(n) != task["args"].get(n) for args in same))
    return next(apart, "")


def _together(tasks: list[Task], state: State) -> list[str]:
    """What detections in several pictures come to, of what the request names where it does."""
    plan, resources = state["plan"], state.get("resources") or {}
    found = [(task, state["results"][str(task["id"])]) for task in tasks]
    pictures = [(task, result["value"]) for task, result in found if result["kind"] == "boxes"]
    boxes = [box for _, picture in pictures for box in picture]
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
    apart = [
        f"{sum(said[box['label']] == most for box in picture)} in "
        f"{_named(next(iter(task['args'].values())), plan, resources)}"
        for task, picture in pictures
    ]
    return [f"In the {len(pictures)} pictures together: {whole} objects ({each}), {listed(apart)}."]


def _told(task: Task, state: State, counted: Mapping[str, str]) -> str:
    """What a task found, after what was to be counted in it."""
    boxes = state["results"][str(task["id"])]["kind"] == "boxes"
    return " ".join([*(counted.values() if boxes else ()), finding(task, state)])


def _counted(tasks: list[Task], state: State) -> dict[str, str]:
    """How many of the things that are to be counted one picture has, by the note that asks it."""
    found = [state["results"][str(task["id"])] for task in tasks]
    pictures = [result for result in found if result["kind"] == "boxes"]
    if len(pictures) != 1:
        return {}
    labels = count_labels(pictures[0]["value"])
    known = known_labels(pictures[0].get("model", ""))
    notes = {note: told_count(note, labels, known) for note in state["plan"]["notes"]}
    return {note: told for note, told in notes.items() if told}


def _value_words(result: Result) -> dict[str, str]:
    value = result["value"]
    words = {"value": as_text(result["kind"], value), "best": "", "rest": "", "score": ""}
    if result["kind"] == "labels" and value:
        words["best"] = as_text("labels", value[:1])
        words["rest"] = as_text("labels", value[1:4]) if value[1:] else ""
        words["score"] = f"{value[0]['score']:.2f}"
    return words


def _nothing_found(task: Task, result: Result, words: Mapping[str, str], state: State) -> str:
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


def _named(value: Any, plan: Plan, resources: Mapping[str, Resource]) -> str:
    """How a sentence calls an argument: a file's name, a quoted text, an earlier result."""
    if isinstance(value, list):
        return ", ".join(_named(item, plan, resources) for item in value)
    source = whole_reference(value)
    if source is not None:
        return _noun(source, plan, resources)
    if value in resources:
        return shown_path(resources[value]["name"])
    made_of = [int(match[1]) for match in REFERENCE.finditer(str(value))]
    if made_of and not re.search(r"\w", REFERENCE.sub("", str(value))):
        if len(made_of) > _MOST_NAMED:
            return f"the text of {len(made_of)} results"
        return f"the text of {listed([_noun(n, plan, resources) for n in made_of])}"
    text = REFERENCE.sub(lambda m: f"({_noun(int(m[1]), plan, resources)})", str(value))
    text = " ".join(text.split())
    return f"“{text if len(text) <= _QUOTE_CHARS else text[: _QUOTE_CHARS - 1].rstrip() + '…'}”"


def _noun(source: int, plan: Plan, resources: Mapping[str, Resource]) -> str:
    """What an earlier result is called; of several of a task, by what each was made from."""
    tasks = {task["id"]: task for task in plan["tasks"]}
    row, own = task_types()[tasks[source]["task"]], tasks[source]["args"]
    others = [t["args"] for t in plan["tasks"] if t["task"] == row.id and t["id"] != source]
    many = row.noun.endswith("s") and not row.noun.endswith("ss")
    noun = f"the list of {row.noun}" if many else f"the {row.noun}"
    if not others:
        return noun
    first = row.inputs[0].name
    if own.get(first) in [args.get(first) for args in others]:
        return f"{noun} of task {source}"
    return f"{noun} of {_named(own.get(first), plan, resources)}"


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
