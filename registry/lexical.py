"""Word and character scores (BM25) beside the vectors: names, compounds and rare words.

A score is the share of what the query could reach at most, so that a request of which one rare word
is found does not count like a request that is found whole.

The indexes are arrays in files that are read as they are needed, so that a million cards take no
memory. They come in segments, so that a change adds a small one (``segments.py``); how rare a term
is, is counted over all of them.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

OF_POSSIBLE = 0.7
"""How far scores are shares of what was possible, and not of what the best text reached."""

MOST_POSTINGS = 400_000
"""Entries of an index that one query reads; more are only met in stores of many thousand cards."""

SAMPLED = 16
"""One score in so many says below which the others need not be ordered."""

PIECE = 5
"""Characters of a piece of a word."""

KNOWN_WORDS = 50_000
KNOWN_LENGTH = 24
"""So many words whose terms are remembered, and how long one is at most: texts repeat theirs."""

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = """
a about all also an and any are as at be been by can could do does each for from get give has have
he her his how i if in into is it its like me my need needs of on or our out please she should so
some such tell that the their them there these they this those to up us use used using want was we
what when where which who will with would you your model models
"""
_STOP = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[int]:
    """The words that carry meaning, in lower case, without plural and verb endings, hashed."""
    return _terms(text, _stem_of, _known_stem)


def pieces(text: str) -> list[int]:
    """Every run of `PIECE` characters of each word, blanks at its ends, hashed.

    It finds ids and compounds.
    """
    return _terms(text, _pieces_of, _known_pieces)


Terms: TypeAlias = Callable[[str], tuple[int, ...]]


def _terms(text: str, of: Terms, known: Terms) -> list[int]:
    found = _WORD.findall(text.lower())
    return [*chain.from_iterable((known if len(w) <= KNOWN_LENGTH else of)(w) for w in found)]


def _stem_of(word: str) -> tuple[int, ...]:
    """The word's stem; nothing of a word that carries no meaning."""
    if word in _STOP:
        return ()
    for ending in ("ations", "ation", "ings", "ing", "ers", "er", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return (_hash(word[: -len(ending)]),)
    return (_hash(word),)


def _pieces_of(word: str) -> tuple[int, ...]:
    padded = f" {word} "
    return tuple(_hash(padded[i : i + PIECE]) for i in range(max(1, len(padded) - PIECE + 1)))


_known_stem = lru_cache(KNOWN_WORDS)(_stem_of)
_known_pieces = lru_cache(KNOWN_WORDS)(_pieces_of)


def _hash(term: str) -> int:
    return zlib.crc32(term.encode())


class Postings:
    """Which texts of a segment have a term, as arrays that a file can hold.

    ``terms`` are hashes in order, ``starts`` where each one's rows begin, ``rows`` and ``weights``
    the texts that have it and how much that counts (BM25 without the rarity), ``most`` the greatest
    weight of each. ``lengths`` are the texts' counts of terms.
    """

    NAMES = ("terms", "starts", "rows", "weights", "most", "lengths")

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays["lengths"])

    @classmethod
    def of(
        cls,
        texts: Iterable[list[int]],
        before: Sequence[Postings] = (),
        *,
        k1: float = 1.2,
        b: float = 0.4,
    ) -> Postings:
        """The postings of texts that are cut into terms; ``before`` count in the mean length."""
        hashes, often, lengths, widths = array("I"), array("H"), array("I"), array("I")
        for terms in texts:
            count = Counter(terms)
            lengths.append(len(terms))
            widths.append(len(count))
            hashes.extend(count)
            often.extend(min(times, 65_535) for times in count.values())
        length = np.array(lengths, dtype=np.float32)
        keys, times = np.array(hashes, dtype=np.uint32), np.array(often, dtype=np.float32)
        rows = np.repeat(np.arange(len(length), dtype=np.int32), np.array(widths, dtype=np.int64))
        every = np.concatenate([length, *(part.arrays["lengths"] for part in before)])
        mean = float(every.mean()) if len(every) else 1.0
        weights = times * (k1 + 1) / (times + k1 * (1 - b + b * length[rows] / (mean or 1)))
        return cls._sorted(keys, rows, weights.astype(np.float32), length)

    @classmethod
    def joined(cls, parts: Sequence[tuple[Postings, NDArray[np.bool_]]]) -> Postings:
        """One segment of several, of each the rows that are kept, in their order."""
        keys, rows, weights, lengths = [], [], [], []
        size = 0
        for part, kept in parts:
            arrays = part.arrays
            place = np.cumsum(kept, dtype=np.int32) - 1 + size
            some = kept[arrays["rows"]]
            keys.append(np.repeat(arrays["terms"], np.diff(arrays["starts"]))[some])
            rows.append(place[arrays["rows"][some]])
            weights.append(arrays["weights"][some])
            lengths.append(arrays["lengths"][kept])
            size += int(kept.sum())
        return cls._sorted(*(np.concatenate(found) for found in (keys, rows, weights, lengths)))

    @classmethod
    def _sorted(
        cls,
        keys: NDArray[Any],
        rows: NDArray[Any],
        weights: NDArray[Any],
        lengths: NDArray[Any],
    ) -> Postings:
        order = np.argsort(keys, kind="stable")
        keys, rows, weights = keys[order], rows[order], weights[order]
        terms, starts = np.unique(keys, return_index=True)
        most = np.maximum.reduceat(weights, starts) if len(starts) else weights
        ends = np.append(starts, len(rows)).astype(np.int64)
        values = (terms.astype(np.uint32), ends, rows, weights, most, lengths)
        return cls(dict(zip(cls.NAMES, values, strict=True)))

    def spans(self, wanted: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Where each term begins and ends, and its place: (3, terms), all 0 where it is not."""
        known, starts = self.arrays["terms"], self.arrays["starts"]
        places = np.searchsorted(known, wanted)
        places[places == len(known)] = 0
        there = known[places] == wanted if len(known) else np.zeros(len(wanted), dtype=bool)
        spans: NDArray[np.int64] = np.where(
            there, [starts[places], starts[places + there], places], 0
        )
        return spans


def scores(parts: Sequence[Postings], terms: list[int]) -> NDArray[np.float32]:
    """A score per text of all segments, at most 1 (all 0 where nothing matches).

    The rarest terms come first; those beyond `MOST_POSTINGS`, which part little, are left out.
    """
    size = sum(map(len, parts))
    wanted = np.array(sorted(set(terms)), dtype=np.uint32)
    spans = [part.spans(wanted) for part in parts]
    many = sum((end - start for start, end, _ in spans), np.zeros(len(wanted), dtype=np.int64))
    rarity = np.log(1 + (size - many + 0.5) / (many + 0.5)).astype(np.float32)
    order = np.argsort(many, kind="stable")
    order = order[many[order] > 0]
    kept = np.cumsum(many[order]) <= MOST_POSTINGS
    kept[:1] = True
    offsets = [0, *accumulate(map(len, parts))]
    rows, weights = [], []
    most = np.zeros(len(wanted), dtype=np.float32)
    for part, offset, (starts, ends, places) in zip(parts, offsets, spans, strict=False):
        in_rows, in_weights, in_most = (
            np.asarray(part.arrays[name]) for name in ("rows", "weights", "most")
        )
        for term in order[kept].tolist():
            start, end = int(starts[term]), int(ends[term])
            if start == end:
                continue
            rows.append(in_rows[start:end] + offset)
            weights.append(rarity[term] * in_weights[start:end])
            most[term] = max(most[term], in_most[places[term]])
    if not rows:
        return np.zeros(size, dtype=np.float32)
    total = np.bincount(np.concatenate(rows), np.concatenate(weights), size).astype(np.float32)
    possible = float((rarity * most).sum())
    best = float(total.max(initial=0.0))
    if not best:
        return total
    shared: NDArray[np.float32] = total / (best ** (1 - OF_POSSIBLE) * possible**OF_POSSIBLE)
    return shared


@dataclass(frozen=True)
class Segment:
    """Both indexes over some texts: their ids, tasks, and a mark that changes when a text does."""

    ids: list[str]
    tasks: list[str]
    marks: list[str]
    words: Postings
    pieces: Postings

    @classmethod
    def of(
        cls, texts: Iterable[tuple[str, str, str, str]], before: Sequence[Segment] = ()
    ) -> Segment:
        """The indexes of texts, given as (id, task, mark, text), to stand after others."""
        ids, tasks, marks, bodies = [list(found) for found in zip(*texts, strict=True)] or [[]] * 4
        return cls(
            ids, tasks, marks,
            Postings.of(map(words, bodies), [part.words for part in before]),
            Postings.of(map(pieces, bodies), [part.pieces for part in before]),
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Sequence[tuple[Segment, NDArray[np.bool_]]]) -> Segment:
        """One segment of several, of each the rows that are kept."""

        def kept(name: str) -> list[str]:
            return [
                value
                for part, rows in parts
                for value, keep in zip(getattr(part, name), rows.tolist(), strict=True)
                if keep
            ]

        return cls(
            kept("ids"), kept("tasks"), kept("marks"),
            Postings.joined([(part.words, rows) for part, rows in parts]),
            Postings.joined([(part.pieces, rows) for part, rows in parts]),
        )  # fmt: skip


class Lexical:
    """All segments as one index; ``live`` says which rows still stand for a text."""

    def __init__(self, segments: Sequence[Segment], live: NDArray[np.bool_]) -> None:
        self.ids = [i for part in segments for i in part.ids]
        tasks = [task for part in segments for task in part.tasks]
        self.rows = {self.ids[row]: row for row in np.flatnonzero(live).tolist()}
        self._names = {name: code for code, name in enumerate(dict.fromkeys(tasks))}
        codes = np.array([self._names[task] for task in tasks], dtype=np.int32)
        self._tasks = np.where(live, codes, -1)
        self._dead = np.flatnonzero(~live)
        self._words = [part.words for part in segments]
        self._pieces = [part.pieces for part in segments]

    def scores(self, query: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The scores of words and of pieces by row (`ids`), each 0 to 1."""
        found = scores(self._words, words(query)), scores(self._pieces, pieces(query))
        for each in found:
            each[self._dead] = 0
        return found

    def best(
        self, scores: NDArray[np.float32], k: int, tasks: Iterable[str] | None = None
    ) -> list[str]:
        """At most k ids with the highest scores above 0, of these tasks where some are named."""
        rows = np.arange(len(scores)) if tasks is None else self._rows_of(tasks)
        rows = self._first(rows, scores, k)
        return [self.ids[int(row)] for row in rows[scores[rows] > 0]]

    def of_task(self, task: str, scores: NDArray[np.float32], k: int) -> list[str]:
        """The ids of a task's texts; where there are more than k, the k with the highest scores."""
        return [self.ids[int(row)] for row in self._first(self._rows_of([task]), scores, k)]

    def _rows_of(self, tasks: Iterable[str]) -> NDArray[np.intp]:
        codes = [self._names[task] for task in tasks if task in self._names]
        return np.flatnonzero(np.isin(self._tasks, codes))

    def _first(
        self, rows: NDArray[np.intp], scores: NDArray[np.float32], k: int
    ) -> NDArray[np.intp]:
        if len(rows) <= k:
            return rows
        found = scores[rows]
        if len(some := found[::SAMPLED]) >= k:  # the k best of some are no better than those of all
            high = found >= np.partition(some, -k)[-k]
            rows, found = rows[high], found[high]
        first: NDArray[np.intp] = rows[np.argpartition(-found, k - 1)[:k]]
        return first
