"""Learns which task a request means: ``python -m hugginggraph.registry.train_prior``.

A softmax regression on sentence vectors of `task_phrases.txt` and of the catalogue's descriptions,
both our own words, with L2 regularisation. Each phrase is learned a second time inside a frame, so
that who asks does not count; what no model does is a task of its own (`NO_TASK`). Writes
``task_prior.json``: half-precision weights as base64, and the hash of what they were learned from,
which a test compares.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .catalogue import cards
from .embedding import MiniLM

SPREAD = 3.0  # the variance of the weights that is assumed
OF_CATALOGUE = 0.3  # what a description counts, where a phrase counts 1

_HERE = Path(__file__).parent


def phrases() -> list[tuple[str, str]]:
    """(task, phrase) pairs: what people say when they want a task, bare and framed."""
    said: dict[str, list[str]] = {}
    for line in (_HERE / "task_phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            under = said.setdefault(line[3:].strip(), [])
        elif line.strip() and not line.startswith("#"):
            under.append(line.strip())
    frames = said.pop("{}")
    bare = [(task, phrase) for task, each in said.items() for phrase in each]
    return bare + [(task, _framed(phrase, frames)) for task, phrase in bare]


def _framed(said: str, frames: Sequence[str]) -> str:
    return frames[zlib.crc32(said.encode()) % len(frames)].format(said)


def trained_on() -> str:
    """A hash of everything that the weights are learned from."""
    told = [phrases(), SPREAD, OF_CATALOGUE, (_HERE / "catalogue.jsonl").read_text("utf-8")]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def train(said: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The content of ``task_prior.json``, learned from (task, phrase) pairs."""
    import torch

    described = [card for card in cards() if card.task in {task for task, _ in said}]
    tasks = sorted({task for task, _ in said})
    texts = [text for _, text in said] + [card.description for card in described]
    labels = [task for task, _ in said] + [card.task for card in described]
    x = torch.tensor(MiniLM().embed_documents(texts))
    y = torch.tensor([tasks.index(task) for task in labels])
    weight = torch.tensor([1.0] * len(said) + [OF_CATALOGUE] * len(described))
    w = torch.zeros(x.shape[1], len(tasks), requires_grad=True)
    b = torch.zeros(len(tasks), requires_grad=True)
    search = torch.optim.LBFGS([w, b], max_iter=400, line_search_fn="strong_wolfe")

    def loss() -> Any:
        search.zero_grad()
        each = torch.nn.functional.cross_entropy(x @ w + b, y, reduction="none")
        total = (weight * each).sum() + (w**2).sum() / (2 * SPREAD)
        total.backward()
        return total

    search.step(loss)
    both = np.vstack([w.detach().numpy(), b.detach().numpy()]).astype("<f2")
    return {
        "embedder": MiniLM.name,
        "trained_on": trained_on(),
        "tasks": tasks,
        "weights": base64.b64encode(both.tobytes()).decode(),
    }


if __name__ == "__main__":
    (_HERE / "task_prior.json").write_text(json.dumps(train(phrases())) + "\n", "utf-8")
