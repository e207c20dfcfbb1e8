"""What it takes to run a task: a checkpoint goes in, a function that answers calls comes out.

A runner is a function that loads one checkpoint and returns the function that runs it:

    def image_to_text(checkpoint: Checkpoint) -> Run: ...

The returned function takes the arguments by slot name, already in memory (text as ``str``,
``many`` slots as ``list[str]``, pictures as RGB ``PIL.Image.Image``, sounds as ``Recording``
(``sound.py``), videos as ``Clip`` (``film.py``)), and returns an ``Output``.
It may be called from any thread, one call at a time. Where a model gains from it, the function is a
``Batched``: calls that come while it works are then answered together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hugginggraph.registry import Kind, ModelCard


@dataclass(frozen=True)
class Checkpoint:
    """A model's card and where its files are: a local folder, or its Hub id where that is allowed.

    ``local_only`` means that nothing may be fetched. ``device`` is a torch device string;
    ``offload`` lets what does not fit on it stay in memory. ``parts`` holds what is loaded of the
    checkpoint already, so that its runs for several tasks share it.
    """

    card: ModelCard
    location: str
    device: str = "cpu"
    local_only: bool = True
    offload: bool = False
    parts: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


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
        return self.batch([args])[0]
