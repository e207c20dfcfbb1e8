"""Mending a plan without an LLM: each fix is small, typed and written down.

In this order: names of tasks and arguments, files by name, lists, one argument that names several
resources, duplicate ids, dependencies, missing arguments that only one thing can fill, missing
conversions, order. A fix is made only where there is one way to make it.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import re
from collections.abc import Mapping
from graphlib import CycleError as GraphCycle, TopologicalSorter
from pathlib import Path
from typing import Any

from hugginggraph.registry import Kind, Slot, TaskType, reads_as, task_types

from .check import produced_kind
from .ingest import full_path, named_files
from .references import REFERENCE, reference, references, whole_reference
from .state import Resource, Task


def repair(tasks: list[Task], resources: Mapping[str, Resource]) -> tuple[list[Task], list[str]]:
    """A mended copy of the plan, and a line for each thing that was mended."""
    tasks, notes = copy.deepcopy(tasks), list[str]()
    tasks = _number_apart(tasks, notes)
    for task in tasks:
        _name_task(task, notes)
        _name_arguments(task, notes)
        _name_files(task, resources, notes)
        _shape_lists(task, resources, notes)
        _depend(task, tasks, notes)
    tasks = _unfold(tasks, resources, notes)
    for task in tasks:
        _fill(task, tasks, resources, notes)
        _depend(task, tasks, notes)
    _break_cycles(tasks, notes)
    tasks = _convert(tasks, resources, notes)
    for task in tasks:
        _depend(task, tasks, notes)
    return _order(tasks, notes), notes


def _number_apart(tasks: list[Task], notes: list[str]) -> list[Task]:
    seen: set[int] = set()
    for task in tasks:
        if task["id"] in seen:
            fresh = max(t["id"] for t in tasks) + 1
            notes.append(f"gave the second task {task['id']} ({task['task']}) the id {fresh}")
            task["id"] = fresh
        seen.add(task["id"])
    return tasks


def _name_task(task: Task, notes: list[str]) -> None:
    rows, given = task_types(), task["task"]
    if given in rows:
        return
    slug = re.sub(r"[\s_]+", "-", given.strip().lower())
    near = [slug] if slug in rows else difflib.get_close_matches(slug, rows, n=2, cutoff=0.8)
    if len(near) == 1:
        notes.append(f"read the task '{given}' as '{near[0]}'")
        task["task"] = near[0]


def _name_arguments(task: Task, notes: list[str]) -> None:
    row = task_types().get(task["task"])
    if row is None:
        return
    for name in list(task["args"]):
        slot = row.slot(name)
        if slot is None:
            missing = [s for s in row.required if s.name not in task["args"]]
            strangers = [n for n in task["args"] if row.slot(n) is None]
            slot = missing[0] if len(missing) == len(strangers) == 1 else None
        if slot and slot.name != name and slot.name not in task["args"]:
            notes.append(f"read the argument '{name}' of task {task['id']} as '{slot.name}'")
            task["args"][slot.name] = task["args"].pop(name)


def _name_files(task: Task, resources: Mapping[str, Resource], notes: list[str]) -> None:
    names: dict[str, set[str]] = {}
    for key, resource in resources.items():
        spellings = (resource["name"], resource["path"], Path(resource["name"]).name)
        for name in spellings:
            names.setdefault(name, set()).add(key)

    def found(value: Any) -> Any:
        if isinstance(value, list):
            return [found(item) for item in value]
        if not isinstance(value, str) or value in resources:
            return value
        keys = names.get(value.strip(), set())
        if not keys and named_files(value) == [value]:
            keys = names.get(str(full_path(value)), set())
        if len(keys) != 1:
            return value
        (key,) = keys
        notes.append(f"read '{value}' as the file {key}")
        return key

    task["args"] = {name: found(value) for name, value in task["args"].items()}


def _shape_lists(task: Task, resources: Mapping[str, Resource], notes: list[str]) -> None:
    """Lists where a slot takes many, single values where it takes one."""
    row = task_types().get(task["task"])
    for name, value in list(task["args"].items()):
        slot = row.slot(name) if row else None
        if slot is None:
            continue
        if slot.many and isinstance(value, str):
            parts = [value] if references(value) else [p.strip() for p in value.split(",")]
            task["args"][name] = [part for part in parts if part]
            notes.append(f"made '{name}' of task {task['id']} a list")
        elif not slot.many and isinstance(value, list) and len(value) == 1:
            task["args"][name] = value[0]
            notes.append(f"took '{name}' of task {task['id']} out of its list")
        elif not slot.many and isinstance(value, str) and len(several(value, resources)) > 1:
            task["args"][name] = several(value, resources)


def several(value: str, resources: Mapping[str, Resource]) -> list[str]:
    """The resources that a text names where it names nothing else: ``"<resource>-0, r2"``."""
    parts = [part for part in re.split(r"[,;\s]+", value.strip()) if part]
    whole = all(part in resources or whole_reference(part) is not None for part in parts)
    return parts if whole else []


def _unfold(tasks: list[Task], resources: Mapping[str, Resource], notes: list[str]) -> list[Task]:
    """One task per resource where an argument that takes one names several.

    A text that reads an unfolded task reads all of its copies; another kind is unfolded in turn.
    """
    out: list[Task] = []
    copies: dict[int, list[int]] = {}
    fresh = max((task["id"] for task in tasks), default=-1) + 1
    for task in _sorted(tasks):
        row = task_types().get(task["task"])
        task["args"] = {
            name: _spread(value, row.slot(name) if row else None, copies)
            for name, value in task["args"].items()
        }
        task["dep"] = [copy for dep in task["dep"] for copy in copies.get(dep, [dep])]
        wide = next((name for name, v in task["args"].items() if _is_wide(row, name, v)), None)
        if wide is None:
            out.append(task)
            continue
        values = task["args"][wide]
        numbers = [task["id"], *range(fresh, fresh + len(values) - 1)]
        fresh += len(values) - 1
        for number, value in zip(numbers, values, strict=True):
            others = {n for v in values if v != value for n in references(v)}
            dep = [d for d in task["dep"] if d not in others]
            args = {**task["args"], wide: value}
            out.append(Task(id=number, task=task["task"], dep=dep, args=args))
        copies[task["id"]] = numbers
        notes.append(f"unfolded task {task['id']} into one for each of {len(values)} '{wide}'s")
    return out


def _is_wide(row: TaskType | None, name: str, value: Any) -> bool:
    slot = row.slot(name) if row else None
    return bool(slot and not slot.many and isinstance(value, list) and len(value) > 1)


def _spread(value: Any, slot: Slot | None, copies: Mapping[int, list[int]]) -> Any:
    """The value with references to unfolded tasks replaced by references to all of their copies."""
    if isinstance(value, list):
        spread = [_spread(item, slot, copies) for item in value]
        return [x for item in spread for x in (item if isinstance(item, list) else [item])]
    if not isinstance(value, str) or not any(n in copies for n in references(value)):
        return value
    whole = whole_reference(value)
    if whole is not None and slot is not None and (slot.many or slot.kind != "text"):
        return [reference(number) for number in copies[whole]]

    def written_out(match: re.Match[str]) -> str:
        number = int(match[1])
        return "\n".join(reference(copy) for copy in copies.get(number, [number]))

    return REFERENCE.sub(written_out, value)


def _depend(task: Task, tasks: list[Task], notes: list[str]) -> None:
    known = {other["id"] for other in tasks}
    used = list(dict.fromkeys(n for v in task["args"].values() for n in references(v)))
    for source in used:
        if source in known and source not in task["dep"]:
            task["dep"].append(source)
            notes.append(f"let task {task['id']} wait for task {source}, which it uses")
    for dep in list(task["dep"]):
        if (dep not in known or dep == task["id"]) and dep not in used:
            task["dep"].remove(dep)
            notes.append(f"took the dependency on task {dep} out of task {task['id']}")
    task["dep"] = list(dict.fromkeys(task["dep"]))


def _fill(
    task: Task, tasks: list[Task], resources: Mapping[str, Resource], notes: list[str]
) -> None:
    """Fill a missing file argument where exactly one thing at hand is of its kind."""
    row = task_types().get(task["task"])
    for slot in row.required if row else ():
        if slot.name in task["args"] and task["args"][slot.name] not in ("", []):
            continue
        earlier = [reference(d) for d in task["dep"] if _gives(d, tasks, slot.kind)]
        given = [key for key, res in resources.items() if res["kind"] == slot.kind]
        options = earlier or (given if slot.kind != "text" else [])
        if len(options) == 1:
            task["args"][slot.name] = [options[0]] if slot.many else options[0]
            notes.append(f"filled '{slot.name}' of task {task['id']} with {options[0]}")


def _gives(source: int, tasks: list[Task], kind: Kind) -> bool:
    produced = produced_kind(source, tasks)
    return produced is not None and reads_as(produced, kind)


def _break_cycles(tasks: list[Task], notes: list[str]) -> None:
    """Take out dependencies that close a circle and that no argument uses."""
    for _ in range(len(tasks)):
        try:
            TopologicalSorter({task["id"]: task["dep"] for task in tasks}).prepare()
            return
        except GraphCycle as exc:
            ring: list[int] = exc.args[1]
        by_id = {task["id"]: task for task in tasks}
        loose = [
            (by_id[later], earlier)
            for earlier, later in itertools.pairwise(ring)
            if earlier not in [n for v in by_id[later]["args"].values() for n in references(v)]
        ]
        if not loose:
            return
        task, dep = loose[0]
        task["dep"].remove(dep)
        notes.append(f"took the dependency on task {dep} out of task {task['id']}: a circle")


def _convert(tasks: list[Task], resources: Mapping[str, Resource], notes: list[str]) -> list[Task]:
    """Put a conversion before an argument of the wrong kind where exactly one task type converts.

    Two tasks that need the same conversion of the same thing share it.
    """
    out: list[Task] = []
    fresh = max((task["id"] for task in tasks), default=-1) + 1
    made: dict[tuple[str, str], int] = {}
    for task in tasks:
        row = task_types().get(task["task"])
        for name, value in list(task["args"].items()):
            slot = row.slot(name) if row else None
            kind = _kind_of(value, tasks, resources)
            if slot is None or kind is None or reads_as(kind, slot.kind):
                continue
            bridges = _bridges(kind, slot.kind)
            if len(bridges) != 1:
                continue
            bridge = bridges[0]
            if (value, bridge.id) not in made:
                made[value, bridge.id] = fresh
                args = {bridge.required[0].name: value}
                out.append(Task(id=fresh, task=bridge.id, dep=references(value), args=args))
                notes.append(f"put {bridge.id} (task {fresh}) before task {task['id']}")
                fresh += 1
            number = made[value, bridge.id]
            task["args"][name] = reference(number)
            task["dep"] = [d for d in task["dep"] if d not in references(value)] + [number]
        out.append(task)
    return out


def _kind_of(value: Any, tasks: list[Task], resources: Mapping[str, Resource]) -> Kind | None:
    source = whole_reference(value)
    if source is not None:
        return produced_kind(source, tasks)
    return resources[value]["kind"] if isinstance(value, str) and value in resources else None


def _bridges(source: Kind, wanted: Kind) -> list[TaskType]:
    return [
        row
        for row in task_types().values()
        if row.converts
        and row.output == wanted
        and len(row.required) == 1
        and reads_as(source, row.required[0].kind)
    ]


def _sorted(tasks: list[Task]) -> list[Task]:
    """Tasks with what they wait for before them, otherwise in the order given."""
    done: set[int] = set()
    known = {task["id"] for task in tasks}
    rest, out = list(tasks), []
    while rest:
        ready = next((t for t in rest if not (set(t["dep"]) & known) - done), rest[0])
        rest.remove(ready)
        out.append(ready)
        done.add(ready["id"])
    return out


def _order(tasks: list[Task], notes: list[str]) -> list[Task]:
    ordered = _sorted(tasks)
    if [task["id"] for task in ordered] != [task["id"] for task in tasks]:
        notes.append("put the tasks in the order in which they wait for each other")
    return ordered
