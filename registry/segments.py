"""The index of words in a folder: segments, of which a change of the cards adds a small one.

As in Lucene, a segment is never changed. ``index.json`` names those that are current and the rows
of each that no longer stand for a text. New and changed texts make a segment, which swallows those
before it that are not more than twice as large; so there are few, and each text is copied only a
few times. One process changes the folder at a time; another that reads keeps the files it has open.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from .lexical import Lexical, Postings, Segment

INDEX = "index.json"
SWALLOWED = 2
"""How many times as large as what follows it a segment may be, and is still joined with it."""

Live: TypeAlias = NDArray[np.bool_]
Texts: TypeAlias = Iterable[tuple[str, str, str]]


def current(
    folder: Path,
    version: str,
    marks: Callable[[], Mapping[str, str]],
    texts: Callable[[Iterable[str]], Texts],
) -> Lexical:
    """The index of a version of the texts, made or changed where the folder has another.

    ``marks`` are asked for only then: what changes, by id, when a text does. ``texts`` gives (id,
    task, text) of the ids that have to be read.
    """
    if (found := _load(folder, version)) is not None:
        return Lexical(*_whole(found))
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if (found := _load(folder, version)) is None:
            had = _load(folder) or []
            _save(folder, version, _changed(had, marks(), texts))
            found = _load(folder, version) or []
        return Lexical(*_whole(found))


Named: TypeAlias = tuple[str, Segment, Live]


def _whole(parts: list[Named]) -> tuple[list[Segment], Live]:
    none = np.zeros(0, dtype=bool)
    return [part for _, part, _ in parts], np.concatenate([none, *(live for *_, live in parts)])


def _changed(
    had: list[Named], marks: Mapping[str, str], texts: Callable[[Iterable[str]], Texts]
) -> list[Named]:
    """The segments with these marks: rows of others are dead, and what is missing is added."""
    parts: list[Named] = []
    missing = dict(marks)
    for name, part, _ in reversed(had):  # the newest row of an id is the one that counts
        live = np.array([missing.get(i) == m for i, m in zip(part.ids, part.marks, strict=True)])
        for row in np.flatnonzero(live).tolist():
            del missing[part.ids[row]]
        parts.insert(0, (name, part, live.astype(bool)))
    if missing:
        read = ((i, task, marks[i], text) for i, task, text in texts(list(missing)))
        new = Segment.of(read, [part for _, part, _ in parts])
        parts.append(("", new, np.ones(len(new.ids), dtype=bool)))
    last = len(parts) - 1
    size = parts[last][2].sum() if parts else 0
    while last > 0 and parts[last - 1][2].sum() <= SWALLOWED * size:
        last -= 1
        size += parts[last][2].sum()
    if len(parts) - last > 1:
        joined = Segment.joined([(part, live) for _, part, live in parts[last:]])
        parts[last:] = [("", joined, np.ones(len(joined.ids), dtype=bool))]
    return [one for one in parts if one[2].any()]


def _save(folder: Path, version: str, parts: list[Named]) -> None:
    """Write what is new, then the list that names it; what it does not name is removed."""
    listed = []
    for name, part, live in parts:
        name = name or _write(folder, part)
        listed.append([name, np.flatnonzero(~live).tolist()])
    draft = folder / f"{INDEX}.tmp"
    draft.write_text(json.dumps({"version": version, "segments": listed}), encoding="utf-8")
    draft.replace(folder / INDEX)
    names = {name for name, _ in listed}
    for old in folder.iterdir():
        if old.is_dir() and old.name not in names:
            shutil.rmtree(old, ignore_errors=True)


def _write(folder: Path, part: Segment) -> str:
    name = uuid.uuid4().hex[:12]
    place = folder / name
    place.mkdir()
    for kind, postings in (("words", part.words), ("pieces", part.pieces)):
        for array, values in postings.arrays.items():
            np.save(place / f"{kind}-{array}.npy", values)
    (place / "texts.json").write_text(json.dumps([part.ids, part.tasks, part.marks]), "utf-8")
    return name


def _load(folder: Path, version: str | None = None) -> list[Named] | None:
    """The segments of a folder, read from disk as they are needed; None if it has none.

    Of another version than the one that is asked for it has none either.
    """
    try:
        said = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if version is not None and said["version"] != version:
            return None
        return [_read(folder, name, dead) for name, dead in said["segments"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(folder: Path, name: str, dead: list[int]) -> Named:
    place = folder / name
    ids, tasks, marks = json.loads((place / "texts.json").read_text(encoding="utf-8"))
    both = [
        Postings(
            {
                array: np.load(place / f"{kind}-{array}.npy", mmap_mode="r")
                for array in Postings.NAMES
            }
        )
        for kind in ("words", "pieces")
    ]
    live = np.ones(len(ids), dtype=bool)
    live[dead] = False
    return name, Segment(ids, tasks, marks, *both), live
