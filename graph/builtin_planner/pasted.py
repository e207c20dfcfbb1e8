"""Texts pasted on lines of their own, and the items of a list in plain writing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .cues import NOUNS, OPENS_REQUEST, POLITE, cues, match_cues
from .files import has_path
from .mentions import Mentions

FIELD = re.compile(
    r"(?:^|(?<=\n)|(?<=[.?!,;»]\s))[^\S\n]*(?:the |my )?"
    r"(question|context|text|passage|document|article|"
    r"paragraph|labels?|candidate labels|categories|classes|options|prompt|"
    r"(?:source |first |second )?sentence(?: \d)?|text \d)\s*:",
    re.I,
)
"""A name such as "Context:" before a text."""
NOT_DATA = re.compile(r"\b(?:tasks?|steps|things|jobs|questions|do the following)\W*$", re.I)
"""Words before a colon after which jobs stand, and no text."""
_BELOW = re.compile(
    r"\b(?:(?:this|the following|following|the next) (?:" + NOUNS["text"] + r")|below)\b[^\n]*$",
    re.I,
)
_GIVEN = re.compile(
    r"[\"'`«:]|\b(?:the|this|that|these|those|my|its|of|from) (?:\w+ )?(?:"
    + "|".join(NOUNS[kind] for kind in ("image", "audio", "video", "table"))
    + r"|caption|description|summary|transcript\w*|translation|answer|result)s?\b",
    re.I,
)
"""A line that says itself what is meant."""
_COURTESY = re.compile(
    r"\W*(?:thanks?|thx|cheers|(?:best |kind )?regards|danke|viele grüße|merci|gracias|谢谢)\b",
    re.I,
)
_ABOVE = re.compile(r"\b(?:above|preceding|previous) ?(?:" + NOUNS["text"] + r")?\b", re.I)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?(?:\d{1,2}|[a-zA-Z])[.)]\s+)")
_INLINE_NUMBER = re.compile(r"(?:^|\s)\(?(?:\d{1,2}|[a-h])[.)]\s+")
_QUESTION = re.compile(
    r"(?:what|who|whom|whose|when|where|why|how|which|is|are|was|were|do|does|did|can|could|has|"
    r"have|will|would|should)\b",
    re.I,
)


def stands_below(first: str, rest: str, asks_for_text: Callable[[str], bool]) -> bool:
    """Whether what stands below a line is the text that the line asks to work on."""
    if len(first) > 300 or not asks_for_text(first) or _GIVEN.search(first) or has_path(first):
        return False
    opening = POLITE.sub("", rest.strip().partition("\n")[0][:300])
    if _COURTESY.match(rest.strip()) or OPENS_REQUEST.match(opening):
        return False
    return all(match.start for match in match_cues(opening, cues()))


def take_pasted(
    request: str,
    mentions: Mentions,
    names: Mapping[str, str],
    asks_for_text: Callable[[str], bool],
) -> str:
    """Take out a text pasted on lines of its own, under or over the line that speaks of it."""
    if "\n" not in request.strip():
        return request
    if pasted := _listed(request, mentions):
        return pasted
    first, _, rest = request.strip().partition("\n")
    if stands_below(first, rest, asks_for_text) and rest.strip().lower() not in names:
        return f"{first} {mentions.add('text', (rest.strip(),), rest)}"
    if (
        _BELOW.search(first)
        and not first.rstrip().endswith(":")
        and rest.strip().lower() not in names
    ):
        rest = FIELD.sub("", rest.strip(), count=1).strip() if FIELD.match(rest) else rest.strip()
        return f"{first} {mentions.add('text', (rest,), rest)}"
    over, _, last = request.strip().rpartition("\n")
    if _ABOVE.search(last) and len(last) < 300 and over.strip():
        return f"{last} {mentions.add('text', (over.strip(),), over.strip())}"
    return request


def _listed(request: str, mentions: Mentions) -> str:
    """Take out a list of texts that stands under a line that speaks of several."""
    first, _, rest = request.strip().partition("\n")
    lines = [line for line in rest.splitlines() if line.strip()]
    several = re.search(
        rf"\b(?:which (?:one )?of|these|following|each)\b(?: (?:{NOUNS['text']})s\b)?", first, re.I
    )
    if not several or len(lines) < 2 or not all(_BULLET.match(line) for line in lines):
        return ""
    if NOT_DATA.search(first) or any(has_path(line) for line in lines):
        return ""
    return f"{first} {mentions.add('text', split_items(rest), rest.strip())}"


def split_items(data: str) -> tuple[str, ...]:
    """The items of a list in plain writing: lines, numbers, semicolons, sentences or commas."""
    data = data.strip()
    lines = [_BULLET.sub("", line).strip() for line in data.splitlines() if line.strip()]
    if len(lines) > 1:
        return tuple(line.strip("'\"") for line in lines if line)
    numbered = [part.strip(" ,;") for part in _INLINE_NUMBER.split(data) if part.strip(" ,;")]
    if len(numbered) > 1 and _INLINE_NUMBER.match(data):
        return tuple(numbered)
    for separator in (r";\s*(?:and\s+|or\s+)?", r"(?<=[.!?])\s+", r",\s*(?:and\s+|or\s+)?"):
        parts = [part.strip().strip("'\"") for part in re.split(separator, data.rstrip(";,"))]
        parts = [part for part in parts if part]
        if len(parts) > 1:
            last = parts[-1]
            if last.endswith("?") and not _QUESTION.match(last):
                parts[-1] = last.rstrip("? ")
            return tuple(parts)
    return (data,)
