"""What earlier turns of a conversation found out, so that a follow-up need not run it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hugginggraph.registry import RequestError, task_types
from hugginggraph.tools import as_text

from .builtin_planner.rows import GIVEN, trait
from .state import Finding, State, Task

MOST = 8
LONGEST = 20_000
"""Characters of a finding; a longer one is left out."""


def checked(given: Any) -> list[Finding]:
    """What a caller brings, the latest of it, without texts that are empty or too long.

    Raises:
        RequestError: it is no list of findings.
    """
    known: list[Any] = given if isinstance(given, list) else [] if given is None else [None]
    for number, each in enumerate(known, 1):
        task, text, files = (
            (each.get(name) for name in ("task", "text", "resources"))
            if isinstance(each, Mapping)
            else ("", None, None)
        )
        fits = task in (*task_types(), GIVEN.id) and isinstance(text, str)
        if not fits or type(files) is not int or files < 0:
            raise RequestError(
                f"Number {number} of 'earlier' is no finding: it needs a task type as 'task', "
                "words as 'text' and how many files were known then as 'resources'.",
                'For example [{"task": "summarization", "text": "Cows went.", "resources": 0}].',
            )
    return [each for each in known if 0 < len(each["text"]) <= LONGEST][-MOST:]


def findings(state: State) -> list[Finding]:
    """The texts, labels and boxes of the turn that a state ends with, after earlier turns'.

    A text that the request itself gave goes before what was made of it; the name of a file that is
    not there, for which a plan could not run, is none.

    Raises:
        RequestError: those that a caller brings are no findings.
    """
    results, plan, rows = state.get("results") or {}, state.get("plan"), task_types()
    known, old = len(state.get("resources") or {}), checked(state.get("earlier"))
    said = "\n".join(m.text for m in state.get("messages") or [] if m.type == "human")
    tasks = [
        task
        for task in (plan["tasks"] if plan and isinstance(plan["tasks"], list) else [])
        if isinstance(task, Mapping) and task.get("task") in rows
    ]
    given = [
        Finding(task=GIVEN.id, text=text, resources=known)
        for text in dict.fromkeys(text for task in tasks for text in _given(task))
        if plan and plan.get("valid", True) and text in said and 0 < len(text) <= LONGEST
    ]
    new = [
        Finding(task=task["task"], text=text, resources=known)
        for task in tasks
        if (result := results.get(str(task.get("id")))) and result["status"] == "done"
        if result["kind"] in ("text", "labels", "boxes")
        if 0 < len(text := as_text(result["kind"], result["value"])) <= LONGEST
    ]
    return [*old, *given, *new][-MOST:]


def _given(task: Task) -> list[str]:
    """The texts that a task works on as they stand: no prompts, labels, questions or files."""
    slots = task_types()[task["task"]].inputs
    names = {slot.name for slot in slots if slot.kind == "text"} & {"text", "context"}
    args = task.get("args") if not trait(task["task"]).prompted else None
    texts = [args.get(name) for name in names] if isinstance(args, Mapping) else []
    return [text for text in texts if isinstance(text, str)]
