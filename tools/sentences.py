"""Splitting a text into sentences, without a model.

A sentence ends at `.`, `!`, `?` or `…` (and what closes after it) before white space and
something that can begin a sentence, at `。！？`, and at an empty line. Abbreviations, initials and
decimal numbers do not end one. Not covered: sentences that begin with a small letter, and
languages without such marks (Thai).
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_LAST = _words(
    "mr mrs ms mx dr prof rev hon st sr gen col lt sgt capt cmdr gov sen rep pres messrs mme mlle "
    "e.g i.e cf vs viz approx ca fig figs eq eqs vol pp ed eds al z.b d.h bzw"
)
_MAYBE_LAST = _words(
    "a.m p.m etc inc ltd co corp jr bros dept est ave blvd rd jan feb mar apr jun jul aug sep sept "
    "oct nov dec u.s u.k u.n e.u u.s.a d.c b.c a.d ph.d m.d usw"
)
_BEGINNERS = _words(
    "The A An This That These Those He She It They We You I In On At By For From With But And Or "
    "So If When While After Before Although However As To There Then Its His Her Their Our"
)
_NUMBERED = frozenset({"no", "nos", "nr", "p", "art", "sec", "ch"})

_END = re.compile(
    r"""(?P<mark>[.!?…]+)["'”’»)\]]*\s+(?=["'“‘«(\[]*(?P<next>[^\W_a-zß-öø-ÿ]\w*))|[。！？]+[”’」』]*\s*"""
)
_PARAGRAPH = re.compile(r"\n\s*\n")


def _ends(before: str, mark: str, following: str) -> bool:
    """Whether a full stop after the text `before` ends its sentence."""
    if mark != ".":
        return True
    words = before.split()
    last = words[-1].lstrip("\"'“‘«([") if words else ""
    low = last.lower()
    if low in _NEVER_LAST:
        return False
    if low in _NUMBERED:
        return not following[0].isdigit()
    if low in _MAYBE_LAST:
        return following in _BEGINNERS
    if len(last) == 1 and last.isupper() and last != "I":
        return following in _BEGINNERS
    return not re.fullmatch(r"(?:\w\.)+\w", last) or following in _BEGINNERS


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, white space at their ends removed."""
    found = []
    for paragraph in _PARAGRAPH.split(text):
        start = 0
        for end in _END.finditer(paragraph):
            mark = end["mark"]
            if mark and not _ends(paragraph[start : end.start()], mark, end["next"]):
                continue
            found.append(paragraph[start : end.end()])
            start = end.end()
        found.append(paragraph[start:])
    return [sentence for each in found if (sentence := " ".join(each.split()))]
