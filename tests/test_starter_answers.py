"""A question about a picture of the world is planned to the answerer and truly answered offline."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.graph import Parts, build_graph
from hugginggraph.serve.starter import ask_with_runners
from hugginggraph.starter import CHECKPOINTS, draw_scene, seeds
from hugginggraph.starter.questions import question
from hugginggraph.starter.strangers import draw_stranger
from hugginggraph.starter.train_answerer import HINT


def _asked(parts: Parts, request: str, file: Path) -> dict[str, Any]:
    given: Any = {"request": request, "files": [str(file)]}
    out: dict[str, Any] = asyncio.run(build_graph(parts=parts).ainvoke(given))
    (task,) = out["plan"]["tasks"]
    assert task["task"] == "visual-question-answering"
    (choice,) = out["choices"].values()
    assert choice["model"] == "hugginggraph/shapes-answerer"
    return out


def test_a_question_about_a_picture_is_planned_and_answered_without_a_hub(
    parts: Parts, tmp_path: Path
) -> None:
    right = []
    for seed in seeds("test", 6, 200):
        scene = draw_scene(seed, n_objects=3)
        shapes = [each.shape for each in scene.objects]
        alone = [each for each in scene.objects if shapes.count(each.shape) == 1]
        if not alone or alone[0].label.startswith("digit"):
            continue
        scene.image.save(tmp_path / f"{seed}.png")
        out = _asked(parts, f"What color is the {alone[0].shape}?", tmp_path / f"{seed}.png")
        (result,) = out["results"].values()
        right.append(result["value"] == alone[0].colour)
        assert result["value"] in out["answer"]
        assert "shapes-answerer knows only drawn pictures" in out["answer"]
        if len(right) == 6:
            break
    assert sum(right) >= 5


@pytest.mark.parametrize("thing", ["dog", "car", "teapot"])
def test_what_no_picture_of_the_world_has_is_said_to_be_unknown(parts: Parts, thing: str) -> None:
    scene = CHECKPOINTS.resolve().parents[1] / "examples" / "scene.png"
    out = _asked(parts, f"What color is the {thing}?", scene)
    assert "unknown" in out["answer"]


def test_a_picture_from_outside_the_world_is_said_to_be_unknown() -> None:
    ask = ask_with_runners()
    said = []
    for seed in seeds("test", 5, 12):
        args = {"image": draw_stranger(seed), "question": "What color is the circle?"}
        said.append(ask("shapes-answerer", args).value)
    assert said.count("unknown") >= 10


def test_the_answerer_is_right_about_fresh_scenes() -> None:
    ask, right = ask_with_runners(), []
    for seed in seeds("test", 4, 60):
        scene = draw_scene(seed, size=(256, 256))
        asked = question(seed, scene)
        args = {"image": scene.image, "question": asked.text}
        right.append(ask("shapes-answerer", args).value == asked.answer)
    assert sum(right) / len(right) >= 0.8


def test_its_template_drops_the_hint_and_puts_the_question_first() -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(CHECKPOINTS / "shapes-answerer")
    asked = {"type": "image"}, {"type": "text", "text": f"What color is the star?{HINT}"}
    prompt = processor.apply_chat_template([{"role": "user", "content": list(asked)}])
    assert prompt == "What color is the star?<image>[ANSWER]"
    config = json.loads((CHECKPOINTS / "shapes-answerer" / "config.json").read_text())
    assert config["model_type"] == "llava"
