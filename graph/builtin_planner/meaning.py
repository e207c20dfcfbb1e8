"""What a request means as a whole, where its words are none that the cues know.

The vector of the request says how likely it asks for each task (``registry/prior.py``); of those
for which everything is there, the likeliest is taken if it is clear enough. One task at most: what
asks for several things needs their cues.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hugginggraph.registry import RegistryError, TaskType

from .arguments import Wish, role
from .bind import grant
from .clauses import Clause
from .labels import find_labels
from .mentions import MARKER
from .rows import trait
from .sketch import Sketch
from .written import foreign_language

CLEAR = 0.5
"""How likely the task has to be among those for which everything is there."""

DOUBTED = 0.05
"""How likely the task that a cue names may be at most where another one takes its place."""

FIRM = 0.85
"""The weight of a cue from which on its task stands, however unlikely it is."""

GIVEN = 3.0
"""How much likelier a task is for working on something that is there."""

ABSENT = 0.2
"""How much a task counts against the others for which something is missing."""

SURE = 0.85
"""The confidence in a plan made by meaning, times how likely its task is."""

_MOST_READ = 1000
_FEWEST_WORDS = 3
_WORD = re.compile(r"[^\W\d_]{2,}")
_NOTHING = re.compile(
    r"(?:^|[.!?;,:]\s*)(?:(?:please|kindly|and|but|so|just)\s+)*"
    r"(?:do\s+not|don'?t|never|no\s+need|stop|thanks?\b|thank\s+you|thx|good\s*bye|bye)\b"
    r"|\b(?:must|has\s+to|have\s+to|should|may)\s+stay\b|\bleave\s+(?:\w+\s+){1,3}(?:alone|be)\b",
    re.IGNORECASE,
)
"""What forbids, leaves be or thanks: a vector hardly tells it from the wish itself."""
_LAST_WORD = re.compile(
    r"[\s,.!:;-]*(?:thanks?|thank\s+you|thx)(?:\s+(?:a lot|so much))?[\s.!]*$", re.IGNORECASE
)


def by_meaning(sketch: Sketch, own: str, wishes: Sequence[Wish]) -> Sketch | None:
    """A sketch of the one task that the request means; None where that is not clear.

    ``sketch`` and ``wishes`` are what the cues gave: nothing, or one faint wish, which gives way
    where its task is unlikely. ``own`` is the request with markers for what it names.
    """
    from hugginggraph.registry import NO_TASK, meant  # not at import: they bring NumPy

    firm = len(wishes) > 1 or any(wish.weight >= FIRM for wish in wishes)
    if firm and (sketch.tasks() or sketch.told or sketch.refused):
        return None
    said = " ".join(MARKER.sub(" ", own)[:_MOST_READ].split())
    if len(_WORD.findall(said)) < _FEWEST_WORDS or foreign_language(said):
        return None  # the encoder knows English
    if _NOTHING.search(_LAST_WORD.sub("", said)):
        return None
    try:
        every = meant(said)
    except RegistryError:
        return None  # cues need no encoder
    labels = find_labels(own, sketch.mentions)
    there = _there(sketch, own) | ({"labels"} if labels else set())
    likely = {NO_TASK: every[NO_TASK]}
    for task in sketch.available & every.keys():
        needs = _needs(sketch.rows[task])
        if needs <= there:
            likely[task] = every[task] * (GIVEN if needs else 1.0)
    absent = sum(share for task, share in every.items() if task not in likely)
    whole = sum(likely.values()) + ABSENT * absent
    best = max(likely, key=lambda task: likely[task])
    planned = [step.row.id for step in sketch.steps if not step.found]
    doubted = all(likely.get(task, 0.0) < DOUBTED * whole for task in planned[-1:])
    if best == NO_TASK or likely[best] < CLEAR * whole or best in planned or not doubted:
        return None
    found = Sketch(
        sketch.rows, sketch.available, sketch.mentions, [Clause(own)], sketch.resources,
        views=sketch.views,
    )  # fmt: skip
    found.steps = [step for step in sketch.steps if step.clause < 0]
    found.groups = len(found.steps)
    labels = labels if "labels" in _needs(sketch.rows[best]) else None
    grant(found, Wish(best, 0, own, SURE * likely[best] / whole, labels=labels))
    taken = "All of it was taken to mean" if len(sketch.clauses) > 1 else "Taken to mean"
    found.note(f"{taken}: {trait(best).name} ({best}).")
    return found if found.tasks() else None


def _there(sketch: Sketch, own: str) -> set[str]:
    """The kinds of what the request names and of the files that came with it."""
    kinds = {mention.kind for mention in sketch.mentions.within(own)}
    kinds |= {resource["kind"] for resource in sketch.resources.values()}
    return {"text" if kind == "question" else kind for kind in kinds}


def _needs(row: TaskType) -> set[str]:
    """The kinds that must be there for a task: the request's own words do where they are asked."""
    own = trait(row.id)
    needs = set()
    for slot in row.inputs:
        part = role(slot) if slot.kind == "text" else ""
        if part == "labels":
            needs.add("labels")
        elif slot.required and (not part or (part == "text" and not own.prompted)):
            needs.add(slot.kind)
    return needs
