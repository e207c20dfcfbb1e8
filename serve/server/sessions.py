"""Who is signed in to the web page: sessions that outlive the process, and tries at a token."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from .refusals import Refusal
from .shared import Buckets, number_of

COOKIE = "hugginggraph_session"
SIGN_IN = "/sign-in"
LASTS = 30 * 24 * 3600
"""Seconds after which a session ends by itself."""
PER_OWNER = 50
"""Sessions of one owner; the oldest ends where one more begins."""
TRIES = 10
"""Wrong tokens in a minute that one address may try."""
_ADDRESSES = 65_536
"""Buckets for addresses; two that fall into the same one share it."""
_State = tuple[int, int] | None
"""When the file was last written, and which one it was."""


def owner_of_token(tokens: Mapping[str, str], given: str) -> str:
    """The owner that a token stands for, empty for none; the time taken tells nothing of it."""
    found = ""
    for token, owner in tokens.items():
        if hmac.compare_digest(given.encode(), token.encode()):
            found = owner
    return found


class Sessions:
    """The sessions in a file that holds no secret: of each a hash of its id, its owner, its end.

    A session of an owner who is none any more counts as ended. What another worker writes is read
    with the next question.
    """

    def __init__(self, path: Path, owners: Iterable[str]) -> None:
        self._path = path
        self._owners = frozenset(owners)
        self._read: tuple[_State, dict[str, tuple[str, float]]] = (None, {})

    def begin(self, owner: str) -> str:
        """The id of a new session: 256 random bits."""
        now, session = time.time(), secrets.token_urlsafe(32)
        with self._changed() as known:
            for key, (whose, end) in list(known.items()):
                if end <= now or whose not in self._owners:
                    del known[key]
            own = sorted((end, key) for key, (whose, end) in known.items() if whose == owner)
            for _, key in own[: len(own) - PER_OWNER + 1]:
                del known[key]
            known[_hashed(session)] = (owner, now + LASTS)
        return session

    def owner(self, session: str) -> str:
        """Whose session it is, empty where there is none."""
        owner, end = self._known().get(_hashed(session), ("", 0.0))
        return owner if owner in self._owners and end > time.time() else ""

    def end(self, session: str) -> None:
        """End a session, wherever its id was copied to."""
        if _hashed(session) in self._known():
            with self._changed() as known:
                known.pop(_hashed(session), None)

    def _known(self) -> dict[str, tuple[str, float]]:
        """The sessions as the file has them now; it is read again where it was written since."""
        state = None
        with suppress(OSError):
            about = self._path.stat()
            state = (about.st_mtime_ns, about.st_ino)
        if state != self._read[0]:
            known: dict[str, tuple[str, float]] = {}
            with suppress(OSError, ValueError, TypeError):
                known = {
                    key: (str(owner), float(end))
                    for key, (owner, end) in json.loads(
                        self._path.read_text(encoding="utf-8")
                    ).items()
                }
            self._read = (state, known)
        return self._read[1]

    @contextmanager
    def _changed(self) -> Iterator[dict[str, tuple[str, float]]]:
        """The sessions to change, by one process at a time; they are written in the end."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{self._path}.lock", mode=0o600):
            known = dict(self._known())
            yield known
            fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file)
            fresh.replace(self._path)


def _hashed(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()


class Tries:
    """Counts wrong tokens by address, all of them, in any worker: ``TRIES`` in a minute."""

    def __init__(self, shared: Path | None = None) -> None:
        self._wrong = Buckets(TRIES, _ADDRESSES, shared and shared / "tries")

    def check(self, address: str) -> None:
        """Raises a Refusal (429) where the address has tried too often, whatever it gives now."""
        if wait := math.ceil(self._wrong.wait(number_of(address, _ADDRESSES), count=False)):
            raise Refusal(
                429, "Too many wrong tokens came from your address.", f"Try again in {wait} s.",
                {"Retry-After": str(wait)},
            )  # fmt: skip

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        self._wrong.wait(number_of(address, _ADDRESSES))
