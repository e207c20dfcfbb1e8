"""How likely a request means each task: a small classifier on the request's vector.

It leans the order of models where no task is given, and hardly moves it where one is. Weights come
from ``train_prior.py``. Not covered: tasks without phrases in ``task_phrases.txt``, which count as
unlikely as the least likely, and embedders other than the one it was trained with.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = -8.0
"""The least log probability; below it all tasks are equally far."""


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def phrases() -> list[tuple[str, str]]:
    """(task, phrase) pairs: what people say when they want a task, in our words."""
    out, task = [], ""
    for line in _read("task_phrases.txt").splitlines():
        if line.startswith("## "):
            task = line[3:].strip()
        elif line.strip() and not line.startswith("#"):
            out.append((task, line.strip()))
    return out


def trained_on() -> str:
    """A hash of everything that the weights are learned from."""
    text = _read("task_phrases.txt") + _read("catalogue.jsonl")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _weights() -> tuple[dict[str, int], NDArray[np.float32], str]:
    data: dict[str, Any] = json.loads(_read("task_prior.json"))
    flat = np.frombuffer(base64.b64decode(data["weights"]), dtype="<f2").astype(np.float32)
    places = {task: place for place, task in enumerate(data["tasks"])}
    return places, flat.reshape(-1, len(places)), data["embedder"]


def likely_tasks(vector: Sequence[float], embedder: str = "") -> Callable[[str], float]:
    """A function from a task to its log probability for the request, at least `FLOOR`.

    0 for every task where the vector is of another embedder than the weights.
    """
    places, weights, trained_with = _weights()
    if len(vector) + 1 != len(weights) or embedder not in ("", trained_with):
        return lambda task: 0.0
    scores = np.asarray(vector, dtype=np.float32) @ weights[:-1] + weights[-1]
    scores = scores - scores.max()
    logs = np.maximum(scores - np.log(np.exp(scores).sum()), FLOOR)
    return lambda task: float(logs[places[task]]) if task in places else FLOOR
