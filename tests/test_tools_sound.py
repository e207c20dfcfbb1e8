"""Sounds and videos are read in every odd form, refused by name, and written for browsers."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hugginggraph.registry import (
    CancelledRunError,
    EmptyFileError,
    FileMissingError,
    ModelRunError,
    ResourceError,
    UnreadableFileError,
    UnsupportedFileError,
)
from hugginggraph.tools import Progress, cancel_scope, open_film, open_sound, progress_to, sniff

sound = import_module("hugginggraph.tools.sound")
film = import_module("hugginggraph.tools.film")
Samples = NDArray[np.float32]


def tone(
    seconds: float = 1.0, rate: int = 16_000, pitch: float = 440, loud: float = 0.5
) -> Samples:
    times = np.arange(round(seconds * rate)) / rate
    return (loud * np.sin(2 * np.pi * pitch * times)).astype(np.float32)


def pitch_of(samples: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def save_by_av(path: Path, codec: str, samples: Samples, rate: int) -> None:
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream(codec, rate=rate)
        track.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(track.encode(frame))
        container.mux(track.encode())


def moving_square(count: int = 12, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    """A red square that goes from left to right over blue."""
    frames = []
    for i in range(count):
        frame = Image.new("RGB", size, "blue")
        x = i * (size[0] - 16) // max(count - 1, 1)
        ImageDraw.Draw(frame).rectangle((x, 16, x + 15, 31), fill="red")
        frames.append(frame)
    return frames


def square_at(frame: Image.Image) -> float:
    red = np.asarray(frame)[..., 0].astype(int) - np.asarray(frame)[..., 2]
    return float(np.argwhere(red > 100)[:, 1].mean())


def save_film(path: Path, count: int = 12, rate: float = 6, **more: Any) -> str:
    path.write_bytes(film.encode_film(moving_square(count), rate, **more))
    return str(path)


ODD = {
    "8_bit.wav": ("PCM_U8", 16_000, 1),
    "24_bit.wav": ("PCM_24", 44_100, 2),
    "32_bit.wav": ("PCM_32", 48_000, 1),
    "float.wav": ("FLOAT", 22_050, 1),
    "double.wav": ("DOUBLE", 16_000, 1),
    "law.wav": ("ULAW", 8_000, 1),
    "five.wav": ("PCM_16", 16_000, 5),
    "phone.wav": ("PCM_16", 8_000, 1),
    "studio.flac": ("PCM_24", 96_000, 2),
    "music.ogg": ("VORBIS", 44_100, 2),
    "song.mp3": ("MPEG_LAYER_III", 44_100, 2),
    "mac.aiff": ("PCM_16", 11_025, 1),
}


@pytest.mark.parametrize("name", ODD)
def test_any_sample_format_rate_and_channel_count_is_heard_as_one_channel(
    tmp_path: Path, name: str
) -> None:
    subtype, rate, channels = ODD[name]
    path = tmp_path / name
    data = np.repeat(tone(1.0, rate)[:, None], channels, axis=1)
    soundfile.write(path, data, rate, subtype=subtype)
    recording = open_sound(path)
    assert sniff(path) == "audio"
    assert recording.sample_rate == rate
    assert recording.seconds == pytest.approx(1, abs=0.06)
    heard = recording.waveform(16_000)
    assert heard.dtype == np.float32 and heard.ndim == 1
    assert len(heard) == pytest.approx(16_000, abs=1000)
    assert pitch_of(heard, 16_000) == pytest.approx(440, abs=2)
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"), [("talk.m4a", "aac"), ("talk.opus", "libopus"), ("talk.mka", "aac")]
)
def test_what_soundfile_does_not_know_is_read_by_pyav(
    tmp_path: Path, name: str, codec: str
) -> None:
    save_by_av(tmp_path / name, codec, tone(1.5, 48_000), 48_000)
    recording = open_sound(tmp_path / name)
    assert recording.seconds == pytest.approx(1.5, abs=0.1)
    assert pitch_of(recording.waveform(16_000), 16_000) == pytest.approx(440, abs=2)


def test_a_wrong_name_does_not_matter_to_the_ear(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(), 16_000)
    (tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert open_sound(tmp_path / "a.wav").seconds == 1


def test_a_tone_above_the_wanted_rate_is_not_mirrored(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "high.wav", tone(1, 48_000, pitch=11_000), 48_000)
    assert np.abs(open_sound(tmp_path / "high.wav").waveform(16_000)[500:-500]).max() < 0.01


def test_samples_beyond_one_are_scaled_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", tone() * 40, 16_000, subtype="FLOAT")
    assert np.abs(open_sound(tmp_path / "loud.wav").samples).max() == pytest.approx(1)


def _truncated_wav(path: Path) -> None:
    soundfile.write(path, tone(2), 16_000)
    path.write_bytes(path.read_bytes()[:20_000])


def _truncated_flac(path: Path) -> None:
    soundfile.write(path, tone(2) + np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    path.write_bytes(path.read_bytes()[:20_000])


def _truncated_m4a(path: Path) -> None:
    save_by_av(path, "aac", tone(2, 48_000), 48_000)
    path.write_bytes(path.read_bytes()[:8_000])


def _headless(path: Path) -> None:
    soundfile.write(path, tone(), 16_000)
    path.write_bytes(path.read_bytes()[60:])


def _nan(path: Path) -> None:
    soundfile.write(path, tone() * np.nan, 16_000, subtype="FLOAT")


def _playlist(path: Path) -> None:
    soundfile.write(path.with_name("secret.wav"), tone(), 16_000)
    path.write_text("#EXTM3U\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n")


@pytest.mark.parametrize(
    ("name", "make", "error"),
    [
        ("gone.wav", lambda path: None, FileMissingError),
        ("empty.wav", lambda path: path.write_bytes(b""), EmptyFileError),
        ("mute.wav", lambda path: soundfile.write(path, tone(0), 16_000), EmptyFileError),
        ("text.wav", lambda path: path.write_text("hello " * 99), UnreadableFileError),
        ("text.mp3", lambda path: path.write_text("hello " * 99), UnreadableFileError),
        ("noise.m4a", lambda path: path.write_bytes(bytes(range(256)) * 40), UnreadableFileError),
        ("zeros.wav", lambda path: path.write_bytes(b"\0" * 9000), UnreadableFileError),
        ("picture.wav", lambda path: Image.new("RGB", (9, 9)).save(path, "PNG"), ResourceError),
        ("cut.wav", _truncated_wav, UnreadableFileError),
        ("cut.flac", _truncated_flac, UnreadableFileError),
        ("cut.m4a", _truncated_m4a, UnreadableFileError),
        ("headless.wav", _headless, UnreadableFileError),
        ("nan.wav", _nan, UnreadableFileError),
        ("list.m3u8", _playlist, UnreadableFileError),
    ],
)
def test_a_bad_sound_is_refused_by_name_within_a_second(
    tmp_path: Path, name: str, make: Callable[[Path], Any], error: type[ResourceError]
) -> None:
    make(tmp_path / name)
    open_sound_of_another_file(tmp_path)
    began = time.perf_counter()
    with pytest.raises(error, match=name.replace(".", r"\.")):
        open_sound(tmp_path / name)
    assert time.perf_counter() - began < 1


def open_sound_of_another_file(folder: Path) -> None:
    """Loads the libraries, whose import is not what is timed."""
    soundfile.write(folder / "other.wav", tone(), 16_000)
    open_sound(folder / "other.wav").waveform(8_000)


def test_a_sound_longer_than_an_hour_is_refused_from_its_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", np.zeros(3601 * 1000, np.float32), 1000)
    with pytest.raises(UnsupportedFileError, match="longer than 60 minutes"):
        open_sound(tmp_path / "long.flac")


def test_a_wav_from_a_pipe_has_no_length_and_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "pipe.wav", tone(), 16_000)
    data = bytearray((tmp_path / "pipe.wav").read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "pipe.wav").write_bytes(data)
    assert open_sound(tmp_path / "pipe.wav").seconds == pytest.approx(1, abs=0.01)


def test_a_made_sound_is_a_wav_of_16_bits_and_a_picture_of_its_wave() -> None:
    output = sound.sound_output("m", tone(1.5, 22_050), 22_050, note="a tone")
    assert output.value == {
        "seconds": 1.5, "sample_rate": 22_050, "channels": 1, "note": "a tone",
    }  # fmt: skip
    wav, picture = output.media
    assert (wav.kind, wav.suffix, picture.kind, picture.suffix) == (
        "audio", ".wav", "image", ".png",
    )  # fmt: skip
    info = soundfile.info(io.BytesIO(wav.data))
    assert (info.subtype, info.samplerate, info.frames) == ("PCM_16", 22_050, 33_075)
    assert Image.open(io.BytesIO(picture.data)).size == (900, 260)


@pytest.mark.parametrize(
    ("samples", "message"),
    [(tone() * 0, "only silence"), (tone() * np.nan, "no numbers"), (tone(0), "no samples")],
)
def test_silence_and_what_is_no_number_are_errors(samples: Samples, message: str) -> None:
    with pytest.raises(ModelRunError, match=message):
        sound.sound_output("m", samples, 16_000)


def test_a_waveform_shows_where_the_sound_is() -> None:
    half = np.concatenate([tone(1), np.zeros(16_000, np.float32)])
    ink = np.asarray(sound.draw_waveform(half, 16_000))[:220, :, 0] < 100
    assert ink[:, 30:440].sum() > 100 * ink[:, 480:870].sum() / 4
    marked = np.asarray(sound.draw_waveform(half, 16_000, [(1.2, 1.8)]))
    assert tuple(marked[20, 650]) == (0xF7, 0xD9, 0xB0)


@pytest.mark.parametrize("seconds", [0.004, 0.3, 7, 95, 3600])
def test_a_time_axis_has_a_handful_of_round_marks(seconds: float) -> None:
    assert 3 <= seconds / sound._tick(seconds) <= 10


def test_a_film_is_h264_for_browsers_with_even_sides_and_its_header_first(tmp_path: Path) -> None:
    data = film.encode_film(moving_square(10, (65, 49)), 12.5)
    assert data.index(b"moov") < data.index(b"mdat")
    (tmp_path / "film.mp4").write_bytes(data)
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (64, 48)
        assert stream.average_rate == Fraction(25, 2)
    assert sniff(tmp_path / "film.mp4") == "video"


def test_pictures_are_taken_evenly_and_in_order(tmp_path: Path) -> None:
    clip = open_film(save_film(tmp_path / "film.mp4", 24, 6))
    assert (clip.width, clip.height, clip.frame_rate) == (64, 48, 6)
    assert clip.seconds == pytest.approx(4)
    places = [square_at(frame) for frame in clip.frames(4)]
    assert places == pytest.approx([13.5, 26, 37.5, 50], abs=3.5)


def test_more_pictures_than_there_are_repeat_some(tmp_path: Path) -> None:
    frames = open_film(save_film(tmp_path / "film.mp4", 3, 6)).frames(8)
    assert len(frames) == 8
    assert sorted(map(square_at, frames)) == list(map(square_at, frames))
    assert len(open_film(save_film(tmp_path / "one.mp4", 1, 6)).frames(2)) == 2


def test_far_apart_pictures_of_a_long_film_are_sought(tmp_path: Path) -> None:
    clip = open_film(save_film(tmp_path / "long.mp4", 240, 2))
    places = [square_at(frame) for frame in clip.frames(6)]
    assert places == pytest.approx([7.5 + 48 * (i + 0.5) / 6 for i in range(6)], abs=2)


def test_a_film_recorded_upright_is_turned(tmp_path: Path) -> None:
    path = Path(save_film(tmp_path / "phone.mp4"))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    numbers = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]
    data[at : at + 36] = b"".join(each.to_bytes(4, "big", signed=True) for each in numbers)
    path.write_bytes(data)
    clip = open_film(path)
    assert (clip.width, clip.height) == (48, 64)
    (frame,) = clip.frames(1)
    assert frame.size == (48, 64)
    red = np.argwhere(np.asarray(frame)[..., 0] > 128)
    assert np.ptp(red[:, 0]) == np.ptp(red[:, 1]) == pytest.approx(15, abs=2)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_other_containers_are_read(tmp_path: Path, name: str, codec: str) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        stream: Any = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in moving_square(10):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clip = open_film(tmp_path / name)
    assert clip.seconds == pytest.approx(2, abs=0.3)
    places = [square_at(frame) for frame in clip.frames(3)]
    assert places == sorted(places) and places[0] < 25 < 40 < places[2]


def test_a_film_is_dubbed_and_its_sound_is_heard(tmp_path: Path) -> None:
    path = save_film(tmp_path / "dub.mp4", 12, 6, sound=(tone(1.5, 22_050), 22_050))
    recording = open_film(path).sound()
    assert recording.seconds == pytest.approx(1.5, abs=0.1)
    assert pitch_of(recording.waveform(16_000), 16_000) == pytest.approx(440, abs=2)
    assert open_film(path).seconds == pytest.approx(2)


def test_a_film_without_sound_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFileError, match="has no sound"):
        open_sound(save_film(tmp_path / "film.mp4"))


def _cut_film(path: Path) -> None:
    save_film(path)
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize(
    ("name", "make", "error"),
    [
        ("gone.mp4", lambda path: None, FileMissingError),
        ("empty.mp4", lambda path: path.write_bytes(b""), EmptyFileError),
        ("text.mp4", lambda path: path.write_text("hello " * 99), UnreadableFileError),
        ("cut.mp4", _cut_film, UnreadableFileError),
        ("sound.mp4", lambda path: save_by_av(path, "aac", tone(1, 48_000), 48_000), ResourceError),
        ("wave.mp4", lambda path: soundfile.write(path, tone(), 16_000, format="WAV"),
         UnreadableFileError),
    ],
)  # fmt: skip
def test_a_bad_film_is_refused_by_name_within_a_second(
    tmp_path: Path, name: str, make: Callable[[Path], Any], error: type[ResourceError]
) -> None:
    make(tmp_path / name)
    began = time.perf_counter()
    with pytest.raises(error, match=name.replace(".", r"\.")):
        open_film(tmp_path / name)
    assert time.perf_counter() - began < 1


def test_a_made_film_says_what_it_is_and_flat_pictures_are_an_error() -> None:
    output = film.film_output("m", moving_square(6), 4, note="a square")
    assert output.value == {
        "seconds": 1.5, "frame_rate": 4, "width": 64, "height": 48, "note": "a square",
    }  # fmt: skip
    assert [(media.kind, media.suffix) for media in output.media] == [("video", ".mp4")]
    with pytest.raises(ModelRunError, match="flat colour"):
        film.film_output("m", [Image.new("RGB", (8, 8))] * 3, 4)
    with pytest.raises(ModelRunError, match="no pictures"):
        film.film_output("m", [], 4)


def test_how_far_the_reading_of_a_long_sound_is_is_told_and_it_can_be_stopped(
    tmp_path: Path,
) -> None:
    path = tmp_path / "long.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (601_000, 2)).astype(np.float32)
    soundfile.write(path, noise, 1_000, subtype="FLOAT")
    told: list[Progress] = []
    with progress_to(told.append):
        samples = open_sound(path).samples
    assert np.allclose(samples, noise.mean(axis=1), atol=1e-6)
    assert {(each["state"], each["unit"]) for each in told} == {("loading", "seconds of sound")}
    assert told[0]["done"] < told[-1]["done"] == told[-1]["total"] == 601
    with cancel_scope() as stop, pytest.raises(CancelledRunError):
        stop.set()
        open_sound(path)
