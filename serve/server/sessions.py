"""Who is signed in to the web page: sessions that outlive the process, and tries at a token."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from .refusals import Refusal

COOKIE = "hugginggraph_session"
SIGN_IN = "/sign-in"
LASTS = 30 * 24 * 3600
"""Seconds after which a session ends by itself."""
PER_OWNER = 50
"""Sessions of one owner; the oldest ends where one more begins."""
TRIES = 10
"""Wrong tokens in a minute that one address may try."""
_ADDRESSES = 10_000


def owner_of_token(tokens: Mapping[str, str], given: str) -> str:
    """The owner that a token stands for, empty for none; the time taken tells nothing of it."""
    found = ""
    for token, owner in tokens.items():
        if hmac.compare_digest(given.encode(), token.encode()):
            found = owner
    return found


class Sessions:
    """The sessions in a file that holds no secret: of each a hash of its id, its owner, its end.

    A session of an owner who is none any more counts as ended.
    """

    def __init__(self, path: Path, owners: Iterable[str]) -> None:
        self._path = path
        self._owners = frozenset(owners)
        self._known: dict[str, tuple[str, float]] = {}
        with suppress(OSError, ValueError, TypeError):
            self._known = {
                key: (str(owner), float(end))
                for key, (owner, end) in json.loads(path.read_text(encoding="utf-8")).items()
            }

    def begin(self, owner: str) -> str:
        """The id of a new session: 256 random bits."""
        now = time.time()
        alive = {k: v for k, v in self._known.items() if v[1] > now and v[0] in self._owners}
        own = sorted((end, key) for key, (whose, end) in alive.items() if whose == owner)
        for _, key in own[: len(own) - PER_OWNER + 1]:
            del alive[key]
        session = secrets.token_urlsafe(32)
        self._known = {**alive, _hashed(session): (owner, now + LASTS)}
        self._keep()
        return session

    def owner(self, session: str) -> str:
        """Whose session it is, empty where there is none."""
        owner, end = self._known.get(_hashed(session), ("", 0.0))
        return owner if owner in self._owners and end > time.time() else ""

    def end(self, session: str) -> None:
        """End a session, wherever its id was copied to."""
        if self._known.pop(_hashed(session), None):
            self._keep()

    def _keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self._known, file)
        fresh.replace(self._path)


def _hashed(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()


class Tries:
    """Counts wrong tokens by address: a bucket of ``TRIES`` that fills again within a minute."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def check(self, address: str) -> None:
        """Raises a Refusal (429) where the address has tried too often, whatever it gives now."""
        left = self._now(address)
        if left < 1:
            wait = math.ceil((1 - left) * 60 / TRIES)
            raise Refusal(
                429, "Too many wrong tokens came from your address.", f"Try again in {wait} s.",
                {"Retry-After": str(wait)},
            )  # fmt: skip

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        left = self._now(address)
        if len(self._left) >= _ADDRESSES:
            self._left.pop(next(iter(self._left)))
        self._left[address] = (left - 1, time.monotonic())

    def _now(self, address: str) -> float:
        now = time.monotonic()
        left, then = self._left.get(address, (float(TRIES), now))
        return min(float(TRIES), left + (now - then) * TRIES / 60)
