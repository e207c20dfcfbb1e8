"""The shapes of results, kind by kind, how each reads as text, and what makes one unusable.

text    a string
labels  a list of Label, best first (pieces of a text: in the text's order)
boxes   a list of Box, best first; pixels, origin top left
vector  a list of numbers
masks   a list of Mask, largest first; the files are the drawn picture, then a mask for each
table   a Table
image, audio, video  a short description; the file itself is in the result's files
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from hugginggraph.registry import Kind


class Label(TypedDict):
    """A label and its score in 0..1; for a piece of a text also the words and where they stand.

    ``start`` and ``end`` count characters of a text, seconds of a sound (``text`` is then "0.5–2.1
    s").
    """

    label: str
    score: float
    text: NotRequired[str]
    start: NotRequired[float]
    end: NotRequired[float]


class Corners(TypedDict):
    """A box's corners in pixels, origin top left."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float


class Box(TypedDict):
    """An object found in a picture: its label, its score in 0..1 and its corners."""

    label: str
    score: float
    box: Corners


class Mask(TypedDict):
    """A segment of a picture: label, score, and the share of the picture it covers, in 0..1."""

    label: str
    score: float
    share: float


class Table(TypedDict):
    """Rows of cells under named columns."""

    columns: list[str]
    rows: list[list[str | float]]


class Picture(TypedDict):
    """A picture that was made: pixels, and what it shows where that is known."""

    width: int
    height: int
    note: NotRequired[str]


class Sound(TypedDict):
    """A sound that was made: seconds, samples a second, and channels."""

    seconds: float
    sample_rate: int
    channels: int
    note: NotRequired[str]


class Film(TypedDict):
    """A video that was made: seconds, pictures a second, and pixels."""

    seconds: float
    frame_rate: float
    width: int
    height: int
    note: NotRequired[str]


NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

SCORES_SHOWN = 10
"""How many scores of one label a sentence lists before it trails off."""

_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "knife": "knives",
    "scarf": "scarves",
    "leaf": "leaves",
    "shelf": "shelves",
    "loaf": "loaves",
    "wolf": "wolves",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
}
_SAME = {"sheep", "fish", "deer", "skis", "scissors", "glasses", "broccoli", "aircraft", "jeans"}


def plural(label: str, count: int = 2) -> str:
    """The label for a count of things: "box" → "boxes", "digit 7" → "digit 7s"."""
    head, _, last = label.rpartition(" ")
    low = last.lower()
    if count == 1 or low in _SAME:
        return label
    if low in _IRREGULAR:
        many = _IRREGULAR[low]
    elif low.endswith(("s", "x", "z", "ch", "sh")):
        many = last + "es"
    elif low.endswith("y") and low[-2:-1] not in "aeiou":
        many = last[:-1] + "ies"
    else:
        many = last + "s"
    return f"{head} {many}".strip()


def count_labels(boxes: Sequence[Box]) -> dict[str, int]:
    """How many boxes each label has, most first."""
    counts: dict[str, int] = defaultdict(int)
    for box in boxes:
        counts[box["label"]] += 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def listed(parts: Sequence[str]) -> str:
    """The parts as a sentence lists them: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _boxes_as_text(boxes: Sequence[Box]) -> str:
    if not boxes:
        return "no objects"
    scores: dict[str, list[str]] = defaultdict(list)
    for box in boxes:
        scores[box["label"]].append(f"{box['score']:.2f}")
    parts = []
    for label, count in count_labels(boxes).items():
        more = ["…"] if count > SCORES_SHOWN else []
        shown = ", ".join(scores[label][:SCORES_SHOWN] + more)
        parts.append(f"{count} {plural(label, count)} ({shown})")
    return f"{len(boxes)} {plural('object', len(boxes))}: {listed(parts)}"


def _labels_as_text(labels: Sequence[Label]) -> str:
    parts = (
        f"{each['text']} ({each['label']}, {each['score']:.2f})"
        if "text" in each
        else f"{each['label']} ({each['score']:.2f})"
        for each in labels
    )
    return ", ".join(parts) or "nothing found"


def _masks_as_text(masks: Sequence[Mask]) -> str:
    parts = [f"{mask['label']} ({mask['share']:.0%})" for mask in masks]
    return f"{len(masks)} {plural('segment', len(masks))}: {listed(parts)}" if masks else "nothing"


def _table_as_text(table: Table) -> str:
    rows = (", ".join(f"{n} {c}" for n, c in zip(table["columns"], row, strict=False))
            for row in table["rows"])  # fmt: skip
    return "; ".join(rows) or "an empty table"


def _noted(text: str, value: Picture | Sound | Film) -> str:
    return f"{text}, {value['note']}" if value.get("note") else text


_AS_TEXT: Mapping[Kind, Callable[[Any], str]] = {
    "labels": _labels_as_text,
    "boxes": _boxes_as_text,
    "masks": _masks_as_text,
    "table": _table_as_text,
    "image": lambda v: _noted(f"a picture of {v['width']} × {v['height']} pixels", v),
    "audio": lambda v: _noted(f"{v['seconds']:.1f} s of sound at {v['sample_rate']:,} Hz", v),
    "video": lambda v: _noted(
        f"{v['seconds']:.1f} s of video at {v['frame_rate']:g} pictures a second", v
    ),
    "vector": lambda vector: f"a vector of {len(vector)} {plural('number', len(vector))}",
}


def as_text(kind: Kind, value: Any) -> str:
    """A result's value as readable English, so that it can feed a text argument."""
    return _AS_TEXT.get(kind, str)(value)


def flaw(kind: Kind, value: Any) -> str:
    """What makes a model's result unusable, in plain words; empty where it is sound."""
    if kind == "text":
        return "" if isinstance(value, str) and value.strip() else "it wrote no text"
    if kind == "vector":
        numbers = list(value)
    elif kind in ("labels", "boxes", "masks"):
        numbers = [each["score"] for each in value]
    else:
        numbers = []
    return "" if all(map(math.isfinite, numbers)) else "it gave scores that are not numbers"
