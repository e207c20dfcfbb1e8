"""A bad file given to a tool is a named error, or is read rightly, within a second."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_tools_media import half_a_photo, huge_png

from hugginggraph.registry import (
    EmptyFileError,
    ModelCard,
    ResourceError,
    Settings,
    UnreadableFileError,
    UnsupportedFileError,
    task_type,
)
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner, hugginggraph_tools, open_image

film = import_module("hugginggraph.tools.film")
READERS = {
    "image": "canny-control",
    "audio": "automatic-speech-recognition",
    "video": "video-classification",
    "table": "tabular-classification",
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    """Gives a file to the tool that reads its kind."""
    runner = TaskRunner(ModelPool(), Artifacts(tmp_path / "made"), Settings(offline=True))

    def find(task: str, model: str | None, args: Mapping[str, Any]) -> ModelCard:
        return ModelCard(id="tests/none", task=task, library="opencv", description="")

    def read(kind: str, path: Path) -> Any:
        tool = hugginggraph_tools(
            [READERS[kind]], runner=runner, find_card=find, handle_tool_error=False
        )[0]
        call = {"type": "tool_call", "name": tool.name, "id": "1", "args": {kind: str(path)}}
        return tool.invoke(call).artifact

    return read


def bomb(side: int) -> bytes:
    """A black PNG of a few hundred kilobytes that unpacks to hundreds of megabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    packer = zlib.compressobj(9)
    rows = b"".join([*(packer.compress(bytes(1 + side)) for _ in range(side)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def wav(form: int, bits: int, rate: int, data: bytes, channels: int = 1) -> bytes:
    frame = channels * bits // 8
    about = struct.pack("<HHIIHH", form, channels, rate, rate * frame % 2**32, frame, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + about + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(chunks) + len(data)) + chunks + data


def clip() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 48, 3), dtype=np.uint8)
    data: bytes = film.encode_film([Image.fromarray(each) for each in noise], 10)
    return data


SAMPLES = bytes(range(256)) * 100
BAD: list[tuple[str, str, Callable[[], bytes], type[ResourceError]]] = [
    ("image", "half.jpg", half_a_photo, UnreadableFileError),
    ("image", "huge.png", lambda: huge_png(30_000), UnsupportedFileError),
    ("image", "bomb.png", lambda: bomb(9_900), UnsupportedFileError),
    ("image", "notes.png", lambda: b"this is a text\n" * 20, UnreadableFileError),
    ("image", "sound.png", lambda: wav(1, 16, 8000, SAMPLES), UnreadableFileError),
    ("image", "empty.png", bytes, EmptyFileError),
    ("audio", "no_samples.wav", lambda: wav(1, 16, 16_000, b""), EmptyFileError),
    ("audio", "unknown_codec.wav", lambda: wav(99, 16, 16_000, SAMPLES), UnsupportedFileError),
    ("audio", "no_rate.wav", lambda: wav(1, 16, 0, SAMPLES), UnreadableFileError),
    ("audio", "slow.wav", lambda: wav(1, 16, 1, SAMPLES[:999]), UnreadableFileError),
    ("audio", "fast.wav", lambda: wav(1, 16, 999_983, SAMPLES), UnreadableFileError),
    ("audio", "no_channel.wav", lambda: wav(1, 16, 8000, SAMPLES, 0), UnreadableFileError),
    ("audio", "nan.wav", lambda: wav(3, 32, 8000, struct.pack("<f", float("nan")) * 99),
     UnreadableFileError),
    ("audio", "notes.mp3", lambda: b"this is a text\n" * 20, UnreadableFileError),
    ("audio", "silent_film.mp4", clip, UnsupportedFileError),
    ("video", "half.mp4", lambda: clip()[:20_000], UnreadableFileError),
    ("video", "end.mp4", lambda: clip()[-20_000:], UnreadableFileError),
    ("video", "list.mp4", lambda: b"#EXTM3U\nfile:///etc/hosts\n", UnreadableFileError),
    ("video", "sound.mp4", lambda: wav(1, 16, 8000, SAMPLES), UnreadableFileError),
    ("table", "head.csv", lambda: b"a,b\n", EmptyFileError),
    ("table", "blank.csv", lambda: b"\n \n", EmptyFileError),
    ("table", "ragged.csv", lambda: b"a,b\n1,2,3\n", UnreadableFileError),
    ("table", "bytes.csv", lambda: SAMPLES, UnreadableFileError),
    ("table", "endless.csv", lambda: b"a,b\n" + b"1,2\n" * 1_000_000, UnsupportedFileError),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "make", "error"), BAD, ids=[each[1] for each in BAD])
def test_a_bad_file_is_a_named_error_of_its_tool_within_a_second(
    read: Callable[..., Any],
    tmp_path: Path,
    kind: str,
    name: str,
    make: Callable[[], bytes],
    error: type[ResourceError],
) -> None:
    (tmp_path / name).write_bytes(make())
    began = time.process_time()  # of this process alone, on a machine that others share
    with pytest.raises(ResourceError) as caught:
        read(kind, tmp_path / name)
    assert time.process_time() - began < 1
    assert type(caught.value) is error
    assert name in caught.value.message and caught.value.hint


def photo(mode: str, size: tuple[int, int] = (60, 40)) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(
            np.linspace(0, 65535, size[0] * size[1]).reshape(size[::-1]).astype(np.uint16)
        )
    return Image.linear_gradient("L").resize(size).convert(mode)


ODD = {
    "deep.png": "I;16", "print.jpg": "CMYK", "clear.png": "RGBA", "palette.png": "P",
    "float.tiff": "F", "grey.png": "LA", "bits.png": "1",
}  # fmt: skip


@pytest.mark.parametrize("name", [*ODD, "moving.gif", "large.png"])
def test_an_odd_picture_is_read_by_the_tool_within_a_second(
    read: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    path, size = tmp_path / name, (60, 40)
    if name == "moving.gif":
        frames = [photo("L").rotate(each) for each in range(0, 360, 4)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    elif name == "large.png":
        size = (4000, 3000)
        photo("RGB", size).save(path)
    else:
        photo(ODD[name]).save(path)
    if ODD.get(name) == "F":
        values = np.full((40, 60), 0.5, np.float32)
        values[:20, :20] = np.nan
        Image.fromarray(values).save(path)
    began = time.process_time()
    image = open_image(path)
    assert time.process_time() - began < 1
    assert (image.mode, image.size) == ("RGB", size)
    result = read("image", path)
    assert result["kind"] == task_type("canny-control").output
    assert (result["value"]["width"], result["value"]["height"]) == size
