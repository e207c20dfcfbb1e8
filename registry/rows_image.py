"""Rows of the table: pictures in, what is in them out."""

from __future__ import annotations

from .slots import IMAGE
from .tasks import TaskType

ROWS: tuple[TaskType, ...] = (
    TaskType(
        "image-classification",
        "name the main thing in a picture, or say what kind of picture it is",
        (IMAGE,),
        "labels",
        {"transformers": "hugginggraph.tools.vision:image_classification"},
        says="{image} is most likely {best}, before {rest}.",
        noun="class",
        remote="hugginggraph.tools.remote:image_classification",
    ),
    TaskType(
        "object-detection",
        "find, locate and count the objects in a picture, with a box around each",
        (IMAGE,),
        "boxes",
        {"transformers": "hugginggraph.tools.vision:object_detection"},
        says="In {image} I found {value}.",
        noun="objects",
        remote="hugginggraph.tools.remote:object_detection",
    ),
    TaskType(
        "image-to-text",
        "describe a picture in words (a caption), or read the text in it",
        (IMAGE,),
        "text",
        {"transformers": "hugginggraph.tools.vision:image_to_text"},
        says="{image} shows {value}.",
        noun="caption",
        remote="hugginggraph.tools.remote:image_to_text",
    ),
)
