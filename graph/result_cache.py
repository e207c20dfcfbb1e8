"""Results kept by what they were made from, so that the same question costs nothing twice.

An entry's name is a hash of the task type, the model and its revision, the route and the arguments,
files by their content. An entry is one zip file, written whole or not at all and checked when it is
read: processes can share the folder, and what is damaged counts as not there. Past the bound the
entries that were not used for longest are removed.

Every model on this machine runs from a fixed seed, so its result is kept. A remote model's is kept
too, except where chance plays a part (a row with a ``seed``) and no seed was given. Replies of the
controller LLM, and models that are code and no files, are not.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from hugginggraph.registry import ModelCard, Settings, TaskType, cached_snapshot
from hugginggraph.tools import Artifacts, Media

VERSION = 1
"""Part of every name; raised where runners change what they give for the same input."""

_FILES = ("image", "audio", "video", "table")


class Entry(TypedDict):
    """A kept result: its name, what made it, bytes on disk, and when it was last used (ISO)."""

    key: str
    task: str
    model: str
    bytes: int
    used: str


def result_key(row: TaskType, card: ModelCard, route: str, args: Mapping[str, Any]) -> str:
    """The name of a result, empty where it is not to be kept."""
    chance = any(slot.name == "seed" for slot in row.inputs) and not args.get("seed")
    if route == "llm" or (route == "remote" and chance):
        return ""
    revision = card.revision
    if route == "local":
        folder = card.path or cached_snapshot(card.id)
        if folder is None:  # code, or files that are still to be fetched
            return ""
        revision = _state_of(folder)
    given = {name: _content(row, name, value) for name, value in sorted(args.items())}
    made_from = [VERSION, row.id, card.id, card.library, revision, route, given]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def _state_of(folder: Path) -> str:
    """What changes when a model's files do: the names, sizes and times of them all."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    seen = [(str(f.relative_to(folder)), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def _content(row: TaskType, name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_content(row, name, item) for item in value]
    slot = row.slot(name)
    path = Path(str(value))
    with suppress(OSError, ValueError):  # a table may also stand in the argument itself
        if slot and slot.kind in _FILES and path.is_file():
            with path.open("rb") as file:
                return [path.suffix.lower(), hashlib.file_digest(file, "sha256").hexdigest()]
    return value


class ResultCache:
    """A folder of results of at most ``max_bytes``."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def get(self, key: str, artifacts: Artifacts) -> dict[str, Any] | None:
        """A kept result with its files in the artifacts folder, None where there is none."""
        path = self._path(key)
        try:
            with zipfile.ZipFile(path) as entry:
                made: dict[str, Any] = json.loads(entry.read("result.json"))
                media = [
                    Media(file["kind"], entry.read(f"file{number}"), file["suffix"])
                    for number, file in enumerate(made["files"])
                ]
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError):
            with suppress(OSError):
                path.unlink()
            return None
        files = [{"kind": one.kind, "path": str(artifacts.save(one))} for one in media]
        return {**made, "files": files}

    def put(self, key: str, task: str, made: Mapping[str, Any]) -> None:
        """Keep a result, with the content of its files; a full disk is no error."""
        files = [{"kind": f["kind"], "suffix": Path(f["path"]).suffix} for f in made["files"]]
        kept = {"task": task, "model": made["model"], "kind": made["kind"],
                "value": made["value"], "files": files}  # fmt: skip
        part = ""
        try:
            if sum(Path(file["path"]).stat().st_size for file in made["files"]) > self.max_bytes:
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as entry:
                entry.writestr("result.json", json.dumps(kept, ensure_ascii=False))
                for number, one in enumerate(made["files"]):
                    entry.write(one["path"], f"file{number}")
            Path(part).replace(self._path(key))
            self._trim()
        except OSError:
            if part:
                Path(part).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """Every kept result, the one last used first."""
        out = []
        for at, size, path in sorted(self._on_disk(), reverse=True):
            try:
                with zipfile.ZipFile(path) as entry:
                    made = json.loads(entry.read("result.json"))
                task, model = made["task"], made["model"]
            except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError):
                task, model = "(damaged)", ""
            used = datetime.fromtimestamp(at).isoformat(timespec="seconds")
            out.append(Entry(key=path.stem, task=task, model=model, bytes=size, used=used))
        return out

    def clear(self) -> int:
        """Remove every entry, and say how many there were."""
        found = [path for _, _, path in self._on_disk()]
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.zip"

    def _on_disk(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.glob("*.zip"):
            with suppress(FileNotFoundError):  # another process may have removed it
                stat = path.stat()
                yield stat.st_mtime, stat.st_size, path

    def _trim(self) -> None:
        found = sorted(self._on_disk())
        total = sum(size for _, size, _ in found)
        for _, size, path in found:
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def open_result_cache(settings: Settings) -> ResultCache | None:
    """The results kept by content, None where the settings switch that off."""
    folder = settings.cache_dir / "results"
    return ResultCache(folder, settings.cache_bytes) if settings.cache_bytes else None
