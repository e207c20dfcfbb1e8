"""Sound in and out: any audio file, or the sound track of a video, as samples; WAV files out.

soundfile reads what libsndfile knows (WAV, FLAC, OGG, MP3, AIFF), PyAV the rest (M4A, video).
Not covered: more than one channel out of a file (they are mixed), raw samples without a header.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hugginggraph.registry import (
    EmptyFileError,
    ModelRunError,
    UnreadableFileError,
    UnsupportedFileError,
)

from .cancel import check_cancelled
from .media import AV_OPTIONS, check_there, encode_png
from .progress import report
from .runner import Media, Output
from .values import Sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Samples: TypeAlias = NDArray[np.float32]

MAX_SECONDS = 3600
RATES = 1_000, 768_000
"""Sample rates that a sound can have."""
BLOCK = 1 << 18
"""Frames read at a time, so that many channels take no more memory than one."""
LOST = 0.1
"""A file that holds this share less sound than its header says was cut off."""
LONG = 300
"""Seconds from which on the reading of a sound is reported."""
SILENT = 1e-4
"""A peak below this (-80 dB) is silence."""

INK, PAPER, AXIS, MARK = "#0072B2", "white", "#444444", "#F7D9B0"


@dataclass(frozen=True)
class Recording:
    """A sound in memory: float32 samples in -1..1, one channel, and the file it came from."""

    path: Path
    samples: Samples
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate

    def waveform(self, rate: int) -> Samples:
        """The samples (n,) at another rate, low-passed so that nothing is mirrored."""
        return resample(self.samples, self.sample_rate, rate)


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """Samples (n,) at one rate as float32 samples at another."""
    import numpy as np

    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    shared = math.gcd(rate, wanted)
    moved = resample_poly(samples.astype(np.float32), wanted // shared, rate // shared)
    clipped: Samples = np.clip(moved, -1, 1).astype(np.float32)
    return clipped


def open_sound(path: str | Path) -> Recording:
    """The sound in an audio file, or of a video, with its channels mixed to one.

    Raises:
        ResourceError: one of its named kinds; more than an hour is unsupported.
    """
    import numpy as np

    path = Path(path)
    check_there(path)
    blocks, rate, promised = _read(path)
    if not RATES[0] <= rate <= RATES[1]:
        raise UnreadableFileError(
            f"The sound '{path.name}' says that it has {rate:,} samples a second.",
            "Save it again, for instance with 44,100.",
        )
    blocks = [block for block in blocks if len(block)]
    if not blocks:
        raise EmptyFileError(f"The sound '{path.name}' holds no samples.", "Give another file.")
    bounds = [float(bound) for block in blocks for bound in (block.min(), block.max())]
    if not all(map(math.isfinite, bounds)):
        raise UnreadableFileError(
            f"The sound '{path.name}' holds samples that are not numbers.", "Save it again."
        )
    samples = np.concatenate(blocks)
    if len(samples) < promised * (1 - LOST) or _cut_off(path):
        raise UnreadableFileError(
            f"The sound '{path.name}' is cut off: {len(samples) / rate:.1f} s are there.",
            "Save or fetch it again.",
        )
    peak = max(map(abs, bounds))
    if peak > 1:
        samples /= peak
    return Recording(path, samples, rate)


def _read(path: Path) -> tuple[list[Samples], int, int]:
    """Blocks of one channel, the sample rate, and how many samples the header promises."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            _check_length(path, file.frames / file.samplerate)
            blocks: list[Samples] = []
            for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
                blocks.append(_mixed(block))
                _tell(len(blocks) * BLOCK, file.frames, file.samplerate)
            return blocks, file.samplerate, file.frames
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return _read_track(path)


def _mixed(block: Samples) -> Samples:
    """The mean of the channels of a block (n, channels), added one by one: four times quicker."""
    mixed: Samples = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mixed += block[:, channel]
    mixed /= block.shape[1]
    return mixed


def _tell(done: int, frames: int, rate: int) -> None:
    """Says how far the reading of a long sound is, and stops it where the run was stopped."""
    check_cancelled()
    if frames > LONG * rate:
        report("loading", min(done, frames) // rate, frames // rate, "seconds of sound")


def _read_track(path: Path) -> tuple[list[Samples], int, int]:
    import av
    import numpy as np

    with open_container(path) as container:
        if not container.streams.audio:
            raise UnsupportedFileError(
                f"'{path.name}' has no sound.", "Give a file with sound in it."
            )
        stream = decodable(path, container.streams.audio[0])
        rate = stream.rate
        seconds = (container.duration or 0) / av.time_base
        _check_length(path, seconds)
        mixer = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        blocks: list[Samples] = []
        length = 0
        for frame in container.decode(stream):
            for mixed in mixer.resample(frame):
                blocks.append(mixed.to_ndarray()[0].astype(np.float32))
                length += len(blocks[-1])
            _check_length(path, length / rate)
            _tell(length, int(seconds * rate), rate)
        # A video's pictures may go on after its sound has ended.
        promised = 0 if container.streams.video else int(seconds * rate)
        return blocks, rate, promised


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """A PyAV container to read from; what FFmpeg raises meanwhile becomes a named error.

    Only formats that hold their own data are opened: a playlist could name other files.
    """
    import av

    try:
        with av.open(str(path), options=AV_OPTIONS, metadata_errors="replace") as container:
            for stream in container.streams.video:
                stream.thread_type = "AUTO"
            yield container
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as exc:
        raise UnreadableFileError(
            f"'{path.name}' is not a sound or video that can be read, or it is damaged.",
            "Save or fetch it again, for instance as WAV, MP3 or MP4.",
        ) from exc


def decodable(path: Path, stream: Any) -> Any:
    """The stream of a container, where FFmpeg knows how its samples or pictures are packed.

    Raises:
        UnsupportedFileError: it does not.
    """
    if stream.codec_context is None:
        raise UnsupportedFileError(
            f"'{path.name}' is packed in a way that nothing here can unpack.",
            "Save it again, for instance as WAV, MP3 or MP4.",
        )
    return stream


def _check_length(path: Path, seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise UnsupportedFileError(
            f"'{path.name}' is longer than {MAX_SECONDS // 60} minutes.", "Give a part of it."
        )


def _cut_off(path: Path) -> bool:
    """Whether a WAV file ends before its data does; libsndfile reads such a file silently."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":  # 0 and the largest number mean that it was written to a pipe
                whole = file.tell() + length * (1 - LOST)
                return bool(0 < length < 0xFFFF_FF00 and whole > size)
            file.seek(length + length % 2, io.SEEK_CUR)
    return False


def encode_wav(samples: Samples, rate: int) -> bytes:
    """Samples in -1..1, (n,) or (n, channels), as the bytes of a 16-bit WAV file."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def sound_output(model_id: str, samples: Samples, rate: int, note: str = "") -> Output:
    """The result of a run that made a sound: the WAV file, and its waveform as a picture.

    Raises:
        ModelRunError: there is no sound, only silence, or what is no number.
    """
    import numpy as np

    samples = np.asarray(samples, np.float32)
    if not samples.size or not np.isfinite(samples).all():
        what = "samples that are no numbers" if samples.size else "no samples"
        raise ModelRunError(f"The model '{model_id}' gave {what}.", "Try another model.")
    peak = float(np.abs(samples).max())
    if peak < SILENT:
        raise ModelRunError(f"The model '{model_id}' gave only silence.", "Try another model.")
    samples = samples / max(peak, 1)
    value: Sound = {
        "seconds": round(len(samples) / rate, 3),
        "sample_rate": rate,
        "channels": 1 if samples.ndim == 1 else samples.shape[1],
    }
    if note:
        value["note"] = note
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    return Output(
        value,
        (
            Media("audio", encode_wav(samples, rate), ".wav"),
            Media("image", encode_png(draw_waveform(mono, rate)), ".png"),
        ),
    )


def draw_waveform(samples: Samples, rate: int, marks: Sequence[tuple[float, float]] = ()) -> Image:
    """The waveform as a picture of 900 × 260 pixels, its axis in seconds.

    ``marks`` are spans in seconds that get a background of their own.
    """
    import numpy as np
    from PIL import Image as Pictures, ImageDraw, ImageFont

    wide, high, left, top, foot = 900, 260, 16, 12, 36
    across, middle = wide - 2 * left, (high - foot + top) / 2
    seconds = len(samples) / rate
    image = Pictures.new("RGB", (wide, high), PAPER)
    draw = ImageDraw.Draw(image)
    for start, end in marks:
        x0, x1 = (left + across * min(each / seconds, 1) for each in (start, end))
        draw.rectangle((x0, top, max(x1, x0 + 1), high - foot), fill=MARK)
    peak = max(float(np.abs(samples).max()), SILENT)
    edges = np.linspace(0, len(samples), across + 1).astype(int)
    for x in range(across):
        part = samples[edges[x] : max(edges[x + 1], edges[x] + 1)]
        if len(part):
            tall = (middle - top) / peak
            upper, lower = middle - part.max() * tall, middle - part.min() * tall
            draw.line((left + x, upper, left + x, max(lower, upper + 1)), fill=INK)
    font = ImageFont.load_default(14)
    draw.line((left, high - foot, wide - left, high - foot), fill=AXIS)
    step = _tick(seconds)
    for i in range(int(seconds / step + 1e-6) + 1):
        x = left + round(across * i * step / seconds)
        draw.line((x, high - foot, x, high - foot + 5), fill=AXIS)
        text = f"{i * step:g}" + (" s" if i == 0 else "")
        half = draw.textlength(text, font=font) / 2
        place = min(max(x - half, 2), wide - 2 * half - 2)
        draw.text((place, high - foot + 8), text, fill=AXIS, font=font)
    return image


def _tick(seconds: float) -> float:
    """A round number of seconds that divides the axis into four to ten parts."""
    rough = seconds / 8
    power = 10.0 ** math.floor(math.log10(rough))
    return next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
