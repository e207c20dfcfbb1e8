"""The table of task types: what can be asked of a model, with typed inputs and outputs.

A task type is one row. Its id is the Hub's (``"object-detection"``); its inputs are slots with a
kind; its output has one kind; its runners say which function runs it, by the library that a
checkpoint is made for. Rows come in through the entry point ``hugginggraph.task_types``, the
built-in ones like a user's own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Literal, TypeAlias, get_args

from .errors import SettingsError, UnknownTaskError

Kind: TypeAlias = Literal[
    "text", "labels", "boxes", "masks", "image", "audio", "video", "table", "vector"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

READS_AS: Mapping[Kind, tuple[Kind, ...]] = {
    "text": ("text",),
    "labels": ("labels", "text"),
    "boxes": ("boxes", "text", "image"),
    "masks": ("masks", "text", "image"),
    "image": ("image", "masks"),
    "audio": ("audio",),
    "video": ("video", "audio"),
    "table": ("table", "text"),
    "vector": ("vector", "text"),
}
"""What each kind can be used as: boxes also read as a sentence and as a picture, a video also has a
sound track."""


@dataclass(frozen=True)
class Slot:
    """One input of a task type.

    ``many`` means a list of values of the kind (candidate labels, sentences). ``names`` are other
    names that people and LLMs give the slot; a plan that uses one is mended to ``name``.
    """

    name: str
    kind: Kind
    description: str
    required: bool = True
    many: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskType:
    """A row of the table.

    ``runners`` maps a checkpoint's library (``"transformers"``) to ``"module:function"``, a
    function that loads a checkpoint and returns the function that runs it (``tools/runner.py``).
    ``says`` is the sentence of an answer: it may name the inputs, ``{value}`` (the result as text),
    ``{best}``, ``{rest}`` and ``{score}`` (of labels). ``says_of`` has another sentence for a list
    of so many: where it has one for 0, an empty list is a sound result (nobody speaks). ``noun`` is
    what a later sentence calls the result.
    ``remote`` is ``"module:function"`` of what runs the task over the Inference API, empty where
    that has no such task. ``by_llm`` marks a text task that the controller LLM can do itself.
    ``models_of`` names another task whose models run this one too (a depth model makes the depth
    picture that guides an image generator). ``converts`` is False where the row must not be put
    into a plan as a missing conversion.
    """

    id: str
    description: str
    inputs: tuple[Slot, ...]
    output: Kind
    runners: Mapping[str, str] = field(default_factory=dict)
    says: str = "{value}"
    says_of: Mapping[int, str] = field(default_factory=dict)
    noun: str = "result"
    converts: bool = True
    remote: str = ""
    by_llm: bool = False
    models_of: str = ""

    def slot(self, name: str) -> Slot | None:
        """The slot of this name or other name, or None."""
        return next((s for s in self.inputs if name == s.name or name in s.names), None)

    @property
    def served_by(self) -> tuple[str, ...]:
        """The tasks whose models can run this one."""
        return (self.id, self.models_of) if self.models_of else (self.id,)

    @property
    def required(self) -> tuple[Slot, ...]:
        """The slots that a task must fill."""
        return tuple(s for s in self.inputs if s.required)

    @property
    def routes(self) -> tuple[str, ...]:
        """Where the row can run at all: ``local`` by a library, ``remote``, ``llm``."""
        can = {"local": self.runners, "remote": self.remote, "llm": self.by_llm}
        return tuple(name for name, there in can.items() if there)

    @property
    def signature(self) -> str:
        """The row on one line: ``object-detection(image: image) -> boxes``."""
        slots = ", ".join(
            f"{s.name}{'' if s.required else '?'}: {s.kind}{'[]' if s.many else ''}"
            for s in self.inputs
        )
        return f"{self.id}({slots}) -> {self.output}"


def reads_as(produced: Kind, wanted: Kind) -> bool:
    """Whether a result of one kind can be used where another is wanted."""
    return wanted in READS_AS[produced]


@cache
def task_types() -> Mapping[str, TaskType]:
    """Every row of the table by id, in table order, from all installed packages.

    Raises:
        SettingsError: two packages bring a row of the same id, or a package's table is broken.
    """
    rows: dict[str, TaskType] = {}
    found = sorted(entry_points(group="hugginggraph.task_types"), key=lambda e: e.name != "builtin")
    for entry in found:
        try:
            table: list[tuple[str, TaskType]] = [(row.id, row) for row in entry.load()]
        except Exception as exc:  # a package's own code may raise anything
            raise SettingsError(
                f"The task types '{entry.name}' ({entry.value}) could not be loaded: {exc!r}.",
                "Mend or uninstall the package that brings them.",
            ) from exc
        for name, row in table:
            if name in rows:
                raise SettingsError(
                    f"Two packages bring a task type '{name}'; the second is '{entry.value}'.",
                    "Give one of them another id.",
                )
            rows[name] = row
    return rows


def task_type(task: str) -> TaskType:
    """The row of this id.

    Raises:
        UnknownTaskError: there is none; the message names the nearest.
    """
    rows = task_types()
    if task in rows:
        return rows[task]
    raise unknown_task(task, rows)


def unknown_task(task: str, known: Iterable[str]) -> UnknownTaskError:
    """The error of a task type that is not known, with the nearest that is."""
    slug = task.lower().replace("_", "-")
    near = difflib.get_close_matches(slug, list(known), n=1, cutoff=0.6)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    return UnknownTaskError(
        f"No task type '{task}'.{guess}", "`hugginggraph tasks` lists all of them."
    )
