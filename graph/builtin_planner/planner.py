"""The built-in planner: mentions, clauses, cues and kinds; no LLM, no key, no network.

It plans what a request asks for in words it knows, in English and, where it is plain, in four other
languages (``languages.py``); it says what it did not understand. What stands in quotes or after a
colon is data and plans nothing. Wordings far from the cues are planned by what they mean, one task
at most (``meaning.py``). It does not cover: needs that are implied and not said, knowledge
questions without a source.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hugginggraph.registry import NotUnderstoodError, TaskType, task_types

from ..planner import Draft, PlanRequest, Setback
from .arguments import POLITE, Wish
from .bind import grant, settle
from .clauses import Clause, split_clauses
from .cues import Cue, cues, match_cues, named_cues
from .followups import complete
from .languages import in_english, speaks
from .meaning import by_meaning
from .mentions import MARKER, find_mentions
from .rejected import without_named
from .rows import LATER
from .sketch import Sketch
from .talk import examples, foreign_language, small_talk
from .wishes import find_wishes

_ASKED = re.compile(
    r"(?:describe|count|find|detect|classif\w+|translate|summari\w+|write|generate|create|make|draw|"
    r"extract|identify|tell|show|convert|turn|read|answer|compare|give|estimate|segment|remove|add|"
    r"change|edit|play|buy|book|send|order|sing|dance|cook|open|search|download|install|call|solve|"
    r"compute|calculate|plot|sort|rank|check|analy[sz]e|predict|explain|fix|help|what|who|how|when|"
    r"where|why|which)\b",
    re.I,
)
_SPOKEN = (
    "Without an LLM, English is understood, and plain requests in German, French, Spanish and "
    "Chinese."
)
_MOST_READ = 5000
_MOST_CLAUSES = 250
_DONE = re.compile(r"\W*(?:after|once|having|upon|when)\b", re.I)
_TEXT_FAMILIES = ("question", "emotion", "people")


class BuiltinPlanner:
    """Plans with the task types that ``rows`` gives, those of the table by default."""

    name = "builtin"

    def __init__(self, rows: Callable[[], Mapping[str, TaskType]] = task_types) -> None:
        self._rows = rows

    async def plan(self, request: PlanRequest) -> Draft:
        """A draft for the request.

        Raises:
            NotUnderstoodError: nothing in the request can be planned.
        """
        return await asyncio.to_thread(self._plan, request)

    def _plan(self, request: PlanRequest) -> Draft:
        return plan(request, self._rows())

    async def mend(self, request: PlanRequest, tasks: Any, errors: list[str]) -> Draft | None:
        """None: the same words would give the same draft."""
        return None

    async def replan(self, request: PlanRequest, setback: Setback) -> Draft | None:
        """A smaller plan, or the one that a rejection's words ask for; None after a failure."""
        if not setback.reason:
            return None
        rows = await asyncio.to_thread(self._rows)
        if (tasks := without_named(setback, rows)) is not None:
            return Draft(tasks)
        said = (*request.history, ("human", request.text))
        draft = await self.plan(replace(request, text=setback.reason, history=said))
        return draft if draft.tasks and draft.tasks != setback.tasks else None


def plan(request: PlanRequest, rows: Mapping[str, TaskType]) -> Draft:
    """A draft that uses these task types only.

    Raises:
        NotUnderstoodError: nothing in the request can be planned.
    """
    if reply := small_talk(request.text, rows):
        return Draft(tasks=[], reply=reply)
    said = complete(request)
    language = speaks(said) or foreign_language(said)
    if english := in_english(said, language):
        try:
            draft = _plan(replace(request, text=english), rows)
        except NotUnderstoodError as exc:
            raise _not_understood(request, rows, list[str](), language) from exc
        note = f"The request was read as: '{_short(english)}'."
        return replace(
            draft, confidence=round(0.85 * draft.confidence, 2), notes=(note, *draft.notes)
        )
    return _plan(replace(request, text=said), rows)


def _plan(request: PlanRequest, rows: Mapping[str, TaskType]) -> Draft:
    everything = {**LATER, **rows}
    table = (*named_cues(everything), *cues())
    mentions = find_mentions(
        request.text, request.resources, lambda head: _takes_text(head, everything, table)
    )
    own = mentions.text.strip()
    if len(own) > _MOST_READ:
        own = own[:_MOST_READ].rpartition(" ")[0]
    clauses = split_clauses(own)[:_MOST_CLAUSES]
    sketch = Sketch(everything, frozenset(rows), mentions, clauses, request.resources)
    if len(mentions.text.strip()) > _MOST_READ:
        sketch.note(f"Only the first {_MOST_READ} characters outside quoted texts were read.")
    sketch.recall(request.earlier)
    read = [_read(sketch, at, clause, table) for at, clause in enumerate(clauses)]
    missed = [clause for clause, wishes in zip(clauses, read, strict=True) if wishes is None]
    wishes = [wish for some in read for wish in some or ()]
    if not (wishes and missed) and (meant := by_meaning(sketch, own, wishes)):
        sketch, missed = meant, []
    return _draft(sketch, missed, request, rows)


def _takes_text(head: str, rows: Mapping[str, TaskType], table: tuple[Cue, ...]) -> bool:
    return any(
        match.task in _TEXT_FAMILIES
        or match.task == "classify"
        or (match.task in rows and any(slot.kind == "text" for slot in rows[match.task].inputs))
        for match in match_cues(head, table)
    )


def _read(sketch: Sketch, at: int, clause: Clause, table: tuple[Cue, ...]) -> list[Wish] | None:
    """Add what a clause asks for; None where it asks for something that was not understood."""
    sketch.mark_results(at)
    wishes = find_wishes(sketch, at, clause, table)
    if _DONE.match(clause.text):
        planned = {step.row.id for step in sketch.steps}
        wishes = [wish for wish in wishes if settle(sketch, wish) not in planned]
        if not wishes:
            return []
    for wish in wishes:
        grant(sketch, wish)
    said = POLITE.sub("", MARKER.sub("", clause.text))
    return wishes if wishes or not _ASKED.match(said) else None


def _draft(
    sketch: Sketch, missed: list[Clause], request: PlanRequest, rows: Mapping[str, TaskType]
) -> Draft:
    tasks = sketch.tasks()
    unread = [sketch.mentions.restore(clause.text).strip(" .,!?") for clause in missed]
    for text in unread:
        sketch.note(f"Not understood: '{_short(text)}'.")
    if not tasks:
        raise _not_understood(request, rows, sketch.notes)
    kept = [step.sure for step in sketch.steps if not step.missing and not step.found]
    sure = min(kept, default=0.0)
    sure *= 0.7 if unread else 1.0
    sure *= 0.6 if any(step.missing for step in sketch.steps) else 1.0
    sure *= 0.85 if _unused(sketch) else 1.0
    return Draft(tasks=tasks, confidence=round(sure, 2), notes=tuple(sketch.notes))


def _unused(sketch: Sketch) -> bool:
    """Whether the request names something that no step uses."""
    literal = [m for m in sketch.named(range(len(sketch.clauses))) if m.number not in sketch.used]
    return any(
        m.kind in ("image", "audio", "table") or (m.kind == "text" and m.file) for m in literal
    )


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77].rstrip() + "…"


def _not_understood(
    request: PlanRequest, rows: Mapping[str, TaskType], notes: list[str], language: str = ""
) -> NotUnderstoodError:
    hint = examples(rows)
    if asked := [note for note in notes if note.startswith("A question")]:
        return NotUnderstoodError(
            " ".join(asked), f"Quote the text, give a file, or name an LLM with --llm. {hint}"
        )
    if absent := [note for note in notes if "not available" in note or " needs " in note]:
        return NotUnderstoodError(" ".join(absent), hint)
    if language := language or foreign_language(request.text):
        return NotUnderstoodError(
            f"The request looks {language}. {_SPOKEN}",
            f"Ask in English, or name an LLM with --llm. {hint}",
        )
    if not re.search(r"\w", request.text):
        return NotUnderstoodError("There are no words in the request.", hint)
    return NotUnderstoodError(
        f"Not understood: '{_short(request.text.strip())}'.",
        f"{hint} {_SPOKEN}",
    )
