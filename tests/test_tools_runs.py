"""Each task type runs on a real architecture through its LangChain tool."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from checkpoints import BUILDERS
from PIL import Image
from tool_run import Run, tool_run

from hugginggraph.registry import ModelCard, ModelLoadError, ModelRunError, load_settings
from hugginggraph.tools import (
    Artifacts,
    ModelPool,
    TaskRunner,
    open_image,
)

TEXT = (
    "The team won the final in Paris. Anna lives and works for a small firm near the river. "
    "It rained all day. We stayed home."
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, BUILDERS)


def assert_shares(labels: list[dict[str, Any]], names: set[str]) -> None:
    scores = [each["score"] for each in labels]
    assert {each["label"] for each in labels} == names
    assert scores == sorted(scores, reverse=True)
    assert math.isclose(sum(scores), 1, abs_tol=1e-4)


def test_text_classification_gives_the_models_classes(run: Run) -> None:
    labels = run("text_classifier", "text-classification", text=TEXT * 20)["value"]
    assert_shares(labels, {"good", "bad", "neither"})


def test_image_classification_gives_the_five_best(run: Run, picture: str) -> None:
    labels = run("image_classifier", "image-classification", image=picture)["value"]
    scores = [each["score"] for each in labels]
    assert len(labels) == 5 and scores == sorted(scores, reverse=True)
    assert 0.5 < sum(scores) <= 1


def test_zero_shot_by_entailment_gives_each_label_once(run: Run) -> None:
    args: dict[str, Any] = {"text": TEXT, "candidate_labels": ["sport", "politics", "sport"]}
    assert_shares(
        run("entailment", "zero-shot-classification", **args)["value"], {"sport", "politics"}
    )
    args["candidate_labels"] = ["sport"]
    (only,) = run("entailment", "zero-shot-classification", **args)["value"]
    assert 0 < only["score"] < 1


def test_a_classifier_without_entailment_cannot_compare_labels(run: Run) -> None:
    with pytest.raises(ModelLoadError, match="no class 'entailment'"):
        run("text_classifier", "zero-shot-classification", text=TEXT, candidate_labels=["a"])


def test_named_pieces_stand_where_they_say_in_a_long_text(run: Run) -> None:
    text = TEXT * 8
    pieces = run("name_finder", "token-classification", text=text)["value"]
    assert pieces
    assert max(piece["start"] for piece in pieces) > len(text) * 0.8
    for piece in pieces:
        assert text[piece["start"] : piece["end"]] == piece["text"] != ""
        assert piece["label"] in ("PER", "LOC") and 0 < piece["score"] <= 1


@pytest.mark.parametrize("question", ["Where is Anna?", "who won " * 80])
def test_an_answer_is_a_piece_of_a_long_context(run: Run, question: str) -> None:
    context = TEXT * 12
    answer = run("answerer", "question-answering", question=question, context=context)["value"]
    assert answer and answer in context


@pytest.mark.parametrize("model", ["t5", "bart"])
def test_a_long_text_is_summarised_in_parts(run: Run, model: str) -> None:
    short = run(model, "summarization", text=TEXT)["value"]
    long = run(model, "summarization", text=TEXT * 4)["value"]
    assert len(long.split()) > len(short.split()) > 0
    assert (
        len(run(model, "summarization", text=TEXT * 14)["value"].split()) < len(TEXT.split()) * 14
    )


@pytest.mark.parametrize("model", ["gpt2", "llama"])
def test_generated_text_is_new_and_always_the_same(run: Run, model: str) -> None:
    new = run(model, "text-generation", text="the team won the final")["value"]
    assert new and "the team won the final" not in new
    assert run(model, "text-generation", text=TEXT * 30)["value"]


def test_a_chat_template_is_used_where_there_is_one(run: Run, folder: Path) -> None:
    run("llama", "text-generation", text="anna")
    template = folder / "llama" / "chat_template.jinja"
    assert "what :" in template.read_text()


def test_a_vector_has_length_one(run: Run) -> None:
    vector = run("embedder", "feature-extraction", text=TEXT)["value"]
    assert len(vector) == 32
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-4)


@pytest.mark.parametrize("model", ["yolos", "detr"])
def test_boxes_lie_in_the_picture_and_are_drawn(run: Run, picture: str, model: str) -> None:
    result = run(model, "object-detection", image=picture)
    scores = [box["score"] for box in result["value"]]
    assert scores and scores == sorted(scores, reverse=True)
    for box in result["value"]:
        corners = box["box"]
        assert 0 <= corners["xmin"] < corners["xmax"] <= 90
        assert 0 <= corners["ymin"] < corners["ymax"] <= 60
    (file,) = result["files"]
    assert file["kind"] == "image"
    assert open_image(file["path"]).size == (540, 360)


def test_one_place_is_one_object_however_often_it_was_found() -> None:
    import torch

    read_boxes = import_module("hugginggraph.tools.vision").read_boxes
    places = [[0, 0, 10, 10], [20, 0, 30, 10], [0, 0, 10, 11], [0, 1, 10, 10], [-5, 0, 4, 10]]
    found = {
        "scores": torch.tensor([0.8, 0.7, 0.9, 0.6, 0.5]),
        "labels": torch.tensor([0, 1, 1, 1, 0]),
        "boxes": torch.tensor(places, dtype=torch.float32),
    }
    kept = read_boxes(found, {0: "cat", 1: "dog"}, (28, 10))
    assert [(box["label"], list(box["box"].values())) for box in kept] == [
        ("dog", [0, 0, 10, 10]),
        ("dog", [20, 0, 28, 10]),
        ("cat", [0, 0, 4, 10]),
    ]


@pytest.mark.parametrize("model", ["blip", "git", "vit_gpt2", "llava"])
def test_a_picture_gets_a_caption(run: Run, picture: str, model: str) -> None:
    caption = run(model, "image-to-text", image=picture)["value"]
    assert caption.strip() and not any(mark in caption for mark in ("[SEP]", "[CLS]", "</s>"))


@pytest.mark.parametrize(
    ("model", "task", "args"),
    [
        ("name_finder", "token-classification", {"text": TEXT}),
        ("gpt2", "text-generation", {"text": TEXT}),
        ("vit_gpt2", "image-to-text", {}),
        ("yolos", "object-detection", {}),
    ],
)
def test_the_same_input_gives_the_same_result(
    run: Run, picture: str, model: str, task: str, args: dict[str, Any]
) -> None:
    one, two = (run(model, task, **(args or {"image": picture})) for _ in range(2))
    assert (one["value"], one["files"]) == (two["value"], two["files"])


def test_a_checkpoint_without_a_head_is_refused(run: Run) -> None:
    with pytest.raises(ModelLoadError, match=r"classifier\.weight.*random"):
        run("headless", "text-classification", text=TEXT)


def test_edges_are_white_lines_on_black(tmp_path: Path) -> None:
    square = Image.new("RGB", (64, 48), "white")
    square.paste("black", (16, 12, 48, 36))
    square.save(tmp_path / "square.png")
    card = ModelCard(id="opencv/canny", task="canny-control", library="opencv", description="")
    runner = TaskRunner(ModelPool(), Artifacts(tmp_path / "artifacts"), load_settings(offline=True))
    result = runner.run("canny-control", {"image": str(tmp_path / "square.png")}, card)
    edges = open_image(result["files"][0]["path"])
    assert edges.size == (64, 48)
    assert {colour for _, colour in edges.getcolors() or []} == {(0, 0, 0), (255, 255, 255)}
    assert edges.getpixel((32, 24)) == (0, 0, 0)
    assert any(edges.getpixel((x, 24)) == (255, 255, 255) for x in range(14, 18))


def test_a_detector_whose_numbers_are_none_is_an_error(folder: Path, picture: str) -> None:
    from safetensors.torch import load_file, save_file

    card = BUILDERS["yolos"](folder / "broken")
    weights = load_file(folder / "broken" / "model.safetensors")
    broken = {name: tensor * float("nan") for name, tensor in weights.items()}
    save_file(broken, folder / "broken" / "model.safetensors", {"format": "pt"})
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    with pytest.raises(ModelRunError, match="no numbers"):
        runner.run("object-detection", {"image": picture}, card)


def test_a_caption_without_words_is_an_error(folder: Path, picture: str) -> None:
    from transformers import GenerationConfig

    card = BUILDERS["blip"](folder / "mute")
    settings = GenerationConfig.from_pretrained(folder / "mute")
    settings.suppress_tokens = list(range(4, 200))
    settings.save_pretrained(folder / "mute")
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    with pytest.raises(ModelRunError, match="no text"):
        runner.run("image-to-text", {"image": picture}, card)
