"""The text of a task that makes something new: what the words say of it, and what they speak of."""

from __future__ import annotations

import re

from hugginggraph.registry import TaskType

from ..references import REFERENCE, whole_reference
from .arguments import Wish, joined, remainder
from .cues import POLITE
from .inputs import (
    MOST_READ,
    Input,
    find_texts,
    given,
    points_back,
    several,
    turned_to_text,
    words_of,
)
from .mentions import Mention
from .others import LIST
from .rows import trait
from .sketch import Sketch

_FRAGMENT = re.compile(r"\b(?:complete|continue|finish|extend|prompt)\b", re.I)
_DRAW = re.compile(r"^.*?\b(?:draw|paint|film|animate)\b\s*(?:me\s+)?", re.I)
_OF = re.compile(
    r"^.*?\b(?:image|picture|photo|illustration|drawing|painting|video|clip|animation|artwork"
    r"|logo|poster)s?\b"
    r"\s*(?:me\s+)?(?:example\s+)?(?:of|showing|that (?:shows|represents|depicts)|about|with|from"
    r"|based on|for|:)?\s*",
    re.I,
)
_NUMBER = re.compile(r"(?:one|two|three|four|five|six|several|many|\d+)\b", re.I)
_WHICH = re.compile(r"(?<=\w) that(?= \w)")
"""What a noun does: "a circle that moves"."""
_HAPPENS = re.compile(r"\b(?:so that|such that|in which|where|showing)\s+(.{3,})", re.I | re.S)
_SHOWN = re.compile(
    r"\b(?:(?:image|picture|photo|illustration|drawing|painting)s? (?:of|showing)|draw|paint)\s+"
    r"((?:an?|the|some|one|two|three)\s[^«]+?)"
    r"\s*\b(?:from|based on|guided by|along|using|with|out of)\s*(?=«)",
    re.I,
)


def bound_prompt(sketch: Sketch, wish: Wish, row: TaskType, skip: frozenset[int]) -> Input:
    """The text of a task that makes something new: the request's words and what they speak of."""
    if row.inputs[0].kind == "image" and (shown := _SHOWN.search(wish.window)):
        return Input((shown[1],), 0.9)
    if row.inputs[0].kind == "image" and row.output == "video":
        return _told_to_move(sketch, wish, skip)
    named = sketch.mentions.within(wish.window)
    made = [m for m in named if m.file and m.kind == row.output]
    skip |= {m.number for m in made if m.values[0] not in sketch.resources}
    said = sketch.mentions.restore(POLITE.sub("", wish.window)).strip(" .,;:")
    kinds = ("text", "question", "labels", "boxes")
    here = [m for m in named if m.kind in kinds and m.number not in skip]
    if here and whole_reference(here[-1].values[0]) is None:
        sketch.used.update(m.number for m in here)
        return _with_text(sketch, wish, row, said, here)
    own = trait(row.id)
    source = find_texts(sketch, wish.at, wish.window, own, skip)
    mends = own.told and not own.gathers  # a text that is there
    if mends and not source.values:
        source = given(sketch, "text", wish.window) or source
    words = remainder(_DRAW.sub("", _OF.sub("", wish.window)))
    refers = bool(here) or points_back(_WHICH.sub("", wish.window))
    anew = not (refers or mends) and _names_its_own(sketch, wish, words)
    if anew or not source.values:
        refers = not source.values and (refers or sketch.clauses[wish.at].then)
        if refers or any(m.kind in ("image", "audio") for m in named):
            source = turned_to_text(sketch, wish.at, wish.window)
        elif words.split():
            return Input((said if row.output == "text" else words,), 0.9)
    if source.values:
        return _with_source(sketch, row, said, joined(source))
    return Input((said,), 0.6) if words else Input()


def _with_text(sketch: Sketch, wish: Wish, row: TaskType, said: str, here: list[Mention]) -> Input:
    """A text that the clause names, with what is said of it where a model is told what to do."""
    named = here[-1]
    if row.output != "text":
        apart, things = several(row.output, wish.window), LIST.search(wish.window)
        inside = sketch.mentions.within(things[0]) if things else []
        if len(values := [v for m in inside if m in here for v in m.values]) > 1:
            return Input(tuple(values) if apart else (" and ".join(values),))
        return Input(named.values if apart or len(named.values) < 2 else (named.raw,))
    whole = trait(row.id).told and not _FRAGMENT.search(wish.window)
    if named.file and (content := _content(sketch, named.values[0])):
        return Input((f"{said}\n\n{content}" if whole else content,))
    return Input((said if whole else named.values[0],))


def _with_source(sketch: Sketch, row: TaskType, said: str, source: Input) -> Input:
    """A text found elsewhere, with what is said of it where a model is told what to do."""
    if row.output != "text":
        return source
    value = source.values[0]
    content = _content(sketch, value)
    if value in sketch.resources and not content:
        return Input()
    if trait(row.id).told:
        return Input((f"{said}\n\n{content or value}",), source.sure)
    return Input((content,), source.sure) if content else source


def _content(sketch: Sketch, value: str) -> str:
    """The words of a text file that stand in a prompt, as a prompt takes no file."""
    if value not in sketch.resources:
        return ""
    words = words_of(sketch, value)
    if len(words) >= MOST_READ:
        name = sketch.resources[value]["name"]
        sketch.note(f"Of {name} only the first {MOST_READ:,} characters were taken.")
    return REFERENCE.sub("", words).strip()


def _names_its_own(sketch: Sketch, wish: Wish, words: str) -> bool:
    """Whether words say what is to be made, and not how a result of before is to be shown.

    After other steps of the request only a thing that was not spoken of does: "a red circle".
    """
    if words and re.search(rf"\b(?:an?|some)\s+{re.escape(words)}", wish.window, re.I):
        return True
    first = not sketch.clauses[wish.at].then and all(step.clause < 0 for step in sketch.steps)
    return bool(_NUMBER.match(words)) or (first and len(words.split()) >= 2)


def _told_to_move(sketch: Sketch, wish: Wish, skip: frozenset[int]) -> Input:
    """What is to happen with a picture, where the words say more than that it is to move."""
    texts = [m for m in sketch.mentions.within(wish.window) if m.kind == "text"]
    if told := [m for m in texts if m.number not in skip]:
        sketch.used.update(m.number for m in told)
        return Input(told[-1].values[:1])
    said = _HAPPENS.search(sketch.mentions.restore(wish.window))
    return Input((said[1].strip(" .!?"),)) if said else Input()
