"""The plan while it grows: its steps, and what each could work on.

``Sketch.media`` and ``Sketch.text`` answer what a step's input is: something its clause names, a
result that came before, something named elsewhere, a given file, or a file turned into a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hugginggraph.registry import KINDS, Kind, TaskType, reads_as

from ..references import REFERENCE, reference, references
from ..state import Finding, Resource, Task
from .clauses import Clause
from .cues import NOUNS
from .mentions import MARKER, Mention, Mentions
from .rows import BRIDGES, Trait, trait

_POINTS = re.compile(
    r"\b(?:it|its|this|that|them|those|these|they|the same|the results?|the outputs?)\b", re.I
)
_DETERMINED = (
    r"(?:the|this|that|these|those|its|their|each|your|all|every|any|final|resulting|obtained)"
)
_RESULT = (
    r"\b(?:the |this |these |its |your )?"
    r"(?:(?:final |above |previous )?(?:results?|outputs?)\b|resulting \w+)(?! of\b)"
)
_ONLY_WHEN = re.compile(r"\b(?:after|before|once)\s+$", re.I)
_ORIGINAL = re.compile(r"\b(?:original|initial|input|given|provided|attached|first)\b", re.I)


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


@dataclass(frozen=True)
class Input:
    """What a step works on: one value per task to make, and how sure that is."""

    values: tuple[str, ...] = ()
    sure: float = 1.0


@dataclass
class Sketch:
    """Everything known while the clauses are read from left to right."""

    rows: Mapping[str, TaskType]
    available: frozenset[str]
    mentions: Mentions
    clauses: list[Clause]
    resources: Mapping[str, Resource]
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    groups: int = 0
    _refers: dict[int, int] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    # what there is

    def recall(self, earlier: Iterable[Finding]) -> None:
        """Begin with what earlier turns found, where the request names nothing else to work on."""
        given = [rid for rid, resource in self.resources.items() if "task" not in resource]
        for finding in earlier:
            files = list(self.resources)[finding["resources"] :]
            if self.mentions.found or set(files) & set(given) or finding["task"] not in self.rows:
                continue
            self.groups += 1
            self.steps.append(
                Step(
                    len(self.steps), self.rows[finding["task"]], -1, 1.0, group=self.groups,
                    args={"found": finding["text"]}, found=finding["text"],
                )
            )  # fmt: skip

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

    def results_of(self, step: Step) -> tuple[str, ...]:
        """References to a step's result and to those of the steps that were made along with it."""
        return tuple(reference(s.id) for s in self.steps if s.group == step.group)

    def mark_results(self, at: int) -> None:
        """Put markers where a clause speaks of a result that an earlier clause brings."""
        clause = self.clauses[at]
        for step in reversed(self.steps):
            result = step.trait.result
            names = (
                rf"\b{_DETERMINED}\s+(?:(?!of\b|in\b)[\w-]+\s+)?(?:{result})(?!\w)(?:'s?\b)?"
                rf"|(?<=\bof )(?:{result})(?!\w)|(?<=\busing )(?:{result})(?!\w)"
                rf"|\b(?:{result})(?<=ed )\w+"
            )
            clause.text = re.sub(names, partial(self._mark, step, at), clause.text, flags=re.I)
        if self.steps:
            mark = partial(self._mark, self.steps[-1], at)
            clause.text = re.sub(_RESULT, mark, clause.text, flags=re.I)

    def _mark(self, step: Step, at: int, match: re.Match[str]) -> str:
        if "«" in match[0] or _ORIGINAL.search(match[0]):
            return match[0]
        if _ONLY_WHEN.search(match.string[: match.start()]):
            return "that"  # "after the translation" says when, not what
        bare = re.search(r"\b(?:text|words|description)s?$", match[0], re.I) and not re.search(
            r"\w+ed\b", match[0]
        )
        if bare and any(m.kind == "text" for m in self.named(range(at + 1))):
            return match[0]
        kind: str = step.row.output
        if kind in ("boxes", "masks") and re.search(NOUNS["image"], match[0], re.I):
            kind = "image"
        marker = self.mentions.add(kind, self.results_of(step), match[0])
        self._refers[len(self.mentions.found) - 1] = step.id
        return marker

    def named(self, clauses: Iterable[int]) -> list[Mention]:
        """What the clauses name, in order, results of steps left out."""
        return [
            mention
            for at in clauses
            for mention in self.mentions.within(self.clauses[at].text)
            if mention.number not in self._refers
        ]

    def reads(self, mention: Mention, kind: Kind) -> bool:
        """Whether a mention can be read as a kind."""
        if mention.kind == "question":
            return kind == "text"
        if mention.kind in KINDS:
            if mention.number not in self._refers and mention.kind == "table":
                return kind == "table"
            return reads_as(mention.kind, kind) and (kind != "image" or mention.kind == "image")
        return mention.kind == "file"

    def guided(self, window: str) -> str:
        """The task that makes a picture from the control picture that the words name, if any."""
        made = [self._refers.get(mention.number) for mention in self.mentions.within(window)]
        drawn = [self.steps[each].row.id for each in made if each is not None]
        kinds = [task.removesuffix("-control") for task in drawn if task.endswith("-control")]
        guided = [f"{kind}-text-to-image" for kind in kinds]
        return next((task for task in guided if task in self.available), "text-to-image")

    # what a step works on

    def media(self, kind: Kind, at: int, window: str) -> Input:
        """The pictures, sounds, videos or tables that a step of clause ``at`` works on."""
        here = [m for m in self.mentions.within(window) if self.reads(m, kind)]
        if here:
            self.used.update(m.number for m in here)
            return Input(tuple(dict.fromkeys(v for m in here for v in m.values)))
        earlier = [m for m in self.named(range(at + 1)) if self.reads(m, kind)]
        made = self._made(kind, at)
        if made and not (earlier and _ORIGINAL.search(window)):
            return Input(self.results_of(made), 0.95)
        later = [m for m in self.named(range(at + 1, len(self.clauses))) if self.reads(m, kind)]
        if earlier or later:
            chosen = earlier if self._several(kind, window) else earlier[-1:] or later[:1]
            self.used.update(m.number for m in chosen)
            return Input(tuple(dict.fromkeys(v for m in chosen for v in m.values)), 0.97)
        return self._given(kind, window) or self._any_result(kind, at) or Input()

    def media_named(self, kind: Kind, window: str) -> tuple[str, ...]:
        """The values of one kind that a piece of the request names."""
        return tuple(v for m in self.mentions.within(window) if m.kind == kind for v in m.values)

    def _made(self, kind: Kind, at: int) -> Step | None:
        """The latest earlier result that stands for the thing itself from then on."""
        for step in reversed(self.steps):
            if step.row.output != kind:
                continue
            own = self.clauses[at]
            product = step.clause < at and self.points(own.text) and own.then
            if step.trait.renews or product:
                newer = [m for m in self.named(range(step.clause + 1, at + 1)) if m.kind == kind]
                return None if newer else step
        return None

    def _several(self, kind: Kind, window: str) -> bool:
        return bool(
            re.search(rf"\b(?:{NOUNS.get(kind, kind)})s\b|\bthem\b|\beach\b|\bboth\b", window, re.I)
        )

    def points(self, text: str) -> bool:
        """Whether the words point back at something: it, this, the result."""
        return bool(_POINTS.search(MARKER.sub("", text)))

    def _given(self, kind: Kind, window: str) -> Input | None:
        """Given files that the request does not name: all for a plural, else the latest."""
        ids = [rid for rid, resource in self.resources.items() if resource["kind"] == kind]
        ids = [rid for rid in ids if "drawn" not in self.resources[rid]] or ids
        mine = [rid for rid in ids if "task" not in self.resources[rid]] or ids
        if not ids:
            return None
        if len(mine) > 1 and self._several(kind, window):
            return Input(tuple(mine), 0.9)
        if len(ids) > 1:
            name = self.resources[ids[-1]]["name"]
            self.note(f"Of {len(ids)} files that fit, the latest was taken: {name}.")
        return Input((ids[-1],), 0.95 if len(ids) == 1 else 0.75)

    def _any_result(self, kind: Kind, at: int) -> Input | None:
        for step in reversed(self.steps):
            if reads_as(step.row.output, kind) and step.clause <= at:
                return Input(self.results_of(step), 0.85)
        return None

    def text(
        self, at: int, window: str, trait: Trait, skip: frozenset[int], *, asked: bool = False
    ) -> Input:
        """The texts that a step of clause ``at`` works on; none where the words must do."""
        here = [m for m in self.mentions.within(window) if m.number not in skip]
        for kinds in (("text",), ("labels", "boxes", "masks", "vector"), ("question",), ("file",)):
            found = [
                m
                for m in here
                if m.kind in kinds
                and not (m.kind == "question" and (asked or m.number in self.used))
            ]
            if found and not self._overtaken(at, window, trait):
                self.used.update(m.number for m in found)
                return Input(tuple(dict.fromkeys(v for m in found for v in m.values)))
        if not asked and re.search(r"\b(?:this|the|that|my) question\b", window, re.I):
            named = [m for m in self.named(range(at + 1)) if m.kind == "question"]
            if named:
                return Input(named[-1].values[:1], 0.95)
        if bridged := self._bridged(here, at):
            return bridged
        return self._text_elsewhere(at, window, trait, skip)

    def _overtaken(self, at: int, window: str, trait: Trait) -> bool:
        """Whether "…, then do this with it: TEXT" means the result of what comes first."""
        follows = self.clauses[at].then and self.points(window)
        trails = re.search(r":\s*«text\d+»\W*$", window)
        earlier = any(s.row.output == "text" and s.clause < at for s in self.steps)
        return bool(trails and earlier and (follows or trait.chains))

    def _text_elsewhere(self, at: int, window: str, trait: Trait, skip: frozenset[int]) -> Input:
        texts = [s for s in reversed(self.steps) if s.row.output == "text"]
        result = next((s for s in texts if not s.found or s.trait is not trait), None)
        named = [
            m
            for m in self.named(range(len(self.clauses)))
            if m.kind == "text" and m.number not in skip
        ]
        before = [m for m in named if m in self.named(range(at + 1))]
        points = self.points(window) or self.clauses[at].then
        spoken = re.search(
            rf"\b(?:the|this|that|my)\s+(?:original )?(?:{NOUNS['text']})\b", window, re.I
        )
        original = bool(spoken and named) and not trait.prompted and not self.clauses[at].then
        if result and (trait.chains or points or not named) and not original:
            return Input(self.results_of(result), 0.9)
        if chosen := ([m for m in before if not m.file or m.values] or named):
            chosen = (
                chosen if self._several("text", window) else chosen[-1:] if before else chosen[:1]
            )
            self.used.update(m.number for m in chosen)
            return Input(tuple(dict.fromkeys(v for m in chosen for v in m.values)), 0.95)
        if not trait.prompted or points:
            last = next((s for s in reversed(self.steps) if reads_as(s.row.output, "text")), None)
            if last and (trait.chains or points):
                return Input(self.results_of(last), 0.9)
            if given := self._given("text", window) or self._given("table", window):
                return given
        return Input()

    def turned_to_text(self, at: int, window: str = "") -> Input:
        """A picture, sound or video named anywhere, or given, as a text; what is spoken of."""
        everywhere = self.named(range(at + 1)) or self.named(range(len(self.clauses)))
        words = MARKER.sub("", window)
        meant = [
            m for m in everywhere if re.search(rf"\b(?:{NOUNS.get(m.kind, 'x x')})s?\b", words)
        ]
        if bridged := self._bridged((meant or everywhere)[-1:], at):
            return Input(bridged.values, 0.8)
        for kind in ("image", "audio", "video"):
            if (given := self._given(kind, "")) and (task := BRIDGES.get((kind, "text"))):
                return self._bridge(task, given, at, 0.8)
        return Input()

    def _bridged(self, here: list[Mention], at: int) -> Input | None:
        for mention in here:
            task = BRIDGES.get((mention.kind, "text")) if mention.kind in KINDS else None
            if task:
                self.used.add(mention.number)
                seen = [
                    step
                    for step in self.steps
                    if step.clause == at
                    and step.row.output in ("boxes", "labels")
                    and set(step.args.values()) & set(mention.values)
                ]
                if seen:
                    return Input(self.results_of(seen[-1]), 0.85)
                return self._bridge(task, Input(mention.values), at, 0.9)
        return None

    def bridge(self, task: str, source: Input, at: int) -> Input:
        """The results of a task put in so that a step gets the kind it needs."""
        return self._bridge(task, source, at, 0.8)

    def _bridge(self, task: str, source: Input, at: int, sure: float) -> Input:
        slot = self.rows[task].inputs[0].name
        self.groups += 1
        made = [self.add(task, at, sure, {slot: value}, self.groups) for value in source.values]
        return Input(tuple(reference(step.id) for step in made), min(sure, source.sure))

    # what comes out

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
