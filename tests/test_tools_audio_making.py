"""What speaks and plays runs on real architectures through its LangChain tool."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from checkpoints import BUILDERS as PLAIN
from checkpoints_sound import BUILDERS
from tool_run import Run, tool_run

from hugginggraph.registry import (
    MissingExtraError,
    ModelCard,
    ModelLoadError,
    ModelRunError,
    load_settings,
)
from hugginggraph.tools import (
    Artifacts,
    ModelPool,
    TaskResult,
    TaskRunner,
    open_image,
    open_sound,
)

ONE = "The team won the final."
THREE = f"{ONE} Anna lives in Paris. We stayed home all day."
VOICES = {"vits": 22_050, "speecht5": 16_000, "bark": 24_000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("making")


@pytest.fixture(scope="module")
def recording(folder: Path) -> str:
    times = np.arange(2 * 44_100) / 44_100
    tone = 0.4 * np.sin(2 * np.pi * 220 * times)
    soundfile.write(folder / "talk.flac", np.stack([tone, tone], 1), 44_100)
    return str(folder / "talk.flac")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, PLAIN | BUILDERS)


def assert_sound(result: TaskResult, rate: int) -> None:
    """A WAV file that holds what the value says, and its picture."""
    wav, picture = result["files"]
    assert (wav["kind"], picture["kind"]) == ("audio", "image")
    heard = open_sound(wav["path"])
    assert heard.sample_rate == result["value"]["sample_rate"] == rate
    assert heard.seconds == pytest.approx(result["value"]["seconds"], abs=0.01)
    assert 0.001 < np.abs(heard.samples).max() <= 1
    assert open_image(picture["path"]).size == (900, 260)


@pytest.mark.parametrize("model", VOICES)
def test_a_text_is_read_aloud_always_the_same(run: Run, model: str) -> None:
    one, three = (run(model, "text-to-speech", text=text) for text in (ONE, THREE))
    assert_sound(one, VOICES[model])
    assert_sound(three, VOICES[model])
    assert three["value"]["seconds"] > one["value"]["seconds"] > 0.05
    assert run(model, "text-to-speech", text=THREE)["files"] == three["files"]


def test_a_voice_disturbs_nobody_elses_chance(run: Run) -> None:
    import torch

    run("vits", "text-to-speech", text=ONE)
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    run("vits", "text-to-speech", text=ONE)
    assert torch.equal(torch.rand(3), wanted)


def test_a_text_in_letters_that_a_voice_does_not_know_is_an_error(run: Run) -> None:
    with pytest.raises(ModelRunError, match="knows no letter"):
        run("vits", "text-to-speech", text="今日は")


def test_a_voice_that_reads_latin_letters_names_the_romanizer(run: Run, folder: Path) -> None:
    run("vits", "text-to-speech", text=ONE)
    shutil.copytree(folder / "vits", folder / "roman")
    path = folder / "roman" / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"is_uroman": True}))
    card = ModelCard(
        id="a/b", task="text-to-speech", library="transformers", description="",
        path=folder / "roman",
    )  # fmt: skip
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    assert runner.run("text-to-speech", {"text": ONE}, card)["value"]["seconds"] > 0.2
    with pytest.raises(MissingExtraError, match="pip install uroman"):
        runner.run("text-to-speech", {"text": "今日は"}, card)


def test_a_voice_that_needs_another_library_names_it(run: Run) -> None:
    with pytest.raises(MissingExtraError, match="pip install g2p-en"):
        run("fastspeech2", "text-to-speech", text=ONE)


def test_speecht5_without_its_vocoder_says_what_to_fetch(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = BUILDERS["speecht5"](folder / "mute")
    shutil.rmtree(folder / "mute" / "vocoder")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "cache"))
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    with pytest.raises(ModelLoadError, match="hf download microsoft/speecht5_hifigan"):
        runner.run("text-to-speech", {"text": ONE}, card)


def test_another_speaker_is_another_voice(run: Run, folder: Path) -> None:
    mine = run("speecht5", "text-to-speech", text=ONE)["files"]
    card = BUILDERS["speecht5"](folder / "nobody")
    (folder / "nobody" / "speaker.safetensors").unlink()
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    nobodys = runner.run("text-to-speech", {"text": ONE}, card)
    assert_sound(nobodys, 16_000)
    assert Path(nobodys["files"][0]["path"]).read_bytes() != Path(mine[0]["path"]).read_bytes()


def test_silence_is_not_speech(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    card = BUILDERS["vits"](folder / "silent")
    path = folder / "silent" / "model.safetensors"
    weights = load_file(path)
    for name in [name for name in weights if "decoder.conv_post" in name]:
        weights[name] = weights[name] * 0
    save_file(weights, path, {"format": "pt"})
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    with pytest.raises(ModelRunError, match="only silence"):
        runner.run("text-to-speech", {"text": ONE}, card)


@pytest.mark.parametrize("task", ["text-to-speech", "audio-to-audio", "text-to-audio"])
def test_a_model_of_another_kind_is_refused_by_name(run: Run, recording: str, task: str) -> None:
    args = {"audio": recording} if task == "audio-to-audio" else {"text": ONE}
    with pytest.raises(ModelLoadError):
        run("text_classifier", task, **args)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")  # Diffusers' own Oobleck
@pytest.mark.parametrize(
    ("model", "channels"), [("musicgen", 1), ("musicgen_stereo", 2), ("stable_audio", 2)]
)
def test_a_description_becomes_music_always_the_same(run: Run, model: str, channels: int) -> None:
    result = run(model, "text-to-audio", text="a small river")
    assert_sound(result, 3200)
    assert result["value"]["channels"] == channels
    assert result["value"]["seconds"] == pytest.approx(1.7, abs=0.4)
    assert run(model, "text-to-audio", text="a small river")["files"] == result["files"]
    other = run(model, "text-to-audio", text="red circle on white")
    assert other["files"] != result["files"]


def test_a_recording_is_said_again_in_another_voice(run: Run, recording: str) -> None:
    result = run("speecht5_voice", "audio-to-audio", audio=recording)
    assert_sound(result, 16_000)
    assert 1 < result["value"]["seconds"] < 5
    assert run("speecht5_voice", "audio-to-audio", audio=recording)["files"] == result["files"]
