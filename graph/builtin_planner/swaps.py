"""A request that only names what it is about this time: "and the squares?", "and coffee?"."""

from __future__ import annotations

import re

from .cues import COLOUR, cues, match_cues
from .talk import talk_kind

_NEW = re.compile(
    r"(?:(?:ok(?:ay)?|so|no|now|please)\W+)*(?:(?:and|or|what about|how about|but)\s+"
    r"|(?=(?:the|an?) .*\?))"
    r"(?:what about |for |as )?"
    r"(?:(?:the|an?|any|some|all) )*(?P<new>[^.?!,;:]+?)(?: (?:then|instead|please))?[\s.?!]*",
    re.I,
)
_SUBJECT = re.compile(
    r"\b(?:(?P<among>how many of (?:them|these|those) (?:are|is))"
    r"|(?:count|find|detect|locate|(?:tell|show|give) me|how many|number of)"
    r"|(?:how much|what|where|who|when|which \w+)(?: (?:is|are|was|were|does|do|did)|'?s)"
    r"|(?:is|are) there)\s+(?:(?:all|of|the|an?|any|some|price of|date of)\s+)*"
    r"(?P<thing>(?!STOP)[\w-]+(?: (?!STOP)[\w-]+){0,2})".replace(
        "STOP",
        r"(?:it|this|that|these|those|them|they|there|here|you|i|we|he|she|in|on|of|at|from|for|with"
        r"|to|and|or|is|are|was|were|do|does|did|can|could|cost|costs|say|says|mean|means|the|an?"
        r"|please|named|called)\b",
    ),
    re.I,
)
"""What a question or a count is about."""
_CHOICE = re.compile(r"\b(?:[\w-]+, )*[\w-]+,? or [\w-]+", re.I)
_COLOUR = re.compile(rf"\b{COLOUR}\b", re.I)
_POINTS = re.compile(
    r"\b(?:it|its|this|that|these|those|them|one|ones|you|me|my|i|again|same|other|why|how|not)\b",
    re.I,
)
_NO_THING = re.compile(
    r"\b(?:no|none|nothing|nobody|never|nope|yes|thanks?|thank|hello|hi|bye|goodbye|tell|let|get|say"
    r"|today|tomorrow|yesterday|later|soon|else|end|bad|good|great|nice|cool|fine|sorry|that's|is|are)\b",
    re.I,
)
_DATA = re.compile(r"[\"“”«»`]|:\s|\n|(?<!\w)'")
"""What stands in quotes or is given as a text is never exchanged."""
_QUOTED = re.compile(r"\"[^\"]*\"|“[^“”]*”|«[^«»]*»|(?<!\w)'[^']*'(?!\w)")
_PLACE = re.compile(r"\b(in|from|at|of|for|by) ([A-Z][\w-]*(?: [A-Z][\w-]*)*)")
"""A name and the word before it: "in Rome" takes the place of "in Oslo"."""
_MOST_WORDS = 3
_MOST_READ = 120


def swapped(last: str, text: str) -> str:
    """The last request with what this one names in place of its own; the text where it has none.

    A colour takes a colour's place, a choice ("art or music") a choice's, and a thing a thing's.
    """
    said = _NEW.fullmatch(text.strip()) if len(text) <= _MOST_READ else None
    new = said["new"].strip() if said else ""
    if not new or (len(new.split()) > _MOST_WORDS and not _CHOICE.fullmatch(new)):
        return text
    if _CHOICE.fullmatch(new) and new == new.lower():
        choice = _CHOICE.search(_QUOTED.sub(lambda data: "·" * len(data[0]), last))
        return f"{last[: choice.start()]}{new}{last[choice.end() :]}" if choice else text
    if match_cues(new, cues()) or talk_kind(new) or _NO_THING.search(new) or _DATA.search(last):
        return text
    if place := _PLACE.fullmatch(new):
        other = next((p for p in _PLACE.finditer(last) if p[1].lower() == place[1].lower()), None)
        return f"{last[: other.start()]}{new}{last[other.end() :]}" if other else text
    if new != new.lower():  # a name takes no common word's place
        return text
    subject = _SUBJECT.search(last)
    if bare := _only_colours(new):
        if _COLOUR.search(last):
            return _COLOUR.sub(bare, last, count=1)
        if subject is None:
            return text
        return _put(last, subject, bare if subject["among"] else f"{bare} {subject['thing']}")
    return text if subject is None or _POINTS.search(new) else _put(last, subject, new)


def _only_colours(new: str) -> str:
    """The colours that a text names, empty where it names more."""
    bare = re.sub(r" ones?$", "", new, flags=re.I)
    left = re.sub(r"\b(?:and|or)\b", "", _COLOUR.sub("", bare), flags=re.I)
    return "" if left.strip() else bare


def _put(last: str, subject: re.Match[str], thing: str) -> str:
    return f"{last[: subject.start('thing')]}{thing}{last[subject.end('thing') :]}"
