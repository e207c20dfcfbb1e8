"""The labels that a request gives to choose from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .cues import NOUNS
from .mentions import MARKER, Mentions

_THING = (
    rf"(?:(?:the |this |that |these |each |my )?(?:\w+ )?(?:{NOUNS['text']})s?\b"
    r"(?:\s*«(?:text|question)\d+»)?|it|this|that|these|they|each|«(?:text|question)\d+»)"
)
_TAIL = r"(?P<list>[^.?!:;\n]+)"
_ABOUT = r"(?:mainly |more |mostly |really )?(?:about|on|related to|concern(?:s|ing))"
_LISTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<list>«choices\d+»)",
        r"\b(?:candidate |the |following )?(?:labels?|categories|classes|topics|options)"
        r"\s*(?:are |: ?|\()(?!«)(?P<list>[^.?!:;\n)]+)",
        r"\b(?:classif\w+|categori[sz]\w*|label|sort|tag|assign|put|rate|file)\b[^.?!:;\n]*?"
        r"\b(?:as|into|between|among|under)\s+(?:either |one of |the |these |categories |labels "
        r"|topics |classes )*" + _TAIL,
        r"\b(?:classif\w+|categori[sz]\w*|label|tag)\b(?:(?!\b(?:objects?|things|items|people"
        r"|persons?|faces|names?|entities|words?)\b)[^.?!:;\n])*:\s*"
        r"(?P<list>(?!«|(?:it|this|that|they|there|he|she|i|we|you) )"
        r"[^.?!:;\n]+(?:,| or )[^.?!:;\n]+)",
        rf"\bis the (?:tone|mood|sentiment|topic|subject)(?: of {_THING})? "
        r"(?P<list>[^.?!:;\n«]+? or [^.?!:;\n«]+)",
        r"\b(?:whether|if)\b[^.?!:;\n«]{0,60}?\babout\s+(?P<list>[^.?!:;\n«]+? or [^.?!:;\n«]+)",
        rf"\b(?:is|are|was|whether|if)\s+{_THING}\s+(?:is |are |was )?(?:{_ABOUT} |an? |rather )?"
        r"(?P<list>[^.?!:;\n]+? or [^.?!:;\n]+)",
        rf"\b(?:does|do|whether|if)\s+{_THING}\s+(?:sounds?|seems?|feels?|reads?)\s+"
        r"(?:more |rather )?(?P<list>[^.?!:;\n]+? or [^.?!:;\n]+)",
        r"\b(?:what|which)\b[^.?!:;\n]*?\b(?:is|are|fits?|best|apply)\b[^.?!:;\n,]*[:,]\s*"
        r"(?P<list>(?!«text)[^.?!:;\n]+? or [^.?!:;\n]+)",
    )
)
_ONE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bwhich (?:one )?(?:of (?:«text\d+»|these|those|them|the following|the)"
        rf"(?: \d+| two| three| four)?(?: (?:{NOUNS['text']})s?)?|(?:{NOUNS['text']})s?) "
        rf"(?:is|are|talks?|speaks?|deals? with|mentions?|concerns?)(?: {_ABOUT}| with)? "
        r"(?!(?:the )?(?:closest|most|more|nearest|similar|best|longest|shortest)\b)"
        r"(?P<list>[^.?!:;\n«]+)",
        rf"\b(?:is|are|whether|if|does|do)\s+{_THING}\s+(?:is |are |talks? |speaks? |deals? )?"
        rf"{_ABOUT} "
        r"(?P<list>[^.?!:;\n«]+)",
    )
)
_SPAM = re.compile(
    rf"\b(?:is|whether|if)\s+{_THING}\s+(?:is )?(?:a )?(?P<list>spam)\b", re.IGNORECASE
)
_ARTICLE = re.compile(
    r"^(?:(?:either|about|an?|the|is|it|it's|whether|if|more|rather|in|on|as|of)\s+)+", re.I
)
_CUT = re.compile(
    r"(?:,|\s)+(?:and|then|please|for me|this|these|the following|in the|from the|given)\b.*$", re.I
)
_OR_NOT = re.compile(r",? or not(?=\W*(?:«\w+»\W*)?$)", re.I)
_NO_LABEL = ("image", "audio", "video", "table")
OTHER = "something else"


@dataclass(frozen=True)
class Labels:
    """The labels, where they stand in the clause, and the numbers of the mentions they used."""

    names: tuple[str, ...]
    start: int
    end: int
    used: frozenset[int]


def find_labels(clause: str, mentions: Mentions) -> Labels | None:
    """The labels that a clause names, or None.

    A single label ("about sport", "about sport or not") is set against ``OTHER``.
    """
    clause = _OR_NOT.sub(lambda match: " " * len(match[0]), clause)
    for pattern in _LISTS:
        match = pattern.search(clause)
        if match and len(found := _items(match["list"], mentions)) > 1:
            return _labels(found, match, mentions)
    for pattern in (*_ONE, _SPAM):
        match = pattern.search(clause)
        if match and len(found := _items(match["list"], mentions)) == 1:
            other = "not spam" if found[0].lower() == "spam" else OTHER
            return _labels([*found, other], match, mentions)
    return None


def _labels(names: list[str], match: re.Match[str], mentions: Mentions) -> Labels:
    used = frozenset(mention.number for mention in mentions.within(match["list"]))
    return Labels(tuple(names), match.start(), match.end(), used)


def _items(text: str, mentions: Mentions) -> list[str]:
    marked = MARKER.fullmatch(text.strip())
    if marked and marked[1] == "choices":
        return list(mentions.found[int(marked[2])].values)
    items: list[str] = []
    for part in re.split(r"\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+|\s*/\s*", text):
        inside = mentions.within(part)
        if any(mention.kind in _NO_LABEL for mention in inside):
            return []
        if inside:
            items.extend(value for mention in inside for value in mention.values)
            continue
        name = _ARTICLE.sub("", part.strip(" \"'()"))
        name = _CUT.sub("", name).strip(" \"'()")
        if name and len(name.split()) <= 4:
            items.append(name)
    return list(dict.fromkeys(items))
