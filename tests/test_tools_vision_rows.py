"""Pictures with words, segments and depth run on real architectures."""

from __future__ import annotations

import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import BUILDERS
from checkpoints_vision import VISION_BUILDERS
from PIL import Image
from tool_run import Run, tool_run

from hugginggraph.registry import MissingExtraError, ModelLoadError
from hugginggraph.tools import draw_masks, open_image

WIDE, HIGH = 90, 60
LABELS = ["a red circle", "a blue square", "paris"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tool_run(tmp_path_factory.mktemp("vision"), {**BUILDERS, **VISION_BUILDERS})


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    mandelbrot = Image.effect_mandelbrot((WIDE, HIGH), (-2, -1.5, 1, 1.5), 60)
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    mandelbrot.convert("RGB").save(path)
    return str(path)


@pytest.mark.parametrize("model", ["clip", "siglip"])
def test_a_picture_is_compared_with_labels(run: Run, picture: str, model: str) -> None:
    args = {"image": picture, "candidate_labels": [*LABELS, LABELS[0]]}
    one, two = (run(model, "zero-shot-image-classification", **args)["value"] for _ in range(2))
    scores = [each["score"] for each in one]
    assert one == two and {each["label"] for each in one} == set(LABELS)
    assert scores == sorted(scores, reverse=True) and max(scores) <= 1 and min(scores) >= 0
    if model == "clip":
        assert math.isclose(sum(scores), 1, abs_tol=1e-4)


@pytest.mark.parametrize("model", ["owlvit", "owlv2", "grounding_dino"])
def test_what_is_named_is_found_in_the_picture(run: Run, picture: str, model: str) -> None:
    args = {"image": picture, "candidate_labels": LABELS}
    one, two = (run(model, "zero-shot-object-detection", **args) for _ in range(2))
    assert one["value"] == two["value"] != [] and one["files"] == two["files"]
    for box in one["value"]:
        corners = box["box"]
        assert 0 <= corners["xmin"] < corners["xmax"] <= WIDE
        assert 0 <= corners["ymin"] < corners["ymax"] <= HIGH
        assert 0 < box["score"] <= 1
    assert {box["label"] for box in one["value"]} <= set(LABELS)
    (file,) = one["files"]
    assert open_image(file["path"]).width >= WIDE


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("segformer", {"wall", "building", "sky", "floor"}),
        ("maskformer", {"wall", "building", "sky", "floor"}),
        ("mask2former", {"cat", "dog"}),
        ("detr_panoptic", {"cat", "dog"}),
    ],
)
def test_a_picture_falls_into_named_segments(
    run: Run, picture: str, model: str, names: set[str]
) -> None:
    one, two = (run(model, "image-segmentation", image=picture) for _ in range(2))
    assert one["value"] == two["value"] and one["files"] == two["files"]
    assert_segments(one)
    assert {each["label"] for each in one["value"]} <= names
    if model == "segformer":
        assert math.isclose(sum(each["share"] for each in one["value"]), 1, abs_tol=1e-6)


def assert_segments(result: Any) -> None:
    segments = result["value"]
    shares = [each["share"] for each in segments]
    assert segments and shares == sorted(shares, reverse=True) and min(shares) > 0
    assert all(0 < each["score"] <= 1 for each in segments)
    drawn, *masks = [open_image(file["path"]) for file in result["files"]]
    assert drawn.width == 540 and drawn.height > 360, "enlarged, with a legend under it"
    assert len(masks) == len(segments) <= 20
    for mask, share in zip(masks, shares, strict=True):
        assert mask.size == (WIDE, HIGH)
        values = np.asarray(mask)[..., 0]
        assert set(np.unique(values)) <= {0, 255}
        assert math.isclose((values == 255).mean(), share, abs_tol=1e-6)


def test_everything_that_hangs_together_is_cut_out(run: Run, picture: str) -> None:
    one, two = (run("sam", "mask-generation", image=picture) for _ in range(2))
    assert one["value"] == two["value"] and one["files"] == two["files"]
    assert_segments(one)
    assert len({each["label"] for each in one["value"]}) == len(one["value"])


def test_masks_are_kept_once_and_only_where_they_are_sure_and_stable() -> None:
    import torch

    logits = torch.full((5, 64, 64), -9.0)
    logits[0, :32] = 9
    logits[1, :33] = 9  # nearly the first
    logits[2, 40:50, 40:50] = 9
    logits[3, :, :32] = 0.5  # not stable
    logits[4, 50:, :10] = 9  # not sure
    scores = torch.tensor([0.9, 0.95, 0.92, 0.99, 0.5])
    good = import_module("hugginggraph.tools.segmentation").good_masks
    assert good(logits, scores) == [1, 2]
    assert good(logits[4:], scores[4:]) == []


def test_segments_are_drawn_in_a_colour_each_with_a_legend() -> None:
    masks = [Image.new("L", (200, 100)) for _ in range(3)]
    for place, mask in enumerate(masks):
        mask.paste(255, (place * 60, 0, place * 60 + 50, 100))
    names = ["sky", "a segment with a long name", "tree"]
    segments: Any = [{"label": name, "score": 1.0, "share": 0.25} for name in names]
    drawn = draw_masks(Image.new("RGB", (200, 100), "white"), segments, masks)
    assert drawn.width == 600 and drawn.height > 300
    colours = {drawn.getpixel((place * 180 + 75, 150)) for place in range(3)}
    assert len(colours) == 3 and (255, 255, 255) not in colours
    legend = np.asarray(drawn)[300:]
    assert (legend != 255).any(), "the legend is written"
    assert draw_masks(Image.new("RGB", (600, 300)), [], []).size == (600, 300)
    colour = import_module("hugginggraph.tools.draw").segment_colour
    assert len({colour(place) for place in range(20)}) == 20


@pytest.mark.parametrize("model", ["dpt", "depth_anything", "glpn"])
def test_depth_is_a_picture_that_uses_the_whole_scale(run: Run, picture: str, model: str) -> None:
    one, two = (run(model, "depth-estimation", image=picture) for _ in range(2))
    assert one["files"] == two["files"]
    assert (one["value"]["width"], one["value"]["height"]) == (WIDE, HIGH)
    assert "near bright" in one["value"]["note"]
    greys = np.asarray(open_image(one["files"][0]["path"]))
    assert greys.shape == (HIGH, WIDE, 3) and (greys[..., 0] == greys[..., 2]).all()
    assert greys.min() == 0 and greys.max() == 255


def test_a_flat_depth_is_black_and_outliers_do_not_darken_the_rest() -> None:
    depth_picture = import_module("hugginggraph.tools.depth").depth_picture
    flat = depth_picture(np.ones((6, 8)), (8, 6))
    assert flat.size == (8, 6) and np.asarray(flat).max() == 0
    ramp = np.tile(np.linspace(0, 1, 40), (40, 1))
    ramp[0, 0] = 1e6
    assert np.asarray(depth_picture(ramp, (40, 40))).mean() == pytest.approx(127, abs=4)


@pytest.mark.parametrize("model", ["vilt", "blip_vqa", "llava"])
def test_a_question_about_a_picture_is_answered(run: Run, picture: str, model: str) -> None:
    args = {"image": picture, "question": "what is red ?"}
    one, two = (run(model, "visual-question-answering", **args)["value"] for _ in range(2))
    assert one == two and one.strip() and "[SEP]" not in one
    if model == "vilt":
        assert one in ("yes", "no", "red")
    long = "what is red on white background " * 30
    if model != "llava":
        assert run(model, "visual-question-answering", image=picture, question=long)["value"]


@pytest.mark.parametrize("model", ["llava", "smolvlm"])
def test_an_instruction_about_a_picture_is_followed(run: Run, picture: str, model: str) -> None:
    args = {"image": picture, "text": "what is red"}
    one, two = (run(model, "image-text-to-text", **args)["value"] for _ in range(2))
    assert one == two and one.strip() and "<image>" not in one


def test_a_captioner_that_reads_no_text_is_refused(run: Run, picture: str) -> None:
    with pytest.raises(ModelLoadError, match="only captions"):
        run("vit_gpt2", "image-text-to-text", image=picture, text="what is red")


def test_donut_writes_the_answer_after_the_question(run: Run, picture: str) -> None:
    args = {"image": picture, "question": "who won ?"}
    one, two = (run("donut", "document-question-answering", **args)["value"] for _ in range(2))
    assert one == two and one.strip() and "<" not in one and "who won ?" not in one


class Scan:
    """What pytesseract gives of a page of four words and a blank."""

    class Output:
        DICT = "dict"

    @staticmethod
    def image_to_data(image: Image.Image, output_type: str) -> dict[str, list[Any]]:
        words = ["anna", "", "lives", "in", "paris"]
        left = [0, 0, 20, 40, 60]
        return {"text": words, "left": left, "top": [5] * 5, "width": [18] * 5, "height": [9] * 5}


def test_layoutlm_marks_the_answer_among_the_words_of_the_page(
    run: Run, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visual_qa = import_module("hugginggraph.tools.visual_qa")
    monkeypatch.setattr(visual_qa, "_ocr", lambda: Scan)
    args = {"image": picture, "question": "where is anna"}
    answer = run("layoutlm", "document-question-answering", **args)["value"]
    assert answer and answer in "anna lives in paris"
    words, boxes = visual_qa.read_words(open_image(picture))
    assert words == ["anna", "lives", "in", "paris"]
    assert boxes[1] == [222, 83, 422, 233]


def test_layoutlm_without_ocr_says_what_to_install(
    tmp_path: Path, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = {"image": picture, "question": "who ?"}
    run = tool_run(tmp_path, VISION_BUILDERS)
    monkeypatch.setitem(sys.modules, "pytesseract", None)
    with pytest.raises(MissingExtraError, match=r"hugginggraph\[ocr\]"):
        run("layoutlm", "document-question-answering", **args)


def test_words_of_a_box_are_the_label_that_shares_most_of_them() -> None:
    nearest = import_module("hugginggraph.tools.zero_shot_vision").nearest
    assert nearest("a red circle a", LABELS) == "a red circle"
    assert nearest("blue square.", LABELS) == "a blue square"
    assert nearest("dog", LABELS) == ""


@pytest.mark.parametrize(
    ("model", "task"), [("segformer", "mask-generation"), ("dpt", "image-segmentation")]
)
def test_a_model_of_another_task_is_refused_by_name(
    run: Run, picture: str, model: str, task: str
) -> None:
    with pytest.raises(ModelLoadError, match=r"is a segformer|could not be loaded|lack"):
        run(model, task, image=picture)
