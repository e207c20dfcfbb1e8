"""The plan while it grows: its steps, what the request names, and the tasks that come of it.

``inputs.py`` says what a step works on, ``results.py`` where the words speak of a step's result.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hugginggraph.registry import TaskType

from ..references import REFERENCE, reference, references
from ..state import Finding, Resource, Task
from .clauses import Clause
from .mentions import MARKER, Mention, Mentions
from .rows import EARLIER, Trait, trait

_SCORES = re.compile(r" \((?:\d\.\d+|…)(?:, (?:\d\.\d+|…))*\)")
"""How sure a model was of each thing that it found: nobody has that read out or translated."""


_WRITTEN = re.compile(
    r"\b(?:texts?|words?|written|writing|read|ocr|transcribe|says?|print(?:ed)?|letters?|quote)\b",
    re.I,
)


def _told_together(one: Finding, other: Finding, answers: Collection[str]) -> bool:
    """Whether two findings are of one task and told in one answer."""
    texts = (one["text"], other["text"])
    if texts[0] in texts[1] or texts[1] in texts[0]:
        return False  # an answer that holds one holds the other
    return one["task"] == other["task"] and any(all(t in said for t in texts) for said in answers)


@dataclass
class Step:
    """A task of the growing plan. ``row`` is of the table unless ``missing``.

    ``found`` is what it found where it is of an earlier turn, so that it need not run again.
    """

    id: int
    row: TaskType
    clause: int
    sure: float
    missing: bool = False
    args: dict[str, Any] = field(default_factory=dict)
    group: int = 0
    found: str = ""

    @property
    def trait(self) -> Trait:
        """How the step's task behaves."""
        return trait(self.row.id)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two steps the same."""
        return self.row.id, repr(sorted(self.args.items()))


@dataclass
class Sketch:
    """Everything known while the clauses are read from left to right.

    ``language`` is what the request was put into English from, empty where it was English; ``told``
    answers what no model has to be asked for, and ``refused`` says what none can do. ``used`` holds
    the numbers of the mentions that a step works on, and ``refers`` the step by the number of
    the mention that speaks of its result. ``views`` are the pictures that only show something about
    another one (``made.py``).
    """

    rows: Mapping[str, TaskType]
    available: frozenset[str]
    mentions: Mentions
    clauses: list[Clause]
    resources: Mapping[str, Resource]
    language: str = ""
    views: frozenset[str] = frozenset()
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    groups: int = 0
    refers: dict[int, int] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    def recall(self, earlier: Iterable[Finding], answers: Collection[str] = ()) -> None:
        """Begin with what earlier turns found, where the request names nothing else to work on.

        What was found before a file was given is only meant where the request calls it by its name.
        What one of the ``answers`` tells of the same task in several files belongs together.
        """
        before: Finding | None = None
        for finding in earlier:
            row = EARLIER.get(finding["task"]) or self.rows.get(finding["task"])
            if self.mentions.found or row is None:
                continue
            files = list(self.resources.values())[finding["resources"] :]
            newer = {file["kind"] for file in files if "task" not in file}
            if newer and (row.inputs[0].kind in newer or not self._called_by_name(row)):
                continue
            self.groups += not (before and _told_together(before, finding, answers))
            before = finding
            said = finding["text"] if row.output == "text" else _SCORES.sub("", finding["text"])
            self.steps.append(
                Step(
                    len(self.steps), row, -1, 1.0, group=self.groups,
                    args={"found": said}, found=said,
                )
            )  # fmt: skip

    def _called_by_name(self, row: TaskType) -> bool:
        """Whether the request speaks of a result by a name that is not that of any text."""
        names = re.finditer(
            rf"\b(?:the|that|your)\s+({trait(row.id).result})(?!\w)", self.mentions.text, re.I
        )
        return any(not re.fullmatch(r"(?:text|words?|sentence)s?", m[1], re.I) for m in names)

    def add(
        self, task: str, clause: int, sure: float, args: dict[str, Any], group: int = 0
    ) -> Step:
        """The step with these arguments, the same one if it is already there."""
        step = Step(
            len(self.steps), self.rows[task], clause, sure, task not in self.available, args
        )
        same = next((old for old in self.steps if old.key == step.key), None)
        if same:
            return same
        self.groups += not group
        step.group = group or self.groups
        self.steps.append(step)
        return step

    def only_shows(self, step: Step) -> bool:
        """Whether a step describes a picture, and was not asked for the text that stands in it."""
        if step.clause < 0 or step.row.output != "text" or step.row.inputs[0].kind != "image":
            return False
        return not _WRITTEN.search(MARKER.sub("", self.clauses[step.clause].text))

    def results_of(self, step: Step) -> tuple[str, ...]:
        """References to a step's result and to those of the steps that were made along with it."""
        return tuple(reference(s.id) for s in self.steps if s.group == step.group)

    def named(self, clauses: Iterable[int] | None = None) -> list[Mention]:
        """What these clauses, or all, name, in order, results of steps left out."""
        return [
            mention
            for at in (range(len(self.clauses)) if clauses is None else clauses)
            for mention in self.mentions.within(self.clauses[at].text)
            if mention.number not in self.refers
        ]

    def tasks(self) -> list[Task]:
        """The plan's tasks, numbered anew without what is missing or needs what is missing."""
        dropped: set[int] = set()
        for step in self.steps:
            if step.missing:
                self.note(f"{step.trait.name} ({step.row.id}) is not available here.")
                dropped.add(step.id)
            elif dropped.intersection(references(list(step.args.values()))):
                self.note(f"Left out, since it needs what is not available: {step.row.id}.")
                dropped.add(step.id)
            elif not step.found and (
                lacking := [s for s in step.row.required if not step.args.get(s.name)]
            ):
                self.note(f"{step.row.id} needs {lacking[0].description}; nothing given fits.")
                dropped.add(step.id)
        kept = [step for step in self.steps if step.id not in dropped and not step.found]
        stands = {step.id: REFERENCE.sub("", step.found) for step in self.steps if step.found}
        stands |= {step.id: reference(new) for new, step in enumerate(kept)}
        return [self._task(step, number, stands) for number, step in enumerate(kept)]

    def _task(self, step: Step, number: int, stands: Mapping[int, str]) -> Task:
        def renumber(value: Any) -> Any:
            if isinstance(value, list):
                return [renumber(item) for item in value]
            return REFERENCE.sub(lambda m: stands[int(m[1])], value)

        args = {name: renumber(value) for name, value in step.args.items()}
        dep = sorted(set(references(list(args.values()))))
        return {"id": number, "task": step.row.id, "dep": dep, "args": args}
