"""Films are made by real pipelines, through their LangChain tools, and can be played."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import pytest
from checkpoints_making import MAKERS
from PIL import Image
from tool_run import Run, tool_run

from hugginggraph.registry import ModelCard, ModelLoadError, ModelRunError, task_type
from hugginggraph.tools import (
    ModelPool,
    TaskResult,
    locate,
    open_image,
    sniff,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # schedulers
]

diffusion = import_module("hugginggraph.tools.diffusion")
video = import_module("hugginggraph.tools.diffusion_video")


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "PRESETS", (("", diffusion.Preset(2, 2)),))
        patch.setattr(
            video,
            "LENGTHS",
            (("stablev", video.Length(None, None, 7)), ("", video.Length(9, 9, 8))),
        )
        patch.setattr(video, "SMALLER", 7)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("film")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, MAKERS)


def played(result: TaskResult) -> list[Any]:
    """The pictures of a result's film, as a browser would show them."""
    (file,) = result["files"]
    assert file["kind"] == "video" == sniff(file["path"])
    with av.open(file["path"]) as container:
        stream: Any
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == result["value"]["frame_rate"]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    size = result["value"]["width"], result["value"]["height"]
    assert {(frame.shape[1], frame.shape[0]) for frame in frames} == {size}
    assert result["value"]["seconds"] == round(len(frames) / result["value"]["frame_rate"], 3)
    return frames


@pytest.mark.parametrize(
    ("model", "size"),
    [("text_to_video_sd", (64, 64)), ("motion_adapter", (64, 64)), ("ltx", (128, 64))],
)
def test_a_text_becomes_a_film(run: Run, model: str, size: tuple[int, int]) -> None:
    result = run(model, "text-to-video", text="a red circle")
    film = played(result)
    assert len(film) == 9
    assert (result["value"]["width"], result["value"]["height"]) == size
    assert any((frame != film[0]).any() for frame in film)
    assert run(model, "text-to-video", text="a red circle")["files"] == result["files"]
    assert run(model, "text-to-video", text="a red circle", seed="4")["files"] != result["files"]


@pytest.mark.parametrize(("model", "frames"), [("stable_video", 3), ("ltx", 9)])
def test_a_picture_becomes_a_film_in_its_shape(
    run: Run, picture: str, model: str, frames: int
) -> None:
    result = run(model, "image-to-video", image=picture, text="it moves")
    film = played(result)
    assert len(film) == frames
    assert result["value"]["width"] > result["value"]["height"]
    assert run(model, "image-to-video", image=picture, text="it moves")["files"] == result["files"]
    assert run(model, "image-to-video", image=picture, seed="1")["files"] != result["files"]


@pytest.mark.parametrize(
    ("model", "task", "why"),
    [
        ("stable_video", "text-to-video", "does not do text-to-video"),
        ("stable_diffusion", "text-to-video", "makes no films"),
        ("text_to_video_sd", "image-to-video", "does not do image-to-video"),
    ],
)
def test_a_pipeline_for_something_else_is_refused(
    run: Run, picture: str, model: str, task: str, why: str
) -> None:
    args = {"image": picture} if task == "image-to-video" else {"text": "a"}
    with pytest.raises(ModelLoadError, match=why):
        run(model, task, **args)


def test_a_message_names_the_task_that_runs_and_not_what_the_model_is_made_for(
    run: Run, folder: Path, picture: str
) -> None:
    """The model is loaded already for its own task, and its card names that one."""
    run("text_to_video_sd", "text-to-video", text="a")
    card = ModelCard(
        id="tests/film", task="text-to-video", library="diffusers", description="",
        path=folder / "text_to_video_sd",
    )  # fmt: skip
    pool = ModelPool()
    checkpoint = locate(card, offline=True, device="cpu")
    assert pool.run(task_type("text-to-video"), checkpoint, {"text": "a"}).media
    for _ in range(2):
        with pytest.raises(ModelLoadError, match="does not do image-to-video"):
            image = open_image(picture)
            pool.run(task_type("image-to-video"), checkpoint, {"image": image})


def test_a_film_has_even_sides_and_its_own_rate(tmp_path: Path) -> None:
    import numpy as np

    film = np.random.default_rng(0).integers(0, 255, (5, 33, 47, 3), np.uint8)
    output = video.film_output("tests/film", [Image.fromarray(frame) for frame in film], 12.5)
    assert output.value == {"seconds": 0.4, "frame_rate": 12.5, "width": 46, "height": 32}
    (tmp_path / "film.mp4").write_bytes(output.media[0].data)
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream: Any = container.streams.video[0]
        assert float(stream.average_rate) == 12.5
        assert (stream.width, stream.height, stream.frames) == (46, 32, 5)


@pytest.mark.parametrize(("value", "why"), [(float("nan"), "no numbers"), (0.5, "of one colour")])
def test_a_film_or_picture_without_content_is_an_error(value: float, why: str) -> None:
    import numpy as np

    card = ModelCard(id="tests/blank", task="text-to-video", library="diffusers", description="")
    checkpoint = import_module("hugginggraph.tools.runner").Checkpoint(card, "")
    for shape in ((32, 32, 3), (4, 32, 32, 3)):
        with pytest.raises(ModelRunError, match=why):
            diffusion.check_values(checkpoint, np.full(shape, value))
