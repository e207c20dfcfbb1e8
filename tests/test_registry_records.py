"""The list of cards keeps one connection, and no more of it than its file is worth."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hugginggraph.registry import ModelCard, RegistryError
from hugginggraph.registry.records import Records

CARD = ModelCard(id="acme/a", task="translation", library="transformers", description="A card.")


def put(records: Records) -> None:
    records.put({CARD.id: (CARD.task, "digest", CARD.model_dump_json())})


def test_a_file_that_was_mended_is_read_again(tmp_path: Path) -> None:
    good, records = Records(tmp_path / "good"), Records(tmp_path)
    put(good)
    good.path.with_name("again").write_bytes(good.path.read_bytes())
    records.path.write_bytes(b"no database" * 200)
    with pytest.raises(RegistryError, match="damaged"):
        records.digests()
    records.path.unlink()
    put(Records(tmp_path))
    assert records.cards([CARD.id]) == {CARD.id: CARD}


def test_a_list_that_is_locked_at_first_is_read_once_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path)
    other = sqlite3.connect(records.path)
    other.execute("begin exclusive")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **_: connect(path, timeout=0.1))
    with pytest.raises(RegistryError, match="locked"):
        records.digests()
    other.rollback()
    other.close()
    put(records)
    assert records.cards([CARD.id]) == {CARD.id: CARD}


def test_a_list_that_another_made_anew_is_the_one_that_is_read(tmp_path: Path) -> None:
    records = Records(tmp_path)
    put(records)
    for file in tmp_path.iterdir():
        file.unlink()
    assert records.digests() == {}, "what was removed is gone"
    for file in tmp_path.iterdir():
        file.unlink()
    put(Records(tmp_path))
    assert records.digests() == {CARD.id: "digest"}
