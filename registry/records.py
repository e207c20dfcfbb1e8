"""The list of what a store holds, in one SQLite file beside the vectors.

It has each card as JSON and a digest of what was embedded, so that opening a store and finding a
card read no vectors, and a million cards need not be in memory. It is written after the vectors of
a batch, so what it names is there.
"""

from __future__ import annotations

import shutil
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import RLock
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
FULL = ("is full", "no space left")
LITTLE = 8_000_000
"""Bytes; with less room a database may fail in any of its steps."""
FORBIDDEN = ("readonly", "read-only", "unable to open", "permission denied")
MOST_NAMES = 500
"""Ids in one question to SQLite."""


def store_error(
    what: str, reason: str, remedy: str = REBUILD, folder: Path | None = None
) -> RegistryError:
    """The error of a store whose database refuses.

    A disk that is full, or not to be written on, is no damage, and what is kept there must not be
    thrown away for it. Chroma does not always say so: where ``folder`` is given, the disk is asked.
    """
    said = reason.lower()
    left = shutil.disk_usage(folder).free if folder and folder.is_dir() else LITTLE
    if left < LITTLE or any(words in said for words in FULL):
        message = f"{what} cannot be written: the disk is full."
        return RegistryError(message, "Free some space and try again; nothing kept is lost.")
    if any(words in said for words in FORBIDDEN):
        return RegistryError(
            f"{what} cannot be written: {reason}.",
            "Make its folder and files writable, or give another one in HUGGINGGRAPH_DATA_DIR.",
        )
    return RegistryError(f"{what} is damaged: {reason}.", remedy)


class Records:
    """The list in a folder, made when first written to. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._known: dict[str, ModelCard] = {}
        self._open: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._closed: Callable[[], object] = lambda: None
        self._turn = RLock()

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
        self._forget(cards)

    def drop(self, ids: Iterable[str]) -> None:
        """Take cards out."""
        gone = [(i,) for i in ids]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("delete from cards where id = ?", gone)
            _count_up(db)

        self._do(write)
        self._forget(i for (i,) in gone)

    def _forget(self, ids: Iterable[str]) -> None:
        for i in ids:
            self._known.pop(i, None)

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
            with self._turn:
                db = self._connection()
                with db:
                    return work(db)
        except sqlite3.Error as exc:
            with self._turn:
                self._close()  # what is wrong with it may be mended before the next question
            raise store_error(f"The registry's {self.path}", str(exc)) from exc

    def _connection(self) -> sqlite3.Connection:
        """The one connection, kept: to open one and to close it takes longer than most questions.

        A file that is gone is made anew, and one that was put in its place is opened.
        """
        try:
            now = self.path.stat()
            found: tuple[int, int] | None = (now.st_dev, now.st_ino)
        except FileNotFoundError:
            found = None
        if self._open is not None and found == self._file:
            return self._open
        self._close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        try:
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=normal")
            db.executescript(_TABLES)
        except BaseException:
            db.close()
            raise
        now = self.path.stat()
        self._open, self._file = db, (now.st_dev, now.st_ino)
        self._closed = weakref.finalize(self, db.close)
        return db

    def _close(self) -> None:
        if self._open is not None:
            self._closed()
            self._open = None


CARDS_OF = "select card from cards where id in ({})"


def _rows(query: str, values: list[str], db: sqlite3.Connection) -> list[tuple[str]]:
    return db.execute(query, values).fetchall()


def _count_up(db: sqlite3.Connection) -> None:
    query = "replace into facts select 'version', 1 + coalesce((select value from facts where "
    db.execute(query + "name = 'version'), 0)")
