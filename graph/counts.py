"""How many of the things that a request wants counted the pictures of a run hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

from hugginggraph.tools import Box, count_labels, listed, plural

from .builtin_planner import to_count
from .existence import known_labels
from .naming import named
from .state import State, Task

Picture: TypeAlias = tuple[Task, Sequence[Box]]
"""A task that found objects, with their boxes."""


def pictures_in(tasks: list[Task], state: State) -> list[Picture]:
    """The tasks that found objects, with the boxes that they found."""
    found = [(task, state["results"][str(task["id"])]) for task in tasks]
    return [(task, result["value"]) for task, result in found if result["kind"] == "boxes"]


def together(tasks: list[Task], state: State) -> list[str]:
    """What detections in several pictures come to, of what the request names where it does."""
    pictures = pictures_in(tasks, state)
    boxes = [box for _, picture in pictures for box in picture]
    if not boxes:
        return []
    request = {*re.findall(r"\w+", state["request"].lower())}
    said = {}
    for label in {box["label"] for box in boxes}:
        said[label] = sum(bool(request & {w, plural(w)}) for w in label.lower().split())
    most = max(said.values())
    asked = [box for box in boxes if said[box["label"]] == most]
    counts = count_labels(asked)
    each = ", ".join(f"{count} {plural(label, count)}" for label, count in counts.items())
    whole = f"{len(asked)} of {len(boxes)}" if len(asked) < len(boxes) else str(len(boxes))
    apart = [sum(said[box["label"]] == most for box in picture) for _, picture in pictures]
    told = f"In the {len(pictures)} pictures together: {whole} objects ({each})"
    return [f"{told}, {_apart(apart, pictures, state)}."]


def _apart(counts: list[int], pictures: list[Picture], state: State) -> str:
    """How many are in each picture, by its name."""
    plan, resources = state["plan"], state.get("resources") or {}
    names = [named(next(iter(task["args"].values())), plan, resources) for task, _ in pictures]
    return listed([f"{count} in {name}" for count, name in zip(counts, names, strict=True)])


def counted_in(tasks: list[Task], state: State) -> dict[str, str]:
    """By the note that asks it, how many of the things to be counted the pictures have."""
    if not (pictures := pictures_in(tasks, state)):
        return {}
    found = [count_labels(boxes) for _, boxes in pictures]
    models = {state["results"][str(task["id"])].get("model", "") for task, _ in pictures}
    labels = {*chain(*found), *frozenset.intersection(*map(known_labels, models))}
    counts: dict[str, str] = {}
    for note in state["plan"]["notes"]:
        if things := to_count(note, labels):
            total = sum(map(Counter, found), Counter[str]())
            many = [sum(things.among(each).values()) for each in found]
            apart = f", {_apart(many, pictures, state)}" if len(many) > 1 and any(many) else ""
            counts[note] = f"{things.told(total)}{apart}."
    return counts
