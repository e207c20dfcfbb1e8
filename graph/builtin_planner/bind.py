"""From a wish (a cue found in a clause) to steps with their arguments bound by kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from hugginggraph.registry import Slot, TaskType, reads_as

from ..references import reference, references, whole_reference
from .arguments import (
    Wish,
    bound_instruction,
    bound_language,
    bound_seed,
    bound_text,
    role,
    written_in,
)
from .comparing import compared
from .counted import count_among, note_all_are_listed
from .cues import SCANS, cues, match_cues, names_kind
from .inputs import Input, bridge, find_media, find_texts, present
from .mentions import MARKER
from .others import LIST
from .prompted import bound_prompt
from .questions import bound_question
from .results import guided
from .rows import BRIDGES, FAMILIES, GIVEN, trait
from .sketch import Sketch
from .unmodelled import UNMODELLED, leave_be, warn_of_repainting

_SCAN = re.compile(rf"\b(?:(?:{SCANS})s?|scanned|tables?|tabular)\b", re.I)
_VOICES = re.compile(r"\b(?:speakers?|voices?|callers?|singers?)\b", re.I)


def grant(sketch: Sketch, wish: Wish) -> None:
    """Add the steps that a wish comes to, or say why there are none.

    What is asked of things of several kinds ("describe a.png and b.txt") is a wish for each kind.
    """
    for each in _for_each_kind(wish):
        _grant(sketch, each)


def _for_each_kind(wish: Wish) -> list[Wish]:
    family = FAMILIES.get(wish.task, {}) if wish.task != "question" else {}
    things = LIST.search(wish.window)
    kinds = dict.fromkeys(kind for kind, _ in MARKER.findall(things[0])) if things else {}
    if not things or len(kinds) < 2 or not family.keys() >= kinds.keys():
        return [wish]
    head, tail = wish.window[: things.start()], wish.window[things.end() :]
    own = {kind: re.findall(rf"«{kind}\d+»", things[0]) for kind in kinds}
    return [replace(wish, window=f"{head}{' and '.join(own[kind])}{tail}") for kind in kinds]


def _grant(sketch: Sketch, wish: Wish) -> None:
    if without_model := UNMODELLED.get(wish.task):
        without_model(sketch, wish)
        return
    if wish.task == "count" and count_among(sketch, wish):
        return
    task = settle(sketch, wish)
    if task not in sketch.available and _instead(sketch, wish, task):
        return
    if wish.task == "count" and task == "object-detection":
        note_all_are_listed(sketch, wish)
    if task in sketch.rows:
        sketch.groups += 1
        _bind(sketch, wish, sketch.rows[task], sketch.groups)


def settle(sketch: Sketch, wish: Wish) -> str:
    """The task type that a family means here; any other task as it is."""
    family = FAMILIES.get(wish.task)
    if family is None:
        return guided(sketch, wish.window) if wish.task == "text-to-image" else wish.task
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
        kind = "text" if mention.kind in ("labels", "boxes") else mention.kind
        if kind in can and mention.number not in skip:
            return kind
    here = [kind for kind in can if present(sketch, kind, wish.at)]
    words = MARKER.sub("", wish.window)
    if wish.task == "question":
        spoken = names_kind("audio", words) and present(sketch, "audio", wish.at)
        if spoken and "text" in can:
            return "text"
        asked = bound_question(sketch, wish, use=False).values
        words = " ".join((words, *asked, *_asked_where(sketch, asked)))
        texts = any(m.kind == "text" for m in sketch.named())
        if "image" in here and _SCAN.search(words) and not texts:
            return "image"
    for kind in can:
        if kind in here and names_kind(kind, words):
            return kind
    if wish.task == "emotion" and "audio" in here and _VOICES.search(words):
        return "audio"
    if wish.task in ("count", "describe", "people", "enhance") and can[0] in here:
        return can[0]
    if wish.task == "film" and "image" in here and _films_a_picture(sketch, wish.at):
        return "image"
    recent = _recent(sketch, wish.at, can)
    if recent:
        return recent
    spoken_of = (kind for kind in can if names_kind(kind, words))
    return here[0] if here else next(spoken_of, "text" if "text" in can else can[0])


def _asked_where(sketch: Sketch, questions: tuple[str, ...]) -> list[str]:
    """The words around a quoted question, which say what it is about: "on the picture: '…'"."""
    return [
        MARKER.sub("", clause.text)
        for clause in sketch.clauses
        for mention in sketch.mentions.within(clause.text)
        if mention.kind == "question" and mention.values[0] in questions
    ]


def _films_a_picture(sketch: Sketch, at: int) -> bool:
    """Whether "turn it into a video" means a picture: one spoken of, or given where nothing is.

    A caption of the picture does not take its place; a text written anew does.
    """
    kinds = [mention.kind for mention in sketch.named(range(at + 1))]
    own = [step for step in sketch.steps if step.clause >= 0]
    kinds += [step.row.output for step in own]
    written = bool(own) and own[-1].row.output == "text" and own[-1].trait.prompted
    return not written and ("image" in kinds or "text" not in kinds)


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
    past = [step for step in sketch.steps if step.clause < 0]
    given_last = any(step.row is GIVEN for step in past)  # after every file
    if "text" in can and given_last and past[-1].row.inputs[0].kind == "text":
        return "text"
    shown = [r["kind"] for r in sketch.resources.values() if r["kind"] in can and "drawn" in r]
    given = [r["kind"] for r in sketch.resources.values() if r["kind"] in can and "drawn" not in r]
    given = given or shown
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
    pictures = find_media(sketch, "image", wish.at, wish.window).values
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
    origin = next((slot.name for slot in row.inputs if role(slot) == "from"), "")
    for args in variants:
        if origin and origin not in args and str(args.get("text")) not in sketch.resources:
            target = str(args.get("target_language", ""))
            text = str(args.get("text", ""))
            found_in = _seen_in(sketch, text) or written_in(text, target, sketch.language)
            args |= {origin: found_in} if found_in not in ("", target) else {}
        if not _repeats(sketch, wish, row, args):
            step = sketch.add(row.id, wish.at, sure, dict(args), group)
            leave_be(sketch, step)
    if trait(row.id).repaints:
        warn_of_repainting(sketch, wish)


def _seen_in(sketch: Sketch, text: str) -> str:
    """English for what is yet to be seen in a picture, where the request is in another language."""
    source = whole_reference(text)
    step = sketch.steps[source] if source is not None else None
    return "English" if step and sketch.language and step.row.inputs[0].kind == "image" else ""


def _repeats(sketch: Sketch, wish: Wish, row: TaskType, args: Mapping[str, object]) -> bool:
    """Whether this would only do again to a result what made it ("enhance it, reducing noise")."""
    before = {s.id: s for s in sketch.steps if s.row.id == row.id and not s.found}
    inputs = [before.get(n) for n in references(list(args.values()))]
    told = {name: value for name, value in args.items() if not references([value])}
    if told and any(s and told.items() <= s.args.items() for s in inputs):
        return True  # "to French, then read it in French": the voice's language
    near = [s for s in inputs if s and wish.at - s.clause <= (2 if len(args) == 1 else 0)]
    return bool(near) and not sketch.clauses[wish.at].then


def _fill(sketch: Sketch, wish: Wish, row: TaskType, slot: Slot, skip: frozenset[int]) -> Input:
    if slot.kind != "text":
        last = sketch.steps[-1] if wish.fed and sketch.steps else None
        if last and reads_as(last.row.output, slot.kind):
            return Input(sketch.results_of(last))
        found = find_media(sketch, slot.kind, wish.at, wish.window)
        if found.values:
            return found
        task = BRIDGES.get(("text", slot.kind))
        if task == BRIDGES["text", "image"] and row.output != "image":
            return Input()  # a text is not drawn only to be looked at
        text = (
            find_texts(sketch, wish.at, wish.window, trait("summarization"), skip)
            if task and task != row.id
            else Input()
        )
        return bridge(sketch, task, text, wish.at) if task and text.values else Input()
    part = role(slot)
    if part == "labels":
        return Input(wish.labels.names) if wish.labels else Input()
    if part == "question":
        return bound_question(sketch, wish)
    if part in ("language", "from"):
        return bound_language(wish, part)
    if part == "seed":
        return bound_seed(wish)
    if part == "instruction":
        return bound_instruction(sketch, wish)
    bound = bound_prompt if trait(row.id).prompted else bound_text
    return bound(sketch, wish, row, skip)
