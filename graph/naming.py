"""How an answer calls things: a file by its name, a text in quotes, a result by its noun."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hugginggraph.registry import task_types
from hugginggraph.tools import listed

from .references import REFERENCE, whole_reference
from .state import Plan, Resource

_QUOTE_CHARS = 70
_MOST_NAMED = 3
"""How many results that a text is made of are named one by one."""


def shown_path(path: str) -> str:
    """A path as people read it: relative where it lies below the working folder."""
    absolute, here = Path(path), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else path


def named(value: Any, plan: Plan, resources: Mapping[str, Resource]) -> str:
    """How a sentence calls an argument: a file's name, a quoted text, an earlier result."""
    if isinstance(value, list):
        return ", ".join(named(item, plan, resources) for item in value)
    source = whole_reference(value)
    if source is not None:
        return _noun(source, plan, resources)
    if value in resources:
        return shown_path(resources[value]["name"])
    made_of = [int(match[1]) for match in REFERENCE.finditer(str(value))]
    if made_of and not re.search(r"\w", REFERENCE.sub("", str(value))):
        if len(made_of) > _MOST_NAMED:
            return f"the text of {len(made_of)} results"
        return f"the text of {listed([_noun(n, plan, resources) for n in made_of])}"
    text = REFERENCE.sub(lambda m: f"({_noun(int(m[1]), plan, resources)})", str(value))
    text = " ".join(text.split())
    return f"“{text if len(text) <= _QUOTE_CHARS else text[: _QUOTE_CHARS - 1].rstrip() + '…'}”"


def _noun(source: int, plan: Plan, resources: Mapping[str, Resource]) -> str:
    """What an earlier result is called; of several of a task, by what each was made from."""
    tasks = {task["id"]: task for task in plan["tasks"]}
    row, own = task_types()[tasks[source]["task"]], tasks[source]["args"]
    others = [t["args"] for t in plan["tasks"] if t["task"] == row.id and t["id"] != source]
    many = row.noun.endswith("s") and not row.noun.endswith("ss")
    noun = f"the list of {row.noun}" if many else f"the {row.noun}"
    if not others:
        return noun
    first = row.inputs[0].name
    if own.get(first) in [args.get(first) for args in others]:
        return f"{noun} of task {source}"
    return f"{noun} of {named(own.get(first), plan, resources)}"
