"""Files in and out: what a file is by its content, pictures, texts, tables, the artifacts folder.

Not covered: decoding audio and video beyond their headers; SVG, PDF and office files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from hugginggraph.registry import (
    EmptyFileError,
    FileMissingError,
    Kind,
    ResourceError,
    UnreadableFileError,
    UnsupportedFileError,
)

from .runner import Media
from .values import Table

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 100_000_000
BOMB = 150
"""A large picture that unpacks to this many times its file's size is nothing but a trap."""
LARGE = 25_000_000
"""Pixels up to which any picture is opened within a second."""
MAX_TEXT_BYTES = 5_000_000
MAX_CELLS = 200_000
_NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})(?:\.\d+)?(?:[eE][-+]?\d{1,2})?")

IMAGE_FORMATS = (
    "PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "AVIF", "JPEG2000",
)  # fmt: skip
"""Pillow's names of the formats that are read; none of them runs another program."""

SUFFIXES: Mapping[Kind, str] = {
    "image": ".png .jpg .jpeg .jpe .jfif .gif .webp .bmp .tif .tiff .ppm .pgm .ico .avif .jp2",
    "audio": ".wav .mp3 .flac .ogg .oga .opus .m4a .aac .aif .aiff",
    "video": ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg",
    "text": ".txt .md .rst .log .json .jsonl .yaml .yml .toml .html .htm .xml",
    "table": ".csv .tsv",
}
"""What the end of a file's name promises."""

AV_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,ogg,mp3,"
    "aac,ac3,flac,wav,aiff,caf,amr,au,asf,flv,ape,wv,opus",
    "protocol_whitelist": "file",
}
"""What FFmpeg may read: formats that hold their own data, never playlists that name other files."""


_FOLDERS: ContextVar[tuple[Path, ...] | None] = ContextVar("folders that may be read", default=None)


@contextmanager
def reading_only(*folders: Path) -> Iterator[None]:
    """Inside, runs read files below these folders only; any other looks as if it were not there.

    A server puts this around the runs of other people: whatever a request, a plan or an LLM names,
    every file is opened through `check_there`. Threads and tasks started inside keep to it.
    """
    token = _FOLDERS.set(folders)
    try:
        yield
    finally:
        _FOLDERS.reset(token)


def is_readable_file(path: Path) -> bool:
    """Whether there is such a file that may be read; a symbolic link counts as its target."""
    return _may_be_read(path) and path.is_file()


def _may_be_read(path: Path) -> bool:
    folders = _FOLDERS.get()
    if folders is None:
        return True
    try:
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, ValueError, RuntimeError):
        return False


def _promised(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    return next((kind for kind, ends in SUFFIXES.items() if suffix in ends.split()), None)


def check_there(path: Path) -> None:
    """Raises the named error of a path that is not a readable file with something in it."""
    if not _may_be_read(path):
        raise FileMissingError(f"There is no file '{path}'.", "Check the path.")
    try:
        if path.is_dir():
            raise UnsupportedFileError(f"'{path}' is a folder.", "Name a file in it.")
        if path.stat().st_size == 0:
            raise EmptyFileError(f"The file '{path}' is empty (0 bytes).", "Give another file.")
        with path.open("rb"):
            return
    except FileNotFoundError as exc:
        raise FileMissingError(f"There is no file '{path}'.", "Check the path.") from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise UnreadableFileError(f"The file '{path}' cannot be opened: {reason}.") from exc


def _formats() -> list[str]:
    from PIL import Image

    Image.init()
    return [name for name in IMAGE_FORMATS if name in Image.OPEN]


_UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError)
"""What Pillow raises for a file that is no picture, or a damaged one."""


def _header(path: Path) -> Image:
    """The picture in a file, of which only the header is read yet."""
    from PIL import Image

    # One idempotent filter: `warnings.catch_warnings` is not safe in threads, and sizes and
    # metadata are judged here.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image.open(path, formats=_formats())


def _image_size(path: Path) -> tuple[int, int] | None:
    """Width and height from the header, or None where the content is no picture."""
    from PIL import Image

    try:
        with _header(path) as image:
            return image.size
    except Image.DecompressionBombError:
        return (MAX_PIXELS, MAX_PIXELS)
    except _UNREADABLE:
        return None


def _sound_or_film(path: Path) -> Kind | None:
    """What soundfile or PyAV read in the headers; None where it is neither, or they are missing."""
    try:
        import soundfile

        try:
            return "audio" if soundfile.info(str(path)).frames > 0 else None
        except (soundfile.LibsndfileError, RuntimeError, TypeError):
            pass
    except (ImportError, OSError):
        pass
    try:
        import av
    except ImportError:
        return None
    try:
        with av.open(str(path), options=AV_OPTIONS, metadata_errors="replace") as container:
            cover = av.stream.Disposition.attached_pic
            if any(not each.disposition & cover for each in container.streams.video):
                return "video"
            return "audio" if container.streams.audio else None
    except (av.error.FFmpegError, OSError, ValueError):
        return None


def _decode(data: bytes) -> str | None:
    """Text of bytes in UTF-8, UTF-16 with its mark, or a one-byte Western encoding; else None."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in data[:65536])
        encodings = [] if control else ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = sum(c.isalnum() or c.isspace() or c.isascii() for c in text)
        return text if plain >= 0.9 * len(text) or encoding.startswith("utf") else None
    return None


def _head_is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(4096)
    cut = head.rfind(b"\n") if len(head) == 4096 else -1
    return _decode(head[:cut] if cut > 0 else head) is not None and not head.startswith(b"%PDF")


def sniff(path: str | Path) -> Kind:
    """The kind of a file by its content; a name alone is not believed.

    Raises:
        FileMissingError: there is no such file.
        EmptyFileError: it has no bytes.
        UnreadableFileError: its content is not what the end of its name says, or is damaged.
        UnsupportedFileError: it is of a type that no task here reads.
    """
    path = Path(path)
    check_there(path)
    promised = _promised(path)
    found: Kind | None
    if _image_size(path):
        found = "image"
    elif _head_is_text(path):
        found = "table" if promised == "table" else "text"
    else:
        found = _sound_or_film(path)
    if path.suffix.lower() == ".svg":
        found = None
    if found and (promised in (None, found) or {promised, found} <= {"audio", "video"}):
        return found
    if promised is None:
        raise UnsupportedFileError(
            f"No task reads a file like '{path.name}'.",
            "Give a picture, a sound, a film, a text or a CSV table.",
        )
    content = f"its content is {found}" if found else "its content is damaged or something else"
    raise UnreadableFileError(
        f"'{path.name}' is named like {_with_article(promised)}, but {content}.",
        "Give the right file, or save it again under the right name.",
    )


def _with_article(kind: Kind) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def open_image(path: str | Path) -> Image:
    """The picture in a file as RGB, upright, on white where it is transparent, first frame only.

    Raises:
        ResourceError: one of its named kinds; more than 100 megapixels is unsupported.
    """
    from PIL import Image, ImageOps

    path = Path(path)
    check_there(path)
    opened = False
    try:
        with _header(path) as image:
            opened = True
            _refuse_large(path, image.size)
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except _UNREADABLE as exc:
        if opened:
            raise UnreadableFileError(
                f"The picture '{path.name}' is damaged or cut off.", "Save or fetch it again."
            ) from exc
        raise UnreadableFileError(
            f"'{path.name}' is not a picture that can be read.",
            "Give a PNG, JPEG, GIF, WebP, BMP or TIFF file.",
        ) from exc
    except Image.DecompressionBombError as exc:
        raise _too_large(path) from exc


def _refuse_large(path: Path, size: tuple[int, int]) -> None:
    pixels = size[0] * size[1]
    if pixels > MAX_PIXELS:
        raise _too_large(path)
    if pixels > LARGE and pixels > BOMB * path.stat().st_size:
        raise UnsupportedFileError(
            f"The picture '{path.name}' would unpack to {size[0]} × {size[1]} pixels of next to "
            "nothing.",
            "Make it smaller first.",
        )


def _too_large(path: Path) -> UnsupportedFileError:
    return UnsupportedFileError(
        f"The picture '{path.name}' has more than {MAX_PIXELS // 1_000_000} megapixels.",
        "Make it smaller first.",
    )


def _to_rgb(image: Image) -> Image:
    import numpy as np
    from PIL import Image as Pictures

    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image).astype(np.float64))
        top = values.max(initial=0)
        scale = 255 if top <= 1 else 1 if top <= 255 else 255 / 65535
        image = Pictures.fromarray(np.clip(values * scale, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        paper = Pictures.new("RGBA", image.size, "white")
        image = Pictures.alpha_composite(paper, image.convert("RGBA"))
    return image.convert("RGB")


def read_text(path: str | Path) -> str:
    """The text in a file, its line ends as ``\\n``.

    Raises:
        ResourceError: one of its named kinds; more than 5 MB is unsupported.
    """
    path = Path(path)
    check_there(path)
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise UnsupportedFileError(
            f"The text '{path.name}' is larger than {MAX_TEXT_BYTES // 1_000_000} MB.",
            "Give a part of it.",
        )
    text = _decode(path.read_bytes())
    if text is None:
        raise UnreadableFileError(
            f"'{path.name}' is not a text that can be read.", "Save it as UTF-8."
        )
    if not text.strip():
        raise EmptyFileError(
            f"The text '{path.name}' holds only white space.", "Give another file."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_table(source: str | Path) -> Table:
    """The table in a CSV file, or in CSV text: one with a line break is text, else it is a path.

    Cells are divided by a comma, a semicolon or a tab; the first row names the columns. A column
    that holds nothing but numbers has numbers in its cells ("007" is none).

    Raises:
        ResourceError: one of its named kinds; more than 200,000 cells are unsupported.
    """
    pasted = isinstance(source, str) and "\n" in source.strip()
    name = "The pasted table" if pasted else f"The table '{Path(source).name}'"
    text = str(source).replace("\r\n", "\n") if pasted else read_text(source)
    text = "\n".join(line for line in text.split("\n") if line.strip())
    head = text.partition("\n")[0]
    divider = max(",;\t", key=head.count)
    if text.count(divider) > MAX_CELLS:
        raise UnsupportedFileError(f"{name} has more than {MAX_CELLS:,} cells.", "Give a part.")
    try:
        columns, *rows = csv.reader(text.splitlines(keepends=True), delimiter=divider, strict=True)
    except (csv.Error, ValueError) as exc:
        raise UnreadableFileError(f"{name} is not CSV: {exc}.", "Save it again as CSV.") from exc
    if not rows:
        raise EmptyFileError(f"{name} has no rows under its column names.", "Give some rows.")
    for number, row in enumerate(rows, 2):
        if len(row) != len(columns):
            raise UnreadableFileError(
                f"{name} has {len(columns)} columns, but row {number} has {len(row)} cells.",
                "Mend the row, or put cells that hold the divider in quotes.",
            )
    names: list[str] = []
    for place, column in enumerate(columns, 1):
        column = column.strip() or f"column {place}"
        names.append(column if column not in names else f"{column} ({place})")
    cells = [_numbers([cell.strip() for cell in column]) for column in zip(*rows, strict=True)]
    return {"columns": names, "rows": [list(row) for row in zip(*cells, strict=True)]}


def _numbers(cells: list[str]) -> list[str | float]:
    """The cells as numbers where all that are not empty are some; else as they are."""
    full = [cell for cell in cells if cell]
    if not full or not all(map(_NUMBER.fullmatch, full)):
        return list(cells)
    return [(float(c) if set(c) & set(".eE") else int(c)) if c else "" for c in cells]


def encode_png(image: Image) -> bytes:
    """The picture as the bytes of a PNG file.

    OpenCV packs a photo in a third of the time that Pillow takes at its quickest, and no larger.
    What it would lose (a colour profile, a palette, a transparent colour) Pillow packs.
    """
    import cv2
    import numpy as np

    orders = {"RGB": cv2.COLOR_RGB2BGR, "RGBA": cv2.COLOR_RGBA2BGRA}
    extra = {"icc_profile", "transparency"} & image.info.keys()
    if image.mode not in (*orders, "L") or extra or 0 in image.size:
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()
    pixels = np.asarray(image)
    if image.mode in orders:
        pixels = cv2.cvtColor(pixels, orders[image.mode])
    return cv2.imencode(".png", pixels)[1].tobytes()


class Artifacts:
    """The folder for files that runs make; each is named by its content, none is overwritten."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()

    def save(self, media: Media) -> Path:
        """Writes a file, whole or not at all, and gives its path.

        Raises:
            ResourceError: the folder cannot be written.
        """
        path = self.folder / (hashlib.sha256(media.data).hexdigest()[:32] + media.suffix)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > 3600:
                    os.utime(path)  # a server removes what was not made for long
            if path.exists():
                return path
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(media.data)
                Path(name).chmod(0o644)
                Path(name).replace(path)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as exc:
            raise ResourceError(
                f"The artifacts folder '{self.folder}' cannot be written: {exc.strerror or exc}.",
                "Set HUGGINGGRAPH_ARTIFACTS_DIR to a folder that can.",
            ) from exc
        return path
