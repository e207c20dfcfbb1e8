"""Video in and out: pictures of a clip, and MP4 files that browsers play."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError, UnreadableFileError, UnsupportedFileError

from .media import check_there
from .runner import Media, Output
from .sound import LOST, MAX_SECONDS, Recording, decodable, open_container, open_sound, resample
from .values import Film

if TYPE_CHECKING:
    from PIL.Image import Image

    from .sound import Samples

MAX_PIXELS = 8192 * 4320
LONGER_SIDE = 1024
"""Pictures are made at most this large when they are read: models look at smaller ones."""
SEEK_SECONDS = 5.0
"""Where the next wanted picture is further away, the file is not decoded up to it."""
SOUND_RATE = 48_000


@dataclass(frozen=True)
class Clip:
    """A video file: seconds, pictures a second, and pixels as it is shown (after rotation)."""

    path: Path
    seconds: float
    frame_rate: float
    width: int
    height: int

    def frames(self, count: int) -> list[Image]:
        """That many pictures, evenly spread over the clip, in order; a short clip repeats some.

        Raises:
            UnreadableFileError: the file is damaged.
        """
        times = [(i + 0.5) * self.seconds / count for i in range(count)]
        found: list[Image] = []
        with open_container(self.path) as container:
            stream = container.streams.video[0]
            begin = float((stream.start_time or 0) * stream.time_base)
            pictures = _decoded(container, self.frame_rate)
            frame, at = next(pictures)
            shown: Any = None
            for time in times:
                if time - at > SEEK_SECONDS and stream.time_base:
                    container.seek(int((time + begin) / stream.time_base), stream=stream)
                    pictures = _decoded(container, self.frame_rate)
                    frame, at = next(pictures, (frame, at))
                while at + 0.5 / self.frame_rate < time:
                    following = next(pictures, None)
                    if following is None:
                        break
                    frame, at = following
                if shown is not frame:
                    shown, picture = frame, _picture(frame)
                found.append(picture)
        return found

    def sound(self) -> Recording:
        """Its sound track.

        Raises:
            UnsupportedFileError: it has none.
        """
        return open_sound(self.path)


def _decoded(container: Any, rate: float) -> Iterator[tuple[Any, float]]:
    """Frames in the order they are shown, each with its second from the start."""
    stream = container.streams.video[0]
    begin = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
    for i, frame in enumerate(container.decode(stream)):
        yield frame, i / rate if frame.time is None else frame.time - begin


def _picture(frame: Any) -> Image:
    share = min(1, LONGER_SIDE / max(frame.width, frame.height))
    size = (max(1, round(frame.width * share)), max(1, round(frame.height * share)))
    image: Image = frame.to_image(width=size[0], height=size[1])
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def open_film(path: str | Path) -> Clip:
    """A video file, its header and its first picture checked.

    Raises:
        ResourceError: one of its named kinds; longer than an hour or larger than 8K is unsupported.
    """
    import av

    path = Path(path)
    check_there(path)
    with open_container(path) as container:
        if not container.streams.video:
            raise UnreadableFileError(f"'{path.name}' holds no pictures.", "Give a video file.")
        stream = decodable(path, container.streams.video[0])
        if stream.width * stream.height > MAX_PIXELS:
            raise UnsupportedFileError(
                f"The video '{path.name}' is {stream.width} × {stream.height} pixels.",
                "Make it smaller first.",
            )
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        first = next(_decoded(container, rate), None)
        if first is None:
            raise UnreadableFileError(
                f"The video '{path.name}' holds no picture.", "Save it again."
            )
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) / av.time_base
        turned = abs(first[0].rotation) % 180 == 90
        there = _last_packet(container, stream)
    if there is not None and there + 1 / rate < seconds * (1 - LOST):
        raise UnreadableFileError(
            f"The video '{path.name}' is cut off: {there:.1f} of its {seconds:.1f} s are there.",
            "Save or fetch it again.",
        )
    if seconds > MAX_SECONDS:
        raise UnsupportedFileError(
            f"The video '{path.name}' is longer than {MAX_SECONDS // 60} minutes.",
            "Give a part of it.",
        )
    width, height = first[0].width, first[0].height
    size = (height, width) if turned else (width, height)
    return Clip(path, max(seconds, 1 / rate), rate, *size)


def _last_packet(container: Any, stream: Any) -> float | None:
    """The second at which the last whole picture of the file begins, None where no time is said.

    Nothing is decoded, and of a file that can be sought in only the end is read.
    """
    import av

    if not stream.duration or not stream.time_base:
        return None
    begin = stream.start_time or 0
    container.seek(begin + int(stream.duration * 0.99), stream=stream)
    last = begin
    try:
        for packet in container.demux(stream):
            if packet.pts is not None and packet.size and not packet.is_corrupt:
                last = max(last, packet.pts)
    except av.error.FFmpegError:
        pass  # what came before it counts
    return float((last - begin) * stream.time_base)


X264 = {
    "crf": "20",
    "preset": "veryfast",
    "x264-params": "threads=1:lookahead-threads=1:cpu-independent=1",
}
"""One thread: with several, x264 gives the same film other bytes, and so another file name."""


def encode_film(
    frames: Sequence[Image], rate: float, sound: tuple[Samples, int] | None = None
) -> bytes:
    """Pictures of one size as the bytes of an MP4 file (H.264, 4:2:0, header first).

    Odd sizes lose their last row or column. ``sound`` is samples (n,) and their rate; it is kept
    whole, so that the file is as long as the longer of the two.
    """
    from fractions import Fraction

    import av

    width, height = (max(2, side - side % 2) for side in frames[0].size)
    with tempfile.TemporaryDirectory() as folder:
        # Moving the header to the front needs a file that can be read again.
        path = Path(folder) / "film.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream: Any = container.add_stream(
                "libx264", rate=Fraction(rate).limit_denominator(1001)
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.options = X264
            track: Any = (
                container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
            )
            for image in frames:
                picture = image.convert("RGB").crop((0, 0, width, height))
                frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV's stubs lack it
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            if sound:
                _mux_sound(container, track, resample(*sound, SOUND_RATE))
        return path.read_bytes()


def _mux_sound(container: Any, track: Any, samples: Samples) -> None:
    import av
    import numpy as np

    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples, np.float32)[None], format="fltp", layout="mono"
    )
    frame.sample_rate, frame.pts = SOUND_RATE, 0
    container.mux(track.encode(frame))
    container.mux(track.encode())


def film_output(
    model_id: str,
    frames: Sequence[Image],
    rate: float,
    sound: tuple[Samples, int] | None = None,
    note: str = "",
) -> Output:
    """The result of a run that made a video: the MP4 file.

    Raises:
        ModelRunError: there are no pictures, or each is of one flat colour.
    """
    if not frames or all(_flat(each) for each in frames):
        what = "pictures of one flat colour only" if frames else "no pictures"
        raise ModelRunError(f"The model '{model_id}' made {what}.", "Try another model.")
    spoken = len(sound[0]) / sound[1] if sound else 0
    value: Film = {
        "seconds": round(max(len(frames) / rate, spoken), 3),
        "frame_rate": round(rate, 3),
        "width": max(2, frames[0].width // 2 * 2),
        "height": max(2, frames[0].height // 2 * 2),
    }
    if note:
        value["note"] = note
    return Output(value, (Media("video", encode_film(frames, rate, sound), ".mp4"),))


def _flat(image: Image) -> bool:
    extrema: Any = image.convert("RGB").getextrema()
    return all(low == high for low, high in extrema)
