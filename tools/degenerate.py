"""What makes a file that a model made no use to anybody: a silent sound, a picture of one colour.

Only what was made from nothing of its kind is judged: a picture of one colour that is enlarged
stays one, and that is right.
"""

from __future__ import annotations

from collections.abc import Iterable

from hugginggraph.registry import HuggingGraphError, TaskType

from .media import open_image
from .sound import open_sound
from .task_tool import ResultFile

QUIET = 1e-4
"""The amplitude of full scale 1 below which a sound is silent (-80 dB)."""


def degenerate(row: TaskType, files: Iterable[ResultFile]) -> str:
    """What is wrong with the files of a result, in plain words; empty where they are sound."""
    if row.output not in ("image", "audio") or any(s.kind == row.output for s in row.inputs):
        return ""
    made = [file["path"] for file in files if file["kind"] == row.output]
    try:
        if row.output == "image" and made and all(_one_colour(path) for path in made):
            return "the picture has one colour only"
        if row.output == "audio" and made and all(_silent(path) for path in made):
            return "the sound is silent"
    except HuggingGraphError as exc:
        return f"its file cannot be read: {exc.message}"
    return ""


def _one_colour(path: str) -> bool:
    return open_image(path).getcolors(maxcolors=1) is not None


def _silent(path: str) -> bool:
    return bool(abs(open_sound(path).samples).max(initial=0.0) < QUIET)
