"""Chroma, in a folder or on a server: one way to open it, and its errors as ours."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import RegistryError
from .records import store_error

if TYPE_CHECKING:
    from langchain_chroma import Chroma


_turn = Lock()
"""Clients of one folder share what holds its files, and Chroma counts them without a lock."""

_left: deque[Any] = deque()


def chroma_files(folder: Path) -> Any:
    """A client of the vectors in a folder, made where there is none; it calls nobody."""
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    quiet = ChromaSettings(anonymized_telemetry=False)
    with _turn:
        client = chromadb.PersistentClient(str(folder.resolve()), quiet)
    _close_left()
    return client


def close_files(client: Any) -> None:
    """Close such a client, now or, where one is being made, right after; it never waits."""
    _left.append(client)
    _close_left()


def _close_left() -> None:
    while _left and _turn.acquire(blocking=False):
        try:
            while _left:
                _left.popleft().close()
        finally:
            _turn.release()


@cache
def chroma_server(url: str) -> Any:
    """The process's one client of a server: each holds connections that it does not close."""
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return chromadb.HttpClient(
        str(parts.hostname),
        parts.port or (443 if secure else 8000),
        ssl=secure,
        settings=ChromaSettings(anonymized_telemetry=False),
    )


def reach_chroma(url: str) -> None:
    """See that a server answers.

    Raises:
        RegistryError: it does not.
    """
    with chroma_errors(url):
        chroma_server(url).heartbeat()


def count(chroma: Chroma) -> int:
    """How many cards a collection holds."""
    with chroma_errors():
        return int(chroma._collection.count())


def ids(chroma: Chroma) -> set[str]:
    """The ids that a collection holds."""
    with chroma_errors():
        return set(chroma.get(include=[])["ids"])


def is_chromas(exc: BaseException) -> bool:
    """Whether Chroma may have raised this: any exception, or a panic of its Rust, which is none."""
    return isinstance(exc, Exception) or type(exc).__name__ == "PanicException"


@contextmanager
def chroma_errors(url: str = "", folder: Path | None = None) -> Iterator[None]:
    """Chroma's errors as ours, of a server or of a folder; it raises many kinds."""
    try:
        yield
    except (RegistryError, OSError):
        raise
    except BaseException as exc:
        if not is_chromas(exc):
            raise
        if url:
            raise RegistryError(
                f"The Chroma server {url} does not answer as it should: {exc!s:.200}",
                "Start it (`chroma run`), or unset HUGGINGGRAPH_CHROMA_URL to use files instead.",
            ) from exc
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise store_error("The registry's store", reason.rstrip("."), folder=folder) from exc
