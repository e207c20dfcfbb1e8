"""Mending a plan without an LLM: each fix is small, typed and written down.

In this order: a task given twice, duplicate ids, names of tasks and arguments, files by name,
lists, one argument that names several resources, missing arguments that only one thing can fill,
dependencies, circles, missing conversions, order. A fix is made only where there is one way to
make it. What was left out of a plan altogether (a text, a task that nothing else names) cannot be
brought back here.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError as GraphCycle, TopologicalSorter
from typing import Any

from hugginggraph.registry import Kind, Slot, TaskType, reads_as, task_types

from .file_names import FileNames
from .references import REFERENCE, reference, references, whole_reference
from .state import Resource, Task

ALSO_CALLED: Mapping[str, str] = {
    "image-captioning": "image-to-text",
    "captioning": "image-to-text",
    "ocr": "image-to-text",
    "speech-recognition": "automatic-speech-recognition",
    "speech-to-text": "automatic-speech-recognition",
    "asr": "automatic-speech-recognition",
    "tts": "text-to-speech",
    "ner": "token-classification",
    "named-entity-recognition": "token-classification",
    "sentiment-analysis": "text-classification",
    "semantic-segmentation": "image-segmentation",
    "vqa": "visual-question-answering",
    "image-editing": "image-to-image",
    "image-generation": "text-to-image",
    "text2text-generation": "text-generation",
    "embedding": "feature-extraction",
}
"""Names that LLMs give a task type and that the table spells otherwise."""


def repair(
    tasks: list[Task],
    resources: Mapping[str, Resource],
    rows: Mapping[str, TaskType] | None = None,
) -> tuple[list[Task], list[str]]:
    """A mended copy of the plan, and a line for each thing that was mended."""
    work = _Repair(copy.deepcopy(tasks), resources, task_types() if rows is None else rows)
    work.number_apart()
    for task in work.tasks:
        work.name_task(task)
        work.name_arguments(task)
        work.name_files(task)
        work.shape_lists(task)
        work.depend(task)
    work.unfold()
    for task in work.tasks:
        work.fill(task)
        work.depend(task)
    work.break_cycles()
    work.convert()
    for task in work.tasks:
        work.depend(task)
    work.order()
    return work.tasks, work.notes


@dataclass
class _Repair:
    """A plan while it is mended, with what it may use and what was done to it."""

    tasks: list[Task]
    resources: Mapping[str, Resource]
    rows: Mapping[str, TaskType]
    notes: list[str] = field(default_factory=list)
    files: FileNames = field(init=False)

    def __post_init__(self) -> None:
        self.files = FileNames(self.resources)

    def slot(self, task: Task, name: str) -> Slot | None:
        """The slot that an argument of a task belongs to."""
        row = self.rows.get(task["task"])
        return row.slot(name) if row else None

    def fresh(self) -> int:
        """An id that no task has."""
        return max((task["id"] for task in self.tasks), default=-1) + 1

    def kind_of(self, value: Any) -> Kind | None:
        """The kind of a reference or a file, None of anything else."""
        source = whole_reference(value)
        if source is not None:
            row = next((self.rows.get(t["task"]) for t in self.tasks if t["id"] == source), None)
            return row.output if row else None
        known = isinstance(value, str) and value in self.resources
        return self.resources[value]["kind"] if known else None

    def number_apart(self) -> None:
        """Leave out what stands there twice, and number apart what only shares an id."""
        seen: dict[int, Task] = {}
        kept: list[Task] = []
        for task in self.tasks:
            if seen.get(task["id"]) == task:
                self.notes.append(f"left out a second copy of task {task['id']} ({task['task']})")
                continue
            if task["id"] in seen:
                fresh = self.fresh()
                self.notes.append(
                    f"gave the second task {task['id']} ({task['task']}) the id {fresh}"
                )
                task["id"] = fresh
            seen[task["id"]] = task
            kept.append(task)
        self.tasks = kept

    def name_task(self, task: Task) -> None:
        """The task type that a name means: other spelling, other name, or one that is near."""
        given = task["task"]
        if given in self.rows:
            return
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", given.strip())
        slug = re.sub(r"[\s_\-/]+", "-", spaced.lower()).strip("-")
        slug = ALSO_CALLED.get(slug, slug)
        near = [slug] if slug in self.rows else _near(slug, self.rows)
        if near:
            self.notes.append(f"read the task '{given}' as '{near[0]}'")
            task["task"] = near[0]

    def name_arguments(self, task: Task) -> None:
        """The slots that argument names mean: other names, near ones, or the only one left."""
        row = self.rows.get(task["task"])
        for name in list(task["args"]) if row else ():
            assert row is not None
            free = {s.name: s for s in row.inputs if s.name not in task["args"]}
            if row.slot(name) is None and task["args"][name] in ("", [], {}):
                del task["args"][name]
                self.notes.append(f"left out the empty argument '{name}' of task {task['id']}")
                continue
            slot = row.slot(name) or row.slot(name.strip().lower().replace(" ", "_"))
            if slot is None and (near := _near(name.lower(), free, 0.7)):
                slot = free[near[0]]
            if slot is None:
                missing = [s for s in free.values() if s.required]
                strangers = [n for n in task["args"] if row.slot(n) is None]
                slot = missing[0] if len(missing) == len(strangers) == 1 else None
            if slot and slot.name != name and slot.name not in task["args"]:
                self.notes.append(
                    f"read the argument '{name}' of task {task['id']} as '{slot.name}'"
                )
                task["args"][slot.name] = task["args"].pop(name)

    def name_files(self, task: Task) -> None:
        """Files by their id, however they are named."""

        def found(value: Any, text: bool) -> Any:
            if isinstance(value, list):
                return [found(item, text) for item in value]
            key = isinstance(value, str) and self.files.find(value, text=text)
            if not key or key == value:
                return value
            self.notes.append(f"read '{value}' as the file {key}")
            return key

        for name, value in task["args"].items():
            slot = self.slot(task, name)
            task["args"][name] = found(value, slot is None or slot.kind == "text")

    def shape_lists(self, task: Task) -> None:
        """Lists where a slot takes many, single values where it takes one, texts for numbers."""
        for name, value in list(task["args"].items()):
            slot = self.slot(task, name)
            if slot is None:
                continue
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = task["args"][name] = self._number_as_value(task, slot, value)
            if isinstance(value, Mapping) and len(value) == 1:
                value = task["args"][name] = next(iter(value.values()))
                self.notes.append(f"took '{name}' of task {task['id']} out of its object")
            if slot.many and isinstance(value, str):
                parts = [value] if references(value) else [p.strip() for p in value.split(",")]
                task["args"][name] = [part for part in parts if part]
                self.notes.append(f"made '{name}' of task {task['id']} a list")
            elif not slot.many and isinstance(value, list) and len(value) == 1:
                task["args"][name] = value[0]
                self.notes.append(f"took '{name}' of task {task['id']} out of its list")
            elif not slot.many and isinstance(value, str):
                if len(parts := several(value, self.resources)) > 1:
                    task["args"][name] = parts
            elif slot.many and isinstance(value, list) and any(isinstance(v, list) for v in value):
                flat = [x for v in value for x in (v if isinstance(v, list) else [v])]
                task["args"][name] = flat
                self.notes.append(f"flattened '{name}' of task {task['id']}")

    def _number_as_value(self, task: Task, slot: Slot, value: float) -> str:
        """A bare number: the result of the task of that id, or the number as a text."""
        known = any(t["id"] == value and t is not task for t in self.tasks)
        text = reference(int(value)) if known else str(value)
        self.notes.append(f"read {value} in '{slot.name}' of task {task['id']} as '{text}'")
        return text

    def unfold(self) -> None:
        """One task per resource where an argument that takes one names several.

        A text that reads an unfolded task reads all its copies; another kind is unfolded in turn.
        """
        out: list[Task] = []
        copies: dict[int, list[int]] = {}
        fresh = self.fresh()
        for task in _sorted(self.tasks):
            task["args"] = {
                name: _spread(value, self.slot(task, name), copies)
                for name, value in task["args"].items()
            }
            task["dep"] = [copy for dep in task["dep"] for copy in copies.get(dep, [dep])]
            wide = next((n for n, v in task["args"].items() if _wide(self.slot(task, n), v)), None)
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
            self.notes.append(
                f"unfolded task {task['id']} into one for each of {len(values)} '{wide}'s"
            )
        self.tasks = out

    def depend(self, task: Task) -> None:
        """Wait for what is used, and for nothing that is not there."""
        known = {other["id"] for other in self.tasks}
        used = list(dict.fromkeys(n for v in task["args"].values() for n in references(v)))
        for source in used:
            if source in known and source not in task["dep"]:
                task["dep"].append(source)
                self.notes.append(f"let task {task['id']} wait for task {source}, which it uses")
        for dep in list(task["dep"]):
            if (dep not in known or dep == task["id"]) and dep not in used:
                task["dep"].remove(dep)
                self.notes.append(f"took the dependency on task {dep} out of task {task['id']}")
        task["dep"] = list(dict.fromkeys(task["dep"]))

    def fill(self, task: Task) -> None:
        """Fill a missing argument where exactly one thing at hand can be meant.

        A result that it waits for and does not use; else the only file of its kind, or the only
        one that no task uses; else the only result of its kind that nothing uses.
        """
        row = self.rows.get(task["task"])
        everything = [value for other in self.tasks for value in other["args"].values()]
        used = {x for v in everything for x in (v if isinstance(v, list) else [v]) if _is_text(x)}
        for slot in row.required if row else ():
            if slot.name in task["args"] and task["args"][slot.name] not in ("", []):
                continue
            mine = {n for v in task["args"].values() for n in references(v)}
            waits = [
                r for d in task["dep"] if d not in mine and self._reads(r := reference(d), slot)
            ]
            given = [key for key, res in self.resources.items() if reads_as(res["kind"], slot.kind)]
            idle = [
                r
                for other in self.tasks
                if other["id"] < task["id"]
                and (r := reference(other["id"])) not in used
                and self._reads(r, slot)
            ]
            fits = (
                waits,
                [key for key in given if self.resources[key]["kind"] == slot.kind != "text"],
                [key for key in given if key not in used] if not idle else [],
                idle if not given else [],
            )
            options = next((found for found in fits if len(found) == 1), [])
            if options:
                task["args"][slot.name] = list(options) if slot.many else options[0]
                self.notes.append(f"filled '{slot.name}' of task {task['id']} with {options[0]}")

    def _reads(self, value: str, slot: Slot) -> bool:
        kind = self.kind_of(value)
        return kind is not None and reads_as(kind, slot.kind)

    def break_cycles(self) -> None:
        """Take out dependencies that close a circle and that no argument uses."""
        for _ in range(len(self.tasks)):
            try:
                TopologicalSorter({task["id"]: task["dep"] for task in self.tasks}).prepare()
                return
            except GraphCycle as exc:
                ring: list[int] = exc.args[1]
            by_id = {task["id"]: task for task in self.tasks}
            loose = [
                (by_id[later], earlier)
                for earlier, later in itertools.pairwise(ring)
                if earlier not in [n for v in by_id[later]["args"].values() for n in references(v)]
            ]
            if not loose:
                return
            task, dep = loose[0]
            task["dep"].remove(dep)
            self.notes.append(
                f"took the dependency on task {dep} out of task {task['id']}: a circle"
            )

    def convert(self) -> None:
        """Put a conversion before an argument of the wrong kind where one task type converts.

        Two tasks that need the same conversion of the same thing share it.
        """
        out: list[Task] = []
        fresh = self.fresh()
        made: dict[tuple[str, str], int] = {}
        for task in self.tasks:
            for name, value in list(task["args"].items()):
                slot, kind = self.slot(task, name), self.kind_of(value)
                if slot is None or kind is None or reads_as(kind, slot.kind):
                    continue
                bridges = self._bridges(kind, slot.kind)
                if len(bridges) != 1:
                    continue
                bridge = bridges[0]
                if (value, bridge.id) not in made:
                    made[value, bridge.id] = fresh
                    args = {bridge.required[0].name: value}
                    out.append(Task(id=fresh, task=bridge.id, dep=references(value), args=args))
                    self.notes.append(f"put {bridge.id} (task {fresh}) before task {task['id']}")
                    fresh += 1
                number = made[value, bridge.id]
                task["args"][name] = reference(number)
                task["dep"] = [d for d in task["dep"] if d not in references(value)] + [number]
            out.append(task)
        self.tasks = out

    def _bridges(self, source: Kind, wanted: Kind) -> list[TaskType]:
        return [
            row
            for row in self.rows.values()
            if row.converts
            and row.output == wanted
            and len(row.required) == 1
            and reads_as(source, row.required[0].kind)
        ]

    def order(self) -> None:
        """Tasks in the order in which they wait for each other."""
        ordered = _sorted(self.tasks)
        if [task["id"] for task in ordered] != [task["id"] for task in self.tasks]:
            self.notes.append("put the tasks in the order in which they wait for each other")
        self.tasks = ordered


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _near(name: str, known: Mapping[str, Any], cutoff: float = 0.8) -> list[str]:
    """The known name that is nearest, where no other is about as near."""
    found = difflib.get_close_matches(name, known, n=2, cutoff=cutoff)
    if len(found) == 2:
        first, second = (difflib.SequenceMatcher(None, name, other).ratio() for other in found)
        return found[:1] if first - second > 0.05 else []
    return found


def several(value: str, resources: Mapping[str, Resource]) -> list[str]:
    """The resources that a text names where it names nothing else: ``"<resource>-0, r2"``."""
    if "\n" in value.strip():
        return []  # results written under each other are one text
    parts = [part for part in re.split(r"[,;\s]+", value.strip()) if part]
    whole = all(part in resources or whole_reference(part) is not None for part in parts)
    return parts if whole else []


def _wide(slot: Slot | None, value: Any) -> bool:
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
