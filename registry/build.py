"""Building a store: cards that are new or changed are embedded, those that vanished are removed."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from .cards import ModelCard, model_cards
from .chroma import chroma_errors, chroma_files, chroma_server, close_files, count, ids
from .embedding import Embedder
from .errors import RegistryError
from .hub import synced_state, with_synced
from .records import REBUILD, Records

if TYPE_CHECKING:
    from langchain_chroma import Chroma

RECORD_VERSION = 3
"""Raised when ``ModelCard.document`` or what is stored of a card changes; older stores rebuild."""

BATCH = 512
COLLECTION = "cards"
FILTERED = ("task", "library", "license", "gated", "base_only", "size_bytes", "source")
"""Facts of a card that a search can filter by; counters, which change daily, are in the list."""

MOST_ROWS = 5000
LOCK_SECONDS = 600

Progress = Callable[[int, int], None]


class Manifest(BaseModel):
    """Which vectors a store's folder, or a server's collection, holds."""

    record: int
    embedder: str
    dimension: int
    chroma: str = ""


class Build:
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
        """The collection and the list of its cards, up to date; as `CardStore.open` says."""
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
        return (chroma, records) if current and count(chroma) == len(records) else None

    def _adopt(self, chroma: Chroma, records: Records) -> None:
        """Copy the list of a server's cards, where another process changed them since."""
        there = str((chroma._collection.metadata or {}).get("stamp", ""))
        if there and there == records.fact("copied") and count(chroma) == len(records):
            return
        with chroma_errors():
            there_now = ids(chroma)
            if gone := sorted(records.digests().keys() - there_now):
                records.drop(gone)
            for start in range(0, len(there_now), MOST_ROWS):
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
        with chroma_errors(self.url, self.folder):
            client = chroma_server(self.url)
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
        there, had = ids(chroma), records.digests()
        if lost := sorted(had.keys() - there):
            records.drop(lost)
        digests = {i: digest for i, digest in had.items() if i in there}
        wanted = {card.id: _hash(card) for card in self.cards.values()}
        with chroma_errors(self.url, self.folder):
            vanished = sorted(there - wanted.keys())
            for start in range(0, len(vanished), MOST_ROWS):
                some = vanished[start : start + MOST_ROWS]
                chroma._collection.delete(ids=some)
                records.drop(some)
            differ = [i for i, digest in wanted.items() if digests.get(i) != digest]
            recounted = [i for i in differ if _same_text(digests.get(i, ""), wanted[i])]
            for start in range(0, len(recounted), MOST_ROWS):
                self._recount(chroma, records, recounted[start : start + MOST_ROWS], wanted)
        again = set(recounted)
        changed = [i for i in differ if i not in again]
        self._embed(chroma, records, changed, wanted)
        if self.url:
            said = manifest.model_dump() | {"stamp": uuid.uuid4().hex}
            with chroma_errors(self.url, self.folder):
                chroma._collection.modify(metadata=said)
            records.set_fact("copied", said["stamp"])
        records.set_fact("stamp", self.stamp)
        return chroma, records

    def _embed(
        self, chroma: Chroma, records: Records, changed: list[str], digests: Mapping[str, str]
    ) -> None:
        """Embed and keep these cards; while a batch is written the next one is embedded.

        Where embedding fails or is interrupted, what was embedded before is written.
        """
        with ThreadPoolExecutor(1, "registry") as writer:
            written: Future[None] | None = None
            for start in range(0, len(changed), BATCH):
                if self.progress:
                    self.progress(start, len(changed))
                some = changed[start : start + BATCH]
                vectors = self.embedder.embed_documents([self.cards[i].document for i in some])
                if written:
                    written.result()
                written = writer.submit(self._keep, chroma, records, some, vectors, digests)
            if written:
                written.result()
        if self.progress and changed:
            self.progress(len(changed), len(changed))

    def _keep(
        self,
        chroma: Chroma,
        records: Records,
        ids: list[str],
        vectors: list[list[float]],
        digests: Mapping[str, str],
    ) -> None:
        facts: Any = [self._metadata(self.cards[i], digests[i]) for i in ids]
        with chroma_errors(self.url, self.folder):
            chroma._collection.upsert(
                ids=ids, embeddings=np.asarray(vectors, dtype=np.float32), metadatas=facts
            )
        self._list(records, ids, digests)

    def _recount(
        self, chroma: Chroma, records: Records, ids: list[str], digests: Mapping[str, str]
    ) -> None:
        """Keep other facts of cards whose texts are as they were; Chroma has few of them."""
        known = records.cards(ids)
        now = {i: self._metadata(self.cards[i], digests[i]) for i in ids}
        new = [i for i in ids if i not in known or now[i] != self._metadata(known[i], "")]
        if new:
            unknown = dict.fromkeys(FILTERED)  # names what is not known any more, to remove it
            facts: Any = [unknown | now[i] for i in new]
            chroma._collection.update(ids=new, metadatas=facts)
        self._list(records, ids, digests)

    def _metadata(self, card: ModelCard, digest: str) -> dict[str, str | int | bool]:
        """What Chroma keeps of a card: what is known of the facts that a filter may name.

        A server also keeps what goes into the lists of those who share it.
        """
        values = {name: getattr(card, name) for name in FILTERED}
        known = {name: value for name, value in values.items() if value is not None}
        return known | ({"card": _facts(card), "digest": digest} if self.url else {})

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
            with chroma_errors(self.url, self.folder):
                client = chroma_server(self.url)
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

    def _connect(self, manifest: Manifest) -> tuple[Chroma, Records]:
        with chroma_errors(self.url, self.folder):
            from langchain_chroma import Chroma

            client = (
                chroma_server(self.url) if self.url else chroma_files(self.folder / manifest.chroma)
            )
            said = {"collection_metadata": manifest.model_dump()} if self.url else {}
            chroma = Chroma(
                COLLECTION,
                embedding_function=self.embedder,
                client=client,
                collection_configuration={"hnsw": {"space": "cosine"}},
                **said,  # type: ignore[arg-type]  # keywords of two types
            )
            if not self.url:  # it holds a dozen files until it is closed
                weakref.finalize(chroma, close_files, client).atexit = False
        return chroma, Records(self._list_folder(manifest.chroma))


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
