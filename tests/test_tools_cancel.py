"""A run can be stopped inside a model, and tells how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch
from checkpoints import BUILDERS
from checkpoints_making import stable_diffusion
from diffusers import UNet2DConditionModel

from hugginggraph.registry import CancelledRunError, ModelCard, task_type
from hugginggraph.tools import (
    ModelPool,
    Progress,
    cancel_scope,
    check_cancelled,
    locate,
    progress_to,
    report,
)
from hugginggraph.tools.watch import watch


def make(card: ModelCard, text: str = "a red circle") -> object:
    checkpoint = locate(card, offline=True, device="cpu")
    return ModelPool().run(task_type(card.task), checkpoint, {"text": text}).value


def stopped_after(count: int, unit: str, card: ModelCard) -> list[Progress]:
    """What was told by a run that is stopped when so many steps or tokens are made."""
    told: list[Progress] = []
    with cancel_scope() as event:

        def listen(progress: Progress) -> None:
            told.append(progress)
            if progress["unit"] == unit and progress["done"] >= count:
                event.set()

        with progress_to(listen), pytest.raises(CancelledRunError):
            make(card)
    return [each for each in told if each["unit"] == unit]


@pytest.fixture(autouse=True)
def _every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hugginggraph.tools.progress.EVERY", 0.0)


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelCard]:
    yield stable_diffusion(tmp_path_factory.mktemp("painter"))


def test_a_diffusion_loop_is_left_at_the_step_at_which_it_is_stopped(painter: ModelCard) -> None:
    told = stopped_after(3, "steps", painter)
    assert [each["done"] for each in told] == [1, 2, 3]
    assert {each["total"] for each in told} == {20}


def test_a_generation_is_left_at_the_token_at_which_it_is_stopped(tmp_path: Path) -> None:
    card = BUILDERS["gpt2"](tmp_path)
    told = stopped_after(3, "tokens", card)
    assert [each["done"] for each in told] == [1, 2, 3]
    assert told[0]["total"] > 3


def test_a_long_diffusion_ends_within_two_seconds_of_being_stopped(
    painter: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    diffusion = import_module("hugginggraph.tools.diffusion")

    monkeypatch.setattr(diffusion, "PRESETS", (("", diffusion.Preset(100_000, 100_000)),))
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddim.DDIMScheduler.set_timesteps", _many)
    stopped: list[float] = []
    with cancel_scope() as event:

        def stop() -> None:
            stopped.append(time.monotonic())
            event.set()

        def listen(told: Progress) -> None:
            if told["done"] == 1 and told["unit"] == "steps":
                threading.Timer(0.2, stop).start()

        with progress_to(listen), pytest.raises(CancelledRunError):
            make(painter)
    assert time.monotonic() - stopped[0] < 2


def _many(self: object, steps: int, device: object = None) -> None:
    import torch

    self.num_inference_steps = 1000  # type: ignore[attr-defined]
    self.timesteps = torch.full((steps,), 500)  # type: ignore[attr-defined]


def test_a_model_that_was_stopped_works_again(painter: ModelCard) -> None:
    pool = ModelPool()
    checkpoint = locate(painter, offline=True, device="cpu")
    row = task_type(painter.task)
    with cancel_scope() as event, pytest.raises(CancelledRunError):
        event.set()
        pool.run(row, checkpoint, {"text": "a circle"})
    assert pool.run(row, checkpoint, {"text": "a circle"}).media


def test_a_unet_without_attention_at_a_level_is_watched_too() -> None:
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        mid_block_type="UNetMidBlock2D",
        norm_num_groups=4,
    )
    with cancel_scope() as event:
        event.set()
        with pytest.raises(CancelledRunError):
            watch(unet)(torch.zeros(1, 4, 8, 8), 1, encoder_hidden_states=torch.zeros(1, 1, 8))


def test_an_inner_scope_ends_with_its_block() -> None:
    with cancel_scope() as outer:
        with cancel_scope() as inner:
            inner.set()
            with pytest.raises(CancelledRunError):
                check_cancelled()
        check_cancelled()
        outer.set()
        with pytest.raises(CancelledRunError):
            check_cancelled()
    check_cancelled()


def test_many_reports_of_one_state_become_a_few_with_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hugginggraph.tools.progress.EVERY", 60.0)
    told: list[Progress] = []
    with progress_to(told.append):
        report("loading")
        for step in range(100):
            report("running", step + 1, 100, "steps")
    report("running", 1, 1, "steps")  # nobody listens
    assert [(each["state"], each["done"]) for each in told] == [
        ("loading", 0), ("running", 1), ("running", 100),
    ]  # fmt: skip
