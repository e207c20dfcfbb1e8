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
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Numbers, each held by one at a time among all who open the same file.

    Open a file once in a process: closing any other handle of it would let go of all.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = path.open("ab") if path else None
        self._own: set[int] = set()

    def take(self, number: int) -> bool:
        """Whether the number was free; then it is held until it is left or this process ends."""
        if number in self._own or (self._file and not _lock(self._file, number, wait=False)):
            return False
        self._own.add(number)
        return True

    def leave(self, number: int) -> None:
        """Let others have the number."""
        self._own.discard(number)
        if self._file:
            _unlock(self._file, number)


class Slots:
    """The runs that may be at work at once, counted over all workers, one at a time in a thread."""

    def __init__(self, most: int, held: Held, gauge: Gauge) -> None:
        self._most = most
        self._held = held
        self._gauge = gauge

    def take(self) -> int | None:
        """A slot for a run, None where there are as many runs as may be."""
        first = int(random.random() * self._most)
        for step in range(self._most):
            number = (first + step) % self._most
            if self._held.take(number):
                self._gauge.inc()
                return number
        return None

    def leave(self, slot: int) -> None:
        """The run is over."""
        self._held.leave(slot)
        self._gauge.dec()

    def enter(self, thread: str) -> bool:
        """Whether nothing else is at work in the thread, in any worker; then this is."""
        return self._held.take(_NAMES + number_of(thread))

    def depart(self, thread: str) -> None:
        """Nothing is at work in the thread any more."""
        self._held.leave(_NAMES + number_of(thread))


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
