"""Which demonstrations an LLM is shown: those whose requests are nearest in meaning to this one.

The library is a Chroma collection in a folder of its own: ``manifest.json`` names the folder of the
vectors and says of which library and embedder they are. It is made at first use, under a lock, and
anew where either changes; the manifest is written last, so that what was cut short is never read.
A process reads the vectors once, as comparing all of them takes less than a query. Where the folder
cannot be used they are made anew, and the log says so.

Not covered: a library too large to be embedded at once (hundreds of requests take a second).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from hugginggraph.prompts import Demonstration, demonstrations
from hugginggraph.registry import Embedder, MiniLM, TaskType, chroma_files, is_chromas

log = logging.getLogger("hugginggraph")

SHOWN = 6
LOCK_SECONDS = 30.0


class Demonstrations:
    """The library below a data folder. Threads may share it, and processes its folder."""

    def __init__(
        self,
        data_dir: Path,
        library: Sequence[Demonstration] | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self.folder = data_dir / "demonstrations"
        self._library = demonstrations() if library is None else library
        self._embedder = embedder or MiniLM()
        self._lock = threading.Lock()
        self._read: Any = None

    def shown(self, request: str, rows: Mapping[str, TaskType], k: int = SHOWN) -> str:
        """The ``k`` nearest requests with their plans as text, the nearest last.

        Only plans of these task types are shown. One without a task is always among them, so that
        the LLM sees what to do with mere talk.
        """
        known = [
            number
            for number, demo in enumerate(self._library)
            if all(task["task"] in rows for task in demo["tasks"])
        ]
        talk = [number for number in known if not self._library[number]["tasks"]]
        vector = self._embedder.embed_query(request[:2_000])
        chosen = self.nearest(vector, known, k)
        if talk and not set(talk) & set(chosen):
            chosen[-1:] = self.nearest(vector, talk, 1)
        return "\n\n".join(_written(self._library[number]) for number in reversed(chosen))

    def nearest(self, vector: list[float], among: list[int], k: int) -> list[int]:
        """The numbers of the ``k`` demonstrations nearest to a vector, nearest first."""
        import numpy as np

        near = self._vectors() @ np.asarray(vector, dtype=np.float32)
        return sorted(among, key=lambda number: -near[number])[:k]

    def _vectors(self) -> Any:
        """One vector of length 1 per demonstration, (n, dimension) float32, read once."""
        with self._lock:
            if self._read is None:
                try:
                    self._read = _rows_of(self._opened())
                except BaseException as exc:
                    if not is_chromas(exc):
                        raise
                    self._give_up(exc)
                    self._read = self._made
            return self._read

    @cached_property
    def _made(self) -> Any:
        """The vectors, embedded here."""
        import numpy as np

        made = self._embedder.embed_documents([demo["request"] for demo in self._library])
        rows = np.asarray(made, dtype=np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    @cached_property
    def _key(self) -> str:
        """What changes with the library and with the embedder."""
        told = json.dumps([self._library, self._embedder.name, self._embedder.dimension])
        return hashlib.sha256(told.encode()).hexdigest()

    def _give_up(self, exc: BaseException) -> None:
        why = (str(exc).splitlines() or [""])[0][:200] or type(exc).__name__
        log.warning(
            "The demonstrations in %s cannot be used (%s); they are embedded again, and stored "
            "anew by the next process that can.", self.folder, why,
        )  # fmt: skip
        if not isinstance(exc, OSError):  # which a lock or a full disk is, and no damage
            with suppress(OSError):
                self._manifest.unlink()

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"

    def _opened(self) -> Any:
        found = self._current()
        if found is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock", timeout=LOCK_SECONDS):
                found = self._current() or self._build()
        return found

    def _current(self) -> Any:
        """The collection, None where none of this library and embedder is there."""
        try:
            told = json.loads(self._manifest.read_bytes())
            folder = self.folder / told["chroma"] if told["key"] == self._key else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        if folder is None or not folder.is_dir():
            return None
        collection = chroma_files(folder).get_collection("demonstrations", embedding_function=None)
        return collection if collection.count() == len(self._library) else None

    def _build(self) -> Any:
        """A new folder with the library's vectors; only ever called under the lock."""
        name = f"chroma-{uuid.uuid4().hex[:12]}"
        collection = chroma_files(self.folder / name).create_collection(
            "demonstrations", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        collection.add(
            ids=[str(number) for number in range(len(self._library))], embeddings=self._made,
            documents=[demo["request"] for demo in self._library],
            metadatas=[{"plan": json.dumps(demo["tasks"])} for demo in self._library],
        )  # fmt: skip
        draft = self._manifest.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps({"key": self._key, "chroma": name}), encoding="utf-8")
        draft.replace(self._manifest)
        for old in self.folder.glob("chroma-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        return collection


def _rows_of(collection: Any) -> Any:
    """Every vector of the collection, in the order of the library."""
    import numpy as np

    held = collection.get(include=["embeddings"])
    rows = np.empty((len(held["ids"]), len(held["embeddings"][0])), dtype=np.float32)
    rows[[int(number) for number in held["ids"]]] = held["embeddings"]
    return rows


def _written(demo: Demonstration) -> str:
    return (
        f"Request: {demo['request']}\nFiles: {json.dumps(demo['resources'])}\n"
        f"Plan: {json.dumps({'tasks': demo['tasks']}, ensure_ascii=False)}"
    )
