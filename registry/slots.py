"""Slots that several rows of the table share, with the other names that people give them."""

from __future__ import annotations

from .tasks import Slot

TEXT = Slot("text", "text", "the text", names=("input", "inputs", "sentence", "document", "query"))
PROMPT = Slot(
    "text", "text", "what to make", names=("prompt", "description", "input", "inputs", "caption")
)
QUESTION = Slot("question", "text", "the question", names=("query", "text", "prompt"))
IMAGE = Slot("image", "image", "the picture", names=("img", "picture", "photo", "input", "url"))
AUDIO = Slot("audio", "audio", "the sound", names=("sound", "speech", "recording", "input", "file"))
VIDEO = Slot("video", "video", "the video", names=("clip", "film", "movie", "input", "file"))
LABELS = Slot(
    "candidate_labels",
    "text",
    "the labels to choose from",
    many=True,
    names=("labels", "classes", "candidates", "categories"),
)
TABLE = Slot(
    "table", "table", "the table as CSV", names=("csv", "data", "dataset", "spreadsheet", "file")
)
INTO_LANGUAGE = Slot(
    "target_language",
    "text",
    "the language wanted, by its name or its code",
    required=False,
    names=("language", "target", "tgt_lang", "target_lang", "to_language", "to"),
)
FROM_LANGUAGE = Slot(
    "source_language",
    "text",
    "the language of the text, where it is not plain from it",
    required=False,
    names=("source", "src_lang", "source_lang"),
)
