"""Model cards from a file of JSON lines: rows of a listing, and checkpoints in one's own folders.

What is read goes beside the cards of the Hub. A row may have a ``path``, the folder of a checkpoint
on this machine; then the model is loaded from there and nothing is ever fetched in its name. Only
such a file sets a path; what the Hub lists never does.

A row that is given again without its ``path`` gives the model up: its card goes too, as whatever
the Hub has of that name is somebody else's. A sync takes that only where the Hub lists it.

Not covered: a checkpoint that changes its task. Import its row again.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .cards import ModelCard
from .distill import MOST_READ
from .errors import RegistryError
from .folders import folders_of, keep_folders
from .hub import FILE, PAGE, SyncProgress, SyncReport, database, locked, record, store
from .hub_rows import card_of
from .machine import missing_parts
from .tasks import task_types, unknown_task

NAMED_LINES = 5
"""How many lines that could not be read are told by number."""


def import_file(folder: Path, path: Path, *, progress: SyncProgress | None = None) -> SyncReport:
    """Take the cards of a file of JSON lines, a listing of the Hub with card texts or like it.

    A row has ``id``, ``pipeline_tag`` or ``task``, and what it knows of ``cardData`` or ``meta``,
    ``tags``, ``downloads``, ``likes``, ``sha`` and the card's text (``description``, ``card`` or
    ``readme``). Of rows with the same id the last is taken; rows that cannot be read are counted.
    ``path``, relative to the file or absolute, is the folder of a checkpoint of one's own, whose
    README.md is read where the row has no text.

    Raises:
        RegistryError: the file cannot be read, nothing in it is a model, or a ``path`` leads to no
            folder with a whole checkpoint, or has no task; the message names it.
    """
    report, start = SyncReport(), time.monotonic()
    folders = folders_of(folder)
    with locked(folder), database(folder / FILE) as db:
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if not line.strip():
                        continue
                    report.listed += 1
                    if not _import_row(db, line, report, folders, path, number):
                        report.failed += 1
                        report.unread += [number] if len(report.unread) < NAMED_LINES else []
                    report.seconds = time.monotonic() - start
                    if report.listed % PAGE == 0:
                        _keep(db, folder, folders)
                        if progress:
                            progress(report)
        except OSError as exc:
            raise RegistryError(f"{path} cannot be read: {exc.strerror or exc}.") from exc
        _keep(db, folder, folders)
    if not report.changed + report.unchanged:
        raise RegistryError(
            f"No line of {path} is a model with an id and a task.",
            'Give JSON lines such as {"id": …, "pipeline_tag": …, "description": …}.',
        )
    return report


def _keep(db: sqlite3.Connection, folder: Path, folders: Mapping[str, Path]) -> None:
    """Keep rows and folders; at no moment is there a card of one's own without its folder."""
    before = folders_of(folder)
    if (both := {**before, **folders}) != before:
        keep_folders(folder, both)
    db.commit()
    if both != folders:
        keep_folders(folder, folders)


def _import_row(
    db: sqlite3.Connection,
    line: bytes,
    report: SyncReport,
    folders: dict[str, Path],
    file: Path,
    number: int,
) -> bool:
    """Whether a line could be read; ``folders`` are brought up to date with it."""
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("not an object")
        place = _place(row, file, number)
        if place:
            row = {**row, "library_name": row.get("library_name") or _library(place)}
        texts = (row.get(name) for name in ("description", "card", "readme"))
        given = next((text for text in texts if isinstance(text, str)), None)
        card = card_of(row, _readme(place) if given is None and place else given)
    except (ValueError, RecursionError, ValidationError):
        return False
    if card is None and not place:
        report.without_task += 1
        return True
    if place:
        card = _own(card, place, f"Line {number} of {file}")
        folders[card.id] = place
    assert card is not None
    asked = "select card, gone, seen from cards where id = ?"
    known = db.execute(asked, [card.id]).fetchone() or ("", 1, 0)
    if not place and (known[2] == _GIVEN_UP or _is_own(known[0])):
        folders.pop(card.id, None)
        report.changed += not known[1]
        report.unchanged += known[1]
        given_up = "update cards set gone = 1, card = '', revision = '', etag = '', seen = ? "
        db.execute(f"{given_up} where id = ?", [_GIVEN_UP, card.id])
    elif not known[1] and known[0] == record(card):
        report.unchanged += 1
    else:
        report.changed += 1
        store(db, card, "", 0)
    return True


_GIVEN_UP = -1
"""Stands where else the round of the Hub's listing stands that named a model."""


def _is_own(known: str) -> bool:
    """Whether a card that is kept is one of a checkpoint in a folder."""
    return bool(known) and ModelCard.model_validate_json(known).source == "local"


def _place(row: Mapping[str, Any], file: Path, number: int) -> Path | None:
    """The folder that a row's ``path`` names, with a whole checkpoint in it; None without one."""
    given = row.get("path")
    if given is None:
        return None
    said = f"Line {number} of {file}"
    if not isinstance(given, str) or not given.strip():
        raise RegistryError(f"{said} has a path that is no text.", "Give a folder's name.")
    try:
        place = (file.parent / Path(given).expanduser()).absolute()
        there = place.is_dir()
    except (OSError, ValueError, RuntimeError) as exc:
        raise RegistryError(f"{said} has a path that is none: {exc}.", "Mend it.") from exc
    if not there:
        raise RegistryError(
            f"{said} names the folder '{place}', which is not there.",
            f"Give `path` as an absolute path, or relative to {file.parent.absolute()}.",
        )
    if missing := missing_parts(place):
        raise RegistryError(
            f"{said} names the folder '{place}', which lacks {', '.join(missing)}.",
            "`save_pretrained(folder)` writes a whole checkpoint, with safetensors.",
        )
    return place


def _own(card: ModelCard | None, place: Path, said: str) -> ModelCard:
    """The card of a checkpoint in a folder: it is there, and made for what its owner says."""
    if card is None:
        raise RegistryError(
            f"{said} has a path, but no id or no task that can be read.",
            'Give `"id": "mine/reviews", "pipeline_tag": "text-classification"`.',
        )
    served = {task for row in task_types().values() for task in row.served_by}
    if card.task not in served:
        error = unknown_task(card.task, served)
        raise RegistryError(f"{said}: {error.message}", error.hint)
    weights = [p for end in ("safetensors", "skops") for p in place.rglob(f"*.{end}")]
    size = sum(each.stat().st_size for each in weights)
    known = {"size_bytes": size, "base_only": False, "gated": False, "source": "local"}
    return card.model_copy(update=known)


def _readme(place: Path) -> bytes:
    """The model card that lies beside a checkpoint, empty where there is none."""
    try:
        with (place / "README.md").open("rb") as text:
            return text.read(MOST_READ)
    except OSError:
        return b""


def _library(place: Path) -> str:
    """Which library's files a folder has."""
    if (place / "model_index.json").is_file():
        return "diffusers"
    if any(place.glob("*.skops")):
        return "sklearn"
    if (place / "modules.json").is_file():
        return "sentence-transformers"
    config = (place / "config.json").read_text("utf-8", errors="replace")
    return "diffusers" if "_diffusers_version" in config else "transformers"
