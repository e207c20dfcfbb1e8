"""Whether a plan can run: every fault as a named error that says how to mend it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError as GraphCycle, TopologicalSorter
from typing import Any

from hugginggraph.registry import (
    CycleError,
    DuplicateIdError,
    EmptyPlanError,
    Kind,
    MissingArgumentError,
    MissingDependencyError,
    PlanError,
    PlanFileError,
    Slot,
    TaskType,
    UnknownArgumentError,
    UnknownTaskError,
    UnreadablePlanError,
    WrongKindError,
    reads_as,
    task_types,
    unknown_task,
)

from .ingest import named_files
from .references import reference, references, whole_reference
from .state import Resource, Task

MOST_TASKS = 500
"""Tasks that a plan may have; more of them are a planner gone astray."""


def read_tasks(raw: Any) -> list[Task]:
    """The tasks of a planner's raw output, in one form.

    Accepts a list of task objects, one such object or ``{"tasks": [...]}``, ids and deps as numbers
    or as texts that hold one (``"task 0"``, ``"<resource>-0"``), the paper's ``dep: [-1]`` for
    none, references in other brackets (``<node-0>``), and ``args`` as a JSON text, as a list of
    objects or beside the other fields. Fields may have other usual names (``_FIELDS``).

    Raises:
        UnreadablePlanError: it is anything else.
    """
    if isinstance(raw, Mapping):
        raw = [raw] if "tasks" not in raw and _is_task(raw) else raw.get("tasks")
    if not isinstance(raw, list):
        raise UnreadablePlanError(
            f"A plan is a list of tasks, not {_what(raw)}.", 'Give {"tasks": [...]}.'
        )
    if len(raw) > MOST_TASKS:
        raise UnreadablePlanError(
            f"The plan has {len(raw):,} tasks; {MOST_TASKS} are taken at most.",
            "Plan fewer, or ask for a part at a time.",
        )
    return [_read_task(index, item) for index, item in enumerate(raw)]


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "task": ("task_type", "type", "name", "tool", "action", "function"),
    "args": ("arguments", "parameters", "params", "inputs", "input", "kwargs"),
    "dep": ("deps", "depends_on", "dependencies", "dependency", "depends"),
    "id": ("task_id",),
}
"""What LLMs call the fields of a task as well; the table's spelling goes first."""


def _named(item: Mapping[str, Any]) -> dict[str, Any]:
    """A task's fields by their names; what is none of them is an argument."""
    out = {name: value for name, value in item.items() if name in _FIELDS}
    rest = {name: value for name, value in item.items() if name not in _FIELDS}
    for field, others in _FIELDS.items():
        if field not in out and (name := next((n for n in others if n in rest), None)):
            out[field] = rest.pop(name)
    return out if "args" in out else {**out, "args": rest}


def _read_task(index: int, item: Any) -> Task:
    item = _named(item) if isinstance(item, Mapping) else item
    if not isinstance(item, Mapping) or not isinstance(item.get("task"), str):
        raise UnreadablePlanError(
            f"Entry {index} of the plan is not a task.",
            "Each has `id`, `task`, `dep` and `args`.",
        )
    dep, args = item.get("dep"), item.get("args")
    if isinstance(dep, str):
        dep = re.findall(r"-?\d+", dep) or ([dep] if dep.strip(" []") else None)
    dep = [] if dep is None else dep if isinstance(dep, list) else [dep]
    if isinstance(args, str):
        args = _object(args)
    if isinstance(args, list) and all(isinstance(each, Mapping) for each in args):
        args = {name: value for each in args for name, value in each.items()}
    if args is not None and not isinstance(args, Mapping):
        raise UnreadablePlanError(
            f"The `args` of entry {index} are {_what(args)}.", "Give them by name."
        )
    waits = [_number(d, f"A `dep` of entry {index}") for d in dep]
    return Task(
        id=_number(item.get("id", index), f"The `id` of entry {index}"),
        task=item["task"],
        dep=[n for n in dict.fromkeys(waits) if n != -1],
        args={str(name): _in_brackets(v) for name, v in (args or {}).items() if v is not None},
    )


def _is_task(raw: Mapping[str, Any]) -> bool:
    return isinstance(_named(raw).get("task"), str)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_LONGEST_NUMBER = 40


def _number(value: Any, what: str) -> int:
    if isinstance(value, str):
        digits = re.findall(r"\d+", value) if len(value) <= _LONGEST_NUMBER else []
        minus = value.strip() == f"-{digits[0]}" if digits else False
        value = int(digits[0]) * (-1 if minus else 1) if len(digits) == 1 else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnreadablePlanError(f"{what} is {value!r:.40}.", "It must be a whole number.")
    return value


_OTHER_BRACKETS = re.compile(
    r"(?:<|\[|\{+)\s*(?:resource|generated|node|task|output|result)s?\s*[>\]}]*\s*[-_ #:]?\s*"
    r"(\d{1,4})\s*(?:>|\]|\}+)?",
    re.IGNORECASE,
)


def _in_brackets(value: Any) -> Any:
    """The value with references in other brackets (``<node-0>``, ``[task 0]``) spelled as here."""
    if isinstance(value, list):
        return [_in_brackets(item) for item in value]
    if isinstance(value, str) and (found := _OTHER_BRACKETS.fullmatch(value.strip())):
        return reference(int(found[1]))
    return value


def check_plan(
    tasks: list[Task],
    resources: Mapping[str, Resource],
    rows: Mapping[str, TaskType] | None = None,
) -> list[PlanError]:
    """Every fault of the plan, empty where it can run with these task types (the table's)."""
    rows = task_types() if rows is None else rows
    if not tasks:
        return [EmptyPlanError("The plan holds no task.", "Name at least one task to run.")]
    return [
        *_duplicates(tasks),
        *(error for task in tasks for error in _dependencies(task, tasks)),
        *_cycles(tasks),
        *(error for task in tasks for error in _arguments(task, tasks, resources, rows)),
    ]


def _duplicates(tasks: list[Task]) -> Iterator[PlanError]:
    for number, times in Counter(task["id"] for task in tasks).items():
        if times > 1:
            yield DuplicateIdError(
                f"{times} tasks have the id {number}.", "Give each its own id.", task=number
            )


def _dependencies(task: Task, tasks: list[Task]) -> Iterator[PlanError]:
    known = {other["id"] for other in tasks}
    for dep in task["dep"]:
        if dep not in known:
            yield MissingDependencyError(
                f"Task {task['id']} depends on task {dep}, which is not in the plan.",
                f"Add it, or take {dep} out of `dep`.",
                task=task["id"],
            )
    for source in dict.fromkeys(n for v in task["args"].values() for n in references(v)):
        if source not in known:
            yield MissingDependencyError(
                f"Task {task['id']} uses <resource>-{source}, but no task has the id {source}.",
                "Refer to a task of the plan.",
                task=task["id"],
            )
        elif source not in task["dep"]:
            yield MissingDependencyError(
                f"Task {task['id']} uses <resource>-{source} without waiting for it.",
                f"Add {source} to its `dep`.",
                task=task["id"],
            )


def _cycles(tasks: list[Task]) -> Iterator[PlanError]:
    try:
        TopologicalSorter({task["id"]: task["dep"] for task in tasks}).prepare()
    except GraphCycle as exc:
        ring = " → ".join(str(number) for number in exc.args[1])
        yield CycleError(
            f"Tasks wait for each other in a circle: {ring}.", "Take one of these out of `dep`."
        )


def _arguments(
    task: Task,
    tasks: list[Task],
    resources: Mapping[str, Resource],
    rows: Mapping[str, TaskType],
) -> Iterator[PlanError]:
    row = rows.get(task["task"])
    if row is None:
        error = unknown_task(task["task"], rows)
        yield UnknownTaskError(error.message, error.hint, task=task["id"])
        return
    kinds = {t["id"]: rows[t["task"]].output for t in tasks if t["task"] in rows}
    for name, value in task["args"].items():
        slot = row.slot(name)
        if slot is None or slot.name != name:
            names = ", ".join(s.name for s in row.inputs)
            yield UnknownArgumentError(
                f"{row.id} (task {task['id']}) has no argument '{name}'.",
                f"Its arguments are: {names}.",
                task=task["id"],
            )
        else:
            yield from _value(task, slot, value, kinds, resources)
    for slot in row.required:
        if _is_blank(task["args"].get(slot.name)):
            yield MissingArgumentError(
                f"{row.id} (task {task['id']}) needs '{slot.name}' ({slot.description}).",
                f"Give {'at least one' if slot.many else 'a'} {slot.kind}.",
                task=task["id"],
            )


def _is_blank(value: Any) -> bool:
    if isinstance(value, list):
        return not value or all(_is_blank(item) for item in value)
    return value is None or (isinstance(value, str) and not value.strip())


def _value(
    task: Task, slot: Slot, value: Any, kinds: Mapping[int, Kind], resources: Mapping[str, Resource]
) -> Iterator[PlanError]:
    if isinstance(value, list) != slot.many:
        wanted = f"a list of {slot.kind}s" if slot.many else f"one {slot.kind}"
        yield _wrong(task, slot, f"is {_what(value)} where {wanted} is wanted")
        return
    for item in value if slot.many else [value]:
        if not isinstance(item, str):
            yield _wrong(task, slot, f"is {_what(item)} where a {slot.kind} is wanted")
        elif _is_blank(item):
            continue
        elif error := _item(task, slot, item, kinds, resources):
            yield error


def _item(
    task: Task, slot: Slot, item: str, kinds: Mapping[int, Kind], resources: Mapping[str, Resource]
) -> PlanError | None:
    whole = whole_reference(item)
    for source in references(item):
        kind = kinds.get(source)
        wanted = slot.kind if whole is not None else "text"
        if kind is not None and not reads_as(kind, wanted):
            return _wrong(
                task, slot, f"is the {kind} of task {source} where a {slot.kind} is wanted"
            )
    if references(item):
        return None
    if item in resources:
        kind = resources[item]["kind"]
        if reads_as(kind, slot.kind):
            return None
        return _wrong(task, slot, f"is {item}, a file of kind {kind}, where {slot.kind} is wanted")
    if slot.kind == "text" and named_files(item) != [item]:
        return None
    given = ", ".join(f"{key} ({res['name']})" for key, res in resources.items()) or "none"
    return PlanFileError(
        f"There is no file '{item:.200}' for '{slot.name}' of {task['task']} (task {task['id']}).",
        f"Files at hand: {given}.",
        task=task["id"],
    )


def _wrong(task: Task, slot: Slot, what: str) -> WrongKindError:
    return WrongKindError(
        f"'{slot.name}' of {task['task']} (task {task['id']}) {what}.",
        "Use the result of a task, or a file, of that kind.",
        task=task["id"],
    )


def _what(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {str: "one text", list: "a list", dict: "an object", int: "a number", bool: "a flag"}
    return names.get(type(value), f"a {type(value).__name__}")
