"""What is left of the given files: "the others", "all except b.png", "ignore c.png"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import partial

from ..state import Resource
from .cues import NOUNS
from .mentions import MARKER, Mention, Mentions

COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
COUNT = r"(?:" + "|".join(COUNTS) + r"|\d{1,2})"
AND = r"(?:\s*,?\s*(?:and|or|&)\s+|\s*,\s*)"
"""What stands between the things of a list."""
LIST = re.compile(rf"«\w+»(?:{AND}«\w+»)+")
_NOUN = "|".join((*NOUNS.values(), "file", "attachment"))
OTHERS = re.compile(
    r"\b(?P<all>(?:all|each|every|any|both)(?: one)?(?: of)? )?(?P<the>(?:the|my|these|those) )?"
    rf"(?:(?:other|remaining)\b(?: (?P<count>{COUNT})\b)?(?: (?P<noun>{_NOUN}|one)(?P<many>s)?\b)?"
    r"|(?P<rest>others|rest)\b)"
    r"(?: of (?:them|these|those|the \w+s)\b)?(?! of\b)",
    re.I,
)
"""What is left of several things."""
_ENDS = re.compile(
    r"\W*$|\s*[,.;:?!)]| (?:and|or|but|in|into|to|as|with|too|aloud|please|should)\b", re.I
)
_NAMED = rf" (?:the )?(?:(?:{_NOUN})s? )?(?P<named>«\w+»(?:{AND}«\w+»)*)"
_EXCEPT = re.compile(
    r"(?:\s*[,(]?\s*\b(?:except|excepting|excluding|other than|apart from|aside from|save for"
    r"|not counting|leaving out|(?:without|rather than|instead of)(?: \w+ing)?|(?:but |and )?not"
    r"|all but|everything but)(?: for)?"
    r"|\b(?:ignore|skip|omit|exclude|disregard|leave out|forget(?: about)?"
    r"|(?:do not|don'?t|never) (?:use|touch|include|consider|process)"
    r"|leave(?=[^.;,]{0,60}? (?:out|alone|aside)\b))"
    rf"|(?<=»)(?P<but> but)){_NAMED}(?: (?:out|alone|aside)\b)?\)?",
    re.I,
)
_IN_LIST = re.compile(rf"(?P<and>{AND})?{MARKER.pattern}")
_MOST_HELD = 20
_MOST_SENTENCES = 50
_NEAR = 200
_SENTENCE = re.compile(r"[.!?;\n]+(?:\s|$)")


def number(word: str | None) -> int:
    """The number that a word such as "two" or "2" says; 0 where it says none."""
    word = (word or "").lower()
    return COUNTS.index(word) + 1 if word in COUNTS else int(word) if word.isdecimal() else 0


def marked(
    ids: Collection[str], raw: str, mentions: Mentions, resources: Mapping[str, Resource]
) -> str:
    """The markers of some files, one for each kind of file."""
    kinds: dict[str, list[str]] = {}
    for rid in ids:
        kinds.setdefault(resources[rid]["kind"], []).append(rid)
    return " and ".join(mentions.add(k, tuple(v), raw, file=True) for k, v in kinds.items())


def hold_others(text: str, mentions: Mentions) -> str:
    """The text with a marker for "the others" and the like, until all that it names is known."""
    return OTHERS.sub(partial(_held, mentions), text, count=_MOST_HELD)


def others_named(text: str, named: list[str], resources: Mapping[str, Resource]) -> str:
    """The text with the names of the files that are left for "the others".

    ``named`` are the files that were spoken of before.
    """
    kinds = {rid: file["kind"] for rid, file in resources.items() if "task" not in file}

    def names(match: re.Match[str]) -> str:
        left = _chosen(match, kinds, named) if named and _is_meant(match) else []
        return " and ".join(resources[rid]["name"] for rid in left) or match[0]

    return OTHERS.sub(names, text)


def _is_meant(match: re.Match[str]) -> bool:
    """Whether "the other …" means files."""
    thing = match["rest"] or match["noun"] or match["count"]
    ends = thing or _ENDS.match(match.string, match.end())
    return bool(ends and (match["the"] or match["all"]))


def _held(mentions: Mentions, match: re.Match[str]) -> str:
    return mentions.add("others", (), match[0]) if _is_meant(match) else match[0]


def take_others(text: str, mentions: Mentions, resources: Mapping[str, Resource]) -> str:
    """The text with the files that are meant by "the others" and without those left out.

    What no task is to work on is ``left_out`` of the mentions.
    """
    kinds = {rid: file["kind"] for rid, file in resources.items() if "task" not in file}
    while held := re.search(r"«others(\d+)»", text):
        said = OTHERS.fullmatch(raw := mentions.found[int(held[1])].raw)
        told = re.match(r":\s*«", text[held.end() :])  # "the other one: b.png"
        left = _left(said, text, held.start(), mentions, kinds) if said and not told else []
        new = marked(left, raw, mentions, resources) or raw
        text = text[: held.start()] + new + text[held.end() :]
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    text = "".join(
        _without(text[start:end], mentions)
        for start, end in zip([0, *ends], [*ends, len(text)], strict=True)
    )
    mentions.left_out -= {value for mention in mentions.within(text) for value in mention.values}
    return text


def _left(
    said: re.Match[str], text: str, at: int, mentions: Mentions, kinds: Mapping[str, str]
) -> list[str]:
    """The files that nothing before has named, as many and of the kind that the words say.

    Where everything was named ("here are a, b and c"), the sentences after that count.
    """
    sentences = _SENTENCE.split(text[:at])[-_MOST_SENTENCES:]
    if not _files_in(text[:at], mentions, kinds):
        sentences = [text]
    left: list[str] = []
    while sentences and not left:
        named = _files_in(" ".join(sentences), mentions, kinds)
        left = _chosen(said, kinds, named) if named else []
        del sentences[0]
    return left


def _chosen(said: re.Match[str], kinds: Mapping[str, str], named: list[str]) -> list[str]:
    """Of the files that are not among those named, as many and of the kind that the words say."""
    noun = (said["noun"] or "").lower()
    meant = [kind for kind, nouns in NOUNS.items() if re.fullmatch(nouns, noun)]
    left = [rid for rid, kind in kinds.items() if rid not in named and kind in (meant or [kind])]
    several = said["rest"] or said["many"] or said["all"]
    if not (count := number(said["count"]) or (0 if several else 1)):
        return left
    order = (kinds[named[-1]], *kinds.values())
    by_kind = [[rid for rid in left if kinds[rid] == kind] for kind in order]
    return next((group for group in (left, *by_kind) if len(group) == count), [])


def _files_in(text: str, mentions: Mentions, kinds: Mapping[str, str]) -> list[str]:
    """The files that a text names, also the only one of a kind by that ("the picture")."""
    named = [value for m in mentions.within(text) for value in m.values if value in kinds]
    for rid, kind in kinds.items():
        only = list(kinds.values()).count(kind) == 1
        if only and re.search(rf"\b(?:the|this|my) (?:{NOUNS[kind]})\b", text, re.I):
            named.append(rid)
    return named


def _without(sentence: str, mentions: Mentions) -> str:
    """A sentence without what it leaves out, also where it speaks of several things at once."""
    kinds = Counter(raw for raw, _ in {(m.raw, m.kind) for m in mentions.within(sentence)})
    out: set[str] = set()

    def several(mention: Mention) -> bool:
        return len(mention.values) > 1 or kinds[mention.raw] > 1

    def leave_out(match: re.Match[str]) -> str:
        named = mentions.within(match["named"])
        before = mentions.within(sentence[max(0, match.start() - _NEAR) : match.start()])
        values = {value for m in named for value in m.values}
        group = {v for m in before if m.raw == before[-1].raw and several(m) for v in m.values}
        if not all(m.file for m in named) or (match["but"] and not values <= group):
            return match[0]
        out.update(values)
        first, *rest = match[0].split()
        return f" {first}" if rest[0] == "but" else ""  # "all but a.png"

    def lessened(match: re.Match[str]) -> str:
        mention = mentions.within(match[0])[0]
        kept = tuple(value for value in mention.values if value not in out)
        if not several(mention) or len(kept) == len(mention.values):
            return match[0]
        if not kept:
            return ""
        return (match["and"] or "") + mentions.add(mention.kind, kept, mention.raw, file=True)

    sentence = _EXCEPT.sub(leave_out, sentence)
    mentions.left_out |= out
    return _IN_LIST.sub(lessened, sentence) if out else sentence
