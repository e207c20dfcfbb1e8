"""Rows of the table: videos in, words out."""

from __future__ import annotations

from .tasks import TaskType

ROWS: tuple[TaskType, ...] = ()
