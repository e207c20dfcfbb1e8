"""The order of cards for a request, whatever can run: how near each is, and what else counts.

Cards are ranked over the whole store by a sum whose weights stand below: they come from labelled
queries, but for those of local models, small worlds and what was observed, which are a choice.
Every addend is kept by its name, so that a choice can be explained.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import languages, machine
from .cards import ModelCard
from .observed import NOTHING_SEEN, Observations, Seen
from .prior import likely_tasks
from .reading import is_stub
from .tasks import task_types

if TYPE_CHECKING:
    from .settings import Settings
    from .store import CardStore

WORDS = 0.1  # times the score of words, 0 to 1
PIECES = 0.6  # times the score of character pieces, 0 to 1
LIKELY_TASK = 0.07  # times the logarithm of how likely the request means the card's task
PLANNED_TASK = 0.1  # beside `LIKELY_TASK`; where a task is a filter, it moves nothing
LANGUAGE = 0.3  # knows a language that the request names or is written in
PAIR = 0.3  # translates just what was asked for, on top of the language
FOREIGN = -0.12  # knows only languages that nobody asked for
LOCAL = 0.2  # is on this machine
SMALL_WORLD = -0.2  # knows only a small world: first only where the request speaks of that world
POPULARITY = 1e-4  # times log10 of the downloads: parts equals, moves nothing else
FRESHNESS = 1e-5  # times the years since 2000 of the last change, as popularity
FAILED = -0.5  # times the share of attempts on this machine that failed, one imagined success more
SLOW = -0.01  # times log10 of the seconds that an attempt took here
HEAVY = -0.01  # times log10 of the gigabytes that an attempt took here

NEAREST = 200
"""Cards looked at beside those of the planned task."""

LOOKED_AT_WHOLE = 500
"""In a store of no more cards one search gives what is near and all of each task."""

SMALL_STORE = 5_000
NEAREST_WORDS = 50
ENOUGH = 20
"""Cards of a task among the nearest that make another search among its cards superfluous."""

MOST_OF_TASK = 4_000
"""Cards of a task that such a search looks at, the best by words where there are more."""

FAR_BETWEEN = 250
"""One card in so many: Chroma, which walks past the others, finds the nearest of rarer ones slowly.
Of a task that is so rare, the cards that are best by words are compared with the vector instead."""

COMPARED = 400
"""The most of such cards."""

_beside = ThreadPoolExecutor(4, "hugginggraph-search")
"""Searches of large stores, at which Chroma leaves Python to other threads."""


@dataclass(frozen=True)
class Query:
    """What a task wants to find: its text, languages and, of a translation, the direction."""

    text: str
    spoken: frozenset[str]
    source: str | None
    target: str | None

    @classmethod
    def of(cls, request: str, task: str | None, args: Mapping[str, Any]) -> Query:
        """What a request, the clause of a task and its arguments are looking for.

        Among the arguments ``language`` is that of the text which the task reads, where it is
        known for sure.
        """
        given = list(_texts(args))
        row = task_types().get(task or "")
        text = request.strip() or " ".join([row.description if row else "", *given]).strip()
        written = {languages.seen(part) for part in (request, *given)} - {None}
        source, target = languages.direction(" ".join([request, *given]))
        source = languages.code(str(args.get("source_language") or "")) or source
        target = languages.code(str(args.get("target_language") or "")) or target
        one = next(iter(written)) if len(written) == 1 else None
        asked = {languages.code(part) for part in given}
        if read := languages.code(str(args.get("language") or "")):
            source = source or read  # and what else the request names is of other tasks
        else:
            asked |= languages.named(request).keys() | written
        spoken = frozenset(str(code) for code in asked if code) - {"en"}
        return cls(text, spoken, source or (one if one != target else None), target)

    def language(self, card: ModelCard) -> float:
        """What the card's languages add to its score."""
        own = set(card.languages)
        if card.translates and card.translates == (self.source, self.target):
            return LANGUAGE + PAIR
        if self.spoken & own:
            return LANGUAGE
        return FOREIGN if self.foreign(card) else 0.0

    def foreign(self, card: ModelCard) -> bool:
        """Whether the card knows only languages, or translates a pair, that nobody asked for."""
        if card.translates:
            source, target = card.translates
            wrong = self.source not in (None, source) or self.target not in (None, target)
            return wrong or not {source, target} - {"en"} <= self.spoken
        return is_foreign(card) and not self.spoken & set(card.languages)

    def unwanted(self, card: ModelCard) -> bool:
        """Whether a person would reject the card in a list, whatever its text says."""
        if not (card.base_only or is_stub(card.id, card.description) or self.foreign(card)):
            return False
        return card.id.rpartition("/")[2].lower() not in self.text.lower()


def is_foreign(card: ModelCard) -> bool:
    """Whether the card names languages, and neither English nor many are among them."""
    return bool(card.languages) and not {"en", "multilingual"} & set(card.languages)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a task's arguments, but for references to other results."""
    if isinstance(value, str):
        if not value.startswith("<resource>"):
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


@dataclass(frozen=True)
class Scored:
    """A card with the addends of its score by name, and its places by meaning and by words.

    A place counts from 1 among all cards looked at; 0 by words means that no word is shared.
    """

    card: ModelCard
    parts: Mapping[str, float]
    local: bool
    dense_rank: int = 0
    lexical_rank: int = 0

    @property
    def score(self) -> float:
        """The sum that ranks."""
        return sum(self.parts.values())

    @property
    def similarity(self) -> float:
        """The cosine of card and request."""
        return self.parts["meaning"]


class Found:
    """What a store finds for one text, whatever the task: looked up once for a whole request."""

    def __init__(self, store: CardStore, text: str) -> None:
        self.vector = store.embedder.embed_query(text)
        if len(store) <= SMALL_STORE:
            self.words, self.pieces = store.lexical.scores(text)
            whole = len(store) <= LOOKED_AT_WHOLE
            self.near = store.search(self.vector, len(store) if whole else NEAREST)
        else:
            near = _beside.submit(store.search, self.vector, NEAREST)
            self.words, self.pieces = store.lexical.scores(text)
            self.near = near.result()
        self.by_word: NDArray[np.float32] = WORDS * self.words + PIECES * self.pieces
        self.likely = likely_tasks(self.vector, store.embedder.name)
        self._local: dict[str, bool] = {}

    def local(self, card: ModelCard) -> bool:
        """Whether the model is on this machine."""
        if card.id not in self._local:
            self._local[card.id] = machine.is_local(card)
        return self._local[card.id]


class Lookups(dict[str, Found]):
    """What a store finds for each text, for as long as a request is at work."""

    def __init__(self, store: CardStore) -> None:
        super().__init__()
        self.store = store
        self._seen: dict[tuple[Path, str], Mapping[str, Mapping[str, Seen]]] = {}

    def seen(self, settings: Settings) -> Mapping[str, Mapping[str, Seen]]:
        """What was observed of models, by task: here, or remotely where that is all that runs."""
        which = settings.observed_path, "remote" if settings.mode == "remote" else "local"
        if which not in self._seen:
            self._seen[which] = Observations(which[0]).by_task(which[1])
        return self._seen[which]

    def prepare(self, request: str, settings: Settings) -> None:
        """Look up what the choice for any task of a request needs."""
        _ = self.seen(settings), self[request.strip()]

    def __missing__(self, text: str) -> Found:
        found = self[text] = Found(self.store, text)
        return found


def served_by(task: str) -> tuple[str, ...]:
    """The tasks whose models can run a task; itself only where the table has no row of it."""
    row = task_types().get(task)
    return row.served_by if row else (task,)


def ranked(
    lookups: Lookups,
    query: Query,
    task: str | None,
    *,
    planned: Collection[str] = (),
    installed: bool = True,
    others: bool = True,
    seen: Mapping[str, Seen] | None = None,
) -> list[Scored]:
    """The nearest cards of the store and every card of the task, best first, unwanted ones last.

    ``planned`` are more tasks that a plan names. Without ``installed`` it does not matter what is
    on this machine. Without ``others`` only cards that serve the task are given. ``seen`` is what
    was observed of models here, by id.
    """
    named = {name for name in (task, *planned) if name is not None}
    wanted = {served for name in named for served in served_by(name)}
    store, found = lookups.store, lookups[query.text]
    hits = {card.id: (card, near) for card, near in _near(store, found, wanted, others)}
    by_meaning = _places({i: similarity for i, (_, similarity) in hits.items()})
    rows = {i: store.lexical.rows[i] for i in hits}
    by_words = _places({i: float(found.by_word[row]) for i, row in rows.items()})
    scored = []
    for card, similarity in hits.values():
        if not others and card.task not in wanted:
            continue
        word, piece = float(found.words[rows[card.id]]), float(found.pieces[rows[card.id]])
        local = installed and found.local(card)
        parts = {
            "meaning": similarity,
            "words": WORDS * word,
            "pieces": PIECES * piece,
            "task": LIKELY_TASK * found.likely(card.task) + PLANNED_TASK * (card.task in wanted),
            "language": query.language(card),
            "on this machine": LOCAL * local,
            "small world": SMALL_WORLD * bool(card.world),
            "popularity": POPULARITY * log10(1 + (card.downloads or 0)),
            "freshness": FRESHNESS * _years(card.changed),
            "observed": _observed((seen or {}).get(card.id, NOTHING_SEEN)),
        }
        places = by_meaning[card.id], by_words[card.id] if word or piece else 0
        scored.append(Scored(card, parts, local, *places))
    return sorted(scored, key=lambda i: (query.unwanted(i.card), -i.score, i.card.id))


def _near(
    store: CardStore, found: Found, tasks: Collection[str], others: bool
) -> Iterator[tuple[ModelCard, float]]:
    """Cards and their similarity: the nearest by meaning and by words, and those of the tasks.

    In a small store these are all of the tasks. In a large one, where a filter makes Chroma slow,
    they are the nearest by words, and the nearest of the task's ids where that finds few; without
    ``others`` nothing else is looked for.
    """
    near, vector = found.near, found.vector
    yield from near[:NEAREST]
    if len(near) == len(store):
        yield from (hit for hit in near[NEAREST:] if hit[0].task in tasks)
        return
    if len(store) <= SMALL_STORE:
        for task in sorted(tasks):
            yield from store.search(vector, len(store), {"task": task})
        return
    more = store.lexical.best(found.by_word, NEAREST_WORDS) if others else []
    searches = []
    if tasks:
        more += store.lexical.best(found.by_word, NEAREST_WORDS, tasks)
        for task in sorted(tasks):
            if sum(card.task == task for card, _ in near) < ENOUGH:
                among = store.lexical.of_task(task, found.by_word, MOST_OF_TASK)
                if len(among) * FAR_BETWEEN >= len(store):
                    searches.append(_beside.submit(store.search, vector, ENOUGH, None, among))
                else:
                    more += store.lexical.of_task(task, found.by_word, COMPARED)
    known = {card.id for card, _ in near}
    close = store.similarities(vector, [i for i in dict.fromkeys(more) if i not in known])
    yield from ((card, close[i]) for i, card in store.cards(close).items())
    for search in searches:
        yield from search.result()


def _places(scores: Mapping[str, float]) -> dict[str, int]:
    best_first = sorted(scores, key=lambda i: -scores[i])
    return {i: place for place, i in enumerate(best_first, 1)}


def _years(day: str) -> float:
    """Years from 2000 to an ISO day, 0 where it is none."""
    year, month = day[:4], day[5:7]
    known = year.isdecimal() and month.isdecimal()
    return max(0.0, int(year) - 2000 + int(month) / 12) if known else 0.0


def _observed(seen: Seen) -> float:
    """What attempts on this machine add to a score: nothing where there were none."""
    many = seen.done + seen.failed
    known = many / (many + 1)
    return (
        FAILED * seen.failed / (many + 1)
        + SLOW * known * log10(1 + seen.seconds)
        + HEAVY * known * log10(1 + seen.memory_bytes / 1e9)
    )


def rank_cards(
    store: CardStore, query: str, *, tasks: Collection[str] = (), only: bool = False
) -> list[tuple[ModelCard, float]]:
    """The cards that a query finds with their scores, whatever this machine has.

    ``tasks`` are those that it plans; ``only`` leaves out the cards of others.

    Raises:
        RegistryError: the store cannot be read.
    """
    wanted = Query.of(query, None, {})
    found = ranked(Lookups(store), wanted, None, planned=tasks, installed=False, others=not only)
    return [(i.card, i.score) for i in found if not only or i.card.task in tasks]


def unwanted(cards: Iterable[ModelCard], query: str) -> set[str]:
    """The ids of what a person would reject in a list: stubs, only pretrained, other languages.

    A card that the query names is wanted.
    """
    wanted = Query.of(query, None, {})
    return {card.id for card in cards if wanted.unwanted(card)}
