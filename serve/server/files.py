"""The files of the server's callers: uploaded or made by a run, each below its owner's folder.

A file's id is 32 hexadecimal digits and a suffix. It lies at ``OWNER/DIGITS/NAME``, so that no id
can lead anywhere else, and keeps the name that its owner gave it for the request to speak of.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hugginggraph.registry import EmptyFileError, Kind, ResourceError, UnsupportedFileError
from hugginggraph.tools import sniff

from .refusals import Refusal

ID = re.compile(r"([0-9a-f]{32})(?:\.[a-z0-9]{1,5})?")
LINK = re.compile(
    r"(?:https?://[\w.:\[\]-]+)?/(?:files|images|audios|videos)/([0-9a-f]{32}\.[a-z0-9]{1,5})(?!\w)"
)
"""A link to a file of the server, as it stands in a text, with what a client put before it."""
HOUR = 3600.0
"""Seconds by which the time that a file was last used at may be too early, to be cheap."""
MAX_PIXELS = 100_000_000
_PLAIN = "text/plain; charset=utf-8"
_TYPES: Mapping[str, str] = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
    ".webp": "image/webp", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
    ".avif": "image/avif", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac",
    ".ogg": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".aac": "audio/aac",
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm",
    ".mkv": "video/x-matroska", ".avi": "video/x-msvideo",
    ".csv": "text/csv; charset=utf-8", ".tsv": _PLAIN, ".txt": _PLAIN, ".md": _PLAIN,
}  # fmt: skip
_USUAL: Mapping[str, str] = {
    "image": ".png", "audio": ".wav", "video": ".mp4", "text": ".txt", "table": ".csv"
}  # fmt: skip


def content_type(path: Path) -> tuple[str, bool]:
    """The type that a file is served as, and whether a browser may show it in place.

    What could hold script or markup is plain text to be saved.
    """
    found = _TYPES.get(path.suffix.lower(), "")
    return (found, not found.startswith("text/")) if found else (_PLAIN, False)


class Files:
    """The folder of the server's files; when a file was last used is the time of its folder."""

    def __init__(self, folder: Path, max_bytes: int, keep_days: float | None = None) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.keep_days = keep_days
        self.at_work = set[Callable[[], None]]()
        """Of each run in progress, what notes that its files are in use."""

    def home(self, owner: str) -> Path:
        """The folder of one owner's files, which is there from the first one on."""
        return self.folder / owner

    def folder_of(self, owner: str, name: str) -> Path:
        """A folder in the owner's own, made if it is not there; nobody else may look into it."""
        home = self.home(owner)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = home / name
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    async def keep(self, owner: str, name: str, data: bytes) -> str:
        """The id of a file that came whole; one that comes again with each message is kept once.

        Raises:
            Refusal: as ``save`` does.
        """
        digits = hashlib.sha256(f"{owner}/{name}/".encode() + data).hexdigest()[:32]
        try:
            return digits + self.find(owner, digits).suffix.lower()
        except Refusal:
            new = (await self.save(owner, name, _whole(data)))[0]
        home = self.home(owner)
        try:
            (home / new[:32]).rename(home / digits)
        except OSError:  # another request was first
            return new
        return digits + new[32:]

    async def save(self, owner: str, name: str, chunks: AsyncIterator[bytes]) -> tuple[str, Kind]:
        """Write a file as it comes in and give its id and kind; nothing is left of a bad one.

        Raises:
            Refusal: it is too large (413) or of a type that no task reads (415).
        """
        digits = secrets.token_hex(16)
        folder = await asyncio.to_thread(self.folder_of, owner, digits)
        path, size = folder / safe_name(name), 0
        try:
            file = await asyncio.to_thread(path.open, "xb")
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self.max_bytes:
                        raise Refusal(
                            413, f"The file is larger than {self.max_bytes:,} bytes.",
                            "Give a smaller one, or raise HUGGINGGRAPH_SERVER_UPLOAD_BYTES.",
                        )  # fmt: skip
                    await asyncio.to_thread(file.write, chunk)
            finally:
                await asyncio.to_thread(file.close)
            path, kind = await asyncio.to_thread(_checked, path)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return digits + path.suffix.lower(), kind

    def find(self, owner: str, file_id: str) -> Path:
        """Where a file lies.

        Raises:
            Refusal: the owner has no such file (404).
        """
        match = ID.fullmatch(file_id)
        folder = self.folder / owner / match[1] if match else None
        try:
            if folder is not None:
                use(folder)
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_file(follow_symlinks=False):
                            return Path(entry.path)
        except OSError:
            pass
        hint = "POST /files gives ids."
        if self.keep_days:
            hint += f" What nobody uses is removed in the end (days: {self.keep_days:g})."
        raise Refusal(404, "There is no such file.", hint)

    def adopt(self, owner: str, made: Path) -> str:
        """The id of a file that a run made, from now on one of the owner's."""
        file_id = made.name.lower()
        if not (match := ID.fullmatch(file_id)):
            return ""
        target = self.folder_of(owner, match[1]) / file_id
        use(target.parent)
        if not target.exists():
            try:
                os.link(made, target)
            except FileExistsError:
                pass
            except OSError:
                shutil.copyfile(made, target)
        return file_id

    @contextmanager
    def in_use(self, note: Callable[[], None]) -> Iterator[None]:
        """Inside, ``note`` is called now and then, in another thread, to `use` a run's files."""
        self.at_work.add(note)
        try:
            yield
        finally:
            self.at_work.discard(note)


def use(path: Path) -> None:
    """Note that a file or a folder is in use, unless that was noted within the last hour."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > HOUR:
            os.utime(path)


def safe_name(name: str) -> str:
    """A name without folders, control characters and surprises, its suffix kept."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = re.sub(r"[^\w.\- ]+", "_", last).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    if not dot:
        stem, suffix = plain, ""
    suffix = suffix if re.fullmatch(r"[A-Za-z0-9]{1,5}", suffix) else ""
    stem = stem.strip(" ._-")[:60] or "file"
    return f"{stem}.{suffix.lower()}" if suffix else stem


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _checked(path: Path) -> tuple[Path, Kind]:
    """The file under a name that fits its content, and its kind."""
    try:
        kind = sniff(path)
        if kind == "image":
            path = _picture(path)
    except EmptyFileError as exc:
        raise Refusal(422, exc.message.replace(str(path), path.name), exc.hint) from exc
    except ResourceError as exc:
        raise Refusal(415, exc.message.replace(str(path), path.name), exc.hint) from exc
    if not path.suffix:
        path = path.replace(path.with_suffix(_USUAL[kind]))
    return path, kind


def _picture(path: Path) -> Path:
    """The picture under the suffix of its real format.

    Raises:
        UnsupportedFileError: it has more than 100 megapixels.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            size, kind = image.size, (image.format or "PNG").lower()
    except Image.DecompressionBombError:
        size, kind = (MAX_PIXELS, 2), "png"
    if size[0] * size[1] > MAX_PIXELS:
        raise UnsupportedFileError(
            f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels.",
            "Make it smaller first.",
        )
    suffix = ".jpg" if kind == "jpeg" else ".tif" if kind == "tiff" else f".{kind}"
    if _TYPES.get(path.suffix) == _TYPES.get(suffix) or suffix not in _TYPES:
        return path
    return path.replace(path.with_suffix(suffix))
