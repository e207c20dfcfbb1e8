"""Which language a person speaks, and whether an answer is in it.

Only what is plain is said: a script, words that one language has, or two common words of English.
Quoted texts, file names and what follows a colon count for nothing where the rest is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hugginggraph.registry import languages

from .builtin_planner import foreign_language, speaks, unquoted

_REFERENCE = re.compile(r"\[[\d, ]+\]")
_COMMON = (
    "the a an is are was of and to in on for with this that it what how who which many please can "
    "you me my i read tell show find give make there from aloud describe count now picture"
)
_ENGLISH = frozenset(_COMMON.split())
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")


def language_of(text: str) -> str:
    """The English name of the language that a text is plainly in; empty where none is plain."""
    bare = _own_words(text)
    head = bare.partition(":")[0]
    return _language(head) or (_language(bare) if head != bare else "")


def asked_in(texts: Iterable[str]) -> str:
    """The language of the first of these texts, newest first, that is plainly in one."""
    return next(filter(None, map(language_of, texts)), "")


def astray(answer: str, wanted: str, results: str) -> bool:
    """Whether an answer is plainly in English where another language is wanted, or in another one
    than the English wanted; the words that stand in the results count for nothing."""
    there = set(re.findall(r"\w+", results.lower()))
    own = [word for word in re.findall(r"\w+|[.,]", answer) if word.lower() not in there]
    spoken = _language(_own_words(" ".join(own))) if len(own) > 4 else ""
    return bool(wanted and spoken) and spoken != wanted and "English" in (spoken, wanted)


def _own_words(text: str) -> str:
    return _REFERENCE.sub(" ", unquoted(text))


def _language(text: str) -> str:
    wide, letters = len(_IDEOGRAPHS.findall(text)), len(re.findall(r"[^\W\d_]", text))
    if letters and not wide / letters > 0.3:  # a few signs may be what is to be translated
        text = _IDEOGRAPHS.sub(" ", text)
    if (
        found := foreign_language(text)
        or speaks(text)
        or languages.NAMES.get(languages.seen(text) or "", "")
    ):
        return found
    words = re.findall(r"[^\W\d_]+", text.lower())
    return "English" if sum(word in _ENGLISH for word in words) >= 2 else ""
