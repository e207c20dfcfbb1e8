"""Rows of the table: control pictures, and pictures made from them."""

from __future__ import annotations

from .slots import IMAGE
from .tasks import TaskType

ROWS: tuple[TaskType, ...] = (
    TaskType(
        "canny-control",
        "draw the edges of a picture as white lines on black (a Canny edge map)",
        (IMAGE,),
        "image",
        {"opencv": "hugginggraph.tools.control:canny_control"},
        says="The edges of {image} are drawn.",
        noun="edge picture",
    ),
)
