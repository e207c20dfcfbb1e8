"""From a wish (a cue found in a clause) to steps with their arguments bound by kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from hugginggraph.registry import Slot, TaskType, reads_as

from ..references import reference, references
from .arguments import (
    Wish,
    bound_instruction,
    bound_language,
    bound_question,
    bound_seed,
    bound_text,
    compared,
    role,
)
from .cues import NOUNS, cues, match_cues
from .mentions import MARKER
from .rows import BRIDGES, FAMILIES, trait
from .sketch import Input, Sketch

_SCAN = re.compile(
    r"\b(?:documents?|scan(?:ned|s)?|invoices?|receipts?|forms?|contracts?|certificates?|bills?|parcels?|tickets?|tables?|tabular)\b",
    re.I,
)


def grant(sketch: Sketch, wish: Wish) -> None:
    """Add the steps that a wish comes to."""
    task = settle(sketch, wish)
    if task not in sketch.available and _instead(sketch, wish, task):
        return
    if task in sketch.rows:
        sketch.groups += 1
        _bind(sketch, wish, sketch.rows[task], sketch.groups)


def settle(sketch: Sketch, wish: Wish) -> str:
    """The task type that a family means here; any other task as it is."""
    family = FAMILIES.get(wish.task)
    if family is None:
        return sketch.guided(wish.window) if wish.task == "text-to-image" else wish.task
    kind = _subject(sketch, wish, family.keys())
    table = sketch.rows.get(family.get("table", ""))
    if kind == "image" and table and table.inputs[0].kind == "image" and _on_table(sketch, wish):
        kind = "table"
    if kind == "image" and wish.task == "question":
        holding = [
            at for at in range(wish.at + 1) if any(m.kind == "image" for m in sketch.named([at]))
        ]
        about = {wish.at, *holding[-1:]} if holding else range(wish.at + 1)
        words = " ".join(sketch.clauses[at].text for at in about)
        questions = " ".join(bound_question(sketch, wish, use=False).values)
        files = [m.raw for m in sketch.mentions.within(words) if m.file] or _only_picture(sketch)
        said = f"{MARKER.sub('', words)} {questions} {' '.join(files).replace('_', ' ')}"
        kind = "scan" if _SCAN.search(said) else "image"
    return family[kind]


def _only_picture(sketch: Sketch) -> list[str]:
    """The name of the picture that came with the request, where it is one and nothing else."""
    given = [r for r in sketch.resources.values() if "task" not in r]
    return [r["name"] for r in given if len(given) == 1 and r["kind"] == "image"]


def _on_table(sketch: Sketch, wish: Wish) -> bool:
    """Whether a table is spoken of where the picture is: a row may read tables as pictures."""
    words = " ".join(clause.text for clause in sketch.clauses[: wish.at + 1])
    return bool(re.search(r"\btab(?:le|ular)", words, re.I))


def _subject(sketch: Sketch, wish: Wish, kinds: Collection[str]) -> str:
    """The kind of thing that a wish is about."""
    can = [kind for kind in ("image", "audio", "video", "table", "text") if kind in kinds]
    skip = wish.labels.used if wish.labels else frozenset()
    for mention in sketch.mentions.within(wish.window):
        kind = mention.kind if mention.kind != "labels" and mention.kind != "boxes" else "text"
        if kind in can and mention.number not in skip:
            return kind
    present = [kind for kind in can if _present(sketch, kind, wish.at)]
    words = MARKER.sub("", wish.window)
    spoken = re.search(rf"\b(?:{NOUNS['audio']})s?\b", words, re.I)
    if wish.task == "question" and "text" in can and spoken and _present(sketch, "audio", wish.at):
        return "text"
    if wish.task == "question":
        asked = bound_question(sketch, wish, use=False).values
        words = " ".join((words, *asked, *_asked_where(sketch, asked)))
        texts = any(m.kind == "text" for m in sketch.named(range(len(sketch.clauses))))
        if "image" in present and _SCAN.search(words) and not texts:
            return "image"
    for kind in can:
        if kind in present and re.search(rf"\b(?:{NOUNS[kind]})s?\b", words, re.I):
            return kind
    if (
        wish.task == "emotion"
        and "audio" in present
        and re.search(r"\b(?:speakers?|voices?|callers?|singers?)\b", words, re.I)
    ):
        return "audio"
    if wish.task in ("count", "describe", "people", "enhance") and can[0] in present:
        return can[0]
    recent = _recent(sketch, wish.at, can)
    if recent:
        return recent
    return present[0] if present else "text" if "text" in can else can[0]


def _asked_where(sketch: Sketch, questions: tuple[str, ...]) -> list[str]:
    """The words around a quoted question, which say what it is about: "on the picture: '…'"."""
    return [
        MARKER.sub("", clause.text)
        for clause in sketch.clauses
        for mention in sketch.mentions.within(clause.text)
        if mention.kind == "question" and mention.values[0] in questions
    ]


def _present(sketch: Sketch, kind: str, at: int) -> bool:
    everything = sketch.named(range(len(sketch.clauses)))
    return (
        any(m.kind == kind for m in everything)
        or any(resource["kind"] == kind for resource in sketch.resources.values())
        or any(step.row.output == kind and step.clause <= at for step in sketch.steps)
    )


def _recent(sketch: Sketch, at: int, can: list[str]) -> str:
    """The kind of what was spoken of last: back from a clause, then ahead, then the files."""
    for back in range(at, -1, -1):
        made = [s.row.output for s in sketch.steps if s.clause == back and s.trait.renews]
        if made and made[-1] in can and back < at:
            return made[-1]
        named = [m.kind for m in sketch.named([back]) if m.kind in can]
        if named:
            return named[-1]
    ahead = [m.kind for m in sketch.named(range(at + 1, len(sketch.clauses))) if m.kind in can]
    if ahead:
        return ahead[0]
    given = [r["kind"] for r in sketch.resources.values() if r["kind"] in can]
    if given:
        return given[-1]
    answers = [s.row.output for s in sketch.steps if s.row.output in can]
    return answers[-1] if answers else ""


def _instead(sketch: Sketch, wish: Wish, task: str) -> bool:
    """Add what comes nearest to a task that the table lacks; whether there was anything."""
    names = trait(task).instead
    if not names or not all(name in sketch.available for name in names):
        return False
    if all(slot.kind == "text" for slot in sketch.rows[task].inputs):
        for name in names:
            sketch.groups += 1
            _bind(sketch, wish, sketch.rows[name], sketch.groups)
        return True
    pictures = sketch.media("image", wish.at, wish.window).values
    questions = bound_question(sketch, wish).values
    if questions and "question-answering" not in names:
        near = {"count": "object-detection"}
        asked = [near.get(m.task, m.task) for m in match_cues(questions[0], cues())]
        names = tuple(name for name in names if name in asked) or names
    sketch.note(
        f"{trait(task).name} ({task}) is not available here; nearest: {' and '.join(names)}."
    )
    sketch.groups += 1
    group = sketch.groups
    for name in names:
        first, *others = sketch.rows[name].inputs
        if not others:
            found: list[dict[str, Any]] = [{first.name: value} for value in pictures]
            for args in found or [{}]:
                sketch.add(name, wish.at, 0.55, args, group)
            continue
        for seen in [step for step in sketch.steps if step.group == group and step.row.id != name]:
            for question in questions:
                sketch.add(
                    name, wish.at, 0.55, {"question": question, "context": reference(seen.id)}
                )
    return True


def _bind(sketch: Sketch, wish: Wish, row: TaskType, group: int) -> None:
    """Fill the row's slots; several values of a slot that takes one make several steps."""
    variants: list[dict[str, object]] = [{}]
    sure = wish.weight
    asking = any(role(slot) == "question" for slot in row.inputs)
    texts_taken: frozenset[int] = wish.labels.used if wish.labels else frozenset()
    if any(slot.many and role(slot) == "text" for slot in row.inputs):
        filled = compared(sketch, wish, row)
        sketch.add(row.id, wish.at, sure if len(filled) == 2 else 0.3, filled, group)
        return
    for slot in row.inputs:
        found = _fill(sketch, wish, row, slot, texts_taken)
        if not found.values:
            sure = min(sure, 0.3) if slot.required else sure
            continue
        sure = min(sure, found.sure)
        if slot.many:
            variants = [{**args, slot.name: list(found.values)} for args in variants]
        else:
            variants = [{**args, slot.name: v} for args in variants for v in found.values]
    if asking and len(variants[0]) < len(row.required):
        if "question" in variants[0] and "conversational" in sketch.available:
            said = sketch.rows["conversational"].inputs[0].name
            sketch.add("conversational", wish.at, 0.6, {said: variants[0]["question"]}, group)
        else:
            sketch.note("A question needs a text or a picture that holds the answer.")
        return
    if variants == [{}] and any(s.row.id == row.id for s in sketch.steps if not s.found):
        return  # the same thing said again ("… into speech. Please generate the file.")
    for args in variants:
        if not _repeats(sketch, wish, row, args):
            sketch.add(row.id, wish.at, sure, dict(args), group)


def _repeats(sketch: Sketch, wish: Wish, row: TaskType, args: Mapping[str, object]) -> bool:
    """Whether this would only do again to a result what made it ("enhance it, reducing noise")."""
    before = {s.id: s for s in sketch.steps if s.row.id == row.id and not s.found}
    inputs = [before.get(n) for n in references(list(args.values()))]
    near = [s for s in inputs if s and wish.at - s.clause <= (2 if len(args) == 1 else 0)]
    return bool(near) and not sketch.clauses[wish.at].then


def _fill(sketch: Sketch, wish: Wish, row: TaskType, slot: Slot, skip: frozenset[int]) -> Input:
    if slot.kind != "text":
        last = sketch.steps[-1] if wish.fed and sketch.steps else None
        if last and reads_as(last.row.output, slot.kind):
            return Input(sketch.results_of(last))
        found = sketch.media(slot.kind, wish.at, wish.window)
        if found.values:
            return found
        task = BRIDGES.get(("text", slot.kind))
        text = (
            sketch.text(wish.at, wish.window, trait("summarization"), skip)
            if task and task != row.id
            else Input()
        )
        return sketch.bridge(task, text, wish.at) if task and text.values else Input()
    part = role(slot)
    if part == "labels":
        return Input(wish.labels.names) if wish.labels else Input()
    if part == "question":
        return bound_question(sketch, wish)
    if part in ("language", "from"):
        return bound_language(wish, part)
    if part == "seed":
        return bound_seed(sketch, wish)
    if part == "instruction":
        return bound_instruction(sketch, wish)
    return bound_text(sketch, wish, row, skip)
