"""What hears runs on real architectures through its LangChain tool."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from checkpoints import BUILDERS as PLAIN
from checkpoints_sound import BUILDERS, SOUNDS
from numpy.typing import NDArray
from tool_run import Run, tool_run

from hugginggraph.registry import (
    ModelCard,
    ModelLoadError,
    ModelRunError,
    UnreadableFileError,
    WrongKindError,
    load_settings,
    task_type,
)
from hugginggraph.tools import (
    Artifacts,
    ModelPool,
    TaskRunner,
    locate,
    open_image,
    open_sound,
)
from hugginggraph.tools.calls import answer, load_run

audio = import_module("hugginggraph.tools.audio")
CTC = ["wav2vec2_ctc", "wav2vec2_layer_ctc", "hubert_ctc", "wav2vec2_bert_ctc"]
SEQ2SEQ = ["whisper", "speech2text", "moonshine"]


def beeps(seconds: float, rate: int, every: float = 3.0, long: float = 1.5) -> NDArray[np.float32]:
    """A rising tone that is there in the first `long` of each `every` seconds."""
    times = np.arange(round(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * (200 + 5 * times) * times)
    return (tone * (times % every < long)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(scope="module")
def sounds(folder: Path) -> Mapping[str, str]:
    """Files by name: 2 s at 44.1 kHz in stereo, 50 s at 8 kHz, 20 ms, 3 s of silence."""
    kinds = {"short": (2, 44_100), "long": (50, 8_000), "tiny": (0.02, 16_000)}
    for name, (seconds, rate) in kinds.items():
        samples = beeps(seconds, rate)
        soundfile.write(folder / f"{name}.wav", np.stack([samples, samples], 1), rate)
    soundfile.write(folder / "silence.wav", np.zeros(48_000), 16_000)
    return {name: str(folder / f"{name}.wav") for name in (*kinds, "silence")}


def by_loudness(folder: Path) -> ModelCard:
    return ModelCard(id="scipy/speech", task="", library="scipy", description="")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return tool_run(folder, PLAIN | BUILDERS | {"by_loudness": by_loudness})


@pytest.mark.parametrize("model", [*CTC, *SEQ2SEQ])
def test_speech_becomes_text_always_the_same_also_in_a_long_sound(
    run: Run, sounds: Mapping[str, str], model: str
) -> None:
    task = "automatic-speech-recognition"
    short, long = (run(model, task, audio=sounds[name])["value"] for name in ("short", "long"))
    assert short and long != short
    assert not any(mark in long for mark in ("<", "|>", "</s>", "<pad>"))
    assert run(model, task, audio=sounds["long"])["value"] == long


@pytest.mark.parametrize("model", [*CTC, *SEQ2SEQ])
def test_several_sounds_at_once_become_the_texts_that_they_become_one_by_one(
    folder: Path, sounds: Mapping[str, str], model: str
) -> None:
    card = BUILDERS[model](folder / f"{model} of several")
    task = task_type("automatic-speech-recognition")
    checkpoint = locate(card, offline=True, device="cpu")
    run = load_run(task, checkpoint)
    for number, seconds in enumerate((2.0, 1.3, 0.4)):
        soundfile.write(folder / f"{number}.wav", beeps(seconds, 16_000, 0.5, 0.2), 16_000)
    files = [sounds["short"], *(str(folder / f"{n}.wav") for n in range(3)), sounds["long"]]
    calls = [{"audio": open_sound(file)} for file in files]
    [heard] = checkpoint.parts.values()
    rows: list[int] = []

    def count(_: Any, args: Any, given: Mapping[str, Any]) -> None:
        rows.append(next(len(each) for each in (*args, *given.values()) if hasattr(each, "shape")))

    inside = heard.get_encoder() if model in SEQ2SEQ else heard
    inside.register_forward_pre_hook(count, with_kwargs=True)
    together = [each.value for each in answer(task, card.id, run, calls)]
    assert max(rows) >= (5 if model in ("whisper", "wav2vec2_layer_ctc") else 2)
    assert together == [answer(task, card.id, run, [call])[0].value for call in calls]
    assert len(set(together)) > 1


@pytest.mark.parametrize("model", ["wav2vec2_ctc", "whisper"])
def test_a_sound_of_milliseconds_is_heard_too(
    run: Run, sounds: Mapping[str, str], model: str
) -> None:
    assert run(model, "automatic-speech-recognition", audio=sounds["tiny"])["value"]


def test_a_writer_invents_nothing_where_there_is_silence(
    run: Run, sounds: Mapping[str, str]
) -> None:
    with pytest.raises(ModelRunError, match="wrote no text"):
        run("whisper", "automatic-speech-recognition", audio=sounds["silence"])


def test_a_model_that_does_not_hear_is_refused_by_name(run: Run, sounds: Mapping[str, str]) -> None:
    with pytest.raises(ModelLoadError, match=r"\(bert\) does not recognise speech"):
        run("text_classifier", "automatic-speech-recognition", audio=sounds["short"])


def test_a_headless_model_of_speech_is_refused(run: Run, sounds: Mapping[str, str]) -> None:
    with pytest.raises(ModelLoadError, match=r"lm_head.*random"):
        run("sound_classifier", "automatic-speech-recognition", audio=sounds["short"])


def test_windows_overlap_and_each_moment_is_kept_once() -> None:
    samples = np.arange(16_000 * 50, dtype=np.float32)
    kept = []
    for piece, before, after in audio.windows(samples, 16_000, 20.0, 3.0):
        assert len(piece) <= 16_000 * 20
        kept.append(piece[round(len(piece) * before) : len(piece) - round(len(piece) * after)])
    assert len(kept) == 4
    assert np.array_equal(np.concatenate(kept), samples)


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("", "It rained.", "It rained."),
        ("we went to the river and", "the river and stayed", "we went to the river and stayed"),
        ("To the big Riv", "the big River. All day.", "To the big River. All day."),
        ("one two three", "four five", "one two three four five"),
        ("all day", "", "all day"),
    ],
)
def test_words_that_two_windows_heard_are_written_once(before: str, after: str, whole: str) -> None:
    assert audio.joined(before, after) == whole


@pytest.mark.parametrize("model", ["sound_classifier", "ast"])
@pytest.mark.parametrize("name", ["short", "long", "tiny"])
def test_a_sound_gets_the_five_best_classes(
    run: Run, sounds: Mapping[str, str], model: str, name: str
) -> None:
    labels = run(model, "audio-classification", audio=sounds[name])["value"]
    scores = [each["score"] for each in labels]
    assert len(labels) == 5 and {each["label"] for each in labels} < set(SOUNDS)
    assert scores == sorted(scores, reverse=True) and 0.5 < sum(scores) <= 1.0001


@pytest.mark.parametrize("name", ["short", "long"])
def test_given_labels_are_scored_against_a_sound_each_once(
    run: Run, sounds: Mapping[str, str], name: str
) -> None:
    task, given = "zero-shot-audio-classification", ["a team", "the river", "rain", "a team"]
    labels = run("clap", task, audio=sounds[name], candidate_labels=given)["value"]
    assert {each["label"] for each in labels} == set(given)
    assert math.isclose(sum(each["score"] for each in labels), 1, abs_tol=1e-4)
    assert labels == run("clap", task, audio=sounds[name], candidate_labels=given)["value"]


def test_speech_is_found_where_it_is_in_a_long_sound(run: Run, sounds: Mapping[str, str]) -> None:
    result = run("speech_finder", "voice-activity-detection", audio=sounds["long"])
    found = result["value"]
    assert [each["start"] for each in found] == pytest.approx([3 * i for i in range(17)], abs=0.2)
    assert [each["end"] for each in found[:-1]] == pytest.approx(
        [3 * i + 1.5 for i in range(16)], abs=0.2
    )
    assert all(each["label"] == "speech" and 0.5 <= each["score"] <= 1 for each in found)
    assert found[1]["text"] == f"{found[1]['start']:.1f}–{found[1]['end']:.1f} s"
    (file,) = result["files"]
    assert file["kind"] == "image" and open_image(file["path"]).size == (900, 260)


@pytest.mark.parametrize(("hiss", "hum"), [(0.0, 0.0), (0.01, 0.0), (0.003, 0.02)])
def test_speech_is_found_without_a_model_by_its_loudness(
    run: Run, folder: Path, hiss: float, hum: float
) -> None:
    rate, chance = 22_050, np.random.default_rng(0)
    times = np.arange(12 * rate) / rate
    samples = beeps(12, rate) + hiss * chance.standard_normal(len(times))
    path = folder / f"{hiss}-{hum}.flac"
    soundfile.write(path, samples + hum * np.sin(2 * np.pi * 50 * times), rate)
    found = run("by_loudness", "voice-activity-detection", audio=str(path))["value"]
    assert [each["start"] for each in found] == pytest.approx([0, 3, 6, 9], abs=0.1)
    assert [each["end"] for each in found] == pytest.approx([1.5, 4.5, 7.5, 10.5], abs=0.1)


def test_nothing_is_speech_in_silence_or_steady_noise(
    run: Run, sounds: Mapping[str, str], folder: Path
) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(48_000)
    soundfile.write(folder / "hiss.wav", hiss, 16_000)
    for path in (sounds["silence"], str(folder / "hiss.wav")):
        assert run("by_loudness", "voice-activity-detection", audio=path)["value"] == []


def test_speech_is_where_any_of_the_speakers_speaks(run: Run, sounds: Mapping[str, str]) -> None:
    for each in run("diarizer", "voice-activity-detection", audio=sounds["short"])["value"]:
        assert 0 <= each["start"] < each["end"] <= 2


def test_flicker_is_neither_speech_nor_a_pause() -> None:
    scores = [0.9] * 50 + [0.1] * 5 + [0.9] * 45 + [0.0] * 98 + [0.9] * 2 + [0.0] * 100
    (only,) = audio.segments(scores, 6.0)
    assert (only["start"], only["end"], only["text"]) == (0, 2.0, "0.0–2.0 s")


def test_a_classifier_whose_numbers_are_none_is_an_error(
    folder: Path, sounds: Mapping[str, str]
) -> None:
    from safetensors.torch import load_file, save_file

    for name, task in (
        ("sound_classifier", "audio-classification"),
        ("wav2vec2_ctc", "automatic-speech-recognition"),
    ):
        card = BUILDERS[name](folder / f"broken_{name}")
        path = folder / f"broken_{name}" / "model.safetensors"
        broken = {key: tensor * float("nan") for key, tensor in load_file(path).items()}
        save_file(broken, path, {"format": "pt"})
        runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
        with pytest.raises(ModelRunError, match="no numbers"):
            runner.run(task, {"audio": sounds["short"]}, card)


def test_what_is_no_sound_is_refused_before_a_model_loads(run: Run, folder: Path) -> None:
    (folder / "text.wav").write_text("hello")
    with pytest.raises(UnreadableFileError, match=r"text\.wav"):
        run("whisper", "automatic-speech-recognition", audio=str(folder / "text.wav"))
    runner = TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))
    card = ModelCard(id="a/b", task="", library="transformers", description="")
    with pytest.raises(WrongKindError, match="takes a audio"):
        runner.run("automatic-speech-recognition", {"audio": 3}, card)
