"""Pictures are made, changed and repainted by real pipelines, through their LangChain tools."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from checkpoints_making import MAKERS
from fake_runners import Machine
from PIL import Image, ImageChops
from tool_run import Run, tool_run

from hugginggraph.graph import Task, check_plan
from hugginggraph.registry import (
    ModelCard,
    ModelLoadError,
    ModelRunError,
    WrongKindError,
    task_type,
)
from hugginggraph.tools import (
    ModelPool,
    TaskResult,
    locate,
    open_image,
)
from hugginggraph.tools.memory import needed

pytestmark = [
    pytest.mark.usefixtures("few_steps"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # DPMSolver
]

diffusion = import_module("hugginggraph.tools.diffusion")
PRESETS = diffusion.PRESETS
PARTS = ("unet", "vae", "text_encoder")
Checkpoint = import_module("hugginggraph.tools.runner").Checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("making")


@pytest.fixture(scope="module")
def mask(folder: Path) -> str:
    left = Image.new("RGB", (45, 30), "black")
    left.paste("white", (0, 0, 20, 30))
    left.save(folder / "mask.png")
    return str(folder / "mask.png")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, MAKERS)


def made(result: TaskResult) -> Image.Image:
    """The picture of a result, which has the size that the result says."""
    (file,) = result["files"]
    assert file["kind"] == "image"
    image = open_image(file["path"])
    assert image.size == (result["value"]["width"], result["value"]["height"])
    assert len(image.getcolors(1_000_000) or []) > 20
    return image


@pytest.mark.parametrize(
    ("model", "side"),
    [("stable_diffusion", 64), ("stable_diffusion_with_checker", 64), ("sdxl", 64), ("pixart", 32)],
)
def test_a_text_becomes_a_picture_the_same_for_one_seed(run: Run, model: str, side: int) -> None:
    def make(text: str = "a red circle", **more: str) -> Image.Image:
        return made(run(model, "text-to-image", text=text, **more))

    first = make()
    assert first.size == (side, side)
    assert make() == first != make(seed="1")
    assert make("a blue square") != first


def test_a_model_for_few_steps_gets_few_and_no_guidance() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "PRESETS", PRESETS)
        found = {
            model: diffusion.preset(
                Checkpoint(ModelCard(id=model, task="", library="", description="", tags=tags), ""),
                pipeline,
            )
            for model, pipeline, tags in (
                ("stabilityai/sdxl-turbo", "StableDiffusionXLPipeline", ()),
                ("acme/quick", "FluxPipeline", ("few-step",)),
                ("acme/lcm", "LatentConsistencyModelPipeline", ("few-step",)),
                ("acme/sd", "StableDiffusionPipeline", ()),
                ("hugginggraph/shapes-painter", "StableDiffusionPipeline", ()),
            )
        }
    steps = {model.rpartition("/")[2]: (p.steps_cpu, p.guidance) for model, p in found.items()}
    assert steps == {
        "sdxl-turbo": (4, 0.0),
        "quick": (4, 0.0),
        "lcm": (4, None),
        "sd": (20, None),
        "shapes-painter": (8, 3.0),
    }


def test_a_seed_is_a_whole_number(run: Run) -> None:
    with pytest.raises(WrongKindError, match="'seed' takes a whole number, not 'lucky'"):
        run("stable_diffusion", "text-to-image", text="a circle", seed="lucky")


def test_a_picture_that_the_safety_checker_withholds_is_an_error(run: Run) -> None:
    with pytest.raises(ModelRunError, match=r"safety checker.*withheld"):
        run("prudish", "text-to-image", text="a red circle")


@pytest.mark.parametrize("model", ["stable_diffusion", "sdxl", "instruct_pix2pix", "variation"])
def test_a_picture_is_changed_or_varied(run: Run, picture: str, model: str) -> None:
    before = open_image(picture)
    told = made(run(model, "image-to-image", image=picture, prompt="make it red"))
    varied = made(run(model, "image-to-image", image=picture))
    size = (64, 64) if model == "variation" else (80, 48)
    assert told.size == varied.size == size
    assert before.resize(size) not in (told, varied)
    assert made(run(model, "image-to-image", image=picture)) == varied
    assert made(run(model, "image-to-image", image=picture, seed="5")) != varied
    assert (told == varied) is (model == "variation")


def test_a_picture_is_enlarged_without_a_text(run: Run, tmp_path: Path) -> None:
    Image.effect_mandelbrot((30, 21), (-2, -1.5, 1, 1.5), 60).save(tmp_path / "small.png")
    result = run("swin2sr", "image-to-image", image=str(tmp_path / "small.png"))
    assert made(result).size == (60, 42)
    assert result["value"]["note"] == "2 times larger"


@pytest.mark.parametrize("model", ["inpainter", "stable_diffusion", "sdxl"])
def test_only_the_light_part_of_the_mask_is_painted(
    run: Run, picture: str, mask: str, model: str
) -> None:
    before = open_image(picture)
    after = made(run(model, "inpainting", image=picture, mask=mask, text="a red circle"))
    assert after.size == before.size
    changed = ImageChops.difference(before, after).getbbox()
    assert changed is not None and changed[0] == 0 and 30 < changed[2] <= 41
    again = run(model, "inpainting", image=picture, mask=mask, text="a red circle", seed="3")
    assert made(again) != after


def test_the_tasks_of_one_checkpoint_share_its_weights_and_memory_counts_them_once(
    tmp_path: Path, picture: str, mask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines: list[Any] = []

    def kept(*args: Any) -> Any:
        pipelines.append(load_for(*args))
        return pipelines[-1]

    load_for = diffusion.load_for
    monkeypatch.setattr(diffusion, "load_for", kept)
    found = locate(MAKERS["stable_diffusion"](tmp_path), offline=True, device="cpu")
    need = needed(found)
    pool = ModelPool(memory=Machine(cpu=need * 3 // 2))
    image, where = open_image(picture), open_image(mask)
    for task, args in (
        ("text-to-image", {"text": "a red circle"}),
        ("image-to-image", {"image": image, "prompt": "a red circle"}),
        ("inpainting", {"image": image, "mask": where, "text": "a red circle"}),
    ):
        assert pool.run(task_type(task), found, args).media
        [slot] = pool._slots.values()
        assert slot.bytes == need
    assert len({type(pipeline) for pipeline in pipelines}) == 3
    weights = [
        {name: w.data_ptr() for part in PARTS for name, w in getattr(each, part).named_parameters()}
        for each in pipelines
    ]
    assert weights[0] == weights[1] == weights[2] and len(weights[0]) > 50


def test_a_mask_without_a_light_part_is_an_error(run: Run, picture: str, tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(ModelRunError, match="Nothing in the mask is light"):
        run("inpainter", "inpainting", image=picture, mask=str(tmp_path / "black.png"))


def test_a_plan_may_hold_a_task_that_needs_no_input() -> None:
    task: Task = {"id": 0, "task": "unconditional-image-generation", "dep": [], "args": {}}
    assert check_plan([task], {}) == []
    assert task_type(task["task"]).required == ()


def test_a_picture_is_made_of_nothing(run: Run) -> None:
    first = made(run("ddpm", "unconditional-image-generation"))
    assert first.size == (32, 32)
    assert made(run("ddpm", "unconditional-image-generation")) == first
    assert made(run("ddpm", "unconditional-image-generation", seed="2")) != first


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("ddpm", "text-to-image"),
        ("variation", "text-to-image"),
        ("ddpm", "image-to-image"),
        ("stable_diffusion", "unconditional-image-generation"),
    ],
)
def test_a_pipeline_for_something_else_is_refused(
    run: Run, picture: str, model: str, task: str
) -> None:
    args = {"text-to-image": {"text": "a"}, "image-to-image": {"image": picture}}.get(task, {})
    with pytest.raises(ModelLoadError, match=r"does not do|from a text"):
        run(model, task, **args)


def test_a_checkpoint_that_lacks_weights_is_refused(run: Run, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    MAKERS["stable_diffusion"](folder / "gapped")
    file = folder / "gapped" / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_in.bias"]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"lack 1 of the weights of its unet \(conv_in.bias\)"):
        run("gapped", "text-to-image", text="a circle")


def test_a_checkpoint_in_half_precision_only_is_loaded(run: Run, folder: Path) -> None:
    import shutil

    import torch
    from diffusers import DiffusionPipeline

    MAKERS["stable_diffusion"](folder / "half")
    pipeline = DiffusionPipeline.from_pretrained(folder / "half", dtype=torch.float16)
    shutil.rmtree(folder / "half")
    pipeline.save_pretrained(folder / "half", variant="fp16")
    assert not list((folder / "half" / "unet").glob("*pytorch_model.safetensors"))
    assert made(run("half", "text-to-image", text="a circle")).size == (64, 64)
