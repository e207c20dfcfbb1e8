"""What earlier turns of a conversation found out, so that a follow-up need not run it again."""

from __future__ import annotations

from collections.abc import Mapping

from hugginggraph.registry import task_types
from hugginggraph.tools import as_text

from .state import Finding, State

MOST = 8
LONGEST = 20_000


def findings(state: State) -> list[Finding]:
    """The texts and labels of the turn that a state ends with, after those of earlier turns."""
    results, plan, rows = state.get("results") or {}, state.get("plan"), task_types()
    known, old = len(state.get("resources") or {}), state.get("earlier") or []
    new = [
        Finding(task=task["task"], text=text, resources=known)
        for task in (plan["tasks"] if plan and isinstance(plan["tasks"], list) else [])
        if isinstance(task, Mapping) and task.get("task") in rows
        if (result := results.get(str(task.get("id")))) and result["status"] == "done"
        if result["kind"] in ("text", "labels")
        if 0 < len(text := as_text(result["kind"], result["value"])) <= LONGEST
    ]
    return [*old, *new][-MOST:]
