"""Rows of the table: sound in, sound out."""

from __future__ import annotations

from .tasks import TaskType

ROWS: tuple[TaskType, ...] = ()
