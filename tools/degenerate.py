"""What makes a file that a model made no use: a silent sound, a picture or a film of one colour.

Only what was made from nothing of its kind is judged: a picture of one colour that is enlarged
stays one, and that is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hugginggraph.registry import HuggingGraphError, Kind, TaskType

from .film import open_film
from .media import open_image
from .sound import open_sound
from .task_tool import ResultFile

QUIET = 1e-4
"""The amplitude of full scale 1 below which a sound is silent (-80 dB)."""

LOOKED_AT = 8
"""Pictures of a film that are looked at, evenly spread; one that is not plain is enough."""
CODED = 8
"""How far apart, of 255, the levels of one colour may be after a film's coding."""


def degenerate(row: TaskType, files: Iterable[ResultFile]) -> str:
    """What is wrong with the files of a result, in plain words; empty where they are sound."""
    if row.output not in _FLAWS or any(s.kind == row.output for s in row.inputs):
        return ""
    made = [file["path"] for file in files if file["kind"] == row.output]
    wrong, flaw = _FLAWS[row.output]
    try:
        return flaw if made and all(wrong(path) for path in made) else ""
    except HuggingGraphError as exc:
        return f"its file cannot be read: {exc.message}"


def _one_colour(path: str) -> bool:
    return open_image(path).getcolors(maxcolors=1) is not None


def _film_of_one_colour(path: str) -> bool:
    pictures = open_film(path).frames(LOOKED_AT)
    levels: list[Any] = [band for picture in pictures for band in picture.getextrema()]
    return all(high - low <= CODED for low, high in levels)


def _silent(path: str) -> bool:
    return bool(abs(open_sound(path).samples).max(initial=0.0) < QUIET)


_FLAWS: Mapping[Kind, tuple[Callable[[str], bool], str]] = {
    "image": (_one_colour, "the picture has one colour only"),
    "video": (_film_of_one_colour, "the film has one colour only"),
    "audio": (_silent, "the sound is silent"),
}
"""By the kind of output: what finds a file of no use, and what is then said of it."""
