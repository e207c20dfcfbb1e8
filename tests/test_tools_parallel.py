"""Different models, first used at the same moment, are each loaded whole."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hugginggraph.registry import model_cards, task_type
from hugginggraph.tools import ModelPool, Output, locate, open_image

SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
JOBS = {
    "hugginggraph/shapes-captioner": "image-to-text",
    "hugginggraph/shapes-detector": "object-detection",
    "hugginggraph/shapes-classifier": "image-classification",
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """How torch adds up, and so the last digits of a result, depends on how many threads it has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_models_that_are_loaded_at_the_same_moment_come_out_whole(one_thread: None) -> None:
    cards = {card.id: card for card in model_cards()}
    image = open_image(SCENE)

    def run(pool: ModelPool, model: str) -> Output:
        checkpoint = locate(cards[model], offline=True, device="cpu")
        return pool.run(task_type(JOBS[model]), checkpoint, {"image": image})

    one_by_one = [run(ModelPool(), model) for model in JOBS]
    pool = ModelPool()
    with ThreadPoolExecutor(len(JOBS)) as threads:
        at_once = list(threads.map(lambda model: run(pool, model), JOBS))
    assert [output.value for output in at_once] == [output.value for output in one_by_one]
