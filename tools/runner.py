"""What it takes to run a task: a checkpoint goes in, a function that answers calls comes out.

A runner is a function that loads one checkpoint and returns the function that runs it:

    def image_to_text(checkpoint: Checkpoint) -> Run: ...

The returned function takes the arguments by slot name, already in memory (text as ``str``,
``many`` slots as ``list[str]``, pictures as RGB ``PIL.Image.Image``, sounds as ``Recording``
(``sound.py``), videos as ``Clip`` (``film.py``)), and returns an ``Output``.
Other tasks may be looking at the same picture: it is for reading only, so copy it before you draw
on it or shrink it.
It may be called from any thread, one call at a time. Where a model gains from it, the function is a
``Batched``: calls that come while it works are then answered together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias

from hugginggraph.registry import Kind, ModelCard, SettingsError, TaskType


@dataclass(frozen=True)
class Checkpoint:
    """A model's card and the folder of its files.

    Nothing else is fetched for it: the model that it works inside is here too. ``device`` is a
    torch device string; ``offload`` lets what does not fit on it stay in memory. ``trusted`` are
    the ids of models that may bring code; a part (a ControlNet's base) has its own.
    ``parts`` holds what is loaded of the checkpoint already, so that its tasks share it.
    """

    card: ModelCard
    location: str
    device: str = "cpu"
    offload: bool = False
    trusted: frozenset[str] = frozenset()
    parts: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def may_run_code(self) -> bool:
        """Whether the person allows this model, by its name, to run code of its own."""
        return self.card.id in self.trusted


@dataclass(frozen=True)
class Media:
    """A file that a run made, not yet written: its kind, its bytes and its suffix (``".png"``)."""

    kind: Kind
    data: bytes
    suffix: str


@dataclass(frozen=True)
class Output:
    """What a run gives: a JSON value in its kind's shape (``values.py``), and files."""

    value: Any
    media: tuple[Media, ...] = ()


Run: TypeAlias = Callable[[Mapping[str, Any]], Output]
Runner: TypeAlias = Callable[[Checkpoint], Run]


@dataclass(frozen=True)
class Batched:
    """A run that answers one call or several at once; ``batch`` gives an output for each."""

    batch: Callable[[Sequence[Mapping[str, Any]]], Sequence[Output]]

    def __call__(self, args: Mapping[str, Any]) -> Output:
        """The output for one call."""
        return self.batch([args])[0]


def row_function(row: TaskType, address: str, what: str) -> Any:
    """The function at ``module:name`` that a row names as ``what`` it has.

    Raises:
        SettingsError: it is not there.
    """
    module, _, name = address.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as exc:
        raise SettingsError(
            f"The {what} '{address}' of {row.id} does not exist: {exc}.",
            "Mend the package that brings the task type.",
        ) from exc
