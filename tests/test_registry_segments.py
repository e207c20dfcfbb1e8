"""The index of words: a change adds a small segment, and scores are those of an index made anew."""

from __future__ import annotations

import random
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from hugginggraph.registry.lexical import Lexical

segments = import_module("hugginggraph.registry.segments")

WORDS = (
    "photo",
    "review",
    "speech",
    "table",
    "depth",
    "voice",
    "german",
    "music",
    "colour",
    "film",
)


class Texts:
    """Texts by id, which count how many of them are read."""

    def __init__(self, count: int) -> None:
        self.chance = random.Random(count)
        self.known: dict[str, str] = {}
        self.read = 0
        for number in range(count):
            self.put(f"acme/{number}")

    def put(self, name: str) -> None:
        self.known[name] = " ".join(self.chance.choices(WORDS, k=self.chance.randint(3, 12)))

    def marks(self) -> dict[str, str]:
        return dict(self.known)

    def texts(self, ids: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        for name in ids:
            self.read += 1
            yield name, f"task-{len(self.known[name]) % 3}", self.known[name]

    def index(self, folder: Path, version: int) -> Lexical:
        return segments.current(folder, str(version), self.marks, self.texts)


def by_id(index: Lexical, query: str) -> dict[str, tuple[float, float]]:
    words, pieces = index.scores(query)
    return {i: (float(words[row]), float(pieces[row])) for i, row in index.rows.items()}


def test_after_many_changes_the_scores_are_nearly_those_of_an_index_made_anew(
    tmp_path: Path,
) -> None:
    texts = Texts(300)
    texts.index(tmp_path / "grown", 0)
    for version in range(1, 12):
        for number in range(version * 10, version * 10 + 5):
            texts.put(f"acme/{number}")  # changed
            texts.put(f"acme/new-{number}")
            del texts.known[f"acme/{number + 5}"]
        grown = texts.index(tmp_path / "grown", version)
    anew = texts.index(tmp_path / "anew", 0)
    assert grown.rows.keys() == anew.rows.keys() == texts.known.keys()
    for query in ("depth of a photo", "german speech", "colour"):
        one, other = by_id(grown, query), by_id(anew, query)
        for i, scores in one.items():
            assert scores == pytest.approx(other[i], abs=0.05)
        first = [max(scores, key=lambda i: (sum(scores[i]), i)) for scores in (one, other)]
        assert first[0] == first[1]


def test_only_what_changed_is_read_and_the_segments_stay_few(tmp_path: Path) -> None:
    texts = Texts(1000)
    texts.index(tmp_path, 0)
    texts.read = 0
    for version in range(1, 41):
        texts.put(f"acme/new-{version}")
        texts.index(tmp_path, version)
    assert texts.read == 40
    assert len([place for place in tmp_path.iterdir() if place.is_dir()]) <= 6


def test_an_unchanged_index_reads_nothing(tmp_path: Path) -> None:
    texts = Texts(20)
    texts.index(tmp_path, 3)
    texts.read = 0
    assert len(texts.index(tmp_path, 3).rows) == len(texts.index(tmp_path, 4).rows) == 20
    assert texts.read == 0


def test_what_is_gone_scores_nothing_and_is_of_no_task(tmp_path: Path) -> None:
    texts = Texts(50)
    texts.known["acme/7"] = "a singular gramophone"
    texts.index(tmp_path, 0)
    texts.known["acme/7"] = "a photo"
    index = texts.index(tmp_path, 1)
    assert not index.scores("gramophone")[0].any()
    tasks = [f"task-{n}" for n in range(3)]
    assert sorted(
        i for t in tasks for i in index.of_task(t, np.zeros(len(index.ids), np.float32), 99)
    ) == (sorted(texts.known))
    assert "acme/7" in index.best(index.scores("photo")[0], 50)


@pytest.mark.parametrize("k", [1, 50, 900, 2_000])
def test_the_best_of_many_are_those_of_an_order_of_all(tmp_path: Path, k: int) -> None:
    index = Texts(1_000).index(tmp_path, 0)
    scores = np.random.default_rng(k).random(1_000, np.float32).round(2)  # many are equal
    scores[scores < 0.3] = 0
    found = [float(scores[index.rows[i]]) for i in index.best(scores, k)]
    in_order = np.sort(scores[scores > 0])[::-1]
    assert sorted(found, reverse=True) == in_order[:k].tolist()


def test_a_lost_segment_is_made_again(tmp_path: Path) -> None:
    texts = Texts(30)
    texts.index(tmp_path, 0)
    for part in tmp_path.glob("*/texts.json"):
        part.write_text("[[", encoding="utf-8")
    assert texts.index(tmp_path, 0).scores("photo")[0].any()


def test_no_texts_make_an_empty_index(tmp_path: Path) -> None:
    texts = Texts(0)
    assert texts.index(tmp_path, 0).scores("photo")[0].shape == (0,)
    texts.put("acme/first")
    assert texts.index(tmp_path, 1).rows == {"acme/first": 0}
