"""A request that goes on from the one before: "and the second one?", "the same in French".

``complete`` writes it out in full, so that the planner reads every request alike. What names its
own work ("translate that") is left as it is: earlier results are among the resources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from pathlib import PurePath

from ..planner import PlanRequest
from ..state import Resource
from .cues import LANGUAGES, NOUNS

_LEAD = re.compile(
    r"^(?:(?:and|but|ok(?:ay)?|now|so|then|next|again|please|also|what about|how about"
    r"|(?:do |try )?(?:it|that|the same(?: thing)?|same(?: thing)?)(?: again)?|do|this time"
    r"|for|with|on|in|to|of|as well|too)\b[\s,:]*)+",
    re.I,
)
_LANGUAGE = re.compile(rf"\b(?:{'|'.join(LANGUAGES)})\b", re.I)
_THING = "|".join((*NOUNS.values(), "file", "one"))
_POINTER = re.compile(
    rf"\b(?:the )?(?:first|second|third|fourth|fifth|\dth|last) (?:{_THING})s?\b", re.I
)
_SPOKEN_OF = re.compile(rf"\b(?:this|the|that|my|attached) (?:{_THING})s?\b(?! (?:of|in)\b)", re.I)
_OTHER = re.compile(rf"\bthe other (?:{_THING})\b", re.I)
_FILLER = re.compile(r"\b(?:and|or|please|pls|too|also|as well|instead|thanks?|the|one)\b", re.I)


def complete(request: PlanRequest) -> str:
    """The request's text, written out in full where it only makes sense after an earlier one."""
    said = [text for role, text in request.history if role in ("human", "user")]
    if not said:
        return request.text
    text = _other(request.text, said, request.resources)
    return reduce(lambda last, new: _filled(last, new, request.resources), [*said, text])


def _other(text: str, said: list[str], resources: Mapping[str, Resource]) -> str:
    """The file that no earlier request named, where that is "the other one"."""
    spoken = " ".join(said)
    names = [PurePath(r["name"]).name for r in resources.values() if "task" not in r]
    left = [name for name in names if name not in spoken]
    return _OTHER.sub(lambda _: left[0], text) if len(left) == 1 else text


def _filled(last: str, text: str, resources: Mapping[str, Resource]) -> str:
    """The last request with what this one names in place of what that one named."""
    lead = _LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    names = [name for r in resources.values() for name in (r["name"], PurePath(r["name"]).name)]
    files = re.compile("|".join(map(re.escape, names)) or r"(?!)", re.I)
    things = files.findall(rest) or _POINTER.findall(rest)
    languages = _LANGUAGE.findall(rest)
    bare = _FILLER.sub("", _LANGUAGE.sub("", _POINTER.sub("", files.sub("", rest))))
    if re.search(r"\w", bare) or not (things or languages):
        return text
    if languages:
        new = " and ".join(languages)
        last = _swap(_LANGUAGE, new, last) or f"{last.rstrip(' .?!')} and translate it to {new}"
    if things:
        new = " and ".join(things)
        swapped = (_swap(pattern, new, last) for pattern in (files, _POINTER, _SPOKEN_OF))
        last = next(filter(None, swapped), f"{last.rstrip(' .?!')}: {new}")
    return last


def _swap(pattern: re.Pattern[str], new: str, text: str) -> str:
    """The text with the first match replaced and later ones left out; empty without a match."""
    found = list(pattern.finditer(text))
    if not found:
        return ""
    first, end = found[0].start(), found[0].end()
    rest = re.sub(rf"(?:,| and| or)*\s*(?:{pattern.pattern})", "", text[end:], flags=re.I)
    return text[:first] + new + rest
