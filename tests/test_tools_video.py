"""What watches runs on real architectures through its LangChain tool."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest
from checkpoints import BUILDERS as PLAIN
from checkpoints_sound import ACTIONS, BUILDERS
from PIL import Image, ImageDraw
from tool_run import Run, tool_run

from hugginggraph.registry import (
    ModelLoadError,
    ModelRunError,
    UnreadableFileError,
    load_settings,
)
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner

film = import_module("hugginggraph.tools.film")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watching")


@pytest.fixture(scope="module")
def clips(folder: Path) -> Mapping[str, str]:
    """A square that moves right for 2 s, one that falls, and one single picture."""
    right: list[Image.Image] = []
    down: list[Image.Image] = []
    for i in range(16):
        for frames, place in ((right, (i * 5, 24)), (down, (40, i * 4))):
            frame = Image.new("RGB", (96, 72), "navy")
            ImageDraw.Draw(frame).rectangle((*place, place[0] + 15, place[1] + 15), fill="orange")
            frames.append(frame)
    for name, frames in {"right": right, "down": down, "one": right[:1]}.items():
        (folder / f"{name}.mp4").write_bytes(film.encode_film(frames, 8))
    return {name: str(folder / f"{name}.mp4") for name in ("right", "down", "one")}


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, PLAIN | BUILDERS)


@pytest.mark.parametrize("model", ["videomae", "timesformer", "vivit"])
def test_a_video_gets_the_five_best_classes_always_the_same(
    run: Run, clips: Mapping[str, str], model: str
) -> None:
    found = {}
    for name, path in clips.items():
        labels = run(model, "video-classification", video=path)["value"]
        scores = [each["score"] for each in labels]
        assert len(labels) == 5 and {each["label"] for each in labels} < set(ACTIONS)
        assert scores == sorted(scores, reverse=True) and 0.5 < sum(scores) <= 1.0001
        assert labels == run(model, "video-classification", video=path)["value"]
        found[name] = labels
    assert found["right"] != found["down"]


@pytest.mark.parametrize("model", ["git_video", "timesformer_gpt2", "blip", "llava"])
def test_a_video_is_told_in_words_always_the_same(
    run: Run, clips: Mapping[str, str], model: str
) -> None:
    for path in clips.values():
        text = run(model, "video-to-text", video=path)["value"]
        assert text and not any(mark in text for mark in ("[SEP]", "[CLS]", "</s>", "<pad>"))
        assert run(model, "video-to-text", video=path)["value"] == text


def test_a_captioner_of_pictures_says_the_same_words_once(
    run: Run, clips: Mapping[str, str]
) -> None:
    assert ", then " not in run("blip", "video-to-text", video=clips["one"])["value"]


def test_a_classifier_of_pictures_is_refused_for_videos(run: Run, clips: Mapping[str, str]) -> None:
    with pytest.raises(ModelLoadError):
        run("image_classifier", "video-classification", video=clips["right"])


def test_a_classifier_whose_numbers_are_none_is_an_error(
    folder: Path, clips: Mapping[str, str]
) -> None:
    from safetensors.torch import load_file, save_file

    card = BUILDERS["videomae"](folder / "broken")
    path = folder / "broken" / "model.safetensors"
    broken = {key: tensor * float("nan") for key, tensor in load_file(path).items()}
    save_file(broken, path, {"format": "pt"})
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    with pytest.raises(ModelRunError, match="no numbers"):
        runner.run("video-classification", {"video": clips["right"]}, card)


def test_what_is_no_video_is_refused_before_a_model_loads(run: Run, folder: Path) -> None:
    (folder / "text.mp4").write_text("hello")
    with pytest.raises(UnreadableFileError, match=r"text\.mp4"):
        run("videomae", "video-classification", video=str(folder / "text.mp4"))
