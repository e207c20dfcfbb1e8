"""The store of model cards: a Chroma collection on disk with one vector per card.

A folder holds ``manifest.json``, the Chroma folder that it names, and a lock. The manifest says
which record version and which embedder the vectors are of, and a hash of each card that is in. It
is replaced after every batch, so a build that is killed goes on where it was, and opening a store
that is up to date compares hashes and loads no encoder. A rebuild starts a new Chroma folder.

Not covered: a process that has the store open does not see what another one builds meanwhile.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from .cards import ModelCard, model_cards
from .embedding import Embedder, MiniLM
from .errors import RegistryError, UnknownModelError
from .hub import with_synced
from .lexical import Lexical

if TYPE_CHECKING:
    from langchain_chroma import Chroma

RECORD_VERSION = 2
"""Raised when ``ModelCard.document`` or what is stored of a card changes; older stores rebuild."""

BATCH = 64
MOST_ROWS = 5000
LOCK_SECONDS = 600
REBUILD = "Build it anew: `hugginggraph models build --rebuild`."

Progress = Callable[[int, int], None]


class Manifest(BaseModel):
    """What a store's folder holds; ``cards`` is a hash by model id."""

    model_config = ConfigDict(extra="forbid")

    record: int
    embedder: str
    dimension: int
    chroma: str
    cards: dict[str, str] = {}


class CardStore:
    """An open store. Threads may share it."""

    def __init__(
        self, chroma: Chroma, embedder: Embedder, paths: Mapping[str, Path], size: int
    ) -> None:
        self.embedder = embedder
        self._chroma = chroma
        self._paths = paths
        self._size = size

    @classmethod
    def open(
        cls,
        folder: Path,
        cards: Iterable[ModelCard] | None = None,
        embedder: Embedder | None = None,
        *,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> CardStore:
        """The store in a folder, brought up to date with the cards.

        Without ``cards`` these are all installed sources' and those synced from the Hub.

        Cards that are new or changed are embedded, others are left alone, those that vanished are
        removed. ``progress`` is told (done, total) of the cards to embed. One process builds at a
        time; another waits for it.

        Raises:
            RegistryError: the folder cannot be written, is damaged, or was built with another
                embedder or by a later version; the hint names the command that rebuilds it.
        """
        embedder = embedder or MiniLM()
        sources = list(with_synced(folder, model_cards()) if cards is None else cards)
        build = _Build(folder, {card.id: card for card in sources}, embedder, progress)
        chroma = build.run(rebuild=rebuild)
        paths = {card.id: card.path for card in sources if card.path}
        return cls(chroma, embedder, paths, len(build.cards))

    def __len__(self) -> int:
        return self._size

    @cached_property
    def _cards(self) -> dict[str, ModelCard]:
        with _chroma_errors():
            found = self._chroma.get(include=["metadatas"])
            records = (json.loads(metadata["card"]) for metadata in found["metadatas"])
            return {r["id"]: ModelCard(**r, path=self._paths.get(r["id"])) for r in records}

    @cached_property
    def lexical(self) -> Lexical:
        """The index of words beside the vectors, made when first asked for."""
        return Lexical({card.id: f"{card.id} {card.document}" for card in self.all_cards()})

    def all_cards(self) -> list[ModelCard]:
        """Every card."""
        return list(self._cards.values())

    def card(self, model_id: str) -> ModelCard:
        """The card of a model.

        Raises:
            UnknownModelError: there is none; the message names the nearest ids.
        """
        if model_id in self._cards:
            return self._cards[model_id]
        ids = {known.lower(): known for known in self._cards}
        names = {known.rpartition("/")[2].lower(): known for known in self._cards}
        wanted = model_id.lower()
        near = difflib.get_close_matches(wanted, ids, n=3, cutoff=0.6)
        near_names = difflib.get_close_matches(wanted.rpartition("/")[2], names, n=3, cutoff=0.6)
        guesses = list(dict.fromkeys([*(ids[n] for n in near), *(names[n] for n in near_names)]))
        nearest = ", ".join(f"'{guess}'" for guess in guesses[:3])
        raise UnknownModelError(
            f"The registry has no model '{model_id}'."
            + (f" The nearest names are {nearest}." if nearest else ""),
            "`hugginggraph models search QUERY` finds models by what they do.",
        )

    def search(
        self, vector: list[float], k: int = 10, where: Mapping[str, Any] | None = None
    ) -> list[tuple[ModelCard, float]]:
        """The cards nearest to a vector with their cosine similarity, nearest first.

        ``where`` is a Chroma filter over task, library, license, gated, base_only, size_bytes,
        downloads and source.
        """
        if not len(self):
            return []
        with _chroma_errors():
            found = self._chroma.similarity_search_by_vector_with_relevance_scores(
                vector, k=min(k, len(self)), filter=dict(where) if where else None
            )
        return [(self._cards[str(row.id)], 1.0 - distance) for row, distance in found]


class _Build:
    """Brings one folder up to date with a set of cards."""

    def __init__(
        self,
        folder: Path,
        cards: Mapping[str, ModelCard],
        embedder: Embedder,
        progress: Progress | None,
    ) -> None:
        self.folder = folder
        self.cards = cards
        self.embedder = embedder
        self.progress = progress
        self.hashes = {card.id: _hash(card) for card in cards.values()}

    def run(self, *, rebuild: bool) -> Chroma:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not rebuild and (chroma := self._up_to_date()):
                return chroma
            with FileLock(self.folder / "lock", timeout=LOCK_SECONDS):
                return (None if rebuild else self._up_to_date()) or self._write(rebuild)
        except Timeout as exc:
            raise RegistryError(
                f"Another process has been building the registry in {self.folder} for more than "
                f"{LOCK_SECONDS // 60} minutes.",
                "Wait for it or end it, then try again.",
            ) from exc
        except OSError as exc:
            raise RegistryError(
                f"The registry's folder {self.folder} cannot be used: {exc.strerror or exc}.",
                "Give another one in HUGGINGGRAPH_DATA_DIR.",
            ) from exc

    def _up_to_date(self) -> Chroma | None:
        """The collection, where it holds exactly the cards wanted."""
        manifest = self._manifest()
        if manifest is None or manifest.cards != self.hashes or manifest.record != RECORD_VERSION:
            return None
        chroma = self._connect(manifest)
        return chroma if _ids(chroma) == set(manifest.cards) else None

    def _manifest(self) -> Manifest | None:
        path = self.folder / "manifest.json"
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as exc:
            raise RegistryError(f"The registry's {path} is damaged.", REBUILD) from exc
        built = f"The registry in {self.folder} was built"
        if manifest.record > RECORD_VERSION:
            raise RegistryError(
                f"{built} by a later version of HuggingGraph (record version {manifest.record}, "
                f"here {RECORD_VERSION}).",
                f"Upgrade, or build it anew: {REBUILD.partition(': ')[2]}",
            )
        ours = (self.embedder.name, self.embedder.dimension)
        if (manifest.embedder, manifest.dimension) != ours:
            raise RegistryError(
                f"{built} with the embedder {manifest.embedder} ({manifest.dimension} numbers), "
                f"and is opened with {ours[0]} ({ours[1]}).",
                REBUILD,
            )
        return manifest

    def _write(self, rebuild: bool) -> Chroma:
        """Add, change and remove what differs; only ever called under the lock."""
        manifest = None if rebuild else self._manifest()
        if manifest is None or manifest.record != RECORD_VERSION:
            manifest = Manifest(
                record=RECORD_VERSION,
                embedder=self.embedder.name,
                dimension=self.embedder.dimension,
                chroma=f"chroma-{uuid.uuid4().hex[:12]}",
            )
            self._save(manifest)
            for old in self.folder.glob("chroma-*"):
                shutil.rmtree(old, ignore_errors=True)
        chroma = self._connect(manifest)
        there = _ids(chroma)
        manifest.cards = {i: digest for i, digest in manifest.cards.items() if i in there}
        with _chroma_errors():
            if vanished := sorted(there - self.cards.keys()):
                chroma.delete(ids=vanished)
                manifest.cards = {i: d for i, d in manifest.cards.items() if i in self.cards}
            differ = [i for i, digest in self.hashes.items() if manifest.cards.get(i) != digest]
            recounted = [i for i in differ if _same_text(manifest.cards.get(i, ""), self.hashes[i])]
            for start in range(0, len(recounted), MOST_ROWS):
                some = recounted[start : start + MOST_ROWS]
                facts: Any = [_metadata(self.cards[i], whole=True) for i in some]
                chroma._collection.update(ids=some, metadatas=facts)
                manifest.cards |= {i: self.hashes[i] for i in some}
            again = set(recounted)
            changed = [i for i in differ if i not in again]
            for start in range(0, len(changed), BATCH):
                if self.progress:
                    self.progress(start, len(changed))
                some = changed[start : start + BATCH]
                cards = [self.cards[i] for i in some]
                chroma.add_texts(
                    [card.document for card in cards], [_metadata(c) for c in cards], some
                )
                manifest.cards |= {i: self.hashes[i] for i in some}
                self._save(manifest)
        if self.progress and changed:
            self.progress(len(changed), len(changed))
        self._save(manifest)
        return chroma

    def _save(self, manifest: Manifest) -> None:
        path = self.folder / "manifest.json"
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(manifest.model_dump_json(), encoding="utf-8")
        draft.replace(path)

    def _connect(self, manifest: Manifest) -> Chroma:
        with _chroma_errors():
            import chromadb
            from chromadb.config import Settings
            from langchain_chroma import Chroma

            client = chromadb.PersistentClient(
                str((self.folder / manifest.chroma).resolve()),
                Settings(anonymized_telemetry=False),
            )
            return Chroma(
                "cards",
                embedding_function=self.embedder,
                client=client,
                collection_configuration={"hnsw": {"space": "cosine"}},
            )


def _ids(chroma: Chroma) -> set[str]:
    with _chroma_errors():
        return set(chroma.get(include=[])["ids"])


@contextmanager
def _chroma_errors() -> Iterator[None]:
    """Chroma's errors as ours. It raises many kinds, and Rust's panics as bare exceptions."""
    try:
        yield
    except (RegistryError, OSError):
        raise
    except BaseException as exc:
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise RegistryError(f"The registry's store is damaged: {reason}", REBUILD) from exc


def _facts(card: ModelCard) -> str:
    """The card as JSON without its path, which is this installation's and not the model's."""
    return card.model_dump_json(exclude={"path"}, exclude_defaults=True)


def _hash(card: ModelCard) -> str:
    """A hash of the text that is embedded, and one of all facts."""
    return "-".join(
        hashlib.sha256(text.encode()).hexdigest()[:16] for text in (card.document, _facts(card))
    )


def _same_text(one: str, other: str) -> bool:
    return bool(one) and one.partition("-")[0] == other.partition("-")[0]


def _metadata(card: ModelCard, *, whole: bool = False) -> dict[str, str | int | bool | None]:
    """What Chroma keeps of a card; ``whole`` names what is not known too, so that it is removed."""
    names = ("task", "library", "license", "gated", "base_only", "size_bytes", "downloads")
    values = {name: getattr(card, name) for name in (*names, "source")}
    known = {k: v for k, v in values.items() if whole or v is not None}
    return known | {"card": _facts(card)}
