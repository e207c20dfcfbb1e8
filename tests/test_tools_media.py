"""Files are taken for what they hold, and a bad one is refused by name, quickly."""

from __future__ import annotations

import io
import os
import struct
import time
import wave
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hugginggraph.registry import (
    EmptyFileError,
    FileMissingError,
    ResourceError,
    UnreadableFileError,
    UnsupportedFileError,
)
from hugginggraph.tools import (
    Artifacts,
    Box,
    Media,
    draw_boxes,
    encode_png,
    open_image,
    read_text,
    reading_only,
    sniff,
)

RED = (200, 30, 30)


def save_wav(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\0\1" * 800)


def save_film(path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for _ in range(3):
            frame = av.VideoFrame.from_image(Image.new("RGB", (32, 32), RED))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def huge_png(side: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def half_a_photo() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()[: buffer.tell() // 2]


def half_a_png() -> bytes:
    data = encode_png(Image.effect_noise((200, 200), 50))
    return data[: len(data) // 2]


PICTURES: dict[str, Callable[[Path], None]] = {
    "plain.png": lambda p: Image.new("RGB", (8, 6), RED).save(p),
    "palette.png": lambda p: Image.new("RGB", (8, 6), RED).quantize(8).save(p),
    "palette_clear.png": lambda p: (
        Image.new("RGB", (8, 6), RED).quantize(8).save(p, transparency=bytes(255))
    ),
    "clear.png": lambda p: Image.new("RGBA", (8, 6), (0, 0, 0, 0)).save(p),
    "print.jpg": lambda p: Image.new("CMYK", (8, 6), (0, 255, 255, 0)).save(p),
    "gray.png": lambda p: Image.new("L", (8, 6), 128).save(p),
    "deep.png": lambda p: Image.fromarray(np.full((6, 8), 32768, np.uint16)).save(p),
    "float.tiff": lambda p: Image.fromarray(np.full((6, 8), 0.5, np.float32)).save(p),
    "bits.png": lambda p: Image.new("1", (8, 6), 1).save(p),
    "film.gif": lambda p: Image.new("RGB", (8, 6), RED).save(
        p, save_all=True, append_images=[Image.new("RGB", (8, 6), "blue")]
    ),
}
MIDDLE = {
    "palette_clear.png": (255, 255, 255),
    "clear.png": (255, 255, 255),
    "print.jpg": (255, 0, 0),
    "gray.png": (128, 128, 128),
    "deep.png": (127, 127, 127),
    "float.tiff": (127, 127, 127),
    "bits.png": (255, 255, 255),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_kind_of_picture_opens_as_rgb(name: str, tmp_path: Path) -> None:
    PICTURES[name](tmp_path / name)
    image = open_image(tmp_path / name)
    assert (image.mode, image.size) == ("RGB", (8, 6))
    assert sniff(tmp_path / name) == "image"
    pixel = np.asarray(image)[3, 4].astype(int)
    assert np.abs(pixel - MIDDLE.get(name, RED)).max() <= 8


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), RED).save(tmp_path / "photo.jpg", exif=exif)
    assert open_image(tmp_path / "photo.jpg").size == (20, 40)


BROKEN: dict[str, tuple[bytes, type[ResourceError]]] = {
    "empty.png": (b"", EmptyFileError),
    "notes.png": (b"this is no picture", UnreadableFileError),
    "noise.png": (bytes(range(256)) * 40, UnreadableFileError),
    "half.jpg": (half_a_photo(), UnreadableFileError),
    "half.png": (half_a_png(), UnreadableFileError),
    "large.png": (huge_png(10_001), UnsupportedFileError),
    "larger.png": (huge_png(30_000), UnsupportedFileError),
    "vector.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnreadableFileError),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_refused_by_name_within_a_second(name: str, tmp_path: Path) -> None:
    data, error = BROKEN[name]
    (tmp_path / name).write_bytes(data)
    began = time.perf_counter()
    with pytest.raises(error) as caught:
        open_image(tmp_path / name)
    assert type(caught.value) is error
    assert name in str(caught.value)
    assert time.perf_counter() - began < 1


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for read in (open_image, sniff, read_text):
        with pytest.raises(FileMissingError, match=r"no\.png"):
            read(tmp_path / "no.png")
        with pytest.raises(UnsupportedFileError, match="folder"):
            read(tmp_path)
        with pytest.raises(ResourceError):
            read("a\0b.png")


def test_a_file_is_what_its_content_is(tmp_path: Path) -> None:
    save_wav(tmp_path / "talk.wav")
    save_film(tmp_path / "film.mp4")
    (tmp_path / "notes.txt").write_text("Grüße aus Zürich", "utf-8")
    (tmp_path / "no_suffix").write_text("plain words", "utf-8")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n", "utf-8")
    kinds = {path.name: sniff(path) for path in tmp_path.iterdir()}
    assert kinds == {
        "talk.wav": "audio",
        "film.mp4": "video",
        "notes.txt": "text",
        "no_suffix": "text",
        "table.csv": "table",
    }


def test_a_file_whose_name_lies_is_refused(tmp_path: Path) -> None:
    save_wav(tmp_path / "talk.png")
    (tmp_path / "notes.png").write_text("words", "utf-8")
    (tmp_path / "noise.wav").write_bytes(bytes(range(256)) * 8)
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    (tmp_path / "picture.png").rename(tmp_path / "picture.mp3")
    for path in tmp_path.iterdir():
        with pytest.raises(UnreadableFileError, match=path.name):
            sniff(path)


def test_an_empty_sound_and_unknown_content_are_refused(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").touch()
    with pytest.raises(EmptyFileError, match="0 bytes"):
        sniff(tmp_path / "talk.wav")
    (tmp_path / "book.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    for name in ("book.pdf", "data.bin"):
        with pytest.raises(UnsupportedFileError, match=name):
            sniff(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_texts_are_read_in_the_usual_encodings(encoding: str, tmp_path: Path) -> None:
    text = "Grüße,\r\nun café à la carte, and then some plain words.\r\n"
    (tmp_path / "notes.txt").write_bytes(text.encode(encoding))
    assert read_text(tmp_path / "notes.txt") == text.replace("\r\n", "\n")
    assert sniff(tmp_path / "notes.txt") == "text"


def test_texts_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n\n ")
    (tmp_path / "binary.txt").write_bytes(b"\x00\x01words\xff\xfe")
    (tmp_path / "long.txt").write_bytes(b"word " * 1_000_001)
    for name, error in (
        ("blank.txt", EmptyFileError),
        ("binary.txt", UnreadableFileError),
        ("long.txt", UnsupportedFileError),
    ):
        with pytest.raises(error, match=name):
            read_text(tmp_path / name)


def test_artifacts_are_named_by_content_and_never_overwritten(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "new" / "folder")
    one = artifacts.save(Media("image", b"one", ".png"))
    two = artifacts.save(Media("image", b"two", ".png"))
    assert one != two and one.is_absolute()
    assert len(one.stem) == 32 and one.suffix == ".png" and one.read_bytes() == b"one"
    written = one.stat().st_mtime_ns
    assert artifacts.save(Media("image", b"one", ".png")) == one
    assert one.stat().st_mtime_ns == written
    assert sorted(one.parent.iterdir()) == sorted([one, two])


def test_an_artifacts_folder_that_cannot_be_made_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError, match="cannot be written"):
        Artifacts(tmp_path / "file" / "folder").save(Media("image", b"one", ".png"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_named_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="cannot be written"):
        Artifacts(tmp_path).save(Media("image", b"one", ".png"))


def boxed(label: str, *corners: float) -> Box:
    xmin, ymin, xmax, ymax = corners
    box = {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}
    return {"label": label, "score": 0.9, "box": box}  # type: ignore[typeddict-item]


def test_boxes_are_drawn_on_a_copy_that_is_large_enough_to_read() -> None:
    small = Image.new("RGB", (96, 64), "white")
    drawn = draw_boxes(small, [boxed("cat", 20, 30, 60, 60), boxed("dog", 60, 5, 95, 30)])
    assert drawn.size == (480, 320)
    assert small.getcolors() == [(96 * 64, (255, 255, 255))]
    colours = {colour for _, colour in drawn.getcolors(1 << 20) or []}
    assert {(0, 0x72, 0xB2), (0xE6, 0x9F, 0)} <= colours


def test_large_pictures_keep_their_size_and_an_empty_list_draws_nothing() -> None:
    large = Image.new("RGB", (1000, 700), "gray")
    assert draw_boxes(large, []).tobytes() == large.tobytes()
    assert draw_boxes(large, [boxed("cat", 0, 0, 1000, 700)]).size == (1000, 700)


def test_labels_stay_inside_and_do_not_cover_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placed: list[tuple[float, ...]] = []
    rectangle = ImageDraw.ImageDraw.rectangle

    def record(self: ImageDraw.ImageDraw, xy: tuple[float, ...], **style: object) -> None:
        if style.get("fill"):
            placed.append(tuple(xy))
        rectangle(self, xy, **style)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "rectangle", record)
    corners = [(0, 0, 200, 200), (5, 2, 205, 202), (300, 0, 500, 90), (420, 300, 500, 400)]
    draw_boxes(Image.new("RGB", (500, 400)), [boxed("a thing", *each) for each in corners])
    assert len(placed) == 4
    for i, a in enumerate(placed):
        assert a[0] >= 0 and a[1] >= 0 and a[2] <= 500 and a[3] <= 400
        for b in placed[i + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "LA", "I;16"])
def test_a_png_has_every_pixel_of_the_picture(mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.arange(0, 60_000, 100, dtype=np.uint16).reshape(20, 30))
    else:
        drawn = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
        picture = Image.fromarray(drawn).convert("RGB" if mode == "P" else "RGBA").convert(mode)
    read = Image.open(io.BytesIO(encode_png(picture)))
    assert read.size == (30, 20)
    assert np.array_equal(np.asarray(read), np.asarray(picture))


def test_a_png_keeps_the_colour_profile_and_the_transparent_colour_of_the_picture() -> None:
    from PIL import ImageCms

    clear = Image.new("L", (4, 4), 7)
    clear.info["transparency"] = 7
    assert Image.open(io.BytesIO(encode_png(clear))).info["transparency"] == 7
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.new("RGB", (4, 4), RED)
    picture.info["icc_profile"] = profile
    assert Image.open(io.BytesIO(encode_png(picture))).info["icc_profile"] == profile


def test_tasks_that_look_at_a_picture_at_once_share_it_and_a_new_version_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hugginggraph.tools.opened as module

    path, opened = tmp_path / "a.png", list[Path]()

    def counted(given: Path) -> Image.Image:
        opened.append(given)
        time.sleep(0.1)  # as long as a photo takes
        return open_image(given)

    monkeypatch.setattr(module, "open_image", counted)
    Image.new("RGB", (30, 20), RED).save(path)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(module.shared_image, [path] * 4)
    assert len(opened) == 1 and all(other is first for other in others)
    Image.new("RGB", (10, 20), RED).save(path)
    assert module.shared_image(path).size == (10, 20) and first.size == (30, 20)
    with reading_only(tmp_path / "elsewhere"), pytest.raises(FileMissingError):
        module.shared_image(path)
    del first, others
    assert not module._images


def test_a_picture_that_several_tasks_send_is_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import hugginggraph.tools.opened as module

    made = list[Image.Image]()

    def counted(image: Image.Image) -> bytes:
        made.append(image)
        time.sleep(0.1)  # as long as a photo takes
        return encode_png(image)

    monkeypatch.setattr(module, "encode_png", counted)
    picture, other = (Image.new("RGB", (30, 20), colour) for colour in (RED, "blue"))
    with ThreadPoolExecutor(4) as pool:
        first, second, third, fourth = pool.map(module.packed, [picture, other, picture, picture])
    assert len(made) == 2 and first == third == fourth != second
    assert Image.open(io.BytesIO(first)).getpixel((3, 3)) == picture.getpixel((3, 3))
    picture.putpixel((3, 3), (0, 255, 0))
    assert module.packed(picture.copy()) != first, "a copy is another picture"


def test_a_picture_that_cannot_be_read_is_an_error_for_each_who_asks(tmp_path: Path) -> None:
    from hugginggraph.tools.opened import shared_image

    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"no picture")
    for _ in range(2):
        with pytest.raises(UnreadableFileError):
            shared_image(tmp_path / "a.png")
