"""Scores of model retrieval on labelled queries, beside the baselines, from the same run.

Measured is `rank_cards`, the order that users get. R@k is the share of queries whose labelled model
is among the first k of all cards, MRR the mean of one over its place. Several models fit most
queries, so near-twins of the labelled model (same task, cosine of the descriptions above 0.8) are
also credited. `unwanted` counts, in lists of five, what a person would reject although a card that
nothing speaks against was there: stubs, checkpoints that are only pretrained, languages and
directions of translation that nobody asked for.

Not covered: whether the other models of a list would have done as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hugginggraph.graph import BuiltinPlanner, PlanRequest
from hugginggraph.registry import (
    CardStore,
    HuggingGraphError,
    MiniLM,
    ModelCard,
    SettingsError,
    card_from_words,
    rank_cards,
    unwanted,
)

NEAR_TWIN = 0.8
LIST = 5
MODALITIES = (
    "natural language processing",
    "computer vision",
    "multimodal",
    "audio",
    "tabular",
    "reinforcement learning",
)
"""What stands before the task in a domain ("Computer Vision Object Detection")."""

TASK_NAMES = {
    "classification": "audio-classification",
    "document-question-answer": "document-question-answering",
    "graph-machine-learning": "graph-ml",
}
"""Where a domain's name of a task is not the Hub's."""

Progress: TypeAlias = Callable[[int, int], None]
Ids: TypeAlias = list[str]


@dataclass(frozen=True)
class LabelledQuery:
    """A query in a user's words, the labelled model and its task (a Hub id)."""

    text: str
    model: str
    task: str

    @property
    def half(self) -> int:
        """0 or 1: which half it belongs to, fixed by its text."""
        return int(hashlib.sha256(self.text.encode()).hexdigest(), 16) % 2


@dataclass(frozen=True)
class Scores:
    """How one ranking did: shares of all queries; ``halves`` are R@5 of either half."""

    at_1: float
    at_5: float
    at_10: float
    mrr: float
    twins_at_5: float
    halves: tuple[float, float]
    unwanted: int


def task_of(domain: str) -> str:
    """The Hub's task id of a domain: "Audio Text-to-Speech" is ``text-to-speech``."""
    name = domain.lower().strip()
    for modality in MODALITIES:
        if name.startswith(f"{modality} "):
            name = name[len(modality) + 1 :]
            break
    slug = name.replace(" ", "-")
    return TASK_NAMES.get(slug, slug)


def read_queries(path: Path) -> list[LabelledQuery]:
    """The labelled queries of a file of JSON lines (``query``, ``model``, ``domain``).

    Raises:
        SettingsError: the file cannot be read; the message names the line.
    """
    return [
        LabelledQuery(row["query"], row["model"], task_of(row.get("task") or row["domain"]))
        for row in _rows(path, "query", "model")
    ]


def read_cards(path: Path) -> list[ModelCard]:
    """The cards of a file of JSON lines (``id``, ``domain``, ``functionality``, ``description``).

    Languages, direction and use are read from the words, as of cards from the Hub.

    Raises:
        SettingsError: the file cannot be read; the message names the line.
    """
    cards = {}
    for row in _rows(path, "id", "description"):
        what = [row["functionality"]] if row.get("functionality") else []
        task = task_of(row.get("task") or row.get("domain") or "")
        cards[row["id"]] = card_from_words(
            row["id"],
            task,
            row["description"],
            tags=what,
            downloads=row.get("downloads"),
            likes=row.get("likes"),
            source="measured",
        )
    return list(cards.values())


def _rows(path: Path, *needed: str) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise SettingsError(f"{path} cannot be read: {why}.", "Give a file of JSON lines.") from exc
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            missing = [name for name in needed if not isinstance(row.get(name), str)]
        except (ValueError, AttributeError) as exc:
            raise SettingsError(f"{path}, line {number} is not a JSON object: {exc}.") from exc
        if missing:
            raise SettingsError(f"{path}, line {number} has no {' and no '.join(missing)}.")
        rows.append(row)
    if not rows:
        raise SettingsError(f"{path} is empty.", "Give a file of JSON lines.")
    return rows


def retrieval_report(
    queries: Sequence[LabelledQuery],
    cards: Sequence[ModelCard],
    *,
    task_given: bool = False,
    planned: bool = False,
    progress: Progress | None = None,
) -> dict[str, Scores]:
    """Scores by ranking: ours first, then the baselines.

    ``task_given`` keeps the cards of the labelled task in every ranking. ``planned`` tells ours the
    tasks of the built-in planner's plan, not as a filter.

    Raises:
        SettingsError: a labelled model is not among the cards.
        RegistryError: the store cannot be built.
    """
    ids = {card.id for card in cards}
    if unknown := [query.model for query in queries if query.model not in ids]:
        raise SettingsError(
            f"{len(unknown)} labelled models are not among the cards, such as '{unknown[0]}'.",
            "Give the cards that the queries are labelled with.",
        )
    with TemporaryDirectory(prefix="hugginggraph-eval-", ignore_cleanup_errors=True) as folder:
        store = CardStore.open(Path(folder), cards, progress=progress)
        plans = [_planned(query.text) if planned else () for query in queries]
        orders = {
            "ours": lambda q, p: [
                card.id
                for card, _ in rank_cards(
                    store, q.text, tasks=(q.task,) if task_given else p, only=task_given
                )
            ],
            **_baselines(store, cards),
        }
        lists: dict[str, list[Ids]] = {name: [] for name in orders}
        tasks = {card.id: card.task for card in cards}
        for done, (query, plan) in enumerate(zip(queries, plans, strict=True)):
            if progress:
                progress(done, len(queries))
            for name, order in orders.items():
                found = order(query, plan)
                if task_given:
                    found = [i for i in found if tasks[i] == query.task]
                lists[name].append(found)
        twins = _twins(cards)
        by_id = {card.id: card for card in cards}
        return {name: _score(queries, found, twins, by_id) for name, found in lists.items()}


Order: TypeAlias = Callable[[LabelledQuery, tuple[str, ...]], Ids]


def _baselines(store: CardStore, cards: Sequence[ModelCard]) -> dict[str, Order]:
    popular = [card.id for card in sorted(cards, key=lambda c: (-(c.downloads or 0), c.id))]

    @lru_cache(1)
    def nearest(text: str) -> Ids:
        vector = store.embedder.embed_query(text)
        return [card.id for card, _ in store.search(vector, len(cards))]

    def dense(query: LabelledQuery, plan: tuple[str, ...]) -> Ids:
        return nearest(query.text)

    def words(query: LabelledQuery, plan: tuple[str, ...]) -> Ids:
        scores, _ = store.lexical.scores(query.text)
        rows = store.lexical.rows
        return sorted(rows, key=lambda i: (-scores[rows[i]], i))

    def by_task(query: LabelledQuery, plan: tuple[str, ...]) -> Ids:
        tasks = {card.id: card.task for card in cards}
        return [i for i in dense(query, plan) if tasks[i] == query.task]

    return {
        "downloads": lambda query, plan: popular,
        "BM25": words,
        "dense": dense,
        "dense, labelled task": by_task,
    }


def _planned(text: str) -> tuple[str, ...]:
    """The tasks of the built-in planner's plan, in its order; none where it understood nothing."""
    import asyncio

    try:
        draft = asyncio.run(BuiltinPlanner().plan(PlanRequest(text)))
    except HuggingGraphError:  # as where it understands nothing
        return ()
    found = [task.get("task") for task in draft.tasks or [] if isinstance(task, dict)]
    return tuple(dict.fromkeys(task for task in found if isinstance(task, str)))


def _twins(cards: Sequence[ModelCard]) -> Mapping[str, set[str]]:
    """For each model those of its task that are described nearly alike, itself among them."""
    vectors = np.array(MiniLM().embed_documents([card.description for card in cards]))
    near: NDArray[np.bool_] = vectors @ vectors.T > NEAR_TWIN
    tasks = np.array([card.task for card in cards])
    return {
        card.id: {cards[int(j)].id for j in np.flatnonzero(near[i] & (tasks == card.task))}
        | {card.id}
        for i, card in enumerate(cards)
    }


def _score(
    queries: Sequence[LabelledQuery],
    lists: Sequence[Ids],
    twins: Mapping[str, set[str]],
    cards: Mapping[str, ModelCard],
) -> Scores:
    places = [
        found.index(query.model) + 1 if query.model in found else 10**9
        for query, found in zip(queries, lists, strict=True)
    ]
    pairs = list(zip(queries, places, strict=True))

    def share(k: int, half: int | None = None) -> float:
        some = [place for query, place in pairs if half in (None, query.half)]
        return round(sum(place <= k for place in some) / max(1, len(some)), 4)

    alike = sum(
        bool(set(found[:LIST]) & twins[query.model])
        for query, found in zip(queries, lists, strict=True)
    )
    return Scores(
        share(1),
        share(5),
        share(10),
        round(sum(1 / place for place in places) / len(places), 4),
        round(alike / len(places), 4),
        (share(5, 0), share(5, 1)),
        sum(_rejected(q, found, cards) for q, found in zip(queries, lists, strict=True)),
    )


def _rejected(query: LabelledQuery, found: Ids, cards: Mapping[str, ModelCard]) -> int:
    """How many of the first five a person would reject, as far as better ones were in the list."""
    bad = unwanted((cards[i] for i in found), query.text)
    return min(sum(i in bad for i in found[:LIST]), sum(i not in bad for i in found[LIST:]))
