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
