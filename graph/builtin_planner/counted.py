"""Counts among what an earlier turn found: "how many of them are red?" after a detection.

The labels that were found answer it, so nothing is run again. Not covered: what no label can say
("how many are close together?"), and pictures that were looked at together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from hugginggraph.tools import listed, plural

from .arguments import Wish
from .cues import COLOURS, words
from .mentions import MARKER
from .rows import TOLD
from .sketch import Sketch, Step

_AMONG = re.compile(
    r"\bhow many (?:of (?:them|these|those|the (?:objects|things|shapes))"
    r"(?: (?:objects|things|shapes))? (?:are|is)|are)\s+(?P<no>not )?(?P<what>[^.?!,;]+)"
    r"|\bhow many (?P<these>[^.?!,;]+?) ones\b",
    re.I,
)
_LEFT_OUT = re.compile(
    r"\b(?:there|here|an?|the|ones?|objects?|things|shapes?|items?|please|then|now|in it"
    r"|in colou?r|colou?red)\b",
    re.I,
)
_COUNTED = re.compile(r"(?<!\d)(\d{1,9}) ((?:[^\W\d]|-)[\w -]*?)(?=,| and \d|$)")
_THINGS = r"(?:[\w-]+ ){0,2}?(?!does\b|this\b|was\b|has\b|its\b)[\w-]{2,}s\b"
_SOME = re.compile(
    r"\b(?:how many|count(?:ing)?|number of)(?: all)?(?: of)?(?: the| these| those)?"
    rf" ({_THINGS}(?:(?:,| and| or|, and)(?: the)? {_THINGS})*)",
    re.I,
)
"""The things that are to be counted."""
_ANY = frozenset(
    words(
        "there in are is its their all visible object objects item items thing things shape shapes "
        "element elements"
    )
)
_ALL_LISTED = "Every object found is listed, not only what was asked for: {}."
_MOST_READ = 2000
_PLACED = re.compile(
    r"\b(?:of|in|on|at|to|by|than|with|near|next|left|right|like|as|more|less)\b", re.I
)
"""Words after which no label is named: where a thing is, or what it is set against."""


def count_among(sketch: Sketch, wish: Wish) -> bool:
    """Tell how many of what was found last are labelled as asked; whether that is what is asked."""
    asked = _AMONG.search(MARKER.sub(" ", wish.window))
    last = next((step for step in reversed(sketch.steps) if step.row is not TOLD), None)
    if not asked or last is None or last.clause >= 0 or last.row.output != "boxes":
        return False
    what = _LEFT_OUT.sub(" ", asked["what"] or asked["these"]).lower()
    kinds = [" ".join(kind.split()) for kind in re.split(r"\s(?:and|or)\s", what)]
    found = Counter[str]()
    for step in [step for step in sketch.steps if step.group == last.group]:
        for count, label in _COUNTED.findall(step.found[:_MOST_READ].partition(": ")[2]):
            found[label.lower()] += int(count)
    if not found or _PLACED.search(what) or not all(map(partial(_answerable, found), kinds)):
        return False
    said = _told(found, kinds, inverted=bool(asked["no"]))
    sketch.told.append(said)
    sketch.groups += 1
    sketch.steps.append(
        Step(len(sketch.steps), TOLD, wish.at, 0.9, group=sketch.groups, found=said)
    )
    return True


def note_all_are_listed(sketch: Sketch, wish: Wish) -> None:
    """Note that a detector counts everything, where only some of it is asked for."""
    window = MARKER.sub(" ", wish.window)
    asked, among = _SOME.search(window), _AMONG.search(window)
    some = asked[1] if asked else among["what"] if among else ""
    if some and any(word not in _ANY for word in _words(some)):
        sketch.note(_ALL_LISTED.format(some))


def to_count(note: str, labels: Collection[str]) -> Counted | None:
    """What a note of ``note_all_are_listed`` means, where ``labels`` tell of each kind of it.

    None for any other note.
    """
    head, tail = _ALL_LISTED.split("{}")
    if not (note.startswith(head) and note.endswith(tail)):
        return None
    asked = note[len(head) : -len(tail)].lower()
    kinds = re.split(r",? and (?:the )?|,? or (?:the )?|, (?:the )?", asked)
    counted = Counted(asked, tuple(map(_kind, kinds)))
    lower = {label.lower() for label in labels}
    known = all(any(_is_of(kind, label) for label in lower) for kind in counted.kinds)
    return counted if known else None


@dataclass(frozen=True)
class Counted:
    """Things that are to be counted: as they were ``asked`` for, and of which kinds they are."""

    asked: str
    kinds: tuple[str, ...]

    def among(self, found: Mapping[str, int]) -> dict[str, int]:
        """Those of them that were found, by label."""
        return _chosen({label.lower(): count for label, count in found.items()}, self.kinds)

    def told(self, found: Mapping[str, int]) -> str:
        """How many of what was found they are, such as "Circles: 2 (2 red circles)"."""
        chosen = self.among(found)
        each = listed([f"{count} {plural(label, count)}" for label, count in chosen.items()])
        many = f"{sum(chosen.values())} ({each})" if chosen else "none"
        return f"{self.asked.capitalize()}: {many}"


def _kind(asked: str) -> str:
    """What a label has to be: "red objects" are what is red."""
    return " ".join(word for word in asked.split() if word not in _ANY)


def _answerable(found: Iterable[str], kind: str) -> bool:
    """Whether labels tell of a kind: it is a colour, or some are of it."""
    return kind in COLOURS or any(_is_of(kind, label) for label in found)


def _is_of(kind: str, label: str) -> bool:
    """Whether a label is of a kind: "red", "heart" and "red hearts" are what "red heart" is."""
    *before, head = label.split()
    if all(word in COLOURS for word in before) and (kind in before or _same(kind, head)):
        return True
    return _same(kind, label) or (head.isdigit() and _same(kind, " ".join(before)))


def _same(one: str, other: str) -> bool:
    return one == other or plural(one) == other or one == plural(other)


def _chosen(
    found: Mapping[str, int], kinds: Iterable[str], *, inverted: bool = False
) -> dict[str, int]:
    return {
        label: count
        for label, count in found.items()
        if any(_is_of(kind, label) for kind in kinds) != inverted
    }


def _told(found: Mapping[str, int], kinds: list[str], *, inverted: bool) -> str:
    chosen = _chosen(found, kinds, inverted=inverted)
    colours = all(kind in COLOURS for kind in kinds)
    if colours and not any(label.split()[0] in COLOURS and " " in label for label in found):
        return "What was found before is labelled without colours, so that cannot be told."
    many, every = sum(chosen.values()), sum(found.values())
    head = f"Of the {every} {plural('object', every)} found before, "
    kind = " or ".join(kinds)
    if not chosen:
        return f"{head}none is labelled {'otherwise' if inverted else f'“{kind}”'}."
    called = f"{'not ' if inverted else ''}{kind if colours else f'labelled “{kind}”'}"
    each = listed([f"{count} {label}" for label, count in chosen.items()])
    return f"{head}{many} {'is' if many == 1 else 'are'} {called}: {each}."


def _words(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text.lower())
