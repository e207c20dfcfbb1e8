"""Learns which task a request means: ``python -m hugginggraph.registry.train_prior``.

A softmax regression on sentence vectors of `task_phrases.txt` and of the catalogue's descriptions,
both our own words, with L2 regularisation. Each phrase is learned a second time inside one of
`FRAMES`, so that who asks does not count. Writes ``task_prior.json``: half-precision weights as
base64, and the hash of what they were learned from, which a test compares.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .catalogue import cards
from .embedding import MiniLM

SPREAD = 3.0  # the variance of the weights that is assumed
OF_CATALOGUE = 0.3  # what a description counts, where a phrase counts 1

FRAMES = (
    "We are a company that makes software for schools. {}",
    "I work for a hospital and need a model for this: {}",
    "Our start-up sells clothes online. {}",
    "As a developer I want to build an application. {}",
    "{} We are a law firm.",
    "Create a tool for a travel agency. {}",
    "Develop a system that does this for a media company: {}",
    "{} It should work for customers of a bank.",
    "I am a farmer. {}",
    "{} How would I do this in Python with a pretrained model?",
    "We work on a game. {}",
    "Our client is a shop owner who asks: {}",
    "Help a researcher with this: {}",
    "{} The result is shown to the users of our app.",
    "A city's administration has this need: {}",
    "Find a model and show me how to use it. {}",
)
"""What stands around a wish and says nothing of the task."""

_HERE = Path(__file__).parent


def phrases() -> list[tuple[str, str]]:
    """(task, phrase) pairs: what people say when they want a task, bare and framed."""
    bare, task = [], ""
    for line in (_HERE / "task_phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            task = line[3:].strip()
        elif line.strip() and not line.startswith("#"):
            bare.append((task, line.strip()))
    return bare + [(task, _framed(said)) for task, said in bare]


def _framed(said: str) -> str:
    return FRAMES[zlib.crc32(said.encode()) % len(FRAMES)].format(said)


def trained_on() -> str:
    """A hash of everything that the weights are learned from."""
    told = [phrases(), SPREAD, OF_CATALOGUE, (_HERE / "catalogue.jsonl").read_text("utf-8")]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def train() -> dict[str, Any]:
    """The content of ``task_prior.json``."""
    import torch

    said = phrases()
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
    (_HERE / "task_prior.json").write_text(json.dumps(train()) + "\n", "utf-8")
