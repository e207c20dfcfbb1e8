"""What loaded models take stays within its bound, and is known before they are loaded."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkpoints import big_classifier

from hugginggraph.registry import (
    CardStore,
    ModelCard,
    NoModelError,
    Settings,
    SettingsError,
    load_settings,
    memory_free,
    memory_total,
    retrieve,
    task_type,
)
from hugginggraph.tools import ModelPool, locate
from hugginggraph.tools.calls import answer
from hugginggraph.tools.memory import BESIDE, Memory, needed
from hugginggraph.tools.runner import Checkpoint
from hugginggraph.tools.text import text_classification

ROUND = """
import json, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from hugginggraph.registry import ModelCard, task_type
from hugginggraph.tools import ModelPool, locate
from hugginggraph.tools.memory import Memory

folders = [Path(line) for line in sys.argv[2].split(os.pathsep)]
ROW = task_type("text-classification")


def run(pool, folder):
    facts = {"id": folder.name, "task": ROW.id, "library": "transformers", "description": ""}
    card = ModelCard(**facts, path=folder)
    return pool.run(ROW, locate(card, offline=True, device="cpu"), {"text": "one two three"}).value


process = psutil.Process()
run(ModelPool(), folders[0])  # brings the libraries
Memory().trim()
base = process.memory_info().rss
bound = base + int(sys.argv[1])
peak, done = base, threading.Event()


def watch():
    global peak
    while not done.is_set():
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.001)


watcher = threading.Thread(target=watch)
watcher.start()
pool = ModelPool(memory=Memory(bound))
with ThreadPoolExecutor(3) as threads:
    found = list(threads.map(lambda folder: run(pool, folder), folders[1:]))
done.set()
watcher.join()
print(json.dumps({"base": base, "peak": peak, "runs": len(found), "kept": len(pool)}))
"""


def linked(folder: Path, name: str, model: Path) -> Path:
    """The model once more, under another name; its weights are not copied."""
    copy = folder / name
    copy.mkdir()
    for file in model.iterdir():
        os.link(file, copy / file.name)
    return copy


@pytest.mark.slow
def test_twenty_models_in_a_small_pool_never_take_more_than_its_bound(tmp_path: Path) -> None:
    small, large = big_classifier(tmp_path / "small", 2), big_classifier(tmp_path / "large", 5)
    assert small.path and large.path
    folders = [linked(tmp_path, "first", small.path)]
    folders += [
        linked(tmp_path, f"model-{n}", large.path if n % 3 == 0 else small.path) for n in range(20)
    ]
    room = 3 * needed(Checkpoint(large, str(large.path)))
    told = subprocess.run(
        [sys.executable, "-c", ROUND, str(room), os.pathsep.join(map(str, folders))],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    found: dict[str, Any] = json.loads(told.stdout)
    assert found["runs"] == 20
    assert 2 <= found["kept"] < 20
    assert found["peak"] - found["base"] <= 1.1 * room  # stricter than 1.1 times the whole bound


@pytest.mark.parametrize(
    ("dtype", "library", "device", "bytes_each"),
    [
        ("float32", "transformers", "cpu", 4),
        ("float16", "transformers", "cpu", 2 + 4),  # read, and widened
        ("float16", "transformers", "cuda", 2),
        ("bfloat16", "transformers", "cpu", 2),
        ("bfloat16", "diffusers", "cpu", 2 + 4),
        ("float32", "diffusers", "cuda", 2),
    ],
)
def test_what_a_model_needs_follows_its_numbers_and_its_device(
    tmp_path: Path, dtype: str, library: str, device: str, bytes_each: int
) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.ones(100, 50, dtype=getattr(torch, dtype))}, tmp_path / "x.safetensors")
    card = ModelCard(id="a", task="text-to-image", library=library, description="")
    assert needed(Checkpoint(card, str(tmp_path), device)) == int(5000 * bytes_each * BESIDE)


def test_a_damaged_file_of_weights_needs_nothing_and_is_found_when_it_is_loaded(
    tmp_path: Path,
) -> None:
    card = big_classifier(tmp_path, layers=1, width=64)
    assert needed(Checkpoint(card, str(tmp_path))) > 100_000
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    assert needed(Checkpoint(card, str(tmp_path))) == 0


def test_a_model_that_accelerate_places_gives_the_same(tmp_path: Path) -> None:
    card = big_classifier(tmp_path, layers=1, width=64)
    found = Checkpoint(card, str(tmp_path), "cpu", offload=True)
    with_it = answer(task_type(card.task), card.id, text_classification(found), [{"text": "one"}])
    plain = Checkpoint(card, str(tmp_path), "cpu")
    without = answer(task_type(card.task), card.id, text_classification(plain), [{"text": "one"}])
    assert with_it[0].value == without[0].value


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hugginggraph.registry.machine.CGROUP", tmp_path)
    whole, free = memory_total(), memory_free()
    assert 0 < free < whole
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert (memory_total(), memory_free()) == (3_000_000, 2_000_000)
    assert Memory().bound == 2_400_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_total() == whole


def test_the_bound_is_set_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_MAX_MEMORY", "3GB")
    assert load_settings().max_memory == 3_000_000_000
    monkeypatch.setenv("HUGGINGGRAPH_MAX_MEMORY", "much")
    with pytest.raises(SettingsError, match="HUGGINGGRAPH_MAX_MEMORY"):
        load_settings()


def test_a_model_is_chosen_for_which_idle_ones_can_leave(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        big_classifier(tmp_path / name, layers=1, width=64).model_copy(update={"id": name})
        for name in ("acme/first", "acme/second")
    )
    held = locate(first, offline=True, device="cpu")
    size = (Path(held.location) / "model.safetensors").stat().st_size
    cards = [card.model_copy(update={"size_bytes": size}) for card in (first, second)]
    store = CardStore.open(tmp_path / "registry", cards)
    monkeypatch.setattr("hugginggraph.registry.machine.memory_free", lambda: size // 2)

    def chosen() -> set[str]:
        with contextlib.suppress(NoModelError):
            found = retrieve(store, "a class", "text-classification", {}, settings=settings)
            return {each.card.id for each in found}
        return set()

    assert chosen() == set()
    pool = ModelPool(memory=Memory(100 * size))
    monkeypatch.setattr(pool._memory, "free", lambda device: 10 * size)
    pool.run(task_type("text-classification"), held, {"text": "one two"})
    assert chosen() == {"acme/first", "acme/second"}
    with pool._slot(held):  # in use, it cannot leave; it is loaded itself
        assert chosen() == {"acme/first"}
    assert chosen() == {"acme/first", "acme/second"}
    del pool
    gc.collect()
    assert chosen() == set()
