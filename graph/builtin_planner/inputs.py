"""What a step works on.

``find_media`` and ``find_texts`` answer it: something its clause names, a result that came before,
something named elsewhere, a given file, or (``turned_to_text``, ``bridge``) one kind of thing
turned into another.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hugginggraph.registry import KINDS, Kind, TaskType, reads_as

from ..references import reference, references, whole_reference
from .cues import NOUNS
from .mentions import MARKER, Mention
from .others import LIST
from .results import ORIGINAL
from .rows import BRIDGES, GIVEN, TOLD, Trait
from .sketch import Sketch, Step

_POINTS = re.compile(
    r"\b(?:it|its|this|that|them|those|these|they|the same|the results?|the outputs?)\b", re.I
)
_SEVERAL = re.compile(
    r"\b(?:them|each|both|everything(?! (?:in|on|from|that|you|about)\b))\b"
    r"|\b(?:(?:the|these|those|all|my) files)\b"
    r"|\b(?:these|those|all)\b(?=\W*(?:$|«|\b(?:and|in|into|to|as|for|with|please|aloud)\b))",
    re.I,
)
_THEM = re.compile(r"\b(?:them|both|these|those)\b", re.I)
_SHORTER = re.compile(r"\b(?:shorter|briefer|more briefly)\b|\bin (?:one|a) sentence\b", re.I)
_COMPARED = (
    r"\bwhich (?:one|of|has|have|shows?|(?:{})s?)\b.*?"
    r"\b(?:has|have|contains?|shows?|more|most|less|least|\w+er|\w+est)\b"
    r"|\bhow many\b.*\b(?:in total|altogether)\b"
)
_POINTED = re.compile(
    r"\b(?:this|that|new|resulting|drawn|made|generated|latest|last|first|second|third|other)\s+"
    rf"(?:\w+ )?(?:{NOUNS['image']}|one)s?\b|\byou (?:made|drew|painted|generated)\b"
    r"|\b(?:map|result|output|depth|edges?|outlines?|contours?|scribbles?)\b",
    re.I,
)
"""Words that mean a picture that only shows something about another one, where one was made."""

MOST_READ = 4000
"""How many characters of a file are looked at to tell its language, or put into a prompt."""


@dataclass(frozen=True)
class Input:
    """What a step works on: one value per task to make, and how sure that is."""

    values: tuple[str, ...] = ()
    sure: float = 1.0


def find_media(sketch: Sketch, kind: Kind, at: int, window: str) -> Input:
    """The pictures, sounds, videos or tables that a step of clause ``at`` works on."""
    here = [m for m in sketch.mentions.within(window) if _reads(sketch, m, kind)]
    if here:
        sketch.used.update(m.number for m in here)
        return Input(tuple(dict.fromkeys(v for m in here for v in m.values)))
    earlier = [m for m in sketch.named(range(at + 1)) if _reads(sketch, m, kind)]
    made = _made(sketch, kind, at)
    if made and not (earlier and ORIGINAL.search(window)):
        return Input(sketch.results_of(made), 0.95)
    later = [m for m in sketch.named(range(at + 1, len(sketch.clauses))) if _reads(sketch, m, kind)]
    chosen = earlier if several(kind, window) else earlier[-1:] or later[:1]
    if chosen:
        sketch.used.update(m.number for m in chosen)
        return Input(tuple(dict.fromkeys(v for m in chosen for v in m.values)), 0.97)
    return given(sketch, kind, window) or _any_result(sketch, kind, at) or Input()


def present(sketch: Sketch, kind: str, at: int) -> bool:
    """Whether something of a kind is named, given, or made by clause ``at``."""
    everything = sketch.named()
    return (
        any(m.kind == kind for m in everything)
        or any(r["kind"] == kind and "drawn" not in r for r in sketch.resources.values())
        or any(step.row.output == kind and step.clause <= at for step in sketch.steps)
    )


def media_named(sketch: Sketch, kind: Kind, window: str) -> tuple[str, ...]:
    """The values of one kind that a piece of the request names."""
    return tuple(v for m in sketch.mentions.within(window) if m.kind == kind for v in m.values)


def _made(sketch: Sketch, kind: Kind, at: int) -> Step | None:
    """The latest earlier result that stands for the thing itself from then on."""
    for step in reversed(sketch.steps):
        if step.row.output != kind:
            continue
        own = sketch.clauses[at]
        product = step.clause < at and points_back(own.text) and own.then
        if step.trait.renews or product:
            newer = [m for m in sketch.named(range(step.clause + 1, at + 1)) if m.kind == kind]
            return None if newer else step
    return None


def several(kind: Kind, window: str) -> bool:
    """Whether words speak of several things of a kind: its plural, "them", "which has more"."""
    return bool(
        re.search(rf"\b(?:{NOUNS.get(kind, kind)})s\b", window, re.I)
        or _SEVERAL.search(window)
        or re.search(_COMPARED.format(NOUNS.get(kind, kind)), window, re.I)
    )


def points_back(text: str) -> bool:
    """Whether the words point back at something: it, this, the result."""
    return bool(_POINTS.search(MARKER.sub("", text)))


def given(sketch: Sketch, kind: Kind, window: str) -> Input | None:
    """Given files that the request does not name: all for a plural, else the latest."""
    ids = [rid for rid, resource in sketch.resources.items() if resource["kind"] == kind]
    ids = [rid for rid in ids if "drawn" not in sketch.resources[rid]] or ids
    if not _POINTED.search(window):
        ids = [rid for rid in ids if rid not in sketch.views] or ids
    mine = [rid for rid in ids if "task" not in sketch.resources[rid]] or ids
    if not ids:
        return None
    if len(mine) > 1 and several(kind, window):
        return Input(tuple(mine), 0.9)
    if len(ids) > 1:
        name = sketch.resources[ids[-1]]["name"]
        sketch.note(f"Of {len(ids)} files that fit, the latest was taken: {name}.")
    return Input((ids[-1],), 0.95 if len(ids) == 1 else 0.75)


def _any_result(sketch: Sketch, kind: Kind, at: int) -> Input | None:
    for step in reversed(sketch.steps):
        if reads_as(step.row.output, kind) and step.clause <= at:
            return Input(sketch.results_of(step), 0.85)
    return None


def find_texts(
    sketch: Sketch, at: int, window: str, trait: Trait, skip: frozenset[int], *, asked: bool = False
) -> Input:
    """The texts that a step of clause ``at`` works on; none where the words must do."""
    here = [m for m in sketch.mentions.within(window) if m.number not in skip]
    for kinds in (("text",), ("labels", "boxes", "masks", "vector"), ("question",)):
        found = [
            m
            for m in here
            if m.kind in kinds and not (m.kind == "question" and (asked or m.number in sketch.used))
        ]
        if found and not _overtaken(sketch, at, window, trait):
            sketch.used.update(m.number for m in found)
            texts = {m.number: m.values for m in found}
            if not asked and "respectively" not in window:
                texts |= _listed_media(sketch, window, texts, at)
            own = (texts.get(m.number, ()) for m in here)
            return Input(tuple(dict.fromkeys(value for values in own for value in values)))
    if not asked and re.search(r"\b(?:this|the|that|my) question\b", window, re.I):
        named = [m for m in sketch.named(range(at + 1)) if m.kind == "question"]
        if named:
            return Input(named[-1].values[:1], 0.95)
    if bridged := _bridged(sketch, here, at):
        return bridged
    if asked and (source := _told_from(sketch, window)):
        return source
    return _text_elsewhere(sketch, at, window, trait, skip, asked=asked)


def _listed_media(
    sketch: Sketch, window: str, texts: Collection[int], at: int
) -> dict[int, tuple[str, ...]]:
    """What sounds, videos and pictures in one list with texts say: "summarize a.txt and b.wav"."""
    lists = [sketch.mentions.within(each[0]) for each in LIST.finditer(window)]
    media = [m for some in lists if {m.number for m in some} & {*texts} for m in some if m.file]
    made = {m: task for m in media if m.kind in KINDS and (task := BRIDGES.get((m.kind, "text")))}
    sketch.used.update(m.number for m in made)
    return {m.number: bridge(sketch, task, Input(m.values), at).values for m, task in made.items()}


def words_of(sketch: Sketch, value: str, most: int | None = MOST_READ) -> str:
    """The words of a text that a step works on, of a file its first; empty where yet to come."""
    source = whole_reference(value)
    if source is not None:
        return sketch.steps[source].found
    file = sketch.resources.get(value)
    if file is None:
        return value
    try:
        with Path(file["path"]).open(encoding="utf-8", errors="replace") as opened:
            return opened.read(most) if file["kind"] == "text" else ""
    except OSError:
        return ""


def _overtaken(sketch: Sketch, at: int, window: str, trait: Trait) -> bool:
    """Whether "…, then do this with it: TEXT" means the result of what comes first."""
    follows = sketch.clauses[at].then and points_back(window)
    trails = re.search(r":\s*«text\d+»\W*$", window)
    earlier = any(s.row.output == "text" and s.clause < at for s in sketch.steps)
    return bool(trails and earlier and (follows or trait.chains))


def _told_from(sketch: Sketch, window: str) -> Input | None:
    """The text that an earlier turn summarized or translated: it answers more than that does."""
    texts = [s for s in sketch.steps if s.row.output == "text"]
    if not texts or texts[-1].clause >= 0 or not texts[-1].trait.chains:
        return None
    files = [r["kind"] for r in sketch.resources.values() if "task" not in r]
    own = [s for s in texts if s.row is GIVEN]
    if own:
        return Input(sketch.results_of(own[-1]), 0.9)
    return given(sketch, "text", window) if files[-1:] == ["text"] else None


def _text_elsewhere(
    sketch: Sketch, at: int, window: str, trait: Trait, skip: frozenset[int], *, asked: bool
) -> Input:
    read = [s for s in reversed(sketch.steps) if reads_as(s.row.output, "text")]
    if asked:  # what was said to a question that was chatted is no text to look for an answer in
        read = [s for s in read if s.clause < 0 or not _chatted(s)]
    texts = [s for s in read if s.row.output == "text"]
    if texts and texts[0].clause < 0:  # what this request finds goes before older texts
        texts = [s for s in read if s.clause >= 0] or _of_before(read, texts, trait)
    again = bool(_SHORTER.search(window))  # than what was summarized
    own = [s for s in texts if s.trait is trait and (s.found or not trait.chains) and not again]
    result = next((s for s in texts if s not in own), None)
    named = [m for m in sketch.named() if m.kind == "text" and m.number not in skip]
    before = [m for m in named if m in sketch.named(range(at + 1))]
    points = points_back(window) or sketch.clauses[at].then
    spoken = re.search(
        rf"\b(?:the|this|that|my)\s+(?:original )?(?:{NOUNS['text']})\b", window, re.I
    )
    first = not named and re.search(r"\b(?:the|its) original\b", window, re.I)
    seen = bool(result and spoken and not named and sketch.only_shows(result))
    if (first or seen) and (file := given(sketch, "text", window)):
        return file
    original = bool(spoken and named) and not trait.prompted and not sketch.clauses[at].then
    if result and (trait.chains or points or not named) and not original:
        several_made = _waiting(sketch, at) if _THEM.search(window) else ()
        return Input(tuple(dict.fromkeys((*several_made, *sketch.results_of(result)))), 0.9)
    if not before and several("text", window) and all(m.file for m in named):
        named = []  # "summarize the texts, then translate the last": all that were given
    if chosen := ([m for m in before if not m.file or m.values] or named):
        chosen = chosen if several("text", window) else chosen[-1:] if before else chosen[:1]
        sketch.used.update(m.number for m in chosen)
        return Input(tuple(dict.fromkeys(v for m in chosen for v in m.values)), 0.95)
    if not trait.prompted or points:
        file = given(sketch, "text", window) or given(sketch, "table", window)
        last = next((s for s in read if not s.found or s.trait is not trait or points), None)
        told = last and (_only_answers(last, trait) or _classes_of_it(last, window))
        if last and (trait.chains or points) and not (file and told):
            return Input(sketch.results_of(last), 0.9)
        if file:
            return file
    return Input()


def _waiting(sketch: Sketch, at: int) -> tuple[str, ...]:
    """The texts that the sentence of a clause made and that no step works on yet."""
    first = max((n for n in range(at + 1) if sketch.clauses[n].opens), default=0)
    taken = {n for step in sketch.steps for n in references(list(step.args.values()))}
    made = [s for s in sketch.steps if first <= s.clause < at and s.row.output == "text"]
    return tuple(reference(step.id) for step in made if step.id not in taken)


def _chatted(step: Step) -> bool:
    return step.row.id == "conversational" and str(step.args.get("text")).endswith("?")


def _only_answers(step: Step, trait: Trait) -> bool:
    """Whether a step found no text to be looked into, but answered a question about one."""
    past = step.clause < 0 or step.trait is trait
    return past and not trait.brief and (step.row.output != "text" or answers(step.row))


def _classes_of_it(step: Step, window: str) -> bool:
    """Whether a step classified a text, and words such as "translate it" mean the text itself."""
    of_text = step.row.output == "labels" and step.row.inputs[0].kind == "text"
    return of_text and bool(re.search(r"\b(?:it|this)\b", MARKER.sub("", window), re.I))


def answers(row: TaskType) -> bool:
    """Whether a task answers a question, so that its result is no text to be looked into."""
    return row is TOLD or any(slot.name == "question" for slot in row.inputs)


def _of_before(read: list[Step], texts: list[Step], trait: Trait) -> list[Step]:
    """Of what earlier turns found, the texts that are meant, the latest first.

    What is said or translated may be any answer; what is looked into is no answer to a question.
    """
    if trait.brief and (trait.tells or read[0].row.output == "boxes"):
        return read
    return [s for s in texts if trait.brief or not answers(s.row)]


def turned_to_text(sketch: Sketch, at: int, window: str = "") -> Input:
    """A picture, sound or video named anywhere, or given, as a text; what is spoken of."""
    everywhere = sketch.named(range(at + 1)) or sketch.named()
    words = MARKER.sub("", window)
    meant = [m for m in everywhere if re.search(rf"\b(?:{NOUNS.get(m.kind, 'x x')})s?\b", words)]
    if bridged := _bridged(sketch, (meant or everywhere)[-1:], at):
        return Input(bridged.values, 0.8)
    for kind in ("image", "audio", "video"):
        if (file := given(sketch, kind, "")) and (task := BRIDGES.get((kind, "text"))):
            return bridge(sketch, task, file, at)
    return Input()


def _bridged(sketch: Sketch, here: list[Mention], at: int) -> Input | None:
    for mention in here:
        task = BRIDGES.get((mention.kind, "text")) if mention.kind in KINDS else None
        if task:
            sketch.used.add(mention.number)
            seen = [
                step
                for step in sketch.steps
                if step.clause == at
                and step.row.output in ("boxes", "labels")
                and set(step.args.values()) & set(mention.values)
            ]
            if seen:
                return Input(sketch.results_of(seen[-1]), 0.85)
            return bridge(sketch, task, Input(mention.values), at, 0.9)
    return None


def bridge(sketch: Sketch, task: str, source: Input, at: int, sure: float = 0.8) -> Input:
    """The results of a task put in so that a step gets the kind it needs."""
    slot = sketch.rows[task].inputs[0].name
    sketch.groups += 1
    made = [sketch.add(task, at, sure, {slot: value}, sketch.groups) for value in source.values]
    return Input(tuple(reference(step.id) for step in made), min(sure, source.sure))


def _reads(sketch: Sketch, mention: Mention, kind: Kind) -> bool:
    """Whether a mention can be read as a kind."""
    if mention.kind == "question":
        return kind == "text"
    if mention.kind in KINDS:
        if mention.number not in sketch.refers and mention.kind == "table":
            return kind == "table"
        return reads_as(mention.kind, kind) and (kind != "image" or mention.kind == "image")
    return False
