"""The library of demonstrations: in Chroma, made anew when it must be, and never in the way."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import chromadb
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from filelock import FileLock

from hugginggraph.graph import Demonstrations
from hugginggraph.prompts import Demonstration, demonstrations
from hugginggraph.registry import MiniLM, task_types

REQUEST = "Find every dog in the photo"


def demo(request: str, *tasks: str) -> Demonstration:
    planned = [{"id": n, "task": task, "dep": [], "args": {}} for n, task in enumerate(tasks)]
    return {"request": request, "resources": {}, "tasks": planned}


LIBRARY = [
    demo("Mark the cats in r1", "object-detection"),
    demo("Say this poem aloud", "text-to-speech"),
    demo("Thank you so much", *[]),
    demo("Sum up this report", "summarization"),
]


class Counting(MiniLM):
    """MiniLM that tells how many texts of a library it was given."""

    def __init__(self, name: str = MiniLM.name) -> None:
        self.name = name
        self.embedded = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += len(texts)
        return super().embed_documents(texts)


def shown(found: str) -> list[str]:
    return [line.removeprefix("Request: ") for line in found.splitlines() if "Request: " in line]


def collection(folder: Path) -> Any:
    told = json.loads((folder / "demonstrations" / "manifest.json").read_text("utf-8"))
    client = chromadb.PersistentClient(str(folder / "demonstrations" / told["chroma"]))
    return client.get_collection("demonstrations", embedding_function=None)


def test_the_library_is_a_chroma_collection_and_the_nearest_of_it_are_shown(tmp_path: Path) -> None:
    found = Demonstrations(tmp_path).shown(REQUEST, task_types())
    stored = collection(tmp_path).get()
    assert set(stored["documents"]) == {demo["request"] for demo in demonstrations()}
    near = collection(tmp_path).query(query_embeddings=[MiniLM().embed_query(REQUEST)], n_results=5)
    assert shown(found)[:0:-1] == near["documents"][0]
    assert any(line == 'Plan: {"tasks": []}' for line in found.splitlines())


def test_it_is_embedded_once_and_anew_when_library_or_embedder_change(tmp_path: Path) -> None:
    first, again, other, renamed = Counting(), Counting(), Counting(), Counting("another")
    assert shown(Demonstrations(tmp_path, LIBRARY, first).shown(REQUEST, task_types(), 1))
    before = collection(tmp_path).get()["documents"]
    Demonstrations(tmp_path, LIBRARY, again).shown(REQUEST, task_types(), 1)
    more = [*LIBRARY, demo("Spot the dogs in the picture", "object-detection")]
    found = Demonstrations(tmp_path, more, other).shown(REQUEST, task_types(), 2)
    assert (first.embedded, again.embedded, other.embedded) == (4, 0, 5)
    assert shown(found)[-1] == "Spot the dogs in the picture"
    assert len(before) == 4 and collection(tmp_path).count() == 5
    Demonstrations(tmp_path, more, renamed).shown(REQUEST, task_types(), 1)
    assert renamed.embedded == 5
    assert len(list((tmp_path / "demonstrations").glob("chroma-*"))) == 1


def test_only_plans_of_task_types_that_are_there_are_shown(tmp_path: Path) -> None:
    rows = {"summarization": task_types()["summarization"]}
    found = shown(Demonstrations(tmp_path, LIBRARY).shown(REQUEST, rows))
    assert sorted(found) == ["Sum up this report", "Thank you so much"]
    assert Demonstrations(tmp_path, LIBRARY[:2]).shown(REQUEST, rows) == ""


@pytest.mark.parametrize("damage", ["manifest", "vectors", "half", "rows", "locked", "read-only"])
def test_a_folder_that_cannot_be_used_does_not_stand_in_the_way(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Demonstrations(tmp_path / "right", LIBRARY).shown(REQUEST, task_types(), 2)
    folder = tmp_path / "demonstrations"
    if damage in ("locked", "read-only"):
        folder.mkdir()
    else:
        Demonstrations(tmp_path, LIBRARY).shown(REQUEST, task_types(), 2)
    (made,) = list(folder.glob("chroma-*")) or [folder]
    if damage == "manifest":
        (folder / "manifest.json").write_text('{"key": ', "utf-8")
    if damage == "half":  # killed before the manifest was written
        (folder / "manifest.json").unlink()
    if damage == "rows":
        collection(tmp_path).delete(ids=["0"])
    if damage == "vectors":
        SharedSystemClient.clear_system_cache()
        (made / "chroma.sqlite3").write_bytes(b"no database" * 100)
    if damage == "read-only":
        (folder / "lock").mkdir()
    monkeypatch.setattr("hugginggraph.graph.demonstrate.LOCK_SECONDS", 0.05)
    with caplog.at_level(logging.WARNING, "hugginggraph"):
        if damage == "locked":
            with FileLock(folder / "lock"):
                found = Demonstrations(tmp_path, LIBRARY).shown(REQUEST, task_types(), 2)
        else:
            found = Demonstrations(tmp_path, LIBRARY).shown(REQUEST, task_types(), 2)
    assert found == right and shown(found)[-1] == "Mark the cats in r1"
    in_memory = damage in ("vectors", "locked", "read-only")
    assert in_memory == any("are embedded again" in line for line in caplog.messages)
    if damage != "read-only":  # and it is whole for the next one
        Demonstrations(tmp_path, LIBRARY).shown(REQUEST, task_types(), 2)
        assert collection(tmp_path).count() == 4


def test_two_processes_at_once_make_one_library(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from hugginggraph.graph import Demonstrations;"
        "from hugginggraph.registry import task_types;"
        f"print(Demonstrations(pathlib.Path({str(tmp_path)!r})).shown({REQUEST!r}, task_types()))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in running]
    assert told[0][0] == told[1][0] and len(shown(told[0][0])) == 6
    assert not told[0][1] and not told[1][1]
    assert collection(tmp_path).count() == len(demonstrations())
    assert len(list((tmp_path / "demonstrations").glob("chroma-*"))) == 1
