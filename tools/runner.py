"""What it takes to run a task: a checkpoint goes in, a function that answers calls comes out.

A runner is a function that loads one checkpoint and returns the function that runs it:

    def image_to_text(checkpoint: Checkpoint) -> Run: ...

The returned function takes the arguments by slot name, already in memory (text as ``str``,
``many`` slots as ``list[str]``, pictures as RGB ``PIL.Image.Image``, sounds as ``Recording``
(``sound.py``), videos as ``Clip`` (``film.py``)), and returns an ``Output``.
It may be called from any thread, one call at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hugginggraph.registry import Kind, ModelCard


@dataclass(frozen=True)
class Checkpoint:
    """A model's card and where its files are: a local folder, or its Hub id where that is allowed.

    ``local_only`` means that nothing may be fetched. ``device`` is a torch device string.
    """

    card: ModelCard
    location: str
    device: str = "cpu"
    local_only: bool = True


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
