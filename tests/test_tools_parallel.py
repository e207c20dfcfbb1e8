"""Different models, first used at the same moment, are each loaded whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.registry import model_cards, task_type
from hugginggraph.tools import ModelPool, Output, locate, open_image

SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
JOBS = {
    "hugginggraph/shapes-captioner": "image-to-text",
    "hugginggraph/shapes-detector": "object-detection",
    "hugginggraph/shapes-classifier": "image-classification",
}


def test_models_that_are_loaded_at_the_same_moment_come_out_whole() -> None:
    cards = {card.id: card for card in model_cards()}
    image = open_image(SCENE)

    def run(pool: ModelPool, model: str) -> Output:
        checkpoint = locate(cards[model], offline=True, device="cpu")
        return pool.run(task_type(JOBS[model]), checkpoint, {"image": image})

    one_by_one = [run(ModelPool(), model) for model in JOBS]
    pool = ModelPool()
    with ThreadPoolExecutor(len(JOBS)) as threads:
        at_once = list(threads.map(lambda model: run(pool, model), JOBS))
    for together, alone in zip(at_once, one_by_one, strict=True):
        assert close(together.value, alone.value)


def close(a: Any, b: Any) -> bool:
    """Equal but for the last digits, which depend on how many threads torch had."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    return bool(a == pytest.approx(b, rel=1e-3)) if isinstance(a, float) else bool(a == b)
