"""The built-in planner: mentions, clauses, cues and kinds; no LLM, no key, no network.

It plans what a request asks for in words it knows, in English, and says what it did not
understand. What stands in quotes or after a colon is data and plans nothing. It does not cover:
wordings far from the cues, needs that are implied and not said, knowledge questions without a
source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hugginggraph.registry import NotUnderstoodError, TaskType, task_types

from ..planner import Draft, PlanRequest
from .bind import ASKS, POLITE, Wish, grant, settle
from .clauses import Clause, split_clauses
from .cues import Cue, Match, cues, match_cues, named_cues
from .labels import Labels, find_labels
from .mentions import MARKER, find_mentions
from .rows import LATER, TRAITS
from .sketch import Sketch
from .talk import abilities, examples, foreign_language, small_talk

_ASKED = re.compile(
    r"(?:describe|count|find|detect|classif\w+|translate|summari\w+|write|generate|create|make|draw|"
    r"extract|identify|tell|show|convert|turn|read|answer|compare|give|estimate|segment|remove|add|"
    r"change|edit|play|buy|book|send|order|sing|dance|cook|open|search|download|install|call|solve|"
    r"compute|calculate|plot|sort|rank|check|analy[sz]e|predict|explain|fix|help|what|who|how|when|"
    r"where|why|which)\b",
    re.I,
)
_WITHIN = re.compile(
    r"\b(?:that|which|of|from|based on|describing|showing|about)\s+(?:\w+\s+)?$", re.I
)
_NOT = re.compile(
    r"\b(?:don'?t|do not|not|without|never|no need to|instead of)\s+(?:\w+\s+)?$", re.I
)
_MOST_READ = 5000
_DONE = re.compile(r"\W*(?:after|once|having|upon|when)\b", re.I)
_TEXT_FAMILIES = ("question", "emotion", "people")


class BuiltinPlanner:
    """Plans with the task types it is given, those of the table by default."""

    name = "builtin"

    def __init__(self, rows: Mapping[str, TaskType] | None = None) -> None:
        self._rows = rows

    async def plan(self, request: PlanRequest) -> Draft:
        """A draft for the request.

        Raises:
            NotUnderstoodError: nothing in the request can be planned.
        """
        return plan(request, task_types() if self._rows is None else self._rows)

    async def mend(self, request: PlanRequest, tasks: Any, errors: list[str]) -> Draft | None:
        """None: the same words would give the same draft."""
        return None


def plan(request: PlanRequest, rows: Mapping[str, TaskType]) -> Draft:
    """A draft that uses these task types only.

    Raises:
        NotUnderstoodError: nothing in the request can be planned.
    """
    if reply := small_talk(request.text, rows):
        return Draft(tasks=[], reply=reply)
    everything = {**LATER, **rows}
    table = (*named_cues(everything), *cues())
    mentions = find_mentions(
        request.text, request.resources, lambda head: _takes_text(head, everything, table)
    )
    own = mentions.text.strip()
    if len(own) > _MOST_READ:
        own = own[:_MOST_READ].rpartition(" ")[0]
    clauses = split_clauses(own)
    sketch = Sketch(everything, frozenset(rows), mentions, clauses, request.resources)
    if len(mentions.text.strip()) > _MOST_READ:
        sketch.note(f"Only the first {_MOST_READ} characters outside quoted texts were read.")
    missed = [clause for at, clause in enumerate(clauses) if not _read(sketch, at, clause, table)]
    return _draft(sketch, missed, request, rows)


def _takes_text(head: str, rows: Mapping[str, TaskType], table: tuple[Cue, ...]) -> bool:
    return any(
        match.task in _TEXT_FAMILIES
        or match.task == "classify"
        or (match.task in rows and any(slot.kind == "text" for slot in rows[match.task].inputs))
        for match in match_cues(head, table)
    )


def _read(sketch: Sketch, at: int, clause: Clause, table: tuple[Cue, ...]) -> bool:
    """Add what a clause asks for; False where it asks for something that was not understood."""
    sketch.mark_results(at)
    wishes = _wishes(sketch, at, clause, table)
    if _DONE.match(clause.text):
        planned = {step.row.id for step in sketch.steps}
        wishes = [wish for wish in wishes if settle(sketch, wish) not in planned]
        if not wishes:
            return True
    for wish in wishes:
        grant(sketch, wish)
    said = POLITE.sub("", MARKER.sub("", clause.text))
    return bool(wishes) or not _ASKED.match(said)


def _wishes(sketch: Sketch, at: int, clause: Clause, table: tuple[Cue, ...]) -> list[Wish]:
    text = clause.text
    labels = find_labels(text, sketch.mentions)
    matches = [m for m in match_cues(text, table) if not _NOT.search(text[: m.start])]
    if labels is None and any(m.task == "classify" for m in matches):
        offered = [m for m in sketch.mentions.found if m.kind == "choices"]
        labels = Labels(offered[0].values, 0, len(text), frozenset()) if offered else None
    if labels:
        matches = [
            m
            for m in matches
            if m.end <= labels.start and m.task not in ("classify", "text-classification")
        ]
        matches.append(Match(Cue("choose", 0.95, re.compile("")), labels.start, labels.end))
    later = any(re.search(r"\banswer", c.text, re.I) for c in sketch.clauses[at + 1 :])
    matches = _once(_one_question(matches, later), text)
    if not matches and _is_question(text):
        matches = [Match(Cue("question", 0.7, re.compile("")), 0, len(text))]
    ordered = _inner_first(matches, text)
    return [
        Wish(
            m.task,
            at,
            _window(text, matches, m),
            m.cue.weight,
            text[m.end :],
            labels if m.task == "choose" else None,
        )
        for m in ordered
    ]


def _is_question(text: str) -> bool:
    """Whether a clause without a cue asks something, directly or in words like "I want to know"."""
    bare = POLITE.sub("", text)
    if not ASKS.search(bare) or re.match(r"(?:thank|that)", bare, re.I):
        return False
    asked = text.rstrip().endswith("?") or ASKS.match(bare)
    return bool(asked or re.search(r"\b(?:know|tell me|find out)\b", text, re.I))


def _once(matches: list[Match], text: str) -> list[Match]:
    """Each task once, unless something is named between; faint cues only to feed another task."""
    kept: list[Match] = []
    for match in matches:
        same = next((m for m in kept if m.task == match.task), None)
        if same and not MARKER.search(text[same.start : match.start]):
            continue
        if match.cue.weight > 0.5 or any((t := TRAITS.get(m.task)) and t.chains for m in matches):
            kept.append(match)
    return kept


def _one_question(matches: list[Match], later: bool) -> list[Match]:
    """One question per clause, and none where a quoted question is only the text of another task.

    A question that is only stated waits where the request asks ``later`` for its answer.
    """
    questions = [m for m in matches if m.task == "question"]
    others = [m for m in matches if m.task != "question"]
    best = max(questions, key=lambda m: m.cue.weight, default=None)
    if best is None or (best.cue.weight <= 0.8 and (others or later)):
        return others
    return sorted([*others, best], key=lambda m: m.start)


def _inner_first(matches: list[Match], text: str) -> list[Match]:
    """What is named inside another request is done before it."""
    ordered: list[Match] = []
    matches = sorted(matches, key=lambda m: m.task == "sentence-similarity")
    for match in matches:
        last = ordered[-1] if ordered else None
        feeds = last is not None and (trait := TRAITS.get(last.task)) is not None and trait.chains
        inner = match.cue.inner or match.task == "question"
        if last and feeds and (inner or _WITHIN.search(text[last.end : match.start])):
            ordered.insert(len(ordered) - 1, match)
        else:
            ordered.append(match)
    return ordered


def _window(text: str, matches: list[Match], match: Match) -> str:
    """The words that belong to a match: up to the next one, all where that leaves no mention."""
    if len(matches) == 1:
        return text
    place = matches.index(match)
    start = match.start if place else 0
    stop = matches[place + 1].start if place + 1 < len(matches) else len(text)
    own = text[start:stop]
    return own if MARKER.search(own) else text


def _draft(
    sketch: Sketch, missed: list[Clause], request: PlanRequest, rows: Mapping[str, TaskType]
) -> Draft:
    tasks = sketch.tasks()
    unread = [sketch.mentions.restore(clause.text).strip(" .,!?") for clause in missed]
    for text in unread:
        sketch.note(f"Not understood: '{_short(text)}'.")
    if not tasks:
        raise _not_understood(sketch, request, rows)
    kept = [step.sure for step in sketch.steps if not step.missing]
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
    sketch: Sketch, request: PlanRequest, rows: Mapping[str, TaskType]
) -> NotUnderstoodError:
    hint = examples(rows)
    if asked := [note for note in sketch.notes if note.startswith("A question")]:
        return NotUnderstoodError(
            " ".join(asked), f"Quote the text, give a file, or name an LLM with --llm. {hint}"
        )
    absent = [note for note in sketch.notes if "not available" in note]
    if absent and any(step.missing for step in sketch.steps):
        return NotUnderstoodError(" ".join(absent), hint)
    plain = MARKER.sub("", sketch.mentions.text)
    if language := foreign_language(plain):
        return NotUnderstoodError(
            f"The request looks {language}; without an LLM only English is understood.",
            f"Ask in English, or name an LLM with --llm. {hint}",
        )
    if not re.search(r"\w", request.text):
        return NotUnderstoodError("There are no words in the request.", hint)
    return NotUnderstoodError(f"Not understood: '{_short(request.text.strip())}'.", hint)


__all__ = ["BuiltinPlanner", "abilities", "plan"]
