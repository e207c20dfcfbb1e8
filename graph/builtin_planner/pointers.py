"""Pointers at the files that came along: "the second picture", "picture A", "all three"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from ..state import Resource
from .cues import NOUNS, PARTICIPLE
from .mentions import Mentions
from .others import COUNT, hold_others, marked, number, take_others

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
ORDER = re.compile(rf"\b(?:{'|'.join(_ORDINALS)}|last)\b", re.I)
"""A place among several things."""
_LETTER = r"(?:\d{1,2}|(?-i:[A-HJ-Z]))"
_POINTERS = {
    kind: re.compile(
        rf"\b(?:the )?(?P<order>{'|'.join(_ORDINALS)}|1st|2nd|3rd|\dth|last|final) "
        rf"(?:{nouns}|one)s?\b"
        rf"|\b(?:{nouns})s? (?:no\.? |number |#)?"
        rf"(?P<numbers>{_LETTER}\b(?:(?:,|,? and|,? &) {_LETTER}\b)*)"
        rf"|\b(?P<all>(?:all|both|each|every|either)(?: (?:one )?of)?(?: (?:the|these|those|my))?"
        rf"(?: {COUNT})?"
        rf"(?: (?:\w+ )?(?:{nouns})s?\b))"
        rf"|\b(?:the|these|those|my|attached) (?P<some>{COUNT}) (?:{nouns})s?\b"
        rf"|\bthe (?P<end>first|last) (?P<top>{COUNT}) (?:{nouns})s?\b",
        re.I,
    )
    for kind, nouns in {
        **{kind: NOUNS[kind] for kind in ("image", "audio", "video")},
        "text": r"texts?|document|article|letter|note|report",
        "file": "file|attachment",
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
    rf"(?: (?P<count>{COUNT}))?\b"
    r"(?! (?:\w+ )?(?:objects|things|items|the|animals|people|names|text|captions?|descriptions?"
    r"|summar(?:y|ies)|translations?|transcripts?|transcriptions?|results?|answers?)\b)",
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
    r"(?=\W*$|\s*[,.;:?!)]| (?:and|or|but|then|in|into|to|as|with|aloud|please|should|must"
    rf"|{PARTICIPLE})\b)",
    re.I,
)
_BARE_COUNT = re.compile(
    rf"\b(?:the|these|those) (?P<count>{COUNT})(?: of them)?"
    r"(?=\W*$|\s*[,.;:?!)]| (?:is|are|has|have|shows?|and|or|in|into|to|as|with|aloud|please)\b)",
    re.I,
)


_BARE_END = re.compile(
    rf"\bthe (?P<end>first|last) (?P<top>{COUNT})(?: of (?:them|these))?"
    r"(?=\W*$|\s*[,.;:?!)]| (?:and|or|but|in|into|to|as|with|aloud|please)\b)",
    re.I,
)
_EXCEPT_KIND = {
    kind: re.compile(
        rf"(?P<head>\b(?:except(?: for)?|excluding|not|everything but) )the (?:{nouns})s\b", re.I
    )
    for kind, nouns in NOUNS.items()
}
_EVERYTHING = re.compile(
    r"\A(?P<head>[^«]{0,200}?\b)everything\b(?! (?:in|on|from|that|you|about|i)\b)", re.I
)
"""All files, where none was named before."""
_Mark: TypeAlias = Callable[[Sequence[str], str], str]


def take_pointers(text: str, mentions: Mentions, resources: Mapping[str, Resource]) -> str:
    """Take out pointers at the given files: "the second picture", "all three", "the others"."""
    given: dict[str, list[str]] = {}
    files = [rid for rid, resource in resources.items() if "task" not in resource]
    for rid in files:
        given.setdefault(resources[rid]["kind"], []).append(rid)
    text, told = hold_others(text, mentions), text
    for kind, pattern in _OF_KIND.items():
        if kind in given:
            text = pattern.sub(partial(_of_kind, kind, given[kind], mentions), text)
    mark = partial(marked, mentions=mentions, resources=resources)
    for kind, pattern in _EXCEPT_KIND.items():
        if kind in given:
            text = pattern.sub(partial(_all_of, given[kind], mark), text)
    if not any(pattern.search(told) for pattern in _OF_KIND.values()):
        given["file"] = files
    if len(given.keys() - {"file"}) > 1:
        text = _EVERYTHING.sub(partial(_all_of, files, mark), text)
    for kind, pattern in _POINTERS.items():
        if len(given.get(kind, [])) > (kind in ("text", "file")):
            text = pattern.sub(partial(_pointed, kind, given, mentions, mark), text)
    given.pop("file", None)
    kind, ids = max(given.items(), key=lambda item: len(item[1]), default=("", []))
    if len(ids) > 1 and kind in _POINTERS:
        for pattern in (_BARE_ALL, _BARE_COUNT, _COMPARED):
            text = pattern.sub(partial(_bare, kind, ids, mentions), text)
        text = _BARE_END.sub(partial(_pointed, kind, given, mentions, mark), text)
    ids = ids if len(ids) > 1 else files
    if len(ids) > 1:
        text = _BARE_ORDER.sub(partial(_ordered, ids, mark), text)
    return take_others(text, mentions, resources)


def _place(word: str) -> int:
    """The number of a place, 1 for "first", "one", "A" or "1"; 0 where it says none."""
    word = word.lower()
    if word in _ORDINALS:
        return _ORDINALS.index(word) + 1
    if digits := re.match(r"\d{1,9}(?!\d)", word):
        return int(digits[0])
    return ord(word) - ord("a") + 1 if len(word) == 1 and word.isalpha() else number(word)


def _pointed(
    kind: str, given: Mapping[str, list[str]], mentions: Mentions, mark: _Mark, match: re.Match[str]
) -> str:
    group, ids = match.groupdict(), given[kind]
    chosen: Sequence[str] = []
    if group.get("all"):
        pair = kind == "file" and match[0].lower().startswith("both") and len(ids) != 2
        chosen = next((some for some in given.values() if pair and len(some) == 2), ids)
    elif group.get("some"):
        chosen = ids if number(group["some"]) == len(ids) else []
    elif group.get("top"):
        count = number(group["top"])
        chosen = ids[:count] if group["end"].lower() == "first" else ids[-count:]
    elif group.get("order"):
        chosen = at_order(group["order"], ids)
    else:
        wanted = map(_place, re.findall(rf"\b{_LETTER}\b", group["numbers"]))
        chosen = [ids[at - 1] for at in wanted if 0 < at <= len(ids)]
    if not chosen:
        mentions.absent += [(kind, match[0])] if group.get("order") and ids else []
        return match[0]
    return mark(chosen, match[0])


def at_order(order: str, ids: Sequence[str]) -> Sequence[str]:
    """Of some things the one at a place such as "second" or "last"; none where there are fewer."""
    at = len(ids) if order.lower() in ("last", "final") else _place(order)
    return ids[at - 1 : at] if 0 < at <= len(ids) else []


def _ordered(ids: list[str], mark: _Mark, match: re.Match[str]) -> str:
    chosen = at_order(match["order"], ids)
    return mark(chosen, match[0]) if chosen else match[0]


def _bare(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    count = match.groupdict().get("count")
    if count and number(count) != len(ids):
        return match[0]
    return mentions.add(kind, tuple(ids), match[0], file=True)


def _all_of(ids: list[str], mark: _Mark, match: re.Match[str]) -> str:
    return match["head"] + mark(ids, match[0].removeprefix(match["head"]))


def _of_kind(kind: str, ids: list[str], mentions: Mentions, match: re.Match[str]) -> str:
    return f"{match['do'] or ''}{mentions.add(kind, tuple(ids), match[0], file=True)}"
