"""Rows of the table: pictures and videos that are made or changed."""

from __future__ import annotations

from .tasks import TaskType

ROWS: tuple[TaskType, ...] = ()
