"""Another plan for a rejected one, as far as it goes without an LLM.

A reason that wants less ("without the caption", "skip task 1") drops the tasks it names and what
was to be made from them; any other is read as a request that goes on from the first ("in French
please", "count the objects instead").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hugginggraph.registry import TaskType

from ..planner import Setback
from ..state import Task
from .cues import cues, match_cues, named_cues
from .rows import traits

_LESS = re.compile(
    r"\b(?:drop|skip|without|no|not|don'?t|leave out|remove|omit|never mind|unnecessary)\b", re.I
)
_NUMBERS = re.compile(r"\b(?:tasks?|steps?|no\.?)\s*((?:\d+(?:\s*(?:,|and|&)\s*)?)+)", re.I)


def without_named(setback: Setback, rows: Mapping[str, TaskType]) -> list[Task] | None:
    """The tasks less those that the reason does not want; None where it names none."""
    if not _LESS.search(setback.reason):
        return None
    numbers = {
        int(number)
        for found in _NUMBERS.findall(setback.reason)
        for number in re.findall(r"(?<!\d)\d{1,9}(?!\d)", found)
    }
    named = {match.task for match in match_cues(setback.reason, (*named_cues(rows), *cues()))}
    named |= {
        task
        for task, trait in traits().items()
        if re.search(rf"\b(?:{trait.result})\b", setback.reason, re.I)
    }
    gone: set[int] = set()
    for task in setback.tasks:
        wanted = task["id"] not in numbers if numbers else task["task"] not in named
        if not wanted or gone & set(task["dep"]):
            gone.add(task["id"])
    left = [task for task in setback.tasks if task["id"] not in gone]
    return left if gone and left else None
