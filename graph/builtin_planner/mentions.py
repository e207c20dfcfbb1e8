"""The things a request names: files, addresses, quoted texts, questions, a text after a colon.

``find_mentions`` takes them out of the request and leaves a marker such as ``«image1»`` for each.
What is inside a mention is data: no cue ever looks at it, so words in a quoted or pasted text
plan nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from ..references import REFERENCE
from ..state import Resource
from .cues import NOUNS, plain

MentionKind: TypeAlias = str
"""A kind of the table, or ``question``, or ``file`` where an address does not say its kind."""

MARKER = re.compile(r"«([a-z]+)(\d+)»")

EXTENSIONS: Mapping[str, str] = {
    "image": "png jpg jpeg gif bmp webp tif tiff heic svg",
    "audio": "wav mp3 flac ogg m4a aac opus",
    "video": "mp4 mov avi mkv webm",
    "table": "csv tsv xlsx xls parquet",
    "text": "txt md rst pdf docx doc html log json",
}
_KIND_OF = {ext: kind for kind, row in EXTENSIONS.items() for ext in row.split()}

_URL = re.compile(r"https?://[^\s«»<>\"')]+[^\s«»<>\"').,;:!?]", re.I)
_PATH = re.compile(r"(?<![\w/«.])[\w~./\\:-]*\w\.(" + "|".join(_KIND_OF) + r")(?![\w»])", re.I)
_OPEN = {
    '"': re.compile(r'(?<!\w)"(?=\s?\S)'),
    "'": re.compile(r"(?<!\w)'(?=\S)"),
    "`": re.compile(r"`+"),
}
_STRAIGHT = str.maketrans("“”„‘’‚", "\"\"\"'''")
_SPACED = re.compile(r"[\w./\\~:()-]+(?: [\w./\\()-]+){0,3}\.\w{2,5}")
_TO_MAKE = re.compile(
    r"\b(?:save|store|write|export|call|name)\b[^.;,!?«]*\b(?:as|to|in|into|it)\s+$", re.I
)
_MOST_EVENTS = 400
_EVENT = re.compile(r"[\"'`«:]")
_CLOSE = {
    '"': re.compile(r'"'),
    "'": re.compile(r"(?<=\S)'(?!\w)"),
    "`": re.compile(r"`+"),
}
_QUESTION = re.compile(
    r"(?:what|who|whom|whose|when|where|why|how|which|is|are|was|were|do|does|did|can|could|has|"
    r"have|will|would|should)\b",
    re.I,
)
_ASKED = re.compile(r"\b(?:the|a|this|following|my) (?:\w+ )?question\W*$", re.I)
_FIELD = re.compile(
    r"(?:^|(?<=\n)|(?<=[.?!,;»]\s))\s*(?:the |my )?(question|context|text|passage|document|article|"
    r"paragraph|labels?|candidate labels|categories|classes|options|prompt|"
    r"(?:source |first |second )?sentence(?: \d)?|text \d)\s*:",
    re.I,
)
_FIELD_LAST = re.compile(_FIELD.pattern + r"\Z", re.I)
_IN_PARENTHESES = re.compile(
    r"\b((?:text|sentence|phrase|passage|statement)) \(([A-Z][^()«».]{5,300}\.?)\)"
)
_SHORT_FIELDS = ("label", "candidate", "categor", "class", "option")
_NOT_DATA = re.compile(r"\b(?:tasks?|steps|things|jobs|questions|do the following)\W*$", re.I)
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
_BELOW = re.compile(
    r"\b(?:(?:this|the following|following|the next) (?:" + NOUNS["text"] + r")|below)\b[^\n]*$",
    re.I,
)
_ABOVE = re.compile(r"\b(?:above|preceding|previous) ?(?:" + NOUNS["text"] + r")?\b", re.I)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?(?:\d{1,2}|[a-zA-Z])[.)]\s+)")
_INLINE_NUMBER = re.compile(r"(?:^|\s)\(?(?:\d{1,2}|[a-h])[.)]\s+")


@dataclass(frozen=True)
class Mention:
    """One thing that the request names.

    ``values`` are resource ids, paths or literal texts; several where the request names a group
    ("all three pictures"). ``raw`` is how the request wrote it.
    """

    number: int
    kind: MentionKind
    values: tuple[str, ...]
    raw: str
    file: bool = False

    @property
    def marker(self) -> str:
        """What stands for it in the request."""
        return f"«{self.kind}{self.number}»"


@dataclass
class Mentions:
    """The request with markers in it, and what each marker stands for."""

    text: str = ""
    found: list[Mention] = field(default_factory=list)

    def add(
        self, kind: MentionKind, values: tuple[str, ...], raw: str, *, file: bool = False
    ) -> str:
        """Note a mention and return its marker, with spaces where words would touch it."""
        self.found.append(Mention(len(self.found), kind, values, raw, file))
        return self.found[-1].marker

    def within(self, text: str) -> list[Mention]:
        """The mentions whose markers stand in a piece of the request, in order."""
        return [self.found[int(number)] for _, number in MARKER.findall(text)]

    def restore(self, text: str) -> str:
        """The piece as the request wrote it."""
        return MARKER.sub(lambda match: self.found[int(match[2])].raw, text)


def kind_of_path(path: str) -> str:
    """The kind of file that a path's ending says, ``file`` where it says none."""
    return _KIND_OF.get(path.rpartition(".")[2].lower(), "file")


def find_mentions(
    request: str, resources: Mapping[str, Resource], asks_for_text: Callable[[str], bool]
) -> Mentions:
    """The request with its mentions taken out.

    ``asks_for_text`` says whether the words before a colon ask for something to be done with a
    text, so that what follows the colon is that text.
    """
    request = REFERENCE.sub(r"resource \1", request.replace("\r\n", "\n").replace("\r", "\n"))
    request = re.sub(r"«\s?|\s?»", '"', request).translate(_STRAIGHT)
    request = request.strip()
    names = _names(resources)
    mentions = Mentions()
    body = _pasted(request, mentions, names)
    text = _literals(body, mentions, resources, names, asks_for_text)
    text = "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())
    text = _IN_PARENTHESES.sub(
        lambda match: f"{match[1]} {mentions.add('text', (match[2],), match[2])}", text
    )
    text = _files(text, mentions, resources, names)
    mentions.text = _groups(plain(text), mentions, resources)
    return mentions


def split_items(data: str) -> tuple[str, ...]:
    """The items of a list in plain writing: lines, numbers, semicolons, sentences or commas."""
    data = data.strip()
    lines = [_BULLET.sub("", line).strip() for line in data.splitlines() if line.strip()]
    if len(lines) > 1:
        return tuple(line.strip("'\"") for line in lines if line)
    numbered = [part.strip(" ,;") for part in _INLINE_NUMBER.split(data) if part.strip(" ,;")]
    if len(numbered) > 1 and _INLINE_NUMBER.match(data):
        return tuple(numbered)
    for separator in (r"\s*;\s*(?:and\s+|or\s+)?", r"(?<=[.!?])\s+", r"\s*,\s*(?:and\s+|or\s+)?"):
        parts = [part.strip().strip("'\"") for part in re.split(separator, data.rstrip(";,"))]
        parts = [part for part in parts if part]
        if len(parts) > 1:
            last = parts[-1]
            if last.endswith("?") and not _QUESTION.match(last):
                parts[-1] = last.rstrip("? ")
            return tuple(parts)
    return (data,)


def _names(resources: Mapping[str, Resource]) -> dict[str, str]:
    """Resource ids by every way to write their name, lower case; a full name beats a last part."""
    names: dict[str, str] = {}
    for rid, resource in resources.items():
        for name in (resource["name"], resource["path"]):
            if name:
                names.setdefault(name.lower(), rid)
    for rid, resource in resources.items():
        if last := re.split(r"[/\\]", resource["name"])[-1]:
            names.setdefault(last.lower(), rid)
    return names


def _pasted(request: str, mentions: Mentions, names: Mapping[str, str]) -> str:
    """Take out a text pasted on lines of its own, under or over the line that speaks of it."""
    if "\n" not in request.strip():
        return request
    if pasted := _listed(request, mentions):
        return pasted
    first, _, rest = request.strip().partition("\n")
    if (
        _BELOW.search(first)
        and not first.rstrip().endswith(":")
        and rest.strip().lower() not in names
    ):
        rest = _FIELD.sub("", rest.strip(), count=1).strip() if _FIELD.match(rest) else rest.strip()
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
    if _NOT_DATA.search(first) or any(_PATH.search(line) for line in lines):
        return ""
    return f"{first} {mentions.add('text', split_items(rest), rest.strip())}"


def _literals(
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
        if start and mark not in hopeless:
            close = _CLOSE[mark].search(text, start.end())
            if close is None:
                hopeless.add(mark)
        if start is None or close is None:
            out.append(mark)
            continue
        inner, raw = text[start.end() : close.start()].strip(), text[where : close.end()]
        asked = bool(_ASKED.search(text[max(0, where - 40) : where]))
        out.append(_quoted(inner, raw, mentions, names, resources, asked=asked))
        at = close.end()
    out.append(text[at:])
    return "".join(out)


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
    kind = kind_of_path(inner)
    if _URL.fullmatch(inner) or (_SPACED.fullmatch(inner) and kind != "file"):
        return mentions.add(kind, (inner,), raw, file=True)
    return mentions.add("question" if asked else _literal_kind(inner), (inner,), raw)


def _literal_kind(text: str) -> str:
    return "question" if text.endswith("?") and len(text) < 400 else "text"


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
    if not follows or not (rest[0].isspace() or _FIELD.search(head[-40:] + ":")):
        return None
    line = re.split(r"\n|(?<=[.!?])\s", head)[-1]
    named = _FIELD_LAST.search(line + ":")
    if follows[0] in "\"'`«" or _file_at(follows, names):
        return None
    if _NOT_DATA.search(line):
        return None
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
    if not (_TEXT_HEAD.search(line) or asks_for_text(line)):
        return None
    data = mentions.restore(follows.rstrip())
    values = split_items(data) if _PLURAL.search(line) else (data,)
    kind = _literal_kind(data) if len(values) == 1 else "text"
    return mentions.add(kind, values, data), len(text)


def _field(rest: str, at: int, name: str, mentions: Mentions) -> tuple[str, int]:
    """A value after ``Context:`` and the like ends where the next such name begins."""
    after = _FIELD.search(rest)
    stop = after.start() if after else len(rest)
    if name.startswith(_SHORT_FIELDS):
        line = re.search(r"\n|\.(?:\s|$)", rest.lstrip())
        stop = min(stop, line.start() + len(rest) - len(rest.lstrip()) if line else stop)
        value = mentions.restore(rest[:stop].strip(" ."))
        return mentions.add("choices", _choices(value), value), at + stop
    value = mentions.restore(rest[:stop].strip())
    return mentions.add("text", (value,), value), at + stop


def _choices(value: str) -> tuple[str, ...]:
    parts = re.split(r"\s*[,;/\n]\s*(?:(?:or|and)\s+)?|\s+or\s+|\s+and\s+", value.strip(" ()[]"))
    return tuple(part.strip("'\" ?") for part in parts if part.strip("'\" ?"))


def _file_at(text: str, names: Mapping[str, str]) -> bool:
    word = re.match(r"\S+", text)
    if word is None:
        return False
    first = word[0].rstrip(".,;!?)").lower()
    return bool(first in names or _PATH.fullmatch(first) or _URL.match(first))


def _files(
    text: str, mentions: Mentions, resources: Mapping[str, Resource], names: Mapping[str, str]
) -> str:
    """Take out what names a file: resources by name, addresses, paths that are not resources."""

    def known(match: re.Match[str]) -> str:
        rid = names[match[0].lower()]
        return mentions.add(resources[rid]["kind"], (rid,), match[0], file=True)

    def other(match: re.Match[str]) -> str:
        made = _TO_MAKE.search(match.string[max(0, match.start() - 60) : match.start()])
        kind = "output" if made else kind_of_path(match[0])
        return mentions.add(kind, (match[0],), match[0], file=True)

    if names:
        longest = sorted((re.escape(name) for name in names), key=len, reverse=True)
        text = re.sub(rf"(?<![\w/.«])(?:{'|'.join(longest)})(?![\w»])", known, text, flags=re.I)
    return _PATH.sub(other, _URL.sub(other, text))


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNT = r"(?:" + "|".join(_COUNTS) + r"|\d{1,2})"
_POINTERS = {
    kind: re.compile(
        rf"\b(?:the )?(?P<order>{'|'.join(_ORDINALS)}|1st|2nd|3rd|\dth|last|final) "
        rf"(?:{NOUNS[kind]}|one)s?\b"
        rf"|\b(?:{NOUNS[kind]})s? (?:no\.? |number |#)?(?P<number>\d{{1,2}}|(?-i:[A-HJ-Z]))\b"
        rf"(?:(?:,| and|,? and|,? &) (?P<second>\d{{1,2}}|(?-i:[A-HJ-Z]))\b)?"
        rf"|\b(?P<all>(?:all|both|each|every)(?: (?:one )?of)?(?: (?:the|these|those|my))?"
        rf"(?: {_COUNT})?"
        rf"(?: (?:\w+ )?(?:{NOUNS[kind]})s?\b))"
        rf"|\b(?:the|these|those|my|attached) (?P<some>{_COUNT}) (?:{NOUNS[kind]})s?\b"
        rf"|\bthe first (?P<top>{_COUNT}) (?:{NOUNS[kind]})s?\b",
        re.I,
    )
    for kind in ("image", "audio", "video")
}
_BARE_ALL = re.compile(
    rf"\b(?:all(?: of (?:them|these))?|both(?: of (?:them|these))?"
    r"|each(?: of (?:them|these)| one)?)"
    rf"(?: (?P<count>{_COUNT}))?\b"
    r"(?! (?:\w+ )?(?:objects|things|items|the|animals|people|names|text))",
    re.I,
)


def _groups(text: str, mentions: Mentions, resources: Mapping[str, Resource]) -> str:
    """Take out pointers at the given files: "the second picture", "picture A", "all three"."""
    given: dict[str, list[str]] = {}
    for rid, resource in resources.items():
        if "task" not in resource:
            given.setdefault(resource["kind"], []).append(rid)
    for kind, pattern in _POINTERS.items():
        if ids := given.get(kind):
            text = pattern.sub(partial(_pointed, kind, ids, mentions), text)
    kind, ids = max(given.items(), key=lambda item: len(item[1]), default=("", []))
    if len(ids) > 1 and kind in _POINTERS:
        text = _BARE_ALL.sub(partial(_bare, kind, ids, mentions), text)
    return text


def _number(word: str | None) -> int:
    """The number that a word says, 1 for "one", "first", "A" or "1"; 0 where it says none."""
    word = (word or "").lower()
    for words in (_ORDINALS, _COUNTS):
        if word in words:
            return words.index(word) + 1
    digits = re.match(r"\d+", word)
    if digits:
        return int(digits[0])
    return ord(word) - ord("a") + 1 if len(word) == 1 and word.isalpha() else 0


def _pointed(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    group = match.groupdict()
    chosen: list[str] = []
    if group["all"]:
        chosen = ids
    elif group["some"]:
        chosen = ids if _number(group["some"]) == len(ids) else []
    elif group["top"]:
        chosen = ids[: _number(group["top"])]
    elif group["order"]:
        order = group["order"].lower()
        at = len(ids) if order in ("last", "final") else _number(order)
        chosen = ids[at - 1 : at] if 0 < at <= len(ids) else []
    else:
        wanted = [
            _number(group["number"]),
            *([_number(group["second"])] if group["second"] else []),
        ]
        chosen = [ids[at - 1] for at in wanted if 0 < at <= len(ids)]
    if not chosen:
        return match[0]
    return mentions.add(kind, tuple(chosen), match[0], file=True)


def _bare(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    count = _number(match["count"])
    if match["count"] and count != len(ids):
        return match[0]
    return mentions.add(kind, tuple(ids), match[0], file=True)
