"""Pointers at the files that came along: "the second picture", "picture A", "all three"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

from ..state import Resource
from .cues import NOUNS
from .mentions import Mentions

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
ORDER = re.compile(rf"\b(?:{'|'.join(_ORDINALS)}|last)\b", re.I)
"""A place among several things."""
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNT = r"(?:" + "|".join(_COUNTS) + r"|\d{1,2})"
_POINTERS = {
    kind: re.compile(
        rf"\b(?:the )?(?P<order>{'|'.join(_ORDINALS)}|1st|2nd|3rd|\dth|last|final) "
        rf"(?:{nouns}|one)s?\b"
        rf"|\b(?:{nouns})s? (?:no\.? |number |#)?(?P<number>\d{{1,2}}|(?-i:[A-HJ-Z]))\b"
        rf"(?:(?:,| and|,? and|,? &) (?P<second>\d{{1,2}}|(?-i:[A-HJ-Z]))\b)?"
        rf"|\b(?P<all>(?:all|both|each|every)(?: (?:one )?of)?(?: (?:the|these|those|my))?"
        rf"(?: {_COUNT})?"
        rf"(?: (?:\w+ )?(?:{nouns})s?\b))"
        rf"|\b(?:the|these|those|my|attached) (?P<some>{_COUNT}) (?:{nouns})s?\b"
        rf"|\bthe first (?P<top>{_COUNT}) (?:{nouns})s?\b",
        re.I,
    )
    for kind, nouns in {
        **{kind: NOUNS[kind] for kind in ("image", "audio", "video")},
        "text": r"texts?|document|article|file|letter|note|report",
    }.items()
}
"""A text of several is pointed at by what files are called, as sentences stand in one text."""
_IS_A = r"if (?:it|they|this|that)(?:['’](?:s|re)| is| are) (?:an? )?"
_OF_KIND = {
    kind: re.compile(
        rf"\b(?:it|each|them) {_IS_A}(?:{NOUNS[kind]})s?\b(?: files?)?"
        rf"|\b{_IS_A}(?:{NOUNS[kind]})s?\b(?: files?)?,? (?:then )?"
        r"(?P<do>[^.,;]{0,80}?)\b(?:it|each|them)\b",
        re.I,
    )
    for kind in ("image", "audio", "video", "text")
}
"""A condition that only says which of the files are meant: "describe it if it is a picture"."""
_BARE_ALL = re.compile(
    rf"\b(?:all(?: of (?:them|these))?|both(?: of (?:them|these))?"
    r"|each(?: of (?:them|these)| one)?)"
    rf"(?: (?P<count>{_COUNT}))?\b"
    r"(?! (?:\w+ )?(?:objects|things|items|the|animals|people|names|text))",
    re.I,
)


_COMPARED = re.compile(
    r"\b(?:they|these|those)(?= (?:all )?(?:the same|alike|identical|similar|different)\b)"
    r"|(?<=similar are )(?:they|these|those)\b",
    re.I,
)
_BARE_ORDER = re.compile(
    r"(?:(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )(?<!\bbe )(?<!\bcame )\bthe "
    rf"|(?<=\bin )|(?<=\bof ))(?P<order>{'|'.join(_ORDINALS)}|last)"
    r"(?: of (?:them|these|the two))?"
    rf"(?! (?:and|or) (?:the )?(?:{'|'.join(_ORDINALS)}|last) (?!and\b|or\b|in|to\b|as\b|with\b)\w)"
    r"(?=\W*$|\s*[,.;:?!)]| (?:and|or|but|then|in|into|to|as|with|aloud|please)\b)",
    re.I,
)
_BARE_COUNT = re.compile(
    rf"\b(?:the|these|those) (?P<count>{_COUNT})(?: of them)?"
    r"(?=\W*$|\s*[,.;:?!)]| (?:is|are|has|have|shows?|and|or|in|into|to|as|with|aloud|please)\b)",
    re.I,
)


def take_pointers(text: str, mentions: Mentions, resources: Mapping[str, Resource]) -> str:
    """Take out pointers at the given files: "the second picture", "picture A", "all three"."""
    given: dict[str, list[str]] = {}
    for rid, resource in resources.items():
        if "task" not in resource:
            given.setdefault(resource["kind"], []).append(rid)
    for kind, pattern in _OF_KIND.items():
        if kind in given:
            text = pattern.sub(partial(_of_kind, kind, given[kind], mentions), text)
    for kind, pattern in _POINTERS.items():
        ids = given.get(kind, [])
        if len(ids) > (kind == "text"):
            text = pattern.sub(partial(_pointed, kind, ids, mentions), text)
    kind, ids = max(given.items(), key=lambda item: len(item[1]), default=("", []))
    if len(ids) > 1 and kind in _POINTERS:
        for pattern in (_BARE_ALL, _BARE_COUNT, _COMPARED):
            text = pattern.sub(partial(_bare, kind, ids, mentions), text)
        text = _BARE_ORDER.sub(partial(_ordered, kind, ids, mentions), text)
    return text


def _number(word: str | None) -> int:
    """The number that a word says, 1 for "one", "first", "A" or "1"; 0 where it says none."""
    word = (word or "").lower()
    for words in (_ORDINALS, _COUNTS):
        if word in words:
            return words.index(word) + 1
    digits = re.match(r"\d{1,9}(?!\d)", word)
    if digits:
        return int(digits[0])
    return ord(word) - ord("a") + 1 if len(word) == 1 and word.isalpha() else 0


def _pointed(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    group = match.groupdict()
    chosen: Sequence[str] = []
    if group["all"]:
        chosen = ids
    elif group["some"]:
        chosen = ids if _number(group["some"]) == len(ids) else []
    elif group["top"]:
        chosen = ids[: _number(group["top"])]
    elif group["order"]:
        chosen = at_order(group["order"], ids)
    else:
        wanted = [
            _number(group["number"]),
            *([_number(group["second"])] if group["second"] else []),
        ]
        chosen = [ids[at - 1] for at in wanted if 0 < at <= len(ids)]
    if not chosen:
        mentions.absent += [(kind, match[0])] if group["order"] and ids else []
        return match[0]
    return mentions.add(kind, tuple(chosen), match[0], file=True)


def at_order(order: str, ids: Sequence[str]) -> Sequence[str]:
    """Of some things the one at a place such as "second" or "last"; none where there are fewer."""
    at = len(ids) if order.lower() in ("last", "final") else _number(order)
    return ids[at - 1 : at] if 0 < at <= len(ids) else []


def _ordered(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    chosen = at_order(match["order"], ids)
    return mentions.add(kind, tuple(chosen), match[0], file=True) if chosen else match[0]


def _bare(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    count = match.groupdict().get("count")
    if count and _number(count) != len(ids):
        return match[0]
    return mentions.add(kind, tuple(ids), match[0], file=True)


def _of_kind(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    return f"{match['do'] or ''}{mentions.add(kind, tuple(ids), match[0], file=True)}"
