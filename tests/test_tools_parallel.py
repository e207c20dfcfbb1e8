"""Different models, first used at the same moment, are each loaded whole."""

from __future__ import annotations

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


def assert_same(got: object, wanted: object) -> None:
    """A model that is half loaded answers from random weights; the last digits of a score depend
    only on how many threads torch happened to add up with."""
    match got, wanted:
        case dict(), dict():
            assert got.keys() == wanted.keys()
            for key in wanted:
                assert_same(got[key], wanted[key])
        case list(), list():
            assert len(got) == len(wanted)
            for one, other in zip(got, wanted, strict=True):
                assert_same(one, other)
        case float(), float():
            assert got == pytest.approx(wanted, rel=1e-2, abs=1e-4)
        case _:
            assert got == wanted


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
    assert_same([output.value for output in at_once], [output.value for output in one_by_one])
