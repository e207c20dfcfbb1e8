"""An LLM's answer made true to the run: each statement tied to a task, each path one that exists.

The text comes in pieces, as it is written, and goes on sentence by sentence. A sentence is tied by
the marks in it (``[0]``, the ids of tasks), else to the task whose result shares its words; one
that is tied to nothing is left out. So is one that claims what can be looked up and is not there
(``claims.py``); if another task bears it, it is tied to that one. A task that loses its only
sentence so is told in the composed answer's words instead. A false statement that names no number,
quote or label is not noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .claims import Fact, unfounded

_PATH = re.compile(
    r"(?P<address>\bhttps?://[^\s)\]]+)|(?<![\w:/.~-])(?:[\w.~-]+)?(?:/[\w.~-]+)+\.\w{2,5}\b"
)
_GONE = "(no such file)"
_MARK = re.compile(r"[ \t]*\[(?:tasks? )?(\d{1,4}(?:\s*,\s*\d{1,4})*)\]", re.I)
_END = re.compile(
    r"(?:(?<=\w\w\w[.!?])|(?<=[\d)\]\"”’%][.!?])|(?<=[。！？]))[\"'”’»)]*(?:\s*\[[\d, ]+\])*"
    r"(?:(?<=[。！？])(?=[^\s\[])|\s+(?=[^\s\[]))|\n+"
)
_LONGEST_END = 200
"""Characters: marks and blanks between two sentences that are more than these do not part them."""
_WORD = re.compile(r"[^\W\d_]{3,}|\d+|[\u3040-\u9fff]{2}")
_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
_COMMON = frozenset((
    "also", "and", "are", "been", "for", "from", "has", "have", "here", "into", "its", "model",
    "more", "not", "only", "result", "some", "task", "than", "that", "the", "their", "them",
    "they", "this", "very", "was", "were", "what", "which", "will", "with", "you", "your",
))  # fmt: skip

ENOUGH = 0.25
"""The share of a sentence's words that a result must hold for the sentence to be about it."""


def grounded(answer: str, paths: set[str]) -> str:
    """The answer with every path that is not one of ``paths`` taken out; addresses stay."""
    return _PATH.sub(lambda m: m[0] if m["address"] or m[0] in paths else _GONE, answer)


def words_of(text: str) -> set[str]:
    """The words that say what a text is about; numbers as digits and, up to twelve, in words."""
    found = {word.lower() for word in _WORD.findall(text)} - _COMMON
    found |= {_NUMBERS[int(w)] for w in found if re.fullmatch(r"0*(?:\d|1[0-2])", w)}
    return found | {str(_NUMBERS.index(word)) for word in found if word in _NUMBERS}


class Grounding:
    """Takes in an answer as it is written and gives it on, sentence by sentence, as far as true.

    ``facts`` is what each task's result says, by task id; ``paths`` are those that may be named;
    ``instead`` is what to say of a task whose own sentence was false. ``left_out`` lists the false
    sentences with what was wrong in them.
    """

    def __init__(
        self,
        facts: Mapping[int, Fact],
        paths: Iterable[str],
        *,
        instead: Mapping[int, str] | None = None,
        language: str = "English",
    ) -> None:
        self._facts = facts
        self._words = {number: words_of(fact.text) for number, fact in facts.items()}
        self._paths = set(paths)
        self._instead = instead or {}
        self._language = language
        self._rest, self._searched = "", 0
        self._told: set[int] = set()
        self._missed: dict[int, None] = {}
        self.left_out: list[tuple[str, list[str]]] = []

    def take(self, piece: str) -> str:
        """What may be shown now that this piece is there, often nothing."""
        self._rest += piece
        shown, last = "", 0
        for end in _END.finditer(self._rest, max(0, self._searched - _LONGEST_END)):
            if end.end() == len(self._rest) and "\n" not in end[0]:
                break
            shown += self._sentence(self._rest[last : end.end()])
            last = end.end()
        self._rest = self._rest[last:]
        self._searched = len(self._rest)
        return shown

    def finish(self, *, cut: bool = False) -> str:
        """What may be shown of the rest, and of the tasks that only false sentences spoke of.

        Where the answer was cut short, the rest is half a sentence and left out.
        """
        rest, self._rest, self._searched = "" if cut else self._rest, "", 0
        last = self._sentence(rest) if rest.strip() else ""
        lost = [n for n in self._missed if n not in self._told and n in self._instead]
        return last + "".join(f"\n{_tied(self._instead[number], [number])}" for number in lost)

    def _sentence(self, text: str) -> str:
        marked = [int(n) for found in _MARK.findall(text) for n in re.findall(r"\d+", found)]
        known = [number for number in dict.fromkeys(marked) if number in self._facts]
        bare = _MARK.sub("", text)
        if not re.search(r"\w", bare):
            return ""
        known = known or self._nearest(bare)
        if not known:
            return ""
        said = grounded(bare.strip(), self._paths)
        if wrong := self._wrong(said, known):
            words = words_of(said)
            bearing = [
                number
                for number, about in self._words.items()
                if words & about and not self._wrong(said, [number])
            ]
            if not bearing and self._wrong(said, self._facts):
                self._missed |= dict.fromkeys(known)
                self.left_out.append((said, wrong))
                return ""
            bearing.sort(key=lambda number: -len(words & self._words[number]))
            known = bearing[:1] or [*self._facts]
        self._told.update(known)
        return _tied(said, known) + bare[len(bare.rstrip()) :]

    def _wrong(self, text: str, numbers: Iterable[int]) -> list[str]:
        return unfounded(text, [self._facts[number] for number in numbers], self._language)

    def _nearest(self, text: str) -> list[int]:
        """The task whose result has most words in common with a sentence, `ENOUGH` of them."""
        words = words_of(text)
        shared = {number: len(words & facts) for number, facts in self._words.items()}
        best = max(shared, key=lambda number: shared[number], default=None)
        return [best] if best is not None and shared[best] > ENOUGH * len(words) else []


def _tied(text: str, numbers: Iterable[int]) -> str:
    """A sentence with the ids of its tasks before its full stop."""
    stop = re.search(r"[.!?。！？:;]*$", text)
    cut = stop.start() if stop else len(text)
    return f"{text[:cut]} [{', '.join(map(str, numbers))}]{text[cut:]}"
