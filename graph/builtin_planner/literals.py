"""The texts that a request holds: quoted, in a named field, after a colon."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice

from ..state import Resource
from .cues import NOUNS
from .files import file_at, file_named
from .mentions import MARKER, Mentions
from .pasted import BULLET, FIELD, NOT_DATA, split_items

_OPEN = {
    '"': re.compile(r'\"{3}|(?<!\w)"(?=\s?\S)'),
    "'": re.compile(r"'{3}|(?<!\w)'(?=\S)"),
    "`": re.compile(r"`{1,3}"),
}
_CLOSE = {'"': re.compile(r'"'), "'": re.compile(r"(?<=\S)'(?!\w)")}
_INNER = re.compile(r'(?P<open>(?<=[\s(\[])"(?=\w))|"')
_MOST_INNER = 20
_MOST_EVENTS = 400
_EVENT = re.compile(r"[\"'`«:]")
_ASKED = re.compile(r"\b(?:the|a|this|following|my) (?:\w+ )?question\W*$", re.I)
_FIELD_LAST = re.compile(FIELD.pattern + r"\Z", re.I)
_SHORT_FIELDS = ("label", "candidate", "categor", "class", "option")
_TEXT_HEAD = re.compile(
    r"\b(?:" + NOUNS["text"] + r"|following|these|prompt|description)\b|\bwhich (?:one )?of\b"
    r"|\b(?:is|are|whether|if) (?:it|this|that|they)\b",
    re.I,
)
_LABEL_HEAD = re.compile(
    r"\b(?:labels|categories|classes|topics|options)\W*$|\b(?:category|label|topic|class)\b.*«text\d+»[^«]*$",
    re.I,
)
_PLURAL = re.compile(
    r"\b(?:which(?: one)? of|these|each|every|both|all|following \w+s|two|three|four|\d+ \w+s|"
    r"(?:texts|sentences|headlines|reviews|comments|articles|messages|titles|tweets|e-?mails))\b",
    re.I,
)


def take_literals(
    text: str,
    mentions: Mentions,
    resources: Mapping[str, Resource],
    names: Mapping[str, str],
    asks_for_text: Callable[[str], bool],
) -> str:
    """Take out quoted spans, named fields and the text after a colon, from left to right."""
    out: list[str] = []
    at, hopeless, events = 0, set[str](), 0
    while (event := _EVENT.search(text, at)) and events < _MOST_EVENTS:
        events += 1
        mark, where = event[0], event.start()
        if mark == "«" and (kept := MARKER.match(text, where)):
            out.append(text[at : kept.end()])
            at = kept.end()
            continue
        out.append(text[at:where])
        at = where + 1
        if mark == ":":
            head = "".join(out[-9:])[-500:]
            taken = _after_colon(text, at, head, mentions, names, asks_for_text)
            out.append(":" if taken is None else f": {taken[0]} ")
            at = at if taken is None else taken[1]
            continue
        start = _OPEN[mark].match(text, where)
        close = None
        if start and start[0] not in hopeless:
            close = _closing(text, start)
            if close is None:
                hopeless.add(start[0])
        if start is None or close is None:
            out.append(mark)
            continue
        inner, raw = text[start.end() : close.start()].strip(), text[where : close.end()]
        asked = bool(_ASKED.search(text[max(0, where - 40) : where]))
        out.append(_quoted(inner, raw, mentions, names, resources, asked=asked))
        at = close.end()
    out.append(text[at:])
    return "".join(out)


def _closing(text: str, start: re.Match[str]) -> re.Match[str] | None:
    """Where a quoted span ends; quotes inside it are part of it where they are balanced."""
    mark = start[0]
    if len(mark) > 1 or mark == "`":
        alone = rf"(?<!{mark[0]}){mark}(?!{mark[0]})"
        return re.compile(alone).search(text, start.end())
    if mark == '"':
        depth = 1
        for quote in islice(_INNER.finditer(text, start.end()), _MOST_INNER):
            depth += 1 if quote["open"] else -1
            if depth == 0:
                return quote
    return _CLOSE[mark].search(text, start.end())


def _quoted(
    inner: str,
    raw: str,
    mentions: Mentions,
    names: Mapping[str, str],
    resources: Mapping[str, Resource],
    *,
    asked: bool,
) -> str:
    rid = names.get(inner.lower())
    if rid is not None:
        return mentions.add(resources[rid]["kind"], (rid,), raw, file=True)
    if kind := file_named(inner):
        return mentions.add(kind, (inner,), raw, file=True)
    return mentions.add("question" if asked else _literal_kind(inner), (inner,), raw)


def _literal_kind(text: str) -> str:
    return "question" if text.endswith("?") and len(text) < 400 else "text"


def text_follows(
    head: str, follows: str, names: Mapping[str, str], asks_for_text: Callable[[str], bool]
) -> bool:
    """Whether what follows the colon after ``head`` is data, and no job, file or quoted span."""
    line = _last_line(head)
    if file_named(line.rsplit(None, 1)[-1] if line.strip() else ""):
        return False
    follows = BULLET.sub("", follows, count=1)
    if not follows or follows[0] in "\"'`«" or file_at(follows, names) or NOT_DATA.search(line):
        return False
    return bool(
        line.strip().lower().endswith("question")
        or _FIELD_LAST.search(line + ":")
        or _LABEL_HEAD.search(line)
        or _TEXT_HEAD.search(line)
        or asks_for_text(line)
    )


def _last_line(head: str) -> str:
    return re.split(r"\n|(?<=[.!?])\s", head)[-1]


def _after_colon(
    text: str,
    at: int,
    head: str,
    mentions: Mentions,
    names: Mapping[str, str],
    asks_for_text: Callable[[str], bool],
) -> tuple[str, int] | None:
    """The marker for what follows a colon and where it ends, or None where it is not data."""
    rest = text[at:]
    follows = rest.lstrip()
    if not follows or not (rest[0].isspace() or FIELD.search(head[-40:] + ":")):
        return None
    if not text_follows(head, follows, names, asks_for_text):
        return None
    line = _last_line(head)
    named = _FIELD_LAST.search(line + ":")
    if line.strip().lower().endswith("question") or (named and named[1].lower() == "question"):
        ends = re.search(r"\?|\n", rest.lstrip("\n"))
        size = len(rest) - len(rest.lstrip("\n"))
        stop = size + (ends.end() if ends else len(rest) - size)
        value = mentions.restore(rest[:stop].strip())
        return mentions.add("question", (value,), value), at + stop
    if named:
        return _field(rest, at, named[1].lower(), mentions)
    if _LABEL_HEAD.search(line):
        return _field(rest, at, "labels", mentions)
    data = mentions.restore(follows.rstrip())
    values = split_items(data) if _PLURAL.search(line) else (data,)
    kind = _literal_kind(data) if len(values) == 1 else "text"
    return mentions.add(kind, values, data), len(text)


def _field(rest: str, at: int, name: str, mentions: Mentions) -> tuple[str, int]:
    """A value after ``Context:`` and the like ends where the next such name begins."""
    after = FIELD.search(rest)
    stop = after.start() if after else len(rest)
    if name.startswith(_SHORT_FIELDS):
        line = re.search(r"\n|\.(?:\s|$)", rest.lstrip())
        stop = min(stop, line.start() + len(rest) - len(rest.lstrip()) if line else stop)
        value = mentions.restore(rest[:stop].strip(" ."))
        return mentions.add("choices", _choices(value), value), at + stop
    value = mentions.restore(rest[:stop].strip())
    return mentions.add("text", (value,), value), at + stop


def _choices(value: str) -> tuple[str, ...]:
    words = re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", value.strip(" ()[]")))
    parts = re.split(r" ?[,;/\n]\s*(?:(?:or|and)\s+)?|\s(?:or|and)\s+", words)
    return tuple(part.strip("'\" ?") for part in parts if part.strip("'\" ?"))
