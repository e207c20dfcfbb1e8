"""The store of model cards: a Chroma collection with one vector per card, and a list beside it.

A folder holds ``manifest.json`` and the folder that it names, in which are the vectors, the list of
cards (``cards.sqlite``) and the index of words; and a lock. The manifest says which record version
and which embedder the vectors are of. The list is written after every batch, so a build that is
killed goes on where it was; where no source has changed, opening reads no card and loads no
encoder. A rebuild starts a new folder.

With the vectors on a Chroma server, the collection's metadata are the manifest, and the list is a
copy that is brought up to date when a store is opened.

Not covered: a process that has the store open does not see what another one builds meanwhile; and
two machines that build the store of one server at the same time.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from .cards import ModelCard, model_cards
from .embedders import embedder_of
from .embedding import Embedder, MiniLM
from .errors import RegistryError, UnknownModelError
from .hub import synced_state, with_synced
from .lexical import Lexical
from .records import REBUILD, Records

if TYPE_CHECKING:
    from langchain_chroma import Chroma

    from .settings import Settings

RECORD_VERSION = 3
"""Raised when ``ModelCard.document`` or what is stored of a card changes; older stores rebuild."""

BATCH = 256
COLLECTION = "cards"
MOST_ROWS = 5000
LOCK_SECONDS = 600

Progress = Callable[[int, int], None]


class Manifest(BaseModel):
    """Which vectors a store's folder, or a server's collection, holds."""

    record: int
    embedder: str
    dimension: int
    chroma: str = ""


class CardStore:
    """An open store. Threads may share it."""

    def __init__(
        self, chroma: Chroma, records: Records, embedder: Embedder, paths: Mapping[str, Path]
    ) -> None:
        self.embedder = embedder
        self.records = records
        self._chroma = chroma
        self._paths = paths
        self._size = len(records)

    @classmethod
    def open(
        cls,
        folder: Path,
        cards: Iterable[ModelCard] | None = None,
        embedder: Embedder | None = None,
        *,
        rebuild: bool = False,
        update: bool = True,
        chroma_url: str = "",
        progress: Progress | None = None,
    ) -> CardStore:
        """The store in a folder, brought up to date with the cards.

        Without ``cards`` these are all installed sources' and those synced from the Hub.

        Cards that are new or changed are embedded, others are left alone, those that vanished are
        removed. ``progress`` is told (done, total) of the cards to embed. One process builds at a
        time; another waits for it. With ``chroma_url`` the vectors are on a Chroma server; without
        ``update`` what is there is then taken as it is, unless nothing is.

        Raises:
            RegistryError: the folder cannot be written, is damaged, or was built with another
                embedder or by a later version, or the server cannot be reached; the hint names
                the command that rebuilds it.
        """
        embedder = embedder or MiniLM()
        build = _Build(folder, cards, embedder, progress, chroma_url)
        chroma, records = build.run(rebuild=rebuild, update=update)
        paths = {card.id: card.path for card in build.installed if card.path}
        return cls(chroma, records, embedder, paths)

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        rebuild: bool = False,
        update: bool = False,
        progress: Progress | None = None,
    ) -> CardStore:
        """The store that is set, as `open` gives it; a server's is only read without ``update``.

        Raises:
            RegistryError: it, or its embedder, cannot be used.
        """
        return cls.open(
            settings.registry_dir,
            embedder=embedder_of(settings),
            rebuild=rebuild,
            update=update or not settings.chroma_url,
            chroma_url=settings.chroma_url,
            progress=progress,
        )

    def __len__(self) -> int:
        return self._size

    @cached_property
    def lexical(self) -> Lexical:
        """The index of words beside the vectors, made where it is not current."""
        folder = self.records.path.parent / f"lexical-{self.records.fact('version') or 0}"
        found = Lexical.load(folder)
        if found is None:
            found = Lexical.of(self.records.documents())
            for old in folder.parent.glob("lexical-*"):
                shutil.rmtree(old, ignore_errors=True)
            found.save(folder)
            found = Lexical.load(folder) or found
        return found

    def cards(self, ids: Iterable[str]) -> dict[str, ModelCard]:
        """The cards of these ids that are there, by id."""
        return {i: self._here(card) for i, card in self.records.cards(ids).items()}

    def _here(self, card: ModelCard) -> ModelCard:
        path = self._paths.get(card.id)
        return card.model_copy(update={"path": path}) if path else card

    def all_cards(self) -> list[ModelCard]:
        """Every card."""
        return [self._here(card) for card in self.records.every()]

    def card(self, model_id: str) -> ModelCard:
        """The card of a model.

        Raises:
            UnknownModelError: there is none; the message names the nearest ids.
        """
        if found := self.cards([model_id]):
            return found[model_id]
        listed = self.records.digests()
        ids = {known.lower(): known for known in listed}
        names = {known.rpartition("/")[2].lower(): known for known in listed}
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
        self,
        vector: list[float],
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        among: list[str] | None = None,
    ) -> list[tuple[ModelCard, float]]:
        """The cards nearest to a vector with their cosine similarity, nearest first.

        ``where`` is a Chroma filter over task, library, license, gated, base_only, size_bytes,
        downloads and source. ``among`` are the only ids to look at; a list of them is many times
        faster than a filter.
        """
        if not len(self) or among == []:
            return []
        with _chroma_errors():
            found: Any = self._chroma._collection.query(
                query_embeddings=np.asarray([vector], dtype=np.float32),
                n_results=min(k, len(self)),
                include=["distances"],
                where=dict(where) if where else None,
                ids=among,
            )
        near = dict(zip(found["ids"][0], found["distances"][0], strict=True))
        return [(card, 1.0 - near[i]) for i, card in self.cards(near).items()]

    def similarities(self, vector: list[float], ids: list[str]) -> dict[str, float]:
        """The cosine similarity of a vector and each of these cards."""
        if not ids:
            return {}
        with _chroma_errors():
            found: Any = self._chroma._collection.get(ids=ids, include=["embeddings"])
        rows = np.asarray(found["embeddings"], dtype=np.float32)
        wanted = np.asarray(vector, dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
        cosines = (rows @ wanted / np.maximum(lengths, 1e-9)).tolist()
        return dict(zip(found["ids"], cosines, strict=True))


class _Build:
    """Brings one folder, or one server, up to date with a set of cards."""

    def __init__(
        self,
        folder: Path,
        cards: Iterable[ModelCard] | None,
        embedder: Embedder,
        progress: Progress | None,
        url: str = "",
    ) -> None:
        self.folder = folder
        self.embedder = embedder
        self.progress = progress
        self.url = url
        self.installed = model_cards() if cards is None else list(cards)
        self.all_given = cards is not None

    @cached_property
    def cards(self) -> dict[str, ModelCard]:
        """Every card that the store should hold."""
        all_ = self.installed if self.all_given else with_synced(self.folder, self.installed)
        return {card.id: card for card in all_}

    @cached_property
    def stamp(self) -> str:
        """What changes when a source does: of the installed cards themselves, and of the file of
        the synced ones its size and time, so that opening a large store does not read it."""
        digest = hashlib.sha256(str(RECORD_VERSION).encode())
        for card in self.installed:
            digest.update(_facts(card).encode())
        if not self.all_given:
            digest.update(synced_state(self.folder).encode())
        return digest.hexdigest()

    def run(self, *, rebuild: bool, update: bool) -> tuple[Chroma, Records]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not rebuild and (found := self._up_to_date(update)):
                return found
            with FileLock(self.folder / "lock", timeout=LOCK_SECONDS):
                return (None if rebuild else self._up_to_date(update)) or self._write(rebuild)
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

    def _up_to_date(self, update: bool) -> tuple[Chroma, Records] | None:
        """The collection, where it holds the cards wanted, or any on a server not to be updated."""
        manifest = self._manifest()
        if manifest is None or manifest.record != RECORD_VERSION:
            return None
        chroma, records = self._connect(manifest)
        if self.url:
            self._adopt(chroma, records)
            if not update and len(records):
                return chroma, records
        current = records.fact("stamp") == self.stamp
        return (chroma, records) if current and _count(chroma) == len(records) else None

    def _adopt(self, chroma: Chroma, records: Records) -> None:
        """Copy the list of a server's cards, where another process changed them since."""
        there = str((chroma._collection.metadata or {}).get("stamp", ""))
        if there and there == records.fact("copied") and _count(chroma) == len(records):
            return
        with _chroma_errors():
            ids = _ids(chroma)
            if gone := sorted(records.digests().keys() - ids):
                records.drop(gone)
            for start in range(0, len(ids), MOST_ROWS):
                rows: Any = chroma._collection.get(
                    limit=MOST_ROWS, offset=start, include=["metadatas"]
                )
                records.put(
                    {
                        i: (str(m["task"]), str(m["digest"]), str(m["card"]))
                        for i, m in zip(rows["ids"], rows["metadatas"], strict=True)
                    }
                )
        records.set_fact("copied", there)

    def _manifest(self) -> Manifest | None:
        if self.url:
            return self._refuse_others(self._served())
        path = self.folder / "manifest.json"
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as exc:
            raise RegistryError(f"The registry's {path} is damaged.", REBUILD) from exc
        return self._refuse_others(manifest)

    def _served(self) -> Manifest | None:
        """What the server's collection says of itself; None where there is none."""
        with _chroma_errors(self.url):
            client = self._client("")
            names = [str(getattr(one, "name", one)) for one in client.list_collections()]
            if COLLECTION not in names:
                return None
            said = client.get_collection(COLLECTION, embedding_function=None).metadata or {}
        try:
            return Manifest.model_validate(said)
        except ValidationError as exc:
            raise RegistryError(
                f"The collection '{COLLECTION}' on {self.url} is not of HuggingGraph.",
                "Give another server in HUGGINGGRAPH_CHROMA_URL.",
            ) from exc

    def _refuse_others(self, manifest: Manifest | None) -> Manifest | None:
        if manifest is None:
            return None
        built = f"The registry {f'on {self.url}' if self.url else f'in {self.folder}'} was built"
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

    def _write(self, rebuild: bool) -> tuple[Chroma, Records]:
        """Add, change and remove what differs; only ever called under the lock."""
        manifest = None if rebuild else self._manifest()
        if manifest is None or manifest.record != RECORD_VERSION:
            manifest = self._begin()
        chroma, records = self._connect(manifest)
        there, had = _ids(chroma), records.digests()
        if lost := sorted(had.keys() - there):
            records.drop(lost)
        digests = {i: digest for i, digest in had.items() if i in there}
        wanted = {card.id: _hash(card) for card in self.cards.values()}
        with _chroma_errors(self.url):
            vanished = sorted(there - wanted.keys())
            for start in range(0, len(vanished), MOST_ROWS):
                some = vanished[start : start + MOST_ROWS]
                chroma._collection.delete(ids=some)
                records.drop(some)
            differ = [i for i, digest in wanted.items() if digests.get(i) != digest]
            recounted = [i for i in differ if _same_text(digests.get(i, ""), wanted[i])]
            for start in range(0, len(recounted), MOST_ROWS):
                some = recounted[start : start + MOST_ROWS]
                facts: Any = [_metadata(self.cards[i], wanted[i], whole=True) for i in some]
                chroma._collection.update(ids=some, metadatas=facts)
                self._list(records, some, wanted)
        again = set(recounted)
        changed = [i for i in differ if i not in again]
        for start in range(0, len(changed), BATCH):
            if self.progress:
                self.progress(start, len(changed))
            some = changed[start : start + BATCH]
            vectors = self.embedder.embed_documents([self.cards[i].document for i in some])
            facts = [_metadata(self.cards[i], wanted[i]) for i in some]
            with _chroma_errors(self.url):
                chroma._collection.upsert(ids=some, embeddings=vectors, metadatas=facts)  # type: ignore[arg-type]  # lists will do
            self._list(records, some, wanted)
        if self.progress and changed:
            self.progress(len(changed), len(changed))
        if self.url:
            said = manifest.model_dump() | {"stamp": uuid.uuid4().hex}
            with _chroma_errors(self.url):
                chroma._collection.modify(metadata=said)
            records.set_fact("copied", said["stamp"])
        records.set_fact("stamp", self.stamp)
        return chroma, records

    def _list(self, records: Records, ids: list[str], digests: Mapping[str, str]) -> None:
        listed = ((i, self.cards[i]) for i in ids)
        records.put({i: (card.task, digests[i], _facts(card)) for i, card in listed})

    def _begin(self) -> Manifest:
        """Start from nothing, and forget what was there."""
        manifest = Manifest(
            record=RECORD_VERSION,
            embedder=self.embedder.name,
            dimension=self.embedder.dimension,
            chroma="" if self.url else f"chroma-{uuid.uuid4().hex[:12]}",
        )
        if self.url:
            with _chroma_errors(self.url):
                client = self._client("")
                if COLLECTION in [str(getattr(c, "name", c)) for c in client.list_collections()]:
                    client.delete_collection(COLLECTION)
            shutil.rmtree(self._list_folder(""), ignore_errors=True)
        else:
            self._save(manifest)
            for old in self.folder.glob("chroma-*"):
                shutil.rmtree(old, ignore_errors=True)
        return manifest

    def _list_folder(self, chroma: str) -> Path:
        """The folder of the list of cards: beside the vectors, or of the server's own."""
        name = f"server-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"
        return self.folder / (name if self.url else chroma)

    def _save(self, manifest: Manifest) -> None:
        path = self.folder / "manifest.json"
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(manifest.model_dump_json(), encoding="utf-8")
        draft.replace(path)

    def _client(self, chroma: str) -> Any:
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        quiet = ChromaSettings(anonymized_telemetry=False)
        if not self.url:
            return chromadb.PersistentClient(str((self.folder / chroma).resolve()), quiet)
        return _server(self.url)

    def _connect(self, manifest: Manifest) -> tuple[Chroma, Records]:
        with _chroma_errors(self.url):
            from langchain_chroma import Chroma

            said = {"collection_metadata": manifest.model_dump()} if self.url else {}
            chroma = Chroma(
                COLLECTION,
                embedding_function=self.embedder,
                client=self._client(manifest.chroma),
                collection_configuration={"hnsw": {"space": "cosine"}},
                **said,  # type: ignore[arg-type]  # keywords of two types
            )
        return chroma, Records(self._list_folder(manifest.chroma))


@cache
def _server(url: str) -> Any:
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


def _count(chroma: Chroma) -> int:
    with _chroma_errors():
        return int(chroma._collection.count())


def _ids(chroma: Chroma) -> set[str]:
    with _chroma_errors():
        return set(chroma.get(include=[])["ids"])


@contextmanager
def _chroma_errors(url: str = "") -> Iterator[None]:
    """Chroma's errors as ours. It raises many kinds, and Rust's panics as bare exceptions."""
    try:
        yield
    except (RegistryError, OSError):
        raise
    except BaseException as exc:
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        if url:
            raise RegistryError(
                f"The Chroma server {url} does not answer as it should: {exc!s:.200}",
                "Start it (`chroma run`), or unset HUGGINGGRAPH_CHROMA_URL to use files instead.",
            ) from exc
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


def _metadata(
    card: ModelCard, digest: str, *, whole: bool = False
) -> dict[str, str | int | bool | None]:
    """What Chroma keeps of a card; ``whole`` names what is not known too, so that it is removed."""
    names = ("task", "library", "license", "gated", "base_only", "size_bytes", "downloads")
    values = {name: getattr(card, name) for name in (*names, "source")}
    known = {k: v for k, v in values.items() if whole or v is not None}
    return known | {"card": _facts(card), "digest": digest}
