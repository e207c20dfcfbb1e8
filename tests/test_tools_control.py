"""Control pictures are drawn by real models, and guide real ControlNets."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from checkpoints import BUILDERS
from checkpoints_making import MAKERS
from PIL import Image, ImageDraw
from tool_run import Run, tool_run

from hugginggraph.registry import (
    MissingExtraError,
    ModelCard,
    ModelLoadError,
    NoModelError,
    model_cards,
)
from hugginggraph.tools import (
    TaskResult,
    open_image,
)

SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
pytestmark = pytest.mark.usefixtures("few_steps")

pose = import_module("hugginggraph.tools.pose")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("control")


@pytest.fixture(scope="module")
def picture(folder: Path) -> str:
    mandelbrot = Image.effect_mandelbrot((90, 60), (-2, -1.5, 1, 1.5), 60)
    noisy = Image.merge("RGB", (mandelbrot, mandelbrot.rotate(90), mandelbrot.rotate(180)))
    noisy.save(folder / "picture.png")
    return str(folder / "picture.png")


def opencv(folder: Path) -> ModelCard:
    return ModelCard(id="opencv/canny", task="", library="opencv", description="")


def starter_segmenter(folder: Path) -> ModelCard:
    return next(card for card in model_cards() if card.id == "hugginggraph/shapes-segmenter")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, BUILDERS | MAKERS | {"opencv": opencv, "upernet": starter_segmenter})


def drawn(result: TaskResult) -> Image.Image:
    """The picture of a result, which has the size that the result says."""
    (file,) = result["files"]
    assert file["kind"] == "image"
    image = open_image(file["path"])
    assert image.size == (result["value"]["width"], result["value"]["height"])
    return image


def colours(image: Image.Image) -> set[Any]:
    return {colour for _, colour in image.getcolors(1_000_000) or []}


def test_a_scribble_has_white_lines_where_the_picture_darkens(run: Run, tmp_path: Path) -> None:
    square = Image.new("RGB", (96, 64), "white")
    ImageDraw.Draw(square).rectangle((32, 16, 64, 48), outline="black", width=3)
    square.save(tmp_path / "square.png")
    lines = drawn(run("opencv", "scribble-control", image=str(tmp_path / "square.png")))
    assert lines.size == (96, 64)
    assert colours(lines) == {(0, 0, 0), (255, 255, 255)}
    assert lines.getpixel((33, 32)) == (255, 255, 255) != lines.getpixel((48, 32))


def test_depth_is_grey_and_uses_all_of_it(run: Run, picture: str) -> None:
    depth = drawn(run("dpt", "depth-control", image=picture))
    assert depth.size == (90, 60)
    assert all(red == green == blue for red, green, blue in colours(depth))
    assert depth.getextrema()[0] == (0, 255)


def test_metres_are_turned_so_that_near_is_light(run: Run, picture: str) -> None:
    import numpy as np

    near, metres = (
        np.asarray(drawn(run(model, "depth-control", image=picture))).ravel()
        for model in ("depth_anything", "metric_depth")
    )
    assert np.corrcoef(near, metres)[0, 1] < -0.8


def test_normals_have_length_one_and_face_the_viewer(run: Run, picture: str) -> None:
    import numpy as np

    normals = drawn(run("dpt", "normal-control", image=picture))
    assert normals.size == (90, 60)
    vectors = np.asarray(normals).astype(float) / 127.5 - 1
    assert np.allclose(np.linalg.norm(vectors, axis=2), 1, atol=0.02)
    assert (vectors[:, :, 2] > 0).all()
    assert len(colours(normals)) > 10


@pytest.mark.parametrize("model", ["segformer", "maskformer"])
def test_segments_have_the_colours_of_ade20k(run: Run, picture: str, model: str) -> None:
    result = run(model, "seg-control", image=picture)
    segments = drawn(result)
    assert segments.size == (90, 60)
    assert colours(segments) <= {(120, 120, 120), (180, 120, 120), (6, 230, 230), (80, 50, 50)}
    names = result["value"]["note"].removeprefix("segments: ").split(", ")
    assert set(names) <= {"wall", "building", "sky", "floor"}
    assert len(names) == len(colours(segments)) >= 1


def test_the_starter_segmenter_draws_each_shape_in_a_colour_of_its_own(run: Run) -> None:
    result = run("upernet", "seg-control", image=str(SCENE))
    names = result["value"]["note"].removeprefix("segments: ").split(", ")
    assert {"yellow circle", "blue triangle", "orange heart", "digit 6"} <= set(names)
    assert len(names) == len(colours(drawn(result)))


def test_people_are_drawn_as_stick_figures_on_black(run: Run, picture: str) -> None:
    result = run("vitpose", "openpose-control", image=picture)
    figures = drawn(result)
    assert figures.size == (90, 60)
    assert result["value"]["note"] == "1 person"
    assert (0, 0, 0) in colours(figures) and len(colours(figures)) > 4
    assert colours(figures) & set(pose.COLOURS)


def test_a_detector_on_this_machine_finds_the_people(
    run: Run, picture: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cached(folder / "cache", pose.DETECTOR, "yolos")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    result = run("vitpose_again", "openpose-control", image=picture)
    assert result["value"]["note"] != "1 person"
    assert drawn(result).size == (90, 60)


def cached(cache: Path, model: str, builder: str) -> Path:
    """A Hugging Face cache that holds a checkpoint of `BUILDERS` or `MAKERS` as a model."""
    repository = cache / f"models--{model.replace('/', '--')}"
    (BUILDERS | MAKERS)[builder](repository / "snapshots" / "abc")
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    return cache


def test_a_neck_lies_between_the_shoulders_and_joints_out_of_sight_are_left_out() -> None:
    places = [[float(i), 10.0 * i] for i in range(17)]
    scores = [0.9] * 16 + [0.1]
    joints = pose.openpose_joints(places, scores)
    assert len(joints) == 18
    assert joints[0] == (0, 0) and joints[1] == (5.5, 55) and joints[2] == (6, 60)
    assert joints[10] is None
    hidden = pose.openpose_joints(places, [0.9] * 5 + [0.0] + [0.9] * 11)
    assert hidden[1] is None and hidden[5] is None


@pytest.mark.parametrize("task", ["hed-control", "mlsd-control"])
def test_a_row_whose_extra_is_missing_says_what_to_install(
    run: Run, picture: str, task: str
) -> None:
    with pytest.raises(MissingExtraError, match=r'pip install "hugginggraph\[control\]"'):
        run("annotator", task, image=picture)


@pytest.mark.parametrize("model", ["controlnet", "controlnet_xl"])
def test_a_control_picture_guides_what_a_text_says(run: Run, picture: str, model: str) -> None:
    def make(task: str = "canny-text-to-image", **more: str) -> Image.Image:
        return drawn(run(model, task, image=picture, **{"text": "a red circle", **more}))

    first = make()
    assert first.size == (80, 48)
    assert len(colours(first)) > 20
    assert make() == first
    assert first not in (make(seed="1"), make(text="a blue square"))
    assert first != make("scribble-text-to-image")


def test_without_a_text_the_control_picture_is_the_result(run: Run, picture: str) -> None:
    result = run("controlnet", "canny-text-to-image", image=picture)
    edges = run("opencv", "canny-control", image=picture)
    assert drawn(result) == drawn(edges)
    assert "no text was given" in result["value"]["note"]


KINDS = {
    "canny": "opencv", "scribble": "opencv", "openpose": "vitpose", "normal": "dpt",
    "depth": "dpt", "seg": "segformer",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_picture_is_used_as_it_is(run: Run, picture: str, kind: str) -> None:
    guide = run(KINDS[kind], f"{kind}-control", image=picture)
    path = guide["files"][0]["path"]
    assert drawn(run("controlnet", f"{kind}-text-to-image", image=path)) == drawn(guide)
    assert drawn(run("controlnet", f"{kind}-text-to-image", image=path, text="a")) != drawn(guide)


@pytest.mark.parametrize("kind", ["hed", "mlsd", "openpose", "normal", "depth", "seg"])
def test_a_plain_picture_that_nothing_here_can_draw_says_what_to_do(
    run: Run, picture: str, kind: str
) -> None:
    with pytest.raises(NoModelError, match=rf"Run {kind}-control first"):
        run("controlnet", f"{kind}-text-to-image", image=picture, text="a circle")


def test_the_control_picture_is_drawn_by_a_model_on_this_machine(
    run: Run, picture: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = import_module("hugginggraph.tools.controlnet").KINDS["depth"].model
    cache = cached(folder / "cache-depth", known, "dpt")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    result = run("controlnet", "depth-text-to-image", image=picture)
    assert drawn(result) == drawn(run("dpt", "depth-control", image=picture))


def test_a_controlnet_without_its_base_says_which_to_fetch(run: Run, picture: str) -> None:
    with pytest.raises(ModelLoadError, match="`hf download tests/nowhere`"):
        run("baseless", "canny-text-to-image", image=picture, text="a circle")


def test_a_model_that_is_no_controlnet_is_refused(run: Run, picture: str) -> None:
    with pytest.raises(ModelLoadError, match="is a StableDiffusionPipeline, not a ControlNet"):
        run("stable_diffusion", "canny-text-to-image", image=picture, text="a circle")
