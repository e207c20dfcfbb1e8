"""What was made once is not made again: results kept by content, bounded, and safe to share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from hugginggraph.graph import Parts, ResultCache, build_graph, result_key
from hugginggraph.registry import ModelCard, Settings, task_type
from hugginggraph.serve import app
from hugginggraph.tools import Artifacts, Media

ROOT = Path(__file__).parents[1]
SCENE = str(ROOT / "examples" / "scene.png")
CAPTION = task_type("image-to-text")


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return ModelCard(
        id="acme/model", task="image-to-text", library="transformers", description="", path=folder
    )


def made(artifacts: Artifacts, text: str = "a fox", data: bytes = b"picture") -> dict[str, Any]:
    path = artifacts.save(Media("image", data, ".png"))
    return {"kind": "text", "value": text, "model": "acme/model",
            "files": [{"kind": "image", "path": str(path)}]}  # fmt: skip


def test_a_key_follows_contents_and_not_names(card: ModelCard, tmp_path: Path) -> None:
    here, there = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (9, 9), "red").save(here)
    there.write_bytes(here.read_bytes())
    key = result_key(CAPTION, card, "local", {"image": str(here)})
    assert key and key == result_key(CAPTION, card, "local", {"image": str(there)})
    Image.new("RGB", (9, 9), "blue").save(there)
    assert key != result_key(CAPTION, card, "local", {"image": str(there)})
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    assert key != result_key(CAPTION, card, "local", {"image": str(here)})


def test_what_chance_makes_elsewhere_is_kept_only_with_a_seed(card: ModelCard) -> None:
    painter = task_type("text-to-image")
    assert result_key(painter, card, "remote", {"text": "a fox"}) == ""
    assert result_key(painter, card, "remote", {"text": "a fox", "seed": "7"}) != ""
    assert result_key(painter, card, "local", {"text": "a fox"}) != ""
    assert result_key(CAPTION, card, "remote", {"image": SCENE}) != ""
    assert result_key(CAPTION, card, "llm", {"image": SCENE}) == ""


def test_a_kept_result_brings_its_files_back(tmp_path: Path) -> None:
    artifacts, cache = Artifacts(tmp_path / "artifacts"), ResultCache(tmp_path / "kept", 10**6)
    result = made(artifacts)
    cache.put("k", "image-to-text", result)
    Path(result["files"][0]["path"]).unlink()
    found = cache.get("k", artifacts)
    assert found is not None and found["value"] == "a fox" and found["files"] == result["files"]
    assert Path(result["files"][0]["path"]).read_bytes() == b"picture"
    assert cache.get("other", artifacts) is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "no zip"])
def test_a_damaged_entry_counts_as_not_there(tmp_path: Path, damage: str) -> None:
    artifacts, cache = Artifacts(tmp_path / "artifacts"), ResultCache(tmp_path / "kept", 10**6)
    cache.put("k", "image-to-text", made(artifacts, data=os.urandom(5000)))
    entry = tmp_path / "kept" / "k.zip"
    whole = entry.read_bytes()
    flipped = whole[:2000] + bytes([whole[2000] ^ 255]) + whole[2001:]
    entry.write_bytes(
        {"cut": whole[:900], "flipped": flipped, "empty": b"", "no zip": b"x" * 99}[damage]
    )
    assert cache.get("k", artifacts) is None and not entry.exists()


def test_the_cache_stays_within_its_bound_and_what_was_used_lately_stays(tmp_path: Path) -> None:
    artifacts, cache = Artifacts(tmp_path / "artifacts"), ResultCache(tmp_path / "kept", 20_000)
    for number in range(6):
        cache.put(f"k{number}", "image-to-text", made(artifacts, data=os.urandom(5000)))
        os.utime(tmp_path / "kept" / f"k{number}.zip", (number + 1, number + 1))
        cache.get("k0", artifacts)
    keys = [entry["key"] for entry in cache.entries()]
    assert "k0" in keys and "k1" not in keys and "k5" in keys
    assert sum(entry["bytes"] for entry in cache.entries()) <= 20_000
    cache.put("huge", "image-to-text", made(artifacts, data=os.urandom(30_000)))
    assert "huge" not in [entry["key"] for entry in cache.entries()]
    assert not list((tmp_path / "kept").glob("*.part"))
    assert cache.clear() == len(keys) and cache.entries() == []


HAMMER = """
import os, sys
from pathlib import Path
from hugginggraph.graph import ResultCache
from hugginggraph.tools import Artifacts, Media
folder = Path(sys.argv[1])
artifacts, cache = Artifacts(folder / "artifacts"), ResultCache(folder / "kept", 40_000)
for number in range(120):
    key = f"k{number % 12}"
    data = key.encode() * 1500
    path = artifacts.save(Media("image", data, ".png"))
    cache.put(key, "t", {"kind": "text", "value": key, "model": "m",
                         "files": [{"kind": "image", "path": str(path)}]})
    found = cache.get(f"k{(number + 5) % 12}", artifacts)
    assert found is None or found["value"] == f"k{(number + 5) % 12}", found
"""


def test_processes_share_the_cache_without_harm(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", HAMMER, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert [code for _, code in ends] == [0, 0, 0], ends
    entries = ResultCache(tmp_path / "kept", 40_000).entries()
    assert entries and all(entry["task"] == "t" for entry in entries)


def test_asking_again_costs_nothing_and_the_commands_list_and_clear_it(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        offline=True, data_dir=data_dir, artifacts_dir=tmp_path / "artifacts",
        cache_dir=tmp_path / "cache", cache_bytes=10**7,
    )  # fmt: skip
    asked: Any = {"request": "Count the objects.", "files": [SCENE]}
    first = build_graph(settings=settings).invoke(asked)["results"]["0"]
    again = Parts(settings)
    second = build_graph(parts=again).invoke(asked)["results"]["0"]
    assert "reused" not in first["attempts"][0] and second["attempts"][0]["reused"] is True
    assert (second["value"], second["model"]) == (first["value"], first["model"])
    for name, value in (("CACHE_DIR", tmp_path / "cache"), ("CACHE_BYTES", 10**7)):
        monkeypatch.setenv(f"HUGGINGGRAPH_{name}", str(value))
    listed = json.loads(CliRunner().invoke(app, ["cache", "list", "--json"]).stdout)
    assert [entry["task"] for entry in listed["entries"]] == ["object-detection"]
    assert "1 results removed" in CliRunner().invoke(app, ["cache", "clear"]).stdout
    assert "0 results" in CliRunner().invoke(app, ["cache", "list"]).stdout
