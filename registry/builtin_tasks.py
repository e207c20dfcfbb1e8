"""The built-in rows of the table of task types, in the order in which lists show them."""

from __future__ import annotations

from . import rows_audio, rows_control, rows_image, rows_making, rows_text, rows_video
from .tasks import TaskType

TASK_TYPES: tuple[TaskType, ...] = (
    *rows_text.ROWS,
    *rows_image.ROWS,
    *rows_making.ROWS,
    *rows_control.ROWS,
    *rows_audio.ROWS,
    *rows_video.ROWS,
)
