"""Rows of the table: video in, what happens in it out."""

from __future__ import annotations

from .slots import VIDEO
from .tasks import TaskType

ROWS: tuple[TaskType, ...] = (
    TaskType(
        "video-classification",
        "name what happens in a video: the action, sport or scene",
        (VIDEO,),
        "labels",
        {"transformers": "hugginggraph.tools.video:video_classification"},
        says="{video} most likely shows {best}, before {rest}.",
        noun="class",
    ),
    TaskType(
        "video-to-text",
        "describe in words what happens in a video",
        (VIDEO,),
        "text",
        {"transformers": "hugginggraph.tools.video:video_to_text"},
        says="{video} shows {value}.",
        noun="description",
    ),
)
