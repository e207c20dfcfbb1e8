"""Word and character scores (BM25) beside the vectors: names, compounds and rare words.

A score is the share of what the query could reach at most, so that a request of which one rare word
is found does not count like a request that is found whole.

Everything is held in memory, which serves some ten thousand cards.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

OF_POSSIBLE = 0.7
"""How far scores are shares of what was possible, and not of what the best text reached."""

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = """
a about all also an and any are as at be been by can could do does each for from get give has have
he her his how i if in into is it its like me my need needs of on or our out please she should so
some such tell that the their them there these they this those to up us use used using want was we
what when where which who will with would you your model models
"""
_STOP = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[str]:
    """The words that carry meaning, in lower case, without plural and verb endings."""
    found = (word for word in _WORD.findall(text.lower()) if word not in _STOP)
    return [_stem(word) for word in found]


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ers", "er", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def pieces(text: str, size: int = 5) -> list[str]:
    """Every run of five characters of each word, blanks at its ends: finds ids and compounds."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        padded = f" {word} "
        found += (padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
    return found


class BM25:
    """Okapi BM25 over a list of texts, cut into terms by a function."""

    def __init__(
        self,
        texts: Iterable[str],
        terms: Callable[[str], list[str]],
        *,
        k1: float = 1.2,
        b: float = 0.4,
    ) -> None:
        self._terms = terms
        counts = [Counter(terms(text)) for text in texts]
        lengths = np.array([count.total() for count in counts], dtype=np.float32)
        mean = float(lengths.mean()) if counts else 1.0
        at: dict[str, list[int]] = defaultdict(list)
        often: dict[str, list[int]] = defaultdict(list)
        for row, count in enumerate(counts):
            for term, times in count.items():
                at[term].append(row)
                often[term].append(times)
        self._size = len(counts)
        self._postings: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
        for term, rows in at.items():
            rarity = math.log(1 + (self._size - len(rows) + 0.5) / (len(rows) + 0.5))
            times_ = np.array(often[term], dtype=np.float32)
            where = np.array(rows)
            weight = times_ * (k1 + 1) / (times_ + k1 * (1 - b + b * lengths[where] / (mean or 1)))
            self._postings[term] = where, (rarity * weight).astype(np.float32)

    def scores(self, query: str) -> NDArray[np.float32]:
        """A score per text, at most 1 (all 0 where nothing matches)."""
        total = np.zeros(self._size, dtype=np.float32)
        possible = 0.0
        for term in set(self._terms(query)):
            if term in self._postings:
                rows, weights = self._postings[term]
                total[rows] += weights
                possible += float(weights.max())
        best = float(total.max(initial=0.0))
        if not best:
            return total
        shared: NDArray[np.float32] = total / (best ** (1 - OF_POSSIBLE) * possible**OF_POSSIBLE)
        return shared


class Lexical:
    """Both indexes over texts that have an id."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._ids = list(texts)
        self._words = BM25(texts.values(), words)
        self._pieces = BM25(texts.values(), pieces)

    def scores(self, query: str) -> dict[str, tuple[float, float]]:
        """The score of words and the score of pieces by id, each 0 to 1."""
        pairs = zip(self._words.scores(query), self._pieces.scores(query), strict=True)
        return {i: (float(w), float(p)) for i, (w, p) in zip(self._ids, pairs, strict=True)}
