"""An LLM's answer made true to the run: each statement tied to a task, each path one that exists.

The text comes in pieces, as it is written, and goes on sentence by sentence. A sentence is tied by
the marks in it (``[0]``, the ids of tasks), else to the task whose result shares its words; one
that is tied to nothing is left out. What stands in a sentence is not weighed beyond that: a mark
under a false statement is not noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PATH = re.compile(r"(?<![\w:/])(?:[\w.~-]+)?(?:/[\w.~-]+)+\.\w{2,5}\b")
_GONE = "(no such file)"
_MARK = re.compile(r"[ \t]*\[(?:tasks? )?(\d{1,4}(?:\s*,\s*\d{1,4})*)\]", re.I)
_END = re.compile(
    r"(?:(?<=\w\w\w[.!?])|(?<=[\d)\]\"”’%][.!?])|(?<=[。！？]))[\"'”’»)]*(?:\s*\[[\d, ]+\])*"
    r"(?:(?<=[。！？])(?=[^\s\[])|\s+(?=[^\s\[]))|\n+"
)
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
    """The answer with every path that is not one of ``paths`` taken out."""
    return _PATH.sub(lambda m: m[0] if m[0] in paths else _GONE, answer)


def words_of(text: str) -> set[str]:
    """The words that say what a text is about; numbers as digits and, up to twelve, in words."""
    found = {word.lower() for word in _WORD.findall(text)} - _COMMON
    found |= {_NUMBERS[int(w)] for w in found if w.isdigit() and int(w) < len(_NUMBERS)}
    return found | {str(_NUMBERS.index(word)) for word in found if word in _NUMBERS}


class Grounding:
    """Takes in an answer as it is written and gives it on, sentence by sentence, as far as true.

    ``facts`` is what each task's result says, by task id; ``paths`` are those that may be named.
    """

    def __init__(self, facts: Mapping[int, str], paths: Iterable[str]) -> None:
        self._facts = {number: words_of(text) for number, text in facts.items()}
        self._paths = set(paths)
        self._rest = ""
        self.dropped = 0

    def take(self, piece: str) -> str:
        """What may be shown now that this piece is there, often nothing."""
        self._rest += piece
        shown, last = "", 0
        for end in _END.finditer(self._rest):
            if end.end() == len(self._rest) and "\n" not in end[0]:
                break
            shown += self._sentence(self._rest[last : end.end()])
            last = end.end()
        self._rest = self._rest[last:]
        return shown

    def finish(self) -> str:
        """What may be shown of the rest."""
        rest, self._rest = self._rest, ""
        return self._sentence(rest) if rest.strip() else ""

    def _sentence(self, text: str) -> str:
        marked = [int(n) for found in _MARK.findall(text) for n in re.findall(r"\d+", found)]
        known = [number for number in dict.fromkeys(marked) if number in self._facts]
        bare = _MARK.sub("", text)
        if not re.search(r"\w", bare):
            return ""
        known = known or self._nearest(bare)
        if not known:
            self.dropped += 1
            return ""
        space = bare[len(bare.rstrip()) :]
        said = grounded(bare.strip(), self._paths)
        stop = re.search(r"[.!?。！？:;]*$", said)
        cut = stop.start() if stop else len(said)
        return f"{said[:cut]} [{', '.join(map(str, known))}]{said[cut:]}{space}"

    def _nearest(self, text: str) -> list[int]:
        """The task whose result has most words in common with a sentence, `ENOUGH` of them."""
        words = words_of(text)
        shared = {number: len(words & facts) for number, facts in self._facts.items()}
        best = max(shared, key=lambda number: shared[number], default=None)
        return [best] if best is not None and shared[best] > ENOUGH * len(words) else []
