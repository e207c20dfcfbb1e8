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

from hugginggraph.registry import HuggingGraphError, NotUnderstoodError, TaskType, task_types
from hugginggraph.tools import listed

from ..planner import Draft, PlanRequest, Setback
from ..state import Finding, Task
from .arguments import Wish
from .bind import grant, settle
from .clauses import Clause, split_clauses
from .cues import OPENS_REQUEST, POLITE, Cue, cues, match_cues, named_cues
from .ellipsis import fill_ellipses
from .files import unread
from .find_mentions import find_mentions, text_given
from .followups import complete, put_in_english, said_before
from .languages import unquoted
from .made import views
from .meaning import by_meaning
from .mentions import MARKER, Mention
from .pasted import text_beside
from .rejected import without_named
from .results import mark_results
from .rows import LATER, TOLD
from .sketch import Sketch
from .talk import examples, small_talk, talk_kind
from .unkept import is_alternative, note_conditions, note_parts
from .wishes import find_wishes
from .written import foreign_language

_SPOKEN = (
    "Without an LLM, English is understood, and plain requests in German, French, Spanish and "
    "Chinese."
)
_OF_MODELS = re.compile(r"\b(?:which|what|list|show|your|have)\b[^.?!]{0,30}\bmodels?\b", re.I)
_SEARCH = "`hugginggraph models search` lists the models for a task."
_MOST_READ = 5000
_MOST_CLAUSES = 250
_DONE = re.compile(
    r"\W*(?:after|once|having|upon|when(?! (?:is|are|was|were|do|does|did|will|can|has|had)\b))\b",
    re.I,
)
_LEFT_BE = re.compile(r"\w+(?: (?:it|this|that|them|(?:the|this|my) \w+))? not\b", re.I)
_SAYS_WHY = re.compile(r"\bnot available\b| needs ")
_TEXT_FAMILIES = ("question", "emotion", "people", "language")


class BuiltinPlanner:
    """Plans with the task types that ``rows`` gives, those of the table by default.

    ``can_run`` says whether a task has a model here, for who asks what can be done.
    """

    name = "builtin"

    def __init__(
        self,
        rows: Callable[[], Mapping[str, TaskType]] = task_types,
        can_run: Callable[[str], bool] = bool,
    ) -> None:
        self._rows, self._can_run = rows, can_run

    async def plan(self, request: PlanRequest) -> Draft:
        """A draft for the request.

        Raises:
            NotUnderstoodError: nothing in the request can be planned.
            UnsupportedFileError: it names a file or an address that no task reads.
        """
        return await asyncio.to_thread(self._plan, request)

    def _plan(self, request: PlanRequest) -> Draft:
        return plan(request, self._rows(), self._can_run)

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


def plan(
    request: PlanRequest, rows: Mapping[str, TaskType], can_run: Callable[[str], bool] = bool
) -> Draft:
    """A draft that uses these task types only.

    Raises:
        NotUnderstoodError: nothing in the request can be planned.
        UnsupportedFileError: it names a file or an address that no task reads.
    """

    def given(head: str, gap: str, rest: str) -> bool:
        return text_given(head, gap, rest, request.resources, _text_cues(rows))

    put, language = put_in_english(request, given)
    if reply := said_before(put) or small_talk(put.text, rows, can_run):
        return Draft(tasks=[], reply=reply)
    try:
        return _planned(_with_reply(put, rows), rows, language)
    except NotUnderstoodError:
        alone = not (put.resources or put.earlier)
        beside = alone and text_beside(put.text, _text_cues(rows))
        if not beside:
            raise
        return _planned(replace(put, text=beside), rows, language)


def _planned(request: PlanRequest, rows: Mapping[str, TaskType], language: str) -> Draft:
    """A draft for a request in English, which was put into it from a ``language``."""
    request = replace(request, text=complete(request))
    if not language:
        return _plan(request, rows)
    try:
        draft = _plan(request, rows, language)
    except NotUnderstoodError as exc:
        if _SAYS_WHY.search(exc.message):
            raise
        raise _not_understood(request, rows, list[str](), language) from exc
    note = f"The request was read as: '{_short(request.text)}'."
    return replace(draft, confidence=round(0.85 * draft.confidence, 2), notes=(note, *draft.notes))


def _with_reply(request: PlanRequest, rows: Mapping[str, TaskType]) -> PlanRequest:
    """The request with the last answer among what was found, where no task had to find it."""
    *before, asked, answered = (("", ""), ("", ""), *request.history)
    answer = answered[1]
    if not answer or asked[0] not in ("human", "user") or "\nModels: " in answer:
        return request
    if talk_kind(asked[1]):
        return request
    try:
        again = _planned(replace(request, text=asked[1], history=tuple(before[2:])), rows, "")
    except HuggingGraphError:
        return request
    found = Finding(task=TOLD.id, text=answer, resources=len(request.resources))
    return replace(request, earlier=(*request.earlier, found)) if again.reply == answer else request


def _plan(request: PlanRequest, rows: Mapping[str, TaskType], language: str = "") -> Draft:
    everything = {**LATER, **rows}
    table = (*named_cues(everything), *cues())
    mentions = find_mentions(request.text, request.resources, _text_cues(rows))
    own = mentions.text.strip()
    if len(own) > _MOST_READ:
        own = own[:_MOST_READ].rpartition(" ")[0]
    clauses = fill_ellipses(split_clauses(own))[:_MOST_CLAUSES]
    meant = {rid: r for rid, r in request.resources.items() if rid not in mentions.left_out}
    sketch = Sketch(
        everything, frozenset(rows), mentions, clauses, meant, language,
        views(request, everything),
    )  # fmt: skip
    if len(mentions.text.strip()) > _MOST_READ:
        sketch.note(f"Only the first {_MOST_READ} characters outside quoted texts were read.")
    answers = [text for role, text in request.history if role not in ("human", "user")]
    sketch.recall(request.earlier, answers)
    read = [_read(sketch, at, clause, table) for at, clause in enumerate(clauses)]
    missed = [clause for clause, wishes in zip(clauses, read, strict=True) if wishes is None]
    wishes = [wish for some in read for wish in some or ()]
    if not (wishes and missed) and (near := by_meaning(sketch, own, wishes)):
        sketch, missed = near, []
    return _draft(sketch, missed, request, rows)


def _text_cues(rows: Mapping[str, TaskType]) -> Callable[[str], bool]:
    """Whether words ask for something to be done with a text, for these task types."""
    everything = {**LATER, **rows}
    table = (*named_cues(everything), *cues())
    takes = {task for task, row in everything.items() if any(i.kind == "text" for i in row.inputs)}
    takes.update((*_TEXT_FAMILIES, "classify"))
    return lambda head: any(match.task in takes for match in match_cues(head, table))


def _read(sketch: Sketch, at: int, clause: Clause, table: tuple[Cue, ...]) -> list[Wish] | None:
    """Add what a clause asks for; None where it asks for something that was not understood."""
    if is_alternative(sketch, clause):
        return []
    mark_results(sketch, at)
    wishes = find_wishes(sketch, at, clause, table)
    if _DONE.match(clause.text):
        planned = {step.row.id for step in sketch.steps}
        wishes = [wish for wish in wishes if settle(sketch, wish) not in planned]
        if not wishes:
            return []
    for wish in wishes:
        grant(sketch, wish)
    said = POLITE.sub("", MARKER.sub("", clause.text))
    asks = OPENS_REQUEST.match(said) and not _LEFT_BE.match(said)
    return wishes if wishes or not asks else None


def _draft(
    sketch: Sketch, missed: list[Clause], request: PlanRequest, rows: Mapping[str, TaskType]
) -> Draft:
    tasks = sketch.tasks()
    for kind, pointer in sketch.mentions.absent:
        made = [r for r in sketch.resources.values() if r["kind"] == kind and "task" in r]
        if not made and all(step.row.output != kind for step in sketch.steps):
            sketch.note(f"What was given does not hold '{pointer}': there are fewer files.")
    conditional = note_conditions(sketch)
    note_parts(sketch)
    _look_for_files(sketch, tasks)
    unread = [sketch.mentions.restore(clause.text).strip(" .,!?") for clause in missed]
    for text in unread:
        sketch.note(f"Not understood: '{_short(text)}'.")
    if not tasks and sketch.told and not sketch.refused:
        return Draft(tasks=[], reply=" ".join([*sketch.told, *sketch.notes]))
    notes = [*sketch.told, *sketch.refused, *sketch.notes]
    if not tasks:
        raise _not_understood(request, rows, notes)
    kept = [step.sure for step in sketch.steps if not step.missing and not step.found]
    sure = min(kept, default=0.0)
    sure *= 0.7 if unread or conditional else 1.0
    sure *= 0.6 if any(step.missing for step in sketch.steps) else 1.0
    if unused := _unused(sketch):
        taken = str([task["args"] for task in tasks])
        here = {rid for m in unused for rid in m.values if rid in sketch.resources}
        if left := [sketch.resources[rid]["name"] for rid in here if f"'{rid}'" not in taken]:
            sketch.note(f"Nothing is done with {listed(sorted(left))}.")
        sure *= 0.85
    notes = [*sketch.told, *sketch.refused, *sketch.notes]
    return Draft(tasks=tasks, confidence=round(sure, 2), notes=tuple(notes))


def _look_for_files(sketch: Sketch, tasks: list[Task]) -> None:
    """Refuse files that no task reads; note those that are not there and that no task names.

    One that no task reads is only noted where nothing wants it ("I will put it into slides.pptx").
    One that is not there and that a task names is left to the check of the plan. A quoted sentence
    that ends in a name is none.
    """
    taken = str([task["args"] for task in tasks])
    for mention in [mention for mention in sketch.mentions.found if mention.file]:
        name = mention.values[0]
        here = name in sketch.resources or name in sketch.mentions.left_out
        if here or (name in taken and tasks):
            continue
        if mention.kind == "unread":
            if not tasks or _wanted(sketch, mention):
                raise unread(name)
            sketch.note(f"Left out: '{name}', which no task reads.")
        elif mention.kind != "output" and " " not in name:
            sketch.note(f"Left out: '{name}', as there is no such file at hand.")


def _wanted(sketch: Sketch, mention: Mention) -> bool:
    """Whether a task of the mention's clause has nothing else in it to work on."""
    for at in range(len(sketch.clauses)):
        here = sketch.named([at])
        if mention in here:
            steps = [step for step in sketch.steps if step.clause == at and not step.found]
            others = [m for m in here if m.kind not in ("unread", "output")]
            texts = [step.args.get(name) for step in steps for name in ("text", "question")]
            told = [text for text in texts if isinstance(text, str) and " " in text]
            return bool(steps) and not others and not told
    return False


def _unused(sketch: Sketch) -> list[Mention]:
    """What the request names and no step uses."""
    literal = [m for m in sketch.named() if m.number not in sketch.used]
    return [
        m for m in literal if m.kind in ("image", "audio", "table") or (m.kind == "text" and m.file)
    ]


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
    if absent := [note for note in notes if _SAYS_WHY.search(note)]:
        search = f"{_SEARCH} " if _OF_MODELS.search(request.text) else ""
        return NotUnderstoodError(" ".join(absent), search + hint)
    if language := language or foreign_language(unquoted(request.text)):
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
