"""What the planner knows of each task type beyond its row in the table.

``traits`` (from ``traits.txt``) say how people name a task's result and how it picks its input.
``LATER`` holds rows for task types that people ask for and that the table need not have: a request
for one is understood, and the draft says that it is not available. A row of the table always wins
over one here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hugginggraph.registry import Kind, Slot, TaskType

from .cues import table_lines


@dataclass(frozen=True)
class Trait:
    """How a task type behaves in a request.

    ``name`` is what a person calls it. ``result`` is a pattern of the words its result goes by.
    ``chains``: takes the latest text rather than the original one. ``gathers``: reads several
    results as one text. ``prompted``: its text is what the request says, not a given text.
    ``renews``: its result stands for the picture, sound or text from then on. ``told``: its
    text is the instruction itself. ``repaints``: changes a picture as a painter would,
    not exactly. ``brief``: one word is text enough. ``tells``: says the
    latest answer, whatever it is. ``instead``: what comes nearest where the table lacks the task.
    """

    name: str
    result: str
    chains: bool = False
    gathers: bool = False
    prompted: bool = False
    renews: bool = False
    told: bool = False
    repaints: bool = False
    brief: bool = False
    tells: bool = False
    instead: tuple[str, ...] = ()


_MADE = r"(?:new|generated|created|resulting|final|produced|made) "
_ANSWER = r"answers?(?! (?:to|for)\b)"
_TEXTS = r"(?:text|version|sentence|document|article|message|speech|audio|question|words)s?"
_IMAGE = r"(?:image|picture|photo|illustration|drawing|painting)s?"

_WORDS = {"MADE": _MADE, "ANSWER": _ANSWER, "IMAGE": _IMAGE, "TEXTS": _TEXTS}


def _trait(line: str) -> tuple[str, Trait]:
    task, apart, name, result = line.split(" | ")
    for token, meaning in _WORDS.items():
        result = result.replace(token, meaning)
    said = set(apart.split()) - {"-"}
    instead = tuple(word[8:] for word in apart.split() if word.startswith("instead="))
    flags = dict.fromkeys((word for word in said if "=" not in word), True)
    return task, Trait(name, result, instead=instead, **flags)


@cache
def traits() -> Mapping[str, Trait]:
    """The trait of each task type."""
    return dict(map(_trait, table_lines("traits.txt")))


_TEXT = Slot("text", "text", "the text")
_PICTURE = Slot("image", "image", "the picture")
_AUDIO = Slot("audio", "audio", "the sound")
_VIDEO = Slot("video", "video", "the video")
_TABLE = Slot("table", "table", "the table")
_QUESTION = Slot("question", "text", "the question")
_PROMPT = Slot("prompt", "text", "what to make of it", required=False)
_LABELS = Slot("candidate_labels", "text", "the labels", many=True)
_LANGUAGE = Slot("target_language", "text", "the language wanted", required=False)


def _row(task: str, output: Kind, *inputs: Slot) -> TaskType:
    return TaskType(task, "", inputs, output)


def trait(task: str) -> Trait:
    """The task type's trait; a plain one for a row that is not known here."""
    return traits().get(task) or Trait(task, r"results?")


GIVEN = _row("given-text", "text", _TEXT)
"""What stands for a text that an earlier request gave; no task to be planned."""

TOLD = _row("told-answer", "text", _TEXT)
"""What stands for an answer that no task had to find; no task to be planned."""

EARLIER: Mapping[str, TaskType] = {row.id: row for row in (GIVEN, TOLD)}
"""What an earlier turn can leave besides the results of its tasks."""

LATER: Mapping[str, TaskType] = {
    row.id: row
    for row in (
        _row("translation", "text", _TEXT, _LANGUAGE),
        _row("conversational", "text", _TEXT),
        _row("fill-mask", "labels", _TEXT),
        _row("zero-shot-image-classification", "labels", _PICTURE, _LABELS),
        _row("image-segmentation", "masks", _PICTURE),
        _row("depth-estimation", "image", _PICTURE),
        _row("hed-control", "image", _PICTURE),
        _row("openpose-control", "image", _PICTURE),
        _row("image-to-image", "image", _PICTURE, _PROMPT),
        _row("text-to-image", "image", _TEXT),
        _row("text-to-video", "video", _TEXT),
        _row("visual-question-answering", "text", _PICTURE, _QUESTION),
        _row("document-question-answering", "text", _PICTURE, _QUESTION),
        _row("table-question-answering", "text", _TABLE, _QUESTION),
        _row("tabular-classification", "labels", _TABLE),
        _row("text-to-speech", "audio", _TEXT),
        _row("automatic-speech-recognition", "text", _AUDIO),
        _row("audio-classification", "labels", _AUDIO),
        _row("audio-to-audio", "audio", _AUDIO),
        _row("video-classification", "labels", _VIDEO),
        _row("video-to-text", "text", _VIDEO),
    )
}

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "question": {
        "text": "question-answering",
        "image": "visual-question-answering",
        "scan": "document-question-answering",
        "table": "table-question-answering",
    },
    "classify": {
        "text": "text-classification",
        "image": "image-classification",
        "scan": "image-classification",
        "audio": "audio-classification",
        "video": "video-classification",
        "table": "tabular-classification",
    },
    "language": {"text": "text-classification"},
    "seen": {"image": "image-to-text"},
    "read": {"image": "image-to-text", "scan": "image-to-text", "text": "text-to-speech"},
    "moved": {"image": "image-to-video"},
    "erased": {"image": "image-to-image"},
    "film": {"image": "image-to-video", "text": "text-to-video"},
    "exact": {"image": "image-to-image"},
    "describe": {
        "text": "summarization",
        "image": "image-to-text",
        "scan": "image-to-text",
        "video": "video-to-text",
        "audio": "automatic-speech-recognition",
    },
    "count": {
        "image": "object-detection",
        "scan": "object-detection",
        "table": "table-question-answering",
        "text": "question-answering",
    },
    "people": {"image": "object-detection", "text": "token-classification"},
    "emotion": {"audio": "audio-classification", "text": "text-classification"},
    "description": {
        "image": "image-to-text",
        "text": "text-generation",
        "labels": "text-generation",
    },
    "heard": {
        "audio": "automatic-speech-recognition",
        "video": "automatic-speech-recognition",
        "image": "image-to-text",
        "text": "question-answering",
    },
    "choose": {"text": "zero-shot-classification", "image": "zero-shot-image-classification"},
    "enhance": {"image": "image-to-image", "scan": "image-to-image", "audio": "audio-to-audio"},
}
"""Words that mean another task for each kind of thing: "classify" a text, a picture, a sound."""

CLASSES = ("text-classification", "classify", "emotion")
"""What asks for classes of a text."""
BRIDGES: Mapping[tuple[Kind, Kind], str] = {
    ("image", "text"): "image-to-text",
    ("audio", "text"): "automatic-speech-recognition",
    ("video", "text"): "video-to-text",
    ("text", "image"): "text-to-image",
    ("text", "audio"): "text-to-speech",
}
"""The task that turns what is there into what a step needs."""
