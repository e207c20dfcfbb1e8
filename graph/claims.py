"""What a sentence claims that can be looked up: numbers, counts of labels, quoted texts, the label.

``unfounded`` names the claims of a sentence that no result behind it bears. It looks numbers up as
digits and as words of five languages, rounded as people round; counts by the label they stand with;
quotes and addresses of the web as they stand; and of labels to choose from, the one that won. Not
covered: what is said in other words ("a dog" for a cat), numbers about places in a picture,
negations but "no circles".
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hugginggraph.registry import Kind
from hugginggraph.tools import plural

NUMBER_WORDS: Mapping[str, str] = {
    "English": "zero one two three four five six seven eight nine ten eleven twelve",
    "German": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "French": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
    "Spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "Italian": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici",
}
_CHINESE = "零一二三四五六七八九十"
_NUMERAL = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\d])")
_MEASURED = re.compile(rf"([{_CHINESE[2:]}两])(?=[个個只条张辆把位种朵匹])")
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“”\n]+)[“”]|«\s?([^«»\n]+?)\s?»|「([^「」\n]+)」"
    r"|(?<!\w)'([^'\n]+)'(?!\w)|‘([^‘’\n]+)’(?!\w)"
)
_HEDGE = re.compile(
    r"(?:about|around|over|under|above|below|almost|nearly|roughly|than|least|most|approximately"
    r"|some|environ|près de|plus de|moins de|presque|etwa|rund|über|unter|knapp|fast|als|casi"
    r"|unos|unas|de|circa|quasi|约|大约|近|超过|~|≈|>|<)\s*(?:an?\s+|the\s+)?$", re.I,
)  # fmt: skip
_PLACE = re.compile(
    r"\b(?:box|boxes|corner|coordinates?|pixels?|px|position)\b|\(\d+(?:\.\d+)?,", re.I
)
_LENGTH = re.compile(
    r"\b(?:words?|characters?|letters|sentences?|mots|phrases|caractères|wörter|worte|zeichen"
    r"|sätze|palabras|frases|parole|frasi)\b", re.I,
)  # fmt: skip
_DOUBT = re.compile(
    r"\b(?:second|less|unlikely|only|not|lower|rather|than|instead|before|but|against|while|by"
    r"|or|whether|could|might|nor|neither)\b", re.I,
)  # fmt: skip
_LINK = re.compile(r"(?:\bhttps?://|\bwww\.|(?<=\]\()//)[^\s<>\"')\]]+", re.I)
_HEDGED = 24
"""How many characters before a number may hold such a word."""
_BESIDE = 0.15
"""How far a number may be from the one it rounds with "about" or "over", as a share."""


@dataclass(frozen=True)
class Fact:
    """What may be said of a task: ``text`` in words, its result's kind and value, and ``asked``,
    the person's own words."""

    text: str
    kind: Kind | str = "text"
    value: Any = None
    asked: str = ""

    @cached_property
    def whole(self) -> str:
        """All of it as one text, the value as JSON."""
        shown = json.dumps(self.value, ensure_ascii=False, default=str)[:60_000]
        return f"{self.text}\n{self.asked}\n{self.value if isinstance(self.value, str) else shown}"

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How often each label was found, by the label in lower case."""
        if self.kind not in ("boxes", "masks", "labels") or not isinstance(self.value, list):
            return {}
        return Counter(str(each.get("label", "")).lower() for each in self.value)

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Every number of the text, the scores, the counts, and how many there are."""
        said = f"{self.text} {self.asked} {self.value if isinstance(self.value, str) else ''}"
        found = {*_numerals(said), *_spelled(said)} | set(map(float, self.counts.values()))
        if self.kind not in ("boxes", "vector"):
            found |= set(_numerals(self.whole))
        if isinstance(self.value, list):
            found |= {float(len(self.value)), float(len(self.counts))}
            found |= {float(e["score"]) for e in self.value if isinstance(e, dict) and "score" in e}
        return frozenset(found)

    @cached_property
    def lengths(self) -> frozenset[float]:
        """How many words, characters and sentences a text has."""
        if not isinstance(self.value, str):
            return frozenset()
        sentences = re.findall(r"[.!?。！？](?:\s|$)", self.value)
        return frozenset((len(self.value.split()), len(self.value), len(sentences) or 1))

    @cached_property
    def winner(self) -> str:
        """The likeliest of labels of which one is right; empty for any other result."""
        if self.kind != "labels" or not isinstance(self.value, list) or len(self.value) < 2:
            return ""
        scores = [float(each.get("score", 0)) for each in self.value]
        if abs(sum(scores) - 1) > 0.02 or any("text" in each for each in self.value):
            return ""
        return str(self.value[scores.index(max(scores))]["label"]).lower()


def unfounded(sentence: str, facts: Iterable[Fact], language: str = "English") -> list[str]:
    """The claims of a sentence that none of these facts bears, as they stand in it."""
    behind = list(facts)
    whole = _plain(" ".join(fact.whole for fact in behind))
    bare = re.sub(r"^\s*\d{1,2}[.)]\s", "", _QUOTED.sub(" ", sentence))
    wrong = [link for link in _links(sentence) if not any(link in fact.whole for fact in behind)]
    wrong += [quote for quote in _quotes(sentence, language) if not _said(quote, whole)]
    wrong += _miscounted(bare, behind, language)
    wrong += _misnumbered(bare, behind, language)
    return wrong + _mislabelled(bare, behind)


def _links(sentence: str) -> list[str]:
    """Addresses of the web: they lead a person away, or fetch a picture, so none is made up."""
    return [found.rstrip(".,;:!?") for found in _LINK.findall(sentence)]


def _quotes(sentence: str, language: str) -> list[str]:
    """Quoted texts; of a word or two only where they cannot be a translation."""
    found = ["".join(groups).strip() for groups in _QUOTED.findall(sentence)]
    return [quote for quote in found if language == "English" or len(quote.split()) > 2]


def _said(quote: str, whole: str) -> bool:
    parts = [_plain(part) for part in re.split(r"…|\.\.\.|\[[^\]]*\]", quote)]
    return all(part in whole for part in parts if part)


def _plain(text: str) -> str:
    """A text's words without case, punctuation and spacing."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _numerals(text: str) -> list[float]:
    return [value for match in _NUMERAL.finditer(text) for value in _values(match[0])]


def _values(numeral: str) -> list[float]:
    """What a numeral can mean: "1,234" a thousand or one and a bit."""
    forms = {numeral.replace(",", ""), numeral.replace(".", "").replace(",", ".")}
    forms |= {numeral.replace(",", ".")}
    return [float(form) for form in forms if form.count(".") < 2]


def _spelled(text: str) -> list[float]:
    """The numbers that a text holds as words of any of the languages."""
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    return [float(n) for name in NUMBER_WORDS for word, n in _words(name).items() if word in words]


def _words(language: str) -> dict[str, int]:
    """The number words of a language from two up, as "one" and its like are more than numbers."""
    listed = NUMBER_WORDS.get(language, "").split()
    return {word: n for n, word in enumerate(listed) if n > 1}


def _misnumbered(text: str, facts: list[Fact], language: str) -> list[str]:
    numbers = {number for fact in facts for number in fact.numbers}
    if _PLACE.search(text):
        numbers |= {number for fact in facts for number in _numerals(fact.whole)}
    if _LENGTH.search(text):
        numbers |= {number for fact in facts for number in fact.lengths}
    numbers |= {float(sum(fact.counts.values())) for fact in facts if fact.counts}
    numbers.add(float(sum(sum(fact.counts.values()) for fact in facts)))
    known = sorted({form for n in numbers if not math.isnan(n) for form in (n, 100 * n)})
    wrong = []
    for numeral in _NUMERAL.finditer(text):
        before = text[max(0, numeral.start() - _HEDGED) : numeral.start()]
        hedged, said = bool(_HEDGE.search(before)), numeral[0]
        if not any(_is(value, said, known, hedged=hedged) for value in _values(said)):
            wrong.append(said)
    spoken = _words(language)
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in spoken and not _is(spoken[word], "1", known, hedged=False):
            wrong.append(word)
    for digit in _MEASURED.findall(text):
        number = 2 if digit == "两" else _CHINESE.index(digit)
        wrong += [] if _is(number, "1", known, hedged=False) else [digit]
    return wrong


def _is(value: float, written: str, known: Sequence[float], *, hedged: bool) -> bool:
    """Whether one of the known numbers, which ascend, is written so: rounded, cut, or hedged."""
    decimals = len(re.split(r"[.,]", written)[-1]) if re.search(r"[.,]", written) else 0
    step = 10.0**-decimals
    least, most = value - step / 2 - 1e-9, value + max(step / 2 + 1e-9, step - 1e-9)
    if hedged:
        least, most = min(least, value / (1 + _BESIDE)), max(most, value / (1 - _BESIDE))
    place = bisect_left(known, least)
    return place < len(known) and known[place] <= most


def _miscounted(text: str, facts: list[Fact], language: str) -> list[str]:
    """Counts that stand with a label and are not that label's; "no circles" where there are."""
    totals: Counter[str] = Counter()
    allowed: dict[str, set[int]] = {}
    for fact in facts:
        for label, count in fact.counts.items():
            if label and fact.kind != "labels":
                totals[label] += count
                allowed.setdefault(label, set()).add(count)
    if not totals or language != "English":
        return []
    spoken, wrong = _words(language) | {"no": 0}, list[str]()
    names = {
        form.lower(): label for label in totals for form in (label, f"{label}s", plural(label))
    }
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    many = "|".join((_COUNT, *spoken))
    for found in re.finditer(rf"\b({many})\s+(?:[a-z-]+\s+)?({listed})\b", text, re.I):
        said = int(found[1]) if found[1].isdigit() else spoken[found[1].lower()]
        label = names[found[2].lower()]
        if said not in allowed[label] | {totals[label]}:
            wrong.append(found[0])
    whole = " ".join(fact.whole for fact in facts).lower()
    for found in re.finditer(rf"\b(?:{many})\s+(?:[a-z-]+\s+)?(?:{_COUNTED})\b", text, re.I):
        number = found[0].split()[0].lower()
        said = int(number) if number.isdigit() else spoken[number]
        if said > sum(totals.values()) and found[0].lower() not in whole:
            wrong.append(found[0])
    if not re.search(rf"\b(?:{listed})\b", text, re.I):
        wrong += _strangers(text, "|".join((_COUNT, *_words(language))))
    return wrong


_COUNT = r"\d{1,9}"
_COUNTED = "objects|things|items|shapes|figures|elements|detections|instances"
"""What is found, whatever it is: there are never more of them than were found."""

_GENERAL = (
    "objects things items shapes figures animals people persons vehicles elements detections boxes "
    "instances regions pets fruits pieces kinds types categories classes labels colours colors "
    "results files pictures images photos segments masks parts different distinct separate sorts "
    "total more other others of in and models times digits letters words seconds pixels"
)
_ANY_THING = frozenset(_GENERAL.split())


def _strangers(text: str, count: str) -> list[str]:
    """Counted things in a sentence that names nothing of what was found: "3 dogs" of circles."""
    found = re.finditer(rf"\b(?:{count})\s+(?:[a-z-]+\s+)?([a-z]{{3,}}s)\b", text, re.I)
    return [m[0] for m in found if not _ANY_THING & set(m[0].lower().split())]


def _mislabelled(text: str, facts: list[Fact]) -> list[str]:
    """A label that lost, where the sentence names it alone and without a doubt."""
    if _DOUBT.search(text):
        return []
    wrong = []
    for fact in facts:
        labels = [label for label in fact.counts if label] if fact.winner else []
        named = [x for x in labels if re.search(rf"(?<!\w){re.escape(x)}(?!\w)", text, re.I)]
        if len(named) == 1 and named[0] != fact.winner:
            wrong.append(named[0])
    return wrong
