"""Word and character scores (BM25) beside the vectors: names, compounds and rare words.

A score is the share of what the query could reach at most, so that a request of which one rare word
is found does not count like a request that is found whole.

The indexes are arrays in files that are read as they are needed, so that a million cards take no
memory. They are made anew as a whole when cards change.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OF_POSSIBLE = 0.7
"""How far scores are shares of what was possible, and not of what the best text reached."""

MOST_POSTINGS = 400_000
"""Entries of an index that one query reads; more are only met in stores of many thousand cards."""

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


class Postings:
    """Okapi BM25 over texts cut into terms, as arrays that a file can hold.

    ``terms`` are hashes in order, ``starts`` where each one's rows begin, ``rows`` and ``weights``
    the texts that have it and how much that counts, ``most`` the greatest weight of each.
    """

    NAMES = ("terms", "starts", "rows", "weights", "most")

    def __init__(self, size: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._size = size
        self.arrays = arrays

    @classmethod
    def of(cls, texts: Iterable[list[str]], *, k1: float = 1.2, b: float = 0.4) -> Postings:
        """The postings of texts that are cut into terms."""
        hashes, often, lengths, widths = array("I"), array("H"), array("I"), array("I")
        for terms in texts:
            count = Counter(terms)
            lengths.append(len(terms))
            widths.append(len(count))
            hashes.extend(_hash(term) for term in count)
            often.extend(min(times, 65_535) for times in count.values())
        size = len(lengths)
        length = np.array(lengths, dtype=np.float32)
        keys, times = np.array(hashes, dtype=np.uint32), np.array(often, dtype=np.float32)
        rows = np.repeat(np.arange(size, dtype=np.int32), np.array(widths, dtype=np.int64))
        order = np.argsort(keys, kind="stable")
        keys, times, rows = keys[order], times[order], rows[order]
        terms_, starts, many = np.unique(keys, return_index=True, return_counts=True)
        rarity = np.log(1 + (size - many + 0.5) / (many + 0.5)).astype(np.float32)
        mean = float(length.mean()) if size else 1.0
        weights = times * (k1 + 1) / (times + k1 * (1 - b + b * length[rows] / (mean or 1)))
        weights = (weights * np.repeat(rarity, many)).astype(np.float32)
        most = np.maximum.reduceat(weights, starts) if len(starts) else weights
        ends = np.append(starts, len(rows)).astype(np.int64)
        values = (terms_.astype(np.uint32), ends, rows, weights, most)
        return cls(size, dict(zip(cls.NAMES, values, strict=True)))

    def scores(self, terms: list[str]) -> NDArray[np.float32]:
        """A score per text, at most 1 (all 0 where nothing matches).

        The rarest terms come first; those beyond `MOST_POSTINGS`, which part little, are left out.
        """
        total = np.zeros(self._size, dtype=np.float32)
        known, starts = self.arrays["terms"], self.arrays["starts"]
        wanted = np.array(sorted({_hash(term) for term in terms}), dtype=np.uint32)
        places = np.searchsorted(known, wanted)
        inside = places < len(known)
        places, wanted = places[inside], wanted[inside]
        places = places[known[places] == wanted]
        many = starts[places + 1] - starts[places]
        order = np.argsort(many, kind="stable")
        kept = np.cumsum(many[order]) <= MOST_POSTINGS
        kept[:1] = True
        possible = 0.0
        for place in places[order][kept]:
            some = slice(int(starts[place]), int(starts[place + 1]))
            total[self.arrays["rows"][some]] += self.arrays["weights"][some]
            possible += float(self.arrays["most"][place])
        best = float(total.max(initial=0.0))
        if not best:
            return total
        shared: NDArray[np.float32] = total / (best ** (1 - OF_POSSIBLE) * possible**OF_POSSIBLE)
        return shared


def _hash(term: str) -> int:
    return zlib.crc32(term.encode())


class Lexical:
    """Both indexes over texts that have an id and a task."""

    def __init__(
        self, ids: list[str], tasks: list[str], words_: Postings, pieces_: Postings
    ) -> None:
        self.ids = ids
        self.rows = {i: row for row, i in enumerate(ids)}
        self._names = {name: code for code, name in enumerate(dict.fromkeys(tasks))}
        self._tasks = np.array([self._names[task] for task in tasks], dtype=np.int32)
        self._listed = tasks
        self._words, self._pieces = words_, pieces_

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str, str]]) -> Lexical:
        """The indexes of texts, given as (id, task, text)."""
        ids, tasks, bodies = [], [], []
        for i, task, text in texts:
            ids.append(i)
            tasks.append(task)
            bodies.append(text)
        return cls(ids, tasks, Postings.of(map(words, bodies)), Postings.of(map(pieces, bodies)))

    def save(self, folder: Path) -> None:
        """Write the indexes into a folder, which appears whole or not at all."""
        draft = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
        draft.mkdir(parents=True)
        for kind, postings in (("words", self._words), ("pieces", self._pieces)):
            for name, values in postings.arrays.items():
                np.save(draft / f"{kind}-{name}.npy", values)
        (draft / "ids.json").write_text(json.dumps([self.ids, self._listed]), encoding="utf-8")
        try:
            draft.replace(folder)
        except OSError:  # another process was faster
            shutil.rmtree(draft, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> Lexical | None:
        """The indexes of a folder, read from disk as they are needed; None if it has none."""
        try:
            ids, tasks = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
            both = [
                Postings(
                    len(ids),
                    {
                        name: np.load(folder / f"{kind}-{name}.npy", mmap_mode="r")
                        for name in Postings.NAMES
                    },
                )
                for kind in ("words", "pieces")
            ]
            return cls(ids, tasks, *both)
        except (OSError, ValueError):
            return None

    def scores(self, query: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The scores of words and of pieces by row (`ids`), each 0 to 1."""
        return self._words.scores(words(query)), self._pieces.scores(pieces(query))

    def best(
        self, scores: NDArray[np.float32], k: int, tasks: Iterable[str] | None = None
    ) -> list[str]:
        """At most k ids with the highest scores above 0, of these tasks where some are named."""
        rows = np.flatnonzero(scores) if tasks is None else self._rows_of(tasks)
        rows = self._first(rows, scores, k)
        return [self.ids[int(row)] for row in rows[scores[rows] > 0]]

    def of_task(self, task: str, scores: NDArray[np.float32], k: int) -> list[str]:
        """The ids of a task's texts; where there are more than k, the k with the highest scores."""
        return [self.ids[int(row)] for row in self._first(self._rows_of([task]), scores, k)]

    def _rows_of(self, tasks: Iterable[str]) -> NDArray[np.intp]:
        codes = [self._names.get(task, -1) for task in tasks]
        return np.flatnonzero(np.isin(self._tasks, codes))

    def _first(
        self, rows: NDArray[np.intp], scores: NDArray[np.float32], k: int
    ) -> NDArray[np.intp]:
        if len(rows) <= k:
            return rows
        first: NDArray[np.intp] = rows[np.argpartition(-scores[rows], k - 1)[:k]]
        return first
