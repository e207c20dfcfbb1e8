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
    r"\b(?:(?:this|the following|following|the next) (?:"
    + NOUNS["text"]
    + r")|below)\b[^\n:]*:?\s*$",
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
    r"\W*(?:thanks?|thx|cheers|(?:best |kind )?regards|danke|viele grüße|merci|gracias|谢谢)\b"
    r"(?:\W+\w+){0,2}\W*$",
    re.I,
)
_FENCED = re.compile(r"([^\n]+)\n\s*([-=*~_#]{3,})[ \t]*\n(.*?)\n\2[ \t]*(\n.*)?\Z", re.S)
_THIS = re.compile(r"\b(?:this|that)\b(?! (?:\w+ )?(?:above|below)\b)", re.I)
_GREETING = re.compile(r"(?:hi|hello|hey|hallo|bonjour|hola|good \w+)\b(?: \w+)?\W*$", re.I)
_IS_THIS = re.compile(r"\b(?:is|was) (?:this|that)\b", re.I)
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
_ABOVE = re.compile(r"\b(?:above|preceding|previous) ?(?:" + NOUNS["text"] + r")?\b", re.I)
BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?(?:\d{1,2}|[a-zA-Z])[.)]\s+)")
"""What opens an item of a list."""
_INLINE_NUMBER = re.compile(r"(?:^|\s)\(?(?:\d{1,2}|[a-h])[.)]\s+")
_QUESTION = re.compile(
    r"(?:what|who|whom|whose|when|where|why|how|which|is|are|was|were|do|does|did|can|could|has|"
    r"have|will|would|should)\b",
    re.I,
)


def stands_below(first: str, rest: str, asks_for_text: Callable[[str], bool]) -> bool:
    """Whether what stands below a line is the text that the line asks to work on."""
    asks = _SENTENCE_END.split(first.strip())[-1]
    if len(first) > 300 or not asks_for_text(asks) or _GIVEN.search(first) or has_path(first):
        return False
    opening = POLITE.sub("", rest.strip().partition("\n")[0][:300])
    if _COURTESY.match(rest.strip()) or OPENS_REQUEST.match(opening):
        return False
    return all(match.start for match in match_cues(opening, cues()))


def text_beside(request: str, asks_for_text: Callable[[str], bool]) -> str:
    """The request with its text after a colon, where "this" in its first or last sentence is the
    text that the others are: "Is this positive? I loved it."; empty where nothing is so."""
    sentences = _SENTENCE_END.split(request.strip())
    if len(sentences) < 2:
        return ""
    first, rest = sentences[0], request.strip()[len(sentences[0]) :].strip()
    last, before = sentences[-1], request.strip()[: -len(sentences[-1])].strip()

    def of_this(sentence: str) -> bool:
        return asks_for_text(sentence) or bool(_IS_THIS.search(sentence))

    turned = [] if _GREETING.match(before) else [(last, before)]
    for asks, text in ((first, rest), *turned):
        if _THIS.search(asks) and stands_below(asks, text, of_this):
            return f"{asks.rstrip('.?!')}: {text}"
    return ""


def take_pasted(
    request: str,
    mentions: Mentions,
    names: Mapping[str, str],
    asks_for_text: Callable[[str], bool],
) -> str:
    """Take out a text pasted on lines of its own, under or over the line that speaks of it."""
    if "\n" not in request.strip():
        return request
    if fenced := _FENCED.match(request.strip()):
        first, _, text, more = fenced.groups()
        return f"{first} {mentions.add('text', (text,), text)}{more or ''}"
    if pasted := _listed(request, mentions):
        return pasted
    over, _, last = request.strip().rpartition("\n")
    if _ABOVE.search(last) and len(last) < 300 and over.strip():
        return f"{last} {mentions.add('text', (over.strip(),), over.strip())}"
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
    return request


def _listed(request: str, mentions: Mentions) -> str:
    """Take out a list of texts that stands under a line that speaks of several."""
    first, _, rest = request.strip().partition("\n")
    lines = [line for line in rest.splitlines() if line.strip()]
    several = re.search(
        rf"\b(?:which (?:one )?of|these|following(?! (?:{NOUNS['text']})\b)|each)\b", first, re.I
    )
    if not several or len(lines) < 2 or not all(BULLET.match(line) for line in lines):
        return ""
    if NOT_DATA.search(first) or any(has_path(line) for line in lines):
        return ""
    return f"{first} {mentions.add('text', split_items(rest), rest.strip())}"


def split_items(data: str) -> tuple[str, ...]:
    """The items of a list in plain writing: lines, numbers, semicolons, sentences or commas."""
    data = data.strip()
    lines = [BULLET.sub("", line).strip() for line in data.splitlines() if line.strip()]
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
