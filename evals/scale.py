"""What a store of many cards costs: load rate, disk, memory and the time of a query.

The cards are made: facts of the packaged catalogue under new names, with words of other cards mixed
in. Their vectors are made too, each that of the card it was made from with noise, so that cards of
a task lie together as real ones do: embedding a million texts takes an hour. What a store with real
vectors costs is measured on some of them. Query times are of the ranking after the query is
embedded; queries are fetched in a fixed random order, the first of each kind not counted.

Not covered: how good the ranking is, and queries of several processes at a time.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hugginggraph.registry import (
    CardStore,
    Embedder,
    MiniLM,
    ModelCard,
    memory_used,
    model_cards,
    rank_cards,
)

NOISE = 0.03
MEASURED = 2000


def made_cards(count: int) -> Iterator[ModelCard]:
    """So many cards, alike in every run."""
    known, chance = model_cards(), np.random.default_rng(7)
    words = sorted({word for card in known for word in card.description.split()})
    for number in range(count):
        card = known[int(chance.integers(len(known)))]
        mixed = " ".join(words[int(i)] for i in chance.integers(len(words), size=8))
        yield card.model_copy(
            update={
                "id": f"made/{card.id.rpartition('/')[2]}-{number}",
                "description": f"{card.description[:150]} {mixed}",
                "downloads": int(10 ** (6 * chance.random())),
                "path": None,
            }
        )


class Noisy(Embedder):
    """For made cards the vector of the one each was made from, with noise; MiniLM's for queries."""

    name, dimension = MiniLM.name, MiniLM.dimension

    def __init__(self) -> None:
        self._minilm, self._chance = MiniLM(), np.random.default_rng(11)
        known = model_cards()
        vectors = np.array(self._minilm.embed_documents([card.document for card in known]))
        names = [card.id.rpartition("/")[2] for card in known]
        self._known = dict(zip(names, vectors, strict=True))
        self._queries: dict[str, list[float]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector of length 1 per document of a made card."""
        near = np.array([self._known[text.partition(":")[0].rpartition("-")[0]] for text in texts])
        found = near + self._chance.normal(0, NOISE, (len(texts), self.dimension))
        vectors: list[list[float]] = (found / np.linalg.norm(found, axis=1, keepdims=True)).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query, remembered so that only the ranking is timed."""
        if text not in self._queries:
            self._queries[text] = self._minilm.embed_query(text)
        return self._queries[text]


def scale_report(
    count: int,
    folder: Path,
    queries: Sequence[tuple[str, str]],
    *,
    chroma_url: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Figures of a store of so many cards, built in a folder that is empty.

    ``queries`` are (text, task) pairs; each is asked with its task and without. Times are
    milliseconds, sizes bytes; ``cpu`` ones are of this process, whatever else the machine does.
    ``indexed`` is the rate at which a store is made of at most `MEASURED` of the cards, with their
    embedding by MiniLM, Chroma, the list and the index of words; ``loaded`` that of all of them
    with made vectors, without the index of words.
    """
    minilm, cards = MiniLM(), list(made_cards(count))
    _indexed(cards[:128], minilm)  # imports, loads and packs
    out = _indexed(cards[:MEASURED], minilm)
    query_ms, query_cpu = [], []
    for text, _ in queries:
        began, worked = time.perf_counter(), time.process_time()
        minilm.embed_query(text)
        query_ms.append((time.perf_counter() - began) * 1000)
        query_cpu.append((time.process_time() - worked) * 1000)
    out |= {"embed_query_p50_ms": _at(query_ms, 50), "embed_query_p50_cpu_ms": _at(query_cpu, 50)}
    embedder = Noisy()
    began, worked = time.perf_counter(), time.process_time()
    store = CardStore.open(folder, cards, embedder, chroma_url=chroma_url, progress=progress)
    out |= {
        "loaded_per_s": count / (time.perf_counter() - began),
        "loaded_per_cpu_s": count / (time.process_time() - worked),
    }
    began = time.perf_counter()
    store.lexical.scores("x")
    out["word_index_s"] = time.perf_counter() - began
    out["disk_bytes"] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    del cards
    gc.collect()
    gc.freeze()  # as the server does: a pass over all that is imported takes 0.2 s
    for given in (False, True):
        times, cpu = [], []
        for turn, (text, task) in enumerate([queries[0], *queries]):
            embedder.embed_query(text)
            began, worked = time.perf_counter(), time.process_time()
            rank_cards(store, text, tasks=(task,) if given else (), only=given)
            if turn:
                times.append((time.perf_counter() - began) * 1000)
                cpu.append((time.process_time() - worked) * 1000)
        name = "task" if given else "query"
        for percent in (50, 99):
            out[f"{name}_p{percent}_ms"] = _at(times, percent)
            out[f"{name}_p{percent}_cpu_ms"] = _at(cpu, percent)
    out["memory_bytes"] = memory_used()
    out["memory_peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {name: round(value, 2) for name, value in out.items()}


def _indexed(cards: Sequence[ModelCard], embedder: Embedder) -> dict[str, float]:
    with TemporaryDirectory(prefix="hugginggraph-scale-", ignore_cleanup_errors=True) as folder:
        began, worked = time.perf_counter(), time.process_time()
        CardStore.open(Path(folder), cards, embedder).lexical.scores("x")
        return {
            "indexed_per_s": len(cards) / (time.perf_counter() - began),
            "indexed_per_cpu_s": len(cards) / (time.process_time() - worked),
        }


def _at(values: Sequence[float], percent: int) -> float:
    return float(np.percentile(values, percent))
