"""The list of what a store holds, in one SQLite file beside the vectors.

It has each card as JSON and a digest of what was embedded, so that opening a store and finding a
card read no vectors, and a million cards need not be in memory. It is written after the vectors of
a batch, so what it names is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

from .cards import ModelCard
from .errors import RegistryError

T = TypeVar("T")
FILE = "cards.sqlite"
REBUILD = "Build it anew: `hugginggraph models build --rebuild`."
_TABLES = """
create table if not exists cards (id text primary key, task text, digest text, card text);
create table if not exists facts (name text primary key, value text)
"""
MOST_NAMES = 500
"""Ids in one question to SQLite."""


class Records:
    """The list in a folder, made when first written to. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._known: dict[str, ModelCard] = {}

    def __len__(self) -> int:
        return int(self._do(lambda db: db.execute("select count(*) from cards").fetchone()[0]))

    def digests(self) -> dict[str, str]:
        """The digest of each card by id."""
        return dict(self._do(lambda db: db.execute("select id, digest from cards").fetchall()))

    def tasks(self) -> list[str]:
        """Every task that a card is of."""
        rows = self._do(lambda db: db.execute("select distinct task from cards").fetchall())
        return [task for (task,) in rows]

    def cards(self, ids: Iterable[str]) -> dict[str, ModelCard]:
        """The cards of these ids, as far as they are there; what was read once is remembered."""
        wanted = list(ids)
        missing = [i for i in wanted if i not in self._known]
        for rows in self._in_turns(CARDS_OF, missing):
            for (card,) in rows:
                read = ModelCard.model_validate_json(card)
                self._known[read.id] = read
        return {i: self._known[i] for i in wanted if i in self._known}

    def every(self) -> Iterator[ModelCard]:
        """Every card, by id."""
        rows = self._do(lambda db: db.execute("select card from cards order by id").fetchall())
        return (ModelCard.model_validate_json(card) for (card,) in rows)

    def marks(self) -> dict[str, str]:
        """What changes, by id, when the text of a card does."""
        return {i: digest.partition("-")[0] for i, digest in self.digests().items()}

    def documents(self, ids: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        """Id, task and text of each of these cards that is there."""
        for rows in self._in_turns(CARDS_OF, list(ids)):
            cards = (ModelCard.model_validate_json(card) for (card,) in rows)
            yield from ((card.id, card.task, f"{card.id} {card.document}") for card in cards)

    def _in_turns(self, query: str, ids: list[str]) -> Iterator[list[tuple[str]]]:
        for start in range(0, len(ids), MOST_NAMES):
            some = ids[start : start + MOST_NAMES]
            yield self._do(partial(_rows, query.format(",".join("?" * len(some))), some))

    def put(self, cards: Mapping[str, tuple[str, str, str]]) -> None:
        """Add or replace cards, given as (task, digest, JSON) by id."""
        rows = [(i, *values) for i, values in cards.items()]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("replace into cards values (?, ?, ?, ?)", rows)
            _count_up(db)

        self._do(write)

    def drop(self, ids: Iterable[str]) -> None:
        """Take cards out."""
        gone = [(i,) for i in ids]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("delete from cards where id = ?", gone)
            _count_up(db)

        self._do(write)

    def fact(self, name: str) -> str:
        """A fact of the whole list, empty where it was never set. ``version`` counts changes."""
        query = "select value from facts where name = ?"
        row = self._do(lambda db: db.execute(query, [name]).fetchone())
        return str(row[0]) if row else ""

    def set_fact(self, name: str, value: str) -> None:
        """Keep a fact of the whole list."""
        self._do(lambda db: db.execute("replace into facts values (?, ?)", [name, value]))

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as db:
                db.execute("pragma journal_mode=wal")
                db.execute("pragma synchronous=normal")
                db.executescript(_TABLES)
                with db:
                    return work(db)
        except sqlite3.Error as exc:
            raise RegistryError(f"The registry's {self.path} is damaged: {exc}.", REBUILD) from exc


CARDS_OF = "select card from cards where id in ({})"


def _rows(query: str, values: list[str], db: sqlite3.Connection) -> list[tuple[str]]:
    return db.execute(query, values).fetchall()


def _count_up(db: sqlite3.Connection) -> None:
    query = "replace into facts select 'version', 1 + coalesce((select value from facts where "
    db.execute(query + "name = 'version'), 0)")
