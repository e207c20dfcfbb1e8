"""Model cards from the Hub: synced page by page into one file beside the store.

The file (``hub.sqlite`` in the store's folder) holds a record per model, the revision and the ETag
that it was read from, and how far each sync has come. Every page is committed with the address of
the next, so a sync that is killed goes on where it was, and a file that is being written can be
read. A model's card text is fetched only where its revision changed, else its counters are brought
up to date. A model that a whole listing no longer names is marked as gone, and left out.

Waiting and trying again (429 with Retry-After or the Hub's rate-limit headers, 5xx, broken
connections) is `huggingface_hub`'s, for the first page as for all others. Not covered: models that
appear on an earlier page while a later one is read; the next sync sees them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from filelock import FileLock, Timeout
from pydantic import ValidationError

from .cards import ModelCard
from .distill import MOST_READ
from .errors import RegistryError
from .folders import folders_of
from .hub_rows import card_of
from .records import store_error

FILE = "hub.sqlite"
PAGE = 100
AT_ONCE = 8
"""Card texts fetched at the same time."""

MOST_RETRIES = 5
MOST_LISTING = 64_000_000
EXPAND = (
    "cardData", "downloads", "gated", "inferenceProviderMapping", "lastModified", "library_name",
    "likes", "pipeline_tag", "safetensors", "sha", "tags",
)  # fmt: skip

_TABLES = """
create table if not exists cards (
    id text primary key, task text, revision text, etag text, card text, gone integer default 0,
    seen integer default 0
);
create table if not exists syncs (key text primary key, round integer, next text, done integer)
"""

SyncProgress = Callable[["SyncReport"], None]


@dataclass
class SyncReport:
    """How a sync went, or is going: counts of models.

    ``listed`` were named by the Hub, ``changed`` are new or have a new revision, ``unchanged`` only
    had their counters brought up to date, ``without_task`` have no task and were left out,
    ``failed`` could not be read and are asked for again next time, ``gone`` have vanished. Of a
    file ``unread`` are the first lines that could not be read, counted from 1.
    """

    listed: int = 0
    changed: int = 0
    unchanged: int = 0
    without_task: int = 0
    failed: int = 0
    gone: int = 0
    unread: list[int] = field(default_factory=list)
    resumed: bool = False
    expected: int | None = None
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Models per second."""
        return self.listed / self.seconds if self.seconds else 0.0


def synced_cards(folder: Path) -> list[ModelCard]:
    """The cards that were synced or imported into a store's folder; none where nothing was.

    Raises:
        RegistryError: the file is damaged; the hint says what to do.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    with database(path) as db:
        rows = db.execute("select card from cards where gone = 0 and card != '' order by id")
        return [ModelCard.model_validate_json(card) for (card,) in rows]


def synced_state(folder: Path) -> str:
    """What changes when the synced cards do; it costs no reading."""
    states = []
    for name in (FILE, f"{FILE}-wal"):
        path = folder / name
        if path.is_file() and (found := path.stat()).st_size:
            states.append(f"{name} {found.st_size} {found.st_mtime_ns}")
    return "; ".join(states)


def with_synced(folder: Path, cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Installed cards and synced ones, with the folders that were named for them. Where both know a
    model, the installed one is kept, with the Hub's counters."""
    found = {card.id: card for card in synced_cards(folder)}
    for card in cards:
        hub = found.get(card.id)
        fresh = {"downloads": hub.downloads, "likes": hub.likes} if hub else {}
        known = {name: value for name, value in fresh.items() if value is not None}
        found[card.id] = card.model_copy(update=known) if known else card
    for model_id, place in folders_of(folder).items():
        if (here := found.get(model_id)) and not here.path:
            found[model_id] = here.model_copy(update={"path": place})
    return list(found.values())


def sync(
    folder: Path,
    *,
    tasks: Sequence[str] = (),
    limit: int | None = None,
    since: str = "",
    progress: SyncProgress | None = None,
) -> SyncReport:
    """Bring the cards of a store's folder up to date with the Hub.

    ``tasks`` are the Hub's task ids (none: all models). ``limit`` takes that many of each task, the
    most downloaded first. ``since`` (an ISO day) takes what changed from that day on, newest first.

    Raises:
        RegistryError: the Hub refuses or cannot be reached, another sync is running, or the file
            cannot be written. What was done is kept, and the next sync goes on from there.
    """
    with locked(folder), database(folder / FILE) as db:
        work = _Sync(db, limit, since, progress)
        for task in tasks or ("",):
            work.run(task)
        return work.report


class _Sync:
    """One sync: its listings, one after the other."""

    def __init__(
        self, db: sqlite3.Connection, limit: int | None, since: str, progress: SyncProgress | None
    ) -> None:
        from huggingface_hub import constants

        self.db = db
        self.limit = limit
        self.since = since
        self.progress = progress
        self.endpoint = constants.ENDPOINT.rstrip("/")
        self.report = SyncReport()
        self.start = time.monotonic()

    def run(self, task: str) -> None:
        """The listing of one task, from where the last sync of it was broken off."""
        key = json.dumps([self.endpoint, task, self.limit, self.since])
        row = self.db.execute("select round, next, done from syncs where key = ?", [key]).fetchone()
        resumed = bool(row and row[1])
        (newest,) = self.db.execute("select coalesce(max(round), 0) from syncs").fetchone()
        round_ = row[0] if resumed else newest + 1
        url, done = (row[1], row[2]) if resumed else (self._first(task), 0)
        self.report.resumed |= resumed
        self.report.expected = self.limit or self._count(task)
        while url:
            try:
                rows, following = self._page(url)
            except _NotThereError:
                if not resumed:
                    raise
                url, done, resumed = self._first(task), 0, False  # the address was too old
                continue
            if self.since:
                recent = [r for r in rows if str(r.get("lastModified") or "9") >= self.since]
                following = following if len(recent) == len(rows) else ""
                rows = recent
            if self.limit is not None:
                rows = rows[: self.limit - done]
            self._take(rows, round_)
            done += len(rows)
            if self.limit is not None and done >= self.limit:
                following = ""
            self.db.execute(
                "replace into syncs values (?, ?, ?, ?)", [key, round_, following, done]
            )
            self.db.commit()
            url = following
        if self.limit is None and not self.since:
            self._bury(task, round_)

    def _first(self, task: str) -> str:
        pairs = [("limit", str(min(PAGE, self.limit or PAGE)))]
        pairs += [("sort", "lastModified" if self.since else "downloads"), ("direction", "-1")]
        pairs += [("pipeline_tag", task)] if task else []
        pairs += [("expand", name) for name in EXPAND]
        query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
        return f"{self.endpoint}/api/models?{query}"

    def _count(self, task: str) -> int | None:
        """How many models of the task are known from before, as the estimate of what comes."""
        where, values = ("where task = ?", [task]) if task else ("", [])
        (known,) = self.db.execute(f"select count(*) from cards {where}", values).fetchone()
        return known or None

    def _page(self, url: str) -> tuple[list[dict[str, Any]], str]:
        body, response = self._get(url, MOST_LISTING)
        try:
            rows = json.loads(body)
        except ValueError as exc:
            raise _refused(f"its listing is not JSON but begins with {body[:40]!r}") from exc
        if not isinstance(rows, list):
            raise _refused("its listing is not a list")
        following = str(response.links.get("next", {}).get("url") or "")
        if following and urlsplit(following)[:2] != urlsplit(self.endpoint)[:2]:
            raise _refused(f"its next page is at another address, {following[:80]}")
        return [row for row in rows if isinstance(row, dict)], following

    def _take(self, rows: list[dict[str, Any]], round_: int) -> None:
        """Store one page: new and changed cards with their text, others with their counters."""
        names = [str(row.get("id") or row.get("modelId") or "") for row in rows]
        marks = ",".join("?" * len(names))
        query = f"select id, revision, etag, card from cards where id in ({marks})"
        known = {row[0]: row[1:] for row in self.db.execute(query, names)}
        stale = [
            (name, row)
            for name, row in zip(names, rows, strict=True)
            if card_of(row, "")
            and not (name in known and row.get("sha") and known[name][0] == row["sha"])
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            texts = dict(
                zip(
                    [name for name, _ in stale],
                    pool.map(lambda pair: self._text(pair[1], known.get(pair[0])), stale),
                    strict=True,
                )
            )
        for name, row in zip(names, rows, strict=True):
            self.report.listed += 1
            self._take_one(row, known.get(name), texts.get(name), round_)
        self.report.seconds = time.monotonic() - self.start
        if self.progress:
            self.progress(self.report)

    def _take_one(
        self,
        row: dict[str, Any],
        known: Sequence[Any] | None,
        text: tuple[bytes | None, str] | None,
        round_: int,
    ) -> None:
        try:
            bare = card_of(row, text[0] if text else None)
        except ValidationError:
            bare = None
        if bare is None:
            self.report.without_task += 1
            return
        before = ModelCard.model_validate_json(known[2]) if known and known[2] else None
        if before and before.source == "local":  # a checkpoint of one's own that has this name
            self.report.unchanged += 1
            return
        if text is None or text[1] == "same":
            kept = before.description if before else ""
            self.report.unchanged += text is None
            self.report.changed += text is not None
            card = _read_again(row, kept) or bare
            etag = known[1] if known else ""
        elif text[1] == "failed":
            self.report.failed += 1
            card = (before or bare).model_copy(update={"revision": ""})
            etag = ""
        else:
            self.report.changed += 1
            card, etag = bare, text[1]
        store(self.db, card, etag, round_)

    def _text(self, row: dict[str, Any], known: Sequence[Any] | None) -> tuple[bytes | None, str]:
        """The card text and its ETag; "same" in its place where it is unchanged, or "failed"."""
        name, revision = str(row.get("id") or row.get("modelId")), str(row.get("sha") or "main")
        url = f"{self.endpoint}/{quote(name)}/resolve/{quote(revision, safe='')}/README.md"
        headers = {"If-None-Match": known[1]} if known and known[1] else {}
        try:
            body, response = self._get(url, MOST_READ, headers, (304, 401, 403, 404))
        except RegistryError:
            return None, "failed"
        if response.status_code == 304:
            return None, "same"
        if response.status_code >= 400:
            return b"", ""
        return body, str(response.headers.get("etag") or "")

    def _get(
        self,
        url: str,
        most: int,
        headers: Mapping[str, str] | None = None,
        expected: Iterable[int] = (),
    ) -> tuple[bytes, Any]:
        """At most so many bytes of a reply, and the reply."""
        import httpx
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # there, but not in its __all__
            build_hf_headers,
            http_stream_backoff,
        )

        body = bytearray()
        try:
            with http_stream_backoff(
                "GET", url, headers={**build_hf_headers(), **(headers or {})}, timeout=30,
                max_retries=MOST_RETRIES,
            ) as response:  # fmt: skip
                if response.status_code >= 400 and response.status_code not in expected:
                    kind = _NotThereError if response.status_code < 500 else RegistryError
                    raise _refused(f"it answers {response.status_code}", kind)
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) >= most:
                        break
                return bytes(body[:most]), response
        except OfflineModeIsEnabled as exc:
            raise _refused("offline is set") from exc
        except HfHubHTTPError as exc:
            raise _refused(f"it answers {exc.response.status_code}") from exc
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise _refused(str(exc) or type(exc).__name__) from exc

    def _bury(self, task: str, round_: int) -> None:
        """Mark what a whole listing no longer named. Imported cards (round 0) were never listed."""
        where, values = ("and task = ?", [task]) if task else ("", [])
        found = self.db.execute(
            f"update cards set gone = 1 where gone = 0 and seen > 0 and seen < ? {where}",
            [round_, *values],
        )
        self.report.gone += found.rowcount
        self.db.commit()


def _read_again(row: dict[str, Any], description: str) -> ModelCard | None:
    """A card with new counters and an old description."""
    try:
        return card_of(row, description)
    except ValidationError:
        return None


def record(card: ModelCard) -> str:
    """A card as the file has it."""
    return card.model_dump_json(exclude_defaults=True)


def store(db: sqlite3.Connection, card: ModelCard, etag: str, round_: int) -> None:
    """Keep a card, and the round of the listing that named it (0: none did)."""
    db.execute(
        "replace into cards (id, task, revision, etag, card, gone, seen) values (?,?,?,?,?,0,?)",
        [card.id, card.task, card.revision, etag, record(card), round_],
    )


class _NotThereError(RegistryError):
    """The Hub knows the address no more, or does not let us have it."""


def _refused(why: str, kind: type[RegistryError] = RegistryError) -> RegistryError:
    return kind(
        f"The Hub could not be read: {why}.",
        "Run `hugginggraph models sync` again to go on from here; `--from FILE` reads a file.",
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else syncs or imports into the folder meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "sync.lock", timeout=0):
            yield
    except Timeout as exc:
        raise RegistryError(
            f"Another process is syncing the registry in {folder}.", "Wait for it or end it."
        ) from exc
    except OSError as exc:
        raise RegistryError(
            f"The registry's folder {folder} cannot be used: {exc.strerror or exc}.",
            "Give another one in HUGGINGGRAPH_DATA_DIR.",
        ) from exc


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """The file of synced cards, made where there is none; its errors are the registry's."""
    try:
        with closing(sqlite3.connect(path, timeout=60)) as db:
            db.execute("pragma journal_mode=wal")
            db.executescript(_TABLES)
            yield db
    except (sqlite3.Error, ValidationError) as exc:
        remedy = f"Delete {path.name} there and run `hugginggraph models sync` again."
        raise store_error(f"The list of the Hub's cards, {path},", str(exc), remedy) from exc
