"""What the workers of a server keep together: who is at work where, and who asked how often.

Locks are the operating system's on single bytes of a file, counts lie in memory mapped from
another: each use takes microseconds, and a worker that is killed leaves nothing held. A server of
one process shares with nobody and touches no file. Not covered: Windows, and several machines.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from prometheus_client import Gauge

if sys.platform != "win32":
    import fcntl

_BUCKET = struct.Struct("dd")
_NAMES = 1 << 32
"""Where the bytes begin that stand for names; those before it are numbers."""


def number_of(name: str, most: int = 1 << 60) -> int:
    """A number below ``most`` that is the same for a name in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) % most


class Held:
    """Numbers and names, each held by one at a time among all who open the same file.

    Open a file once in a process: closing any other handle of it would let go of all.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = path.open("ab") if path else None
        self._own: set[int] = set()

    def take(self, what: int | str) -> bool:
        """Whether it was free; then it is held until it is left or this process ends."""
        number = _byte(what)
        if number in self._own or (self._file and not _lock(self._file, number, wait=False)):
            return False
        self._own.add(number)
        return True

    def leave(self, what: int | str) -> None:
        """Let others have it."""
        self._own.discard(_byte(what))
        if self._file:
            _unlock(self._file, _byte(what))


class Slots:
    """The runs that may be at work at once, counted over all workers."""

    def __init__(self, most: int, held: Held, gauge: Gauge) -> None:
        self._most = most
        self._held = held
        self._gauge = gauge

    def take(self) -> Callable[[], None] | None:
        """What ends a run that may begin now, None where there are as many as may be."""
        first = int(random.random() * self._most)
        for step in range(self._most):
            slot = (first + step) % self._most
            if self._held.take(slot):
                self._gauge.inc()
                return partial(self._leave, slot)
        return None

    def _leave(self, slot: int) -> None:
        self._held.leave(slot)
        self._gauge.dec()


class Buckets:
    """Buckets by number that drain all the time, ``per_minute`` each; at first they are empty."""

    def __init__(self, per_minute: int, size: int, path: Path | None = None) -> None:
        self._most = per_minute
        self._file: BinaryIO | None = None
        length = size * _BUCKET.size
        if path is None:
            self._counts = mmap.mmap(-1, length)
        else:
            self._file = path.open("a+b")
            self._file.truncate(length)
            self._counts = mmap.mmap(self._file.fileno(), length)

    def wait(self, number: int, *, count: bool = True) -> float:
        """Seconds until one more goes into a bucket; 0.0 where it does, and then it is counted."""
        with _alone(self._file, number):
            used, then = _BUCKET.unpack_from(self._counts, number * _BUCKET.size)
            now, rate = time.monotonic(), self._most / 60
            used = max(0.0, used - (now - then) * rate) + 1
            if used > self._most:
                return float((used - self._most) / rate)
            if count:
                _BUCKET.pack_into(self._counts, number * _BUCKET.size, used, now)
            return 0.0


@contextmanager
def _alone(file: BinaryIO | None, number: int) -> Iterator[None]:
    if file is None:
        yield
        return
    _lock(file, number, wait=True)
    try:
        yield
    finally:
        _unlock(file, number)


def _byte(what: int | str) -> int:
    return what if isinstance(what, int) else _NAMES + number_of(what)


def _lock(file: BinaryIO, number: int, *, wait: bool) -> bool:
    if sys.platform != "win32":
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, number)
        except OSError as exc:
            if exc.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            return False
    return True


def _unlock(file: BinaryIO, number: int) -> None:
    if sys.platform != "win32":
        fcntl.lockf(file, fcntl.LOCK_UN, 1, number)
