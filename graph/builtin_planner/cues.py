"""The words by which people ask for each task, from ``cues.txt``: task or family, weight, pattern.

A family (``FAMILIES`` in ``rows.py``) is settled later by the kind of thing that is meant. Of
matches that overlap, the heavier wins. ``inner`` (a + before the task) marks a phrase that names a
result inside another request ("read *the caption of a.png* aloud"): its step comes first. In
patterns, IMG, TXT, AUD, VID stand for the nouns of a kind (and for its mentions), GAP for up to
forty characters of the same sentence, UP for up to four words that start no new phrase, MAKE for
verbs of making, GET for verbs of finding out, OF for what may come before a noun,
ASK for what may come before an imperative.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files


def words(text: str) -> tuple[str, ...]:
    """The words of a table row."""
    return tuple(text.split())


def table_lines(name: str) -> list[str]:
    """The lines of a data file of this folder that are neither empty nor comments."""
    lines = files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


NOUNS: Mapping[str, str] = {
    "image": r"image|picture|photo|photograph|foto|pic|drawing|scene|painting|screenshot|snapshot"
    r"|img",
    "audio": r"audio|recording|voice message|podcast|speech|song|sound|voice memo|voice note",
    "video": r"video|movie|film|footage|clip",
    "table": r"table|spreadsheet|csv",
    "text": r"text|article|document|paragraph|sentence|passage|review|message|note|e-?mail|headline"
    r"|statement|comment|tweet|story|report|essay|letter|phrase|post|abstract|speech|title|chapter",
}
"""The nouns by which people mean a thing of each kind."""
SCANS = r"document|scan|invoice|receipt|form|contract|certificate|bill|parcel|ticket"
"""The nouns by which people mean a picture of something written."""

POLITE = re.compile(
    r"^(?:\W|(?:please|pls|hi|hello|hey|ok(?:ay)?|so|and|also|then|now|just|kindly|first|finally"
    r"|can you|could you|"
    r"would you|will you|i(?:'d| would) like (?:you )?to(?! know)|i want (?:you )?to(?! know)|i"
    r" need (?:you )?to|help me|"
    r"i(?:'d| would) like|i want|i need|let's|go ahead and|be so kind (?:as )?to|you)\b)+",
    re.I,
)
"""What may come before what is asked for."""
OPENS_REQUEST = re.compile(
    r"(?:describe|count|find|detect|classif\w+|translate|summari\w+|write|generate|create|make|draw|"
    r"extract|identify|tell|show|convert|turn|read|answer|compare|give|estimate|segment|remove|add|"
    r"change|edit|play|buy|book|send|order|sing|dance|cook|open|search|download|install|call|solve|"
    r"compute|calculate|plot|sort|rank|check|analy[sz]e|predict|explain|fix|help|what|who|how|when|"
    r"where|why|which)\b",
    re.I,
)
"""The words that open a request, understood or not."""


@dataclass(frozen=True)
class Cue:
    """One way to ask for a task: ``task`` is a task type or a family."""

    task: str
    weight: float
    pattern: re.Pattern[str]
    inner: bool = False


@dataclass(frozen=True)
class Match:
    """A cue found in a clause, at (start, end)."""

    cue: Cue
    start: int
    end: int

    @property
    def task(self) -> str:
        """The task or family asked for."""
        return self.cue.task


_LANGUAGES = words(
    "english french german spanish italian portuguese dutch russian chinese mandarin japanese "
    "korean arabic hindi turkish polish swedish danish norwegian finnish czech greek hebrew "
    "romanian hungarian ukrainian vietnamese thai indonesian latin catalan bengali urdu "
    "persian swahili"
)
LANGUAGE = rf"(?:{'|'.join(_LANGUAGES)})"
"""The name of a language, as a pattern."""

COLOURS = words("red blue green yellow white black pink purple orange gray grey brown")
COLOUR = rf"(?:{'|'.join(COLOURS)})"
"""The name of a colour, as a pattern."""

_TOKENS: Mapping[str, str] = {
    "LANG": rf"{LANGUAGE}\b",
    "COLOUR": COLOUR,
    "GAP": r"[^.;!?\n]{0,40}?",
    "UP": r"(?:\s+(?!(?:of|in|on|from|for|that|the|this|my|it|to|and|what|which|how|where|who"
    r"|whether|if)\b)[\w'-]+){0,4}?",
    "ASK": r"(?:\W|(?:please|now|then|and|also|just|first|can|could|would|will|you|i|want|need"
    r"|would like|i'd like|to|me|kindly|help)\b)*",
    "OF": r"(?:(?:the|this|that|these|those|my|an?|each|every|all|any|following|attached|given"
    r"|above)\s+)*",
    "IMG": rf"(?:(?:{NOUNS['image']})s?\b|«image\d+»)",
    "TXT": rf"(?:(?:{NOUNS['text']})s?\b|«(?:text|question)\d+»)",
    "AUD": rf"(?:(?:{NOUNS['audio']})s?\b|«audio\d+»)",
    "VID": rf"(?:(?:{NOUNS['video']})s?\b|«video\d+»)",
    "MAKE": r"(?:generat(?:e|ed|ing)|creat(?:e|ed|ing)|mak(?:e|ing)|produc(?:e|ed|ing)"
    r"|provid(?:e|ed|ing)|giv(?:e|ing)|get|need|want|design|receive|come up with|show)",
    "GET": r"(?:identif(?:y|ying)|find(?:ing)?(?: out)?|locat(?:e|ing)|list(?:ing)?|name|spot|know"
    r"|recogni[sz](?:e|ing)|determin(?:e|ing)|detect(?:ing)?|tell me|extract(?:ing)?|give me|get"
    r"|see|(?:pick|point|pull) out|mark|highlight|show(?: me)?|provide|label|analy[sz](?:e|ing))",
    "THINGS": r"(?:objects?|items?|things|shapes?|elements|animals?|faces?|cars?|vehicles?|circles?"
    r"|squares?|triangles?|hearts?|stars?|diamonds?|digits?|cats?|dogs?|birds?|fruits?|bottles?|chairs?)\b",
}

_KEYWORDS = words(
    "describe description summarize summary translate translation detect detection classify object "
    "sentiment similar similarity question answer transcribe generate extract segment picture "
    "image pictures images objects count sentence sentences caption embedding entities names "
    "people edges depth speech audio video article document compare positive negative sport "
    "categorize identify aloud"
)


def _written(meaning: str, _: re.Match[str]) -> str:
    return meaning


def _compile(source: str) -> re.Pattern[str]:
    """The pattern with its tokens written out; longer tokens first, tokens may hold others."""
    for _ in range(2):
        for token, meaning in _TOKENS.items():
            source = re.sub(rf"(?<![a-z]){token}(?![A-Z])", partial(_written, meaning), source)
    return re.compile(source, re.IGNORECASE)


@cache
def cues() -> tuple[Cue, ...]:
    """Every cue, compiled at first use."""
    rows = (line.split(" ", 2) for line in table_lines("cues.txt"))
    return tuple(
        Cue(task.lstrip("+"), float(weight), _compile(pattern), inner=task.startswith("+"))
        for task, weight, pattern in rows
    )


def names_kind(kind: str, words: str) -> bool:
    """Whether words hold a noun of a kind: "the picture", "recordings"."""
    return bool(re.search(rf"\b(?:{NOUNS[kind]})s?\b", words, re.I))


def named_cues(tasks: Iterable[str]) -> tuple[Cue, ...]:
    """A cue for each task that a request names outright: "use object-detection on …"."""
    return tuple(
        Cue(
            task,
            0.94,
            re.compile(rf"\b{'[- ]'.join(map(re.escape, task.split('-')))}\b", re.I),
            False,
        )
        for task in tasks
        if re.search(r"\W", task)
    )


def match_cues(text: str, table: Iterable[Cue]) -> list[Match]:
    """The cues found in a clause, in order of place; of overlapping ones the heaviest."""
    found = [
        Match(cue, match.start(), match.end())
        for cue in table
        for match in cue.pattern.finditer(text)
        if match.end() > match.start()
    ]
    found.sort(key=lambda match: (-match.cue.weight, match.start - match.end, match.start))
    kept: list[Match] = []  # in order of place, so that only neighbours can overlap
    for match in found:
        at = bisect(kept, match.start, key=lambda other: other.start)
        before, after = kept[max(0, at - 1) : at], kept[at : at + 1]
        if all(other.end <= match.start for other in before) and all(
            match.end <= other.start for other in after
        ):
            kept.insert(at, match)
    return kept


@cache
def _misspelt() -> dict[str, str]:
    """Keywords by every form with one letter left out."""
    forms: dict[str, str] = {}
    for word in _KEYWORDS:
        for at in range(len(word)):
            forms.setdefault(word[:at] + word[at + 1 :], word)
    return forms


_SHORT: Mapping[str, str] = {
    r"\bw[au]ts\b": "what is",
    r"\bw[au]t\b": "what",
    r"\bteh\b": "the",
    r"\b(what|who|where|how)'?s\b": r"\1 is",
    r"\b(that|there)'s\b": r"\1 is",
    r"\br (?=there\b)": "are ",
    r"\b[ck]an u\b": "can you",
    r"(?<![\w'-])(?-i:u)(?![\w'.-])": "you",
    r"\b(?:plz|pls)\b": "please",
    r"\bi'm\b|\bim\b": "i am",
}
"""Short forms and how they are written out."""

_DONE_TO: Mapping[str, str] = {
    "summari[sz]ed": "summarize", "translated": "translate", "transcribed": "transcribe",
    "described": "describe", "captioned": "caption", "segmented": "segment",
    "classified": "classify", "categori[sz]ed": "categorize", "detected": "detect",
    "counted": "count", "shortened": "shorten", "condensed": "condense", "denoised": "denoise",
    "compared": "compare", "embedded": "embed", "paraphrased": "paraphrase",
    "rewritten": "rewrite", "vectori[sz]ed": "vectorize",
}  # fmt: skip
PARTICIPLE = "|".join(_DONE_TO)
"""The verbs in the form that says what is to be done with something: "summarized"."""
_PASSIVE = re.compile(
    r"(?:\b(?:to be|being|get (?:it|this|that)|have (?:it|this|that|them)|have «\w+»)"
    r"|(?<=\bneed )«\w+»|(?<=\bwant )«\w+»|\b(?:need|want|have|get) (?:this|that|the|my) \w+)"
    rf"(?: (?:first|then|also))? (?:{PARTICIPLE})"
    rf"(?:(?:,? and(?: then| also)?|,(?: then)?) (?:{PARTICIPLE})\b)*",
    re.IGNORECASE,
)

_SENTENCE = re.compile(r"[^.;!?\n]+")
_WANTED = re.compile(
    r"\b(?:want|need|have|get|like)\b[^.;!?\n«]{0,20}«"
    r"|» (?:should|must|ha(?:s|ve) to|needs? to|is to|are to|to) be\b",
    re.IGNORECASE,
)
_EACH_DONE = re.compile(
    r"(?P<things>«\w+»(?:(?:, and|,| and) «\w+»){0,20})"
    r"(?: (?:should|must|ha(?:s|ve) to|needs? to|is to|are to|to))?(?: be)?"
    rf" (?P<done>{PARTICIPLE})\b(?! (?:by|text|version)\b)",
    re.IGNORECASE,
)
"""What is to be done with each of several: "I want a.wav transcribed and b.txt summarized"."""


def _each_active(sentence: re.Match[str]) -> str:
    if not _WANTED.search(sentence[0]):
        return sentence[0]
    return _EACH_DONE.sub(lambda each: f"{_infinitive(each['done'])} {each['things']}", sentence[0])


def active(text: str) -> str:
    """The text with what is to be done with each of several things in active words."""
    return _SENTENCE.sub(_each_active, text)


def _active(match: re.Match[str]) -> str:
    return _infinitive(match[0])


def _infinitive(text: str) -> str:
    for participle, verb in _DONE_TO.items():
        text = re.sub(rf"\b{participle}\b", verb, text, flags=re.I)
    return text


def plain(text: str) -> str:
    """The text with short forms written out, passives made active, and keywords spelled right."""
    for short, full in _SHORT.items():
        text = re.sub(short, full, text, flags=re.I)
    return _PASSIVE.sub(_active, spelled(text))


def spelled(text: str) -> str:
    """The text with its misspelt keywords mended: one letter wrong, missing, extra or swapped."""
    forms = _misspelt()
    known = set(_KEYWORDS)

    def mend(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word in known or word + "s" in known or word.rstrip("sd") in known:
            return match[0]
        for form in (word, *(word[:at] + word[at + 1 :] for at in range(len(word)))):
            if form in known and form != word and len(form) < len(word) and word.startswith(form):
                return match[0]
            keyword = forms.get(form) or (form if form in known else None)
            if keyword and abs(len(keyword) - len(word)) <= 1 and keyword[0] == word[0]:
                return keyword
        return match[0]

    return re.sub(r"\b[a-zA-Z]{6,13}\b(?!»)", mend, text)
