"""The memory that loaded models take stays within its bound, and what cannot fit is said in numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from checkpoints import big_classifier

from hugginggraph.tools.memory import needed
from hugginggraph.tools.runner import Checkpoint

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
    card = ModelCard(id=folder.name, task=ROW.id, library="transformers", description="", path=folder)
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
print(json.dumps({"base": base, "bound": bound, "peak": peak, "runs": len(found), "kept": len(pool)}))
"""


def linked(folder: Path, name: str, model: Path) -> Path:
    """The model once more, under another name; its weights are not copied."""
    copy = folder / name
    copy.mkdir()
    for file in model.iterdir():
        os.link(file, copy / file.name)
    return copy


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
    print(found, room)
    assert found["peak"] - found["base"] <= 1.1 * room  # stricter than 1.1 times the whole bound
