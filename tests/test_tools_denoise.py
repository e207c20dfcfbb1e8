"""Hum and hiss go out of a recording, whatever its rate and length; what is wanted stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from hugginggraph.registry import (
    ModelCard,
    ModelLoadError,
    UnsupportedFileError,
    load_settings,
    model_cards,
)
from hugginggraph.starter.scores import si_sdr
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner, hum_of, open_sound

Samples = NDArray[np.float32]
RATE = 16_000


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> TaskRunner:
    folder = tmp_path_factory.mktemp("cleaned")
    return TaskRunner(ModelPool(), Artifacts(folder), load_settings(offline=True))


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return next(each for each in model_cards() if each.id == "hugginggraph/world-denoiser")


def voice(seconds: float, rate: int) -> Samples:
    """Harmonics that glide, with pauses between them."""
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * (140 * time - 8 * np.cos(2 * np.pi * 0.7 * time))
    made = sum(np.sin(n * phase) / n for n in range(1, 12)) * (time % 1 < 0.6)
    return np.asarray(0.2 * made, np.float32)


def hiss(samples: Samples, decibels: float) -> Samples:
    rng = np.random.default_rng(0)
    loud = np.std(samples) * 10 ** (-decibels / 20)
    return rng.normal(0, loud, len(samples)).astype(np.float32)


def mains(first: float, length: int, rate: int) -> Samples:
    time = 2 * np.pi * first * np.arange(length) / rate
    return np.asarray(0.05 * sum(np.sin(n * time + n) / n for n in range(1, 7)), np.float32)


def cleaned(runner: TaskRunner, card: ModelCard, path: Path) -> tuple[Samples, int]:
    result = runner.run("audio-to-audio", {"audio": str(path)}, card)
    heard = open_sound(result["files"][0]["path"])
    return heard.samples, heard.sample_rate


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_hiss_goes_and_the_voice_stays_at_any_rate(
    runner: TaskRunner, card: ModelCard, tmp_path: Path, rate: int
) -> None:
    clean = voice(3, rate)
    noisy = clean + hiss(clean, 15)
    soundfile.write(tmp_path / "noisy.wav", np.stack([noisy, noisy], 1), rate, subtype="PCM_24")
    heard, at = cleaned(runner, card, tmp_path / "noisy.wav")
    assert (len(heard), at) == (len(clean), rate)
    assert si_sdr(heard, clean) > si_sdr(noisy, clean) + 6
    assert np.std(heard) == pytest.approx(np.std(clean), rel=0.05)


def test_what_is_clean_stays_as_it_is(runner: TaskRunner, card: ModelCard, tmp_path: Path) -> None:
    clean = voice(3, RATE)
    soundfile.write(tmp_path / "clean.wav", clean, RATE)
    assert si_sdr(cleaned(runner, card, tmp_path / "clean.wav")[0], clean) > 30


def test_a_long_recording_is_cleaned_in_pieces_without_a_seam(
    runner: TaskRunner, card: ModelCard, tmp_path: Path
) -> None:
    clean = voice(40, RATE)
    noisy = clean + hiss(clean, 15) + mains(50, len(clean), RATE)
    soundfile.write(tmp_path / "long.flac", noisy, RATE)
    heard, _ = cleaned(runner, card, tmp_path / "long.flac")
    wrong = np.square(heard - clean).reshape(-1, RATE // 4).mean(1)
    assert wrong.max() < 0.3 * np.square(noisy - clean).mean()


@pytest.mark.parametrize("samples", [1, 100, 5_000])
def test_a_very_short_sound_keeps_its_length(
    runner: TaskRunner, card: ModelCard, tmp_path: Path, samples: int
) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(samples, 0.5, np.float32), RATE)
    assert len(cleaned(runner, card, tmp_path / "short.wav")[0]) == samples


def test_silence_is_named_and_not_cleaned(
    runner: TaskRunner, card: ModelCard, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "nothing.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(UnsupportedFileError, match=r"nothing\.wav.*silence"):
        cleaned(runner, card, tmp_path / "nothing.wav")


def test_the_answer_says_when_most_of_a_recording_was_taken_for_noise(
    runner: TaskRunner, card: ModelCard, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "sea.wav", hiss(voice(3, RATE), 0), RATE)
    value = runner.run("audio-to-audio", {"audio": str(tmp_path / "sea.wav")}, card)["value"]
    assert value["note"].endswith("% of the sound was steady and taken for noise")
    soundfile.write(tmp_path / "talk.wav", voice(3, RATE), RATE)
    value = runner.run("audio-to-audio", {"audio": str(tmp_path / "talk.wav")}, card)["value"]
    assert "note" not in value


@pytest.mark.parametrize(("rate", "first"), [(8_000, 50.0), (44_100, 60.0), (16_000, 119.7)])
def test_hum_is_found_under_a_voice_and_subtracted(rate: int, first: float) -> None:
    clean = voice(4, rate)
    wanted = mains(first, len(clean), rate)
    found = hum_of(clean + wanted + hiss(clean, 25), rate)
    assert si_sdr(found, wanted) > 15


@pytest.mark.parametrize("tones", [(440,), (300, 375, 450), (196, 247, 294)])
def test_a_note_and_a_chord_are_no_hum(tones: tuple[int, ...]) -> None:
    time = 2 * np.pi * np.arange(3 * RATE) / RATE
    chord = np.asarray([np.sin(tone * time) for tone in tones], np.float32).mean(0)
    assert not hum_of(chord + hiss(chord, 30), RATE).any()


def test_a_voice_alone_has_no_hum() -> None:
    assert not hum_of(voice(4, RATE) + hiss(voice(4, RATE), 20), RATE).any()


def test_a_unet_for_pictures_is_refused_by_name(
    runner: TaskRunner, card: ModelCard, tmp_path: Path
) -> None:
    config = {"_class_name": "UNet2DModel", "in_channels": 3, "out_channels": 3}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    soundfile.write(tmp_path / "a.wav", voice(1, RATE), RATE)
    painter = card.model_copy(update={"id": "acme/painter", "path": tmp_path})
    with pytest.raises(ModelLoadError, match="'acme/painter' does not take noise out"):
        cleaned(runner, painter, tmp_path / "a.wav")
