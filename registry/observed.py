"""What was seen of models on this machine: success, seconds and memory of each attempt at a task.

One row for each task, model and route in a SQLite file of the data folder. Counts halve with every
`HALF_LIFE`, so a model that failed recovers when it is left alone, and what is long ago is
forgotten. Processes may write at once. A file that cannot be read is put aside and begun anew: what
was observed is worth less than the run that observes it, so nothing here raises.
"""

from __future__ import annotations

import atexit
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger("hugginggraph")

HALF_LIFE = 86_400.0
"""Seconds in which what was seen loses half its weight: a day."""

WAIT_SECONDS = 5.0
SOON_SECONDS = 0.2
_TABLE = """
create table if not exists seen (
    task text, model text, route text, done real, failed real, seconds real, memory real, at real,
    primary key (task, model, route)
)
"""
_UPSERT = "replace into seen values (?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Seen:
    """Decayed counts of attempts, their mean seconds, and the bytes of memory that they took."""

    done: float = 0.0
    failed: float = 0.0
    seconds: float = 0.0
    memory_bytes: float = 0.0


NOTHING_SEEN = Seen()


class Attempt(NamedTuple):
    """One attempt of a model at a task: whether it went well, and what it took."""

    task: str
    model: str
    ok: bool
    seconds: float
    memory_bytes: int = 0
    route: str = "local"


def memory_used() -> int:
    """The bytes of memory that this process holds."""
    return int(_process(os.getpid()).memory_info().rss)


@cache
def _process(pid: int) -> Any:
    import psutil

    return psutil.Process(pid)


_waiting: deque[Callable[[], None]] = deque()
_called, _adding, _writing = threading.Event(), threading.Lock(), threading.Lock()


def write_soon(write: Callable[[], None]) -> None:
    """Call ``write`` in a moment, from a thread of its own: no run waits for what it observed.

    It is called before that where this process reads a record, and as the process ends.
    """
    with _adding:
        _waiting.append(write)
        _writer(os.getpid())
    _called.set()


@cache
def _writer(pid: int) -> None:
    """Start the thread of this process, which lasts: starting one takes a run a millisecond."""
    threading.Thread(target=_write_always, name="hugginggraph-observed", daemon=True).start()


def _write_always() -> None:
    while True:
        _called.wait()
        time.sleep(SOON_SECONDS)
        _called.clear()
        write_now()


def write_now() -> None:
    """Call what waits to be called; what fails is logged, and the rest goes on."""
    with _writing:
        while _waiting:
            try:
                _waiting.popleft()()
            except Exception:  # whatever one of them raises, the others are still written
                log.exception("what was observed could not be written")


atexit.register(write_now)


class Observations:
    """The record in one file; it is made when first written to."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock

    def record(
        self,
        task: str,
        model: str,
        ok: bool,
        seconds: float,
        memory_bytes: int = 0,
        route: str = "local",
    ) -> None:
        """Add one attempt; ``memory_bytes`` is what the process grew by."""
        self.record_all([Attempt(task, model, ok, seconds, memory_bytes, route)])

    def record_all(self, attempts: Iterable[Attempt]) -> None:
        """Add attempts, in one transaction."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("begin immediate")
            for task, model, ok, seconds, memory_bytes, route in attempts:
                before = self._row(db, task, model, route)
                many = before.done + before.failed
                mean = (before.seconds * many + max(0.0, seconds)) / (many + 1)
                memory = max(before.memory_bytes, float(max(0, memory_bytes)))
                counts = before.done + ok, before.failed + (not ok)
                db.execute(_UPSERT, [task, model, route, *counts, mean, memory, self._clock()])
            db.commit()

        self._do(write)

    def seen(self, task: str, route: str = "local") -> dict[str, Seen]:
        """What is known of each model of a task now, by model id."""
        return self.by_task(route).get(task, {})

    def by_task(self, route: str) -> dict[str, dict[str, Seen]]:
        """What is known of each model now, by task and by model id."""
        out: dict[str, dict[str, Seen]] = {}

        def read(db: sqlite3.Connection) -> None:
            query = "select task, model, done, failed, seconds, memory, at from seen "
            for task, model, *row in db.execute(f"{query} where route = ?", [route]):
                out.setdefault(task, {})[model] = self._now(*row)

        write_now()
        if self.path.is_file():
            self._do(read)
        return out

    def _row(self, db: sqlite3.Connection, *key: str) -> Seen:
        query = "select done, failed, seconds, memory, at from seen "
        row = db.execute(query + "where task = ? and model = ? and route = ?", key).fetchone()
        return self._now(*row) if row else NOTHING_SEEN

    def _now(self, done: float, failed: float, seconds: float, memory: float, at: float) -> Seen:
        left = 0.5 ** (max(0.0, self._clock() - at) / HALF_LIFE)
        return Seen(done * left, failed * left, seconds, memory)

    def _do(self, work: Callable[[sqlite3.Connection], None]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS)) as db:
                db.execute("pragma synchronous=off")  # and no WAL: it is made anew at each opening
                db.execute(_TABLE)
                work(db)
        except sqlite3.OperationalError as exc:  # locked for long, or a disk that is full
            log.debug("what was observed in %s cannot be used now: %s", self.path, exc)
        except (sqlite3.DatabaseError, TypeError, ValueError) as exc:
            log.warning("%s is damaged (%s); it is put aside and begun anew.", self.path, exc)
            with suppress(OSError):
                self.path.replace(self.path.with_suffix(".damaged"))
                for ending in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except OSError as exc:
            log.debug("what was observed cannot be kept in %s: %s", self.path, exc)
