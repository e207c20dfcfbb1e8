"""Which demonstrations an LLM is shown: those whose requests are nearest in meaning to this one."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from hugginggraph.prompts import Demonstration, demonstrations
from hugginggraph.registry import MiniLM, TaskType

if TYPE_CHECKING:
    import numpy as np

SHOWN = 6
_ONCE = threading.Lock()


def shown_demonstrations(request: str, rows: Mapping[str, TaskType], k: int = SHOWN) -> str:
    """The ``k`` nearest requests with their plans as text, the nearest last.

    Only plans of these task types are shown. One without a task is always among them, so that the
    LLM sees what to do with mere talk.
    """
    known = [
        (number, demo)
        for number, demo in enumerate(demonstrations())
        if all(task["task"] in rows for task in demo["tasks"])
    ]
    near = _nearness(request)
    ranked = sorted(known, key=lambda pair: -near[pair[0]])
    chosen = [demo for _, demo in ranked[:k]]
    if all(demo["tasks"] for demo in chosen):
        chosen[-1:] = [demo for _, demo in ranked if not demo["tasks"]][:1]
    return "\n\n".join(_written(demo) for demo in reversed(chosen))


def _written(demo: Demonstration) -> str:
    return (
        f"Request: {demo['request']}\nFiles: {json.dumps(demo['resources'])}\n"
        f"Plan: {json.dumps({'tasks': demo['tasks']}, ensure_ascii=False)}"
    )


def _nearness(request: str) -> np.ndarray:
    """The cosine of the request with each demonstration's request."""
    import numpy as np

    found: np.ndarray = _vectors() @ np.asarray(MiniLM().embed_query(request[:2_000]))
    return found


def _vectors() -> np.ndarray:
    with _ONCE:
        return _embedded()


@cache
def _embedded() -> np.ndarray:
    import numpy as np

    return np.asarray(MiniLM().embed_documents([demo["request"] for demo in demonstrations()]))
