"""References between tasks: ``<resource>-ID``, the paper's notation, and the kinds behind them."""

from __future__ import annotations

import re
from typing import Any

REFERENCE = re.compile(r"<(?:resource|generated)>-(\d{1,9})(?!\d)", re.IGNORECASE)
WHOLE = re.compile(rf"\s*{REFERENCE.pattern}\s*", re.IGNORECASE)


def reference(task: int) -> str:
    """The reference to a task's result."""
    return f"<resource>-{task}"


def whole_reference(value: Any) -> int | None:
    """The task id where the value is one reference and nothing else, or None."""
    match = WHOLE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def references(value: Any) -> list[int]:
    """Every task id that a value refers to, in order, also inside a text or a list."""
    if isinstance(value, str):
        return [int(number) for number in REFERENCE.findall(value)]
    if isinstance(value, list):
        return [number for item in value for number in references(item)]
    return []
