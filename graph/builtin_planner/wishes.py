"""From a clause to its wishes: which cues count, which words go with each, what comes first."""

from __future__ import annotations

import re
from itertools import pairwise

from .arguments import Wish
from .clauses import Clause
from .cues import LANGUAGE, NOUNS, POLITE, Cue, Match, match_cues
from .inputs import present, words_of
from .labels import Labels, find_labels
from .mentions import MARKER
from .questions import ASKS, WONDERS
from .rows import FAMILIES, traits
from .sketch import Sketch
from .written import may_be

_NOT = re.compile(
    r"\b(?:don'?t|do not|not|without|never|no need to|instead of)\s+(?:\w+\s+)?$", re.I
)
_NO = re.compile(r"\bno\s+$", re.I)
_NOUN = re.compile(r"\w+(?:tion|ing|ary|ies)\b|(?:captions?|speech|audio|boxes|edges)\b", re.I)
"""What "no" says is not wanted: "no translation", while "no translate it" corrects."""
_NOT_IT = re.compile(
    r"(?: (?:it|this|that|them|(?:the|this|my) \w+|«\w+»))? not\b"
    rf"(?! (?:only|just|too|so|very|quite|as|the|an?|yet|{LANGUAGE})\b)",
    re.I,
)
"""What comes after what is not wanted, as in requests put into English from German."""
_WITHIN = re.compile(
    r"\b(?:that|which|of|from|based on|describing|showing|about)\s+(?:\w+\s+)?$", re.I
)
_IN_SOMETHING = re.compile(
    r"«(?:image|text)\d+»|\b(?:in|of|on|from|about) (?:the |this |that |my )?"
    rf"(?:{NOUNS['image']})\b",
    re.I,
)
_VOICE = re.compile(rf"\bin ({LANGUAGE})\b", re.I)
_SPEECH = re.compile(rf"\b(?:in)?to {LANGUAGE} (speech|audio|voice)\b", re.I)
_VERSION = re.compile(rf"\bthe ({LANGUAGE}) (?:one|version|translation)\b", re.I)
_MAP = re.compile(r"\b(?:image|picture|map|drawing)s?$", re.I)
_LOOKS = ("describe", "count", "classify", *FAMILIES["classify"].values(), "object-detection")


def find_wishes(sketch: Sketch, at: int, clause: Clause, table: tuple[Cue, ...]) -> list[Wish]:
    """What a clause asks for, in the order of doing."""
    text = clause.text
    labels = find_labels(text, sketch.mentions)
    matches = [m for m in match_cues(text, table) if not _unwanted(text, m)]
    matches = [m for m in matches if _has_its_thing(sketch, at, m.task)]
    matches = _spoken_in(sketch, at, text, matches)
    if labels is None and any(m.task == "classify" for m in matches):
        offered = [m for m in sketch.mentions.found if m.kind == "choices"]
        labels = Labels(offered[0].values, 0, len(text), frozenset()) if offered else None
    if labels:
        matches = [
            m
            for m in matches
            if m.end <= labels.start and m.task not in ("classify", "text-classification")
        ]
        matches.append(Match(Cue("choose", 0.95, re.compile("")), labels.start, labels.end))
    later = any(re.search(r"\banswer", c.text, re.I) for c in sketch.clauses[at + 1 :])
    matches = _once(_one_question(matches, later), text)
    if not matches and _is_question(text):
        matches = [Match(Cue("question", 0.7, re.compile("")), 0, len(text))]
    ordered = _inner_first(matches, text)
    before = {id(m): other.start for other, m in pairwise(ordered)}
    return [
        Wish(
            m.task,
            at,
            _window(text, matches, m),
            m.cue.weight,
            after=text[m.end :],
            labels=labels if m.task == "choose" else None,
            fed=before.get(id(m), 0) > m.start or (id(m) in before and _says_in(text, m)),
        )
        for m in ordered
    ]


def _says_in(text: str, match: Match) -> bool:
    """Whether a match only says in which language: "summarize a.txt in German"."""
    return match.task == "translation" and bool(_VOICE.match(text, match.start))


def _unwanted(text: str, match: Match) -> bool:
    """Whether a clause says that what a match asks for is not to be done."""
    before, after = text[: match.start], text[match.end :]
    no = _NO.search(before) and _NOUN.match(text, match.start)
    return bool(no or _NOT.search(before) or _NOT_IT.match(after))


def _has_its_thing(sketch: Sketch, at: int, task: str) -> bool:
    """Whether what a task is done with is there, for cues whose words alone do not say so.

    "Read the bill" needs a picture, and "fix the spelling" a text in the request or a result.
    """
    if task == "text2text-generation":
        named = sketch.named()
        texts = [m for m in named if m.kind == "text"]
        made = any(step.row.output == "text" for step in sketch.steps) or present(
            sketch, "text", at
        )
        values = [value for m in texts if m.file for value in m.values]
        fits = all(value in sketch.resources for value in values) if texts else made
        if not fits:
            sketch.note("Correcting a text needs the text itself: in quotes, or as a file.")
        return fits
    return task not in ("seen", "moved", "erased") or present(sketch, "image", at)


def _spoken_in(sketch: Sketch, at: int, text: str, matches: list[Match]) -> list[Match]:
    """The matches, with a translation where something is to be read aloud "in French".

    A text that the clause names and that is in French already is read as it is.
    """
    speech = _SPEECH.search(text)
    if speech and all(m.task != "text-to-speech" for m in matches):
        return [*matches, Match(Cue("text-to-speech", 0.9, _SPEECH), *speech.span(1))]
    said = _VOICE.search(text) or _VERSION.search(text)
    if said is None or all(m.task != "text-to-speech" for m in matches):
        return matches
    matches = [m for m in matches if m.task != "translation" or not _VOICE.match(text, m.start)]
    if any(m.task == "translation" for m in matches):
        return matches
    given = [m for m in sketch.named([at]) if m.kind == "text"]
    texts = [words_of(sketch, value) for m in given for value in m.values]
    language = said[1].capitalize()
    if all(may_be(words, language) for words in texts) if texts else language == "English":
        return matches
    spoken = [*matches, Match(Cue("translation", 0.85, _VOICE), *said.span())]
    return sorted(spoken, key=lambda m: m.start)


def _is_question(text: str) -> bool:
    """Whether a clause without a cue asks something, directly or in words like "I want to know"."""
    bare = POLITE.sub("", text)
    if re.match(r"(?:thank|that)", bare, re.I):
        return False
    if not ASKS.search(bare):
        return bool(WONDERS.search(text) and _IN_SOMETHING.search(text))
    asked = text.rstrip().endswith("?") or ASKS.match(bare)
    return bool(asked or re.search(r"\b(?:know|tell me|find out)\b", text, re.I))


def _once(matches: list[Match], text: str) -> list[Match]:
    """Each task once, unless something is named between; faint cues only to feed another task."""
    kept: list[Match] = []
    for match in matches:
        same = next((m for m in kept if m.task == match.task), None)
        if same and not MARKER.search(text[same.start : match.start]):
            continue
        if match.cue.weight > 0.5 or any((t := traits().get(m.task)) and t.chains for m in matches):
            kept.append(match)
    return kept


def _one_question(matches: list[Match], later: bool) -> list[Match]:
    """One question per clause, and none where a quoted question is only the text of another task.

    A question that is only stated waits where the request asks ``later`` for its answer.
    """
    questions = [m for m in matches if m.task == "question"]
    others = [m for m in matches if m.task != "question"]
    best = max(questions, key=lambda m: m.cue.weight, default=None)
    if best is None or (best.cue.weight <= 0.8 and (others or later)):
        return others
    return sorted([*others, best], key=lambda m: m.start)


def _inner_first(matches: list[Match], text: str) -> list[Match]:
    """What is named inside another request is done before it."""
    ordered: list[Match] = []
    matches = sorted(matches, key=lambda m: m.task == "sentence-similarity")
    if [m.task for m in matches] == ["text-to-speech", "translation"] and " and " not in text:
        matches.reverse()  # "hear it in Italian": what is heard is the translation
    for match in matches:
        last = ordered[-1] if ordered else None
        feeds = last is not None and (trait := traits().get(last.task)) is not None and trait.chains
        inner = match.cue.inner or match.task == "question"
        if last and _MAP.search(text[match.start : match.end]) and last.task in _LOOKS:
            ordered.insert(len(ordered) - 1, match)
            continue
        if last and feeds and (inner or _WITHIN.search(text[last.end : match.start])):
            ordered.insert(len(ordered) - 1, match)
        else:
            ordered.append(match)
    return ordered


def _window(text: str, matches: list[Match], match: Match) -> str:
    """The words that belong to a match: up to the next one, all where that leaves no mention.

    What stands before the next one's verb ("and, in b.txt, find …") is the next one's.
    """
    if len(matches) == 1:
        return text
    place = matches.index(match)
    start = _begin(text, match) if place else 0
    after = matches[place + 1] if place + 1 < len(matches) else None
    stop = _begin(text, after) if after else len(text)
    own = text[start:stop]
    fronted = after is not None and stop < after.start
    return own if fronted or MARKER.search(own) else text


_FRONTED = re.compile(
    r"\s*(?:[,;]|\b(?:and|then)\b)(?:[\s,]+(?:and|then)\b)?[\s,]*(?:for|of|from|in) "
    r"(?:(?:the|my|this) )?(?:\w+ )?«text\d+»,?\s+(?:\w+\s+){0,3}$",
    re.I,
)


def _begin(text: str, match: Match) -> int:
    found = _FRONTED.search(text, 0, match.start)
    return found.start() if found else match.start
