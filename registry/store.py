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
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import segments
from .build import Build, Progress
from .cards import ModelCard
from .chroma import chroma_errors
from .embedders import embedder_of
from .embedding import Embedder, MiniLM
from .errors import UnknownModelError
from .folders import folders_of
from .lexical import Lexical
from .records import Records

if TYPE_CHECKING:
    from langchain_chroma import Chroma

    from .settings import Settings


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
        build = Build(folder, cards, embedder, progress, chroma_url)
        chroma, records = build.run(rebuild=rebuild, update=update)
        own = {} if build.all_given else folders_of(folder)
        paths = own | {card.id: card.path for card in build.installed if card.path}
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
        """The index of words beside the vectors, brought up to date where it is not."""
        return segments.current(
            self.records.path.parent / "lexical",
            self.records.fact("version"),
            self.records.marks,
            self.records.documents,
        )

    def cards(self, ids: Iterable[str]) -> dict[str, ModelCard]:
        """The cards of these ids that are there, by id."""
        return {i: self._here(card) for i, card in self.records.cards(ids).items()}

    def _here(self, card: ModelCard) -> ModelCard:
        """The card with the folder that this machine knows, and with none that a server tells."""
        path = self._paths.get(card.id)
        return card if card.path == path else card.model_copy(update={"path": path})

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

        ``where`` is a Chroma filter over task, library, license, gated, base_only, size_bytes and
        source. ``among`` are the only ids to look at; a list of them is many times faster than a
        filter.
        """
        if not len(self) or among == []:
            return []
        with chroma_errors():
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
        with chroma_errors():
            found: Any = self._chroma._collection.get(ids=ids, include=["embeddings"])
        rows = np.asarray(found["embeddings"], dtype=np.float32)
        wanted = np.asarray(vector, dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
        cosines = (rows @ wanted / np.maximum(lengths, 1e-9)).tolist()
        return dict(zip(found["ids"], cosines, strict=True))
