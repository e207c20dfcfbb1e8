"""How likely a request means each task: a small classifier on the request's vector.

It leans the order of models where no task is given, and hardly moves it where one is; and it tells
the built-in planner what a request means whose words are none of its cues. Weights come from
``train_prior.py``. Not covered: tasks without phrases in ``task_phrases.txt``, which count as
unlikely as the least likely, and embedders other than the one it was trained with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .embedding import MiniLM

FLOOR = -8.0
"""The least log probability; below it all tasks are equally far."""


NO_TASK = "-"
"""What stands among the tasks for requests that no model can serve."""


@cache
def _weights() -> tuple[dict[str, int], NDArray[np.float32], str]:
    return weights_of(files(__package__).joinpath("task_prior.json").read_text(encoding="utf-8"))


def weights_of(text: str) -> tuple[dict[str, int], NDArray[np.float32], str]:
    """What ``train_prior.py`` wrote: each task's column, the weights, the embedder's name."""
    data: dict[str, Any] = json.loads(text)
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
    logs = _logs(vector, weights)
    logs = logs - np.log1p(-np.exp(logs[places[NO_TASK]]))
    logs[places[NO_TASK]] = FLOOR
    logs = np.maximum(logs, FLOOR)
    return lambda task: float(logs[places[task]]) if task in places else FLOOR


def meant(text: str) -> dict[str, float]:
    """How likely a text asks for each task, and for `NO_TASK`: 1 in all.

    Raises:
        RegistryError: there is no encoder.
    """
    places, weights, _ = _weights()
    logs = _logs(MiniLM().embed_query(text), weights)
    return {task: float(np.exp(logs[place])) for task, place in places.items()}


def _logs(vector: Sequence[float], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = np.asarray(vector, dtype=np.float32) @ weights[:-1] + weights[-1]
    scores -= scores.max()
    logs: NDArray[np.float32] = scores - np.log(np.exp(scores).sum())
    return logs
