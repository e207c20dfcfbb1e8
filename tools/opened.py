"""One decoded picture for all tasks that look at it at the same time, kept while one holds it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from .media import check_there, encode_png, open_image

if TYPE_CHECKING:
    from PIL.Image import Image

Version: TypeAlias = tuple[str, int, int, int]
"""A file as it is now: path, inode, size, time of the last change."""

_images: WeakValueDictionary[Version, Image] = WeakValueDictionary()
_locks: WeakValueDictionary[Version, Lock] = WeakValueDictionary()
_looking = Lock()


def shared_image(path: str | Path) -> Image:
    """What `open_image` gives, for reading only: others may look at the same picture.

    Raises:
        ResourceError: as `open_image` does.
    """
    path = Path(path)
    check_there(path)  # whoever opened it before may have been allowed more
    now = path.stat()
    version = (str(path), now.st_ino, now.st_size, now.st_mtime_ns)
    with _looking:
        lock = _locks.setdefault(version, Lock())
    with lock:
        image = _images.get(version)
        if image is None:
            image = _images[version] = open_image(path)
    return image


def packed(image: Image) -> bytes:
    """A picture that is only read, as a PNG file, packed once for all tasks that send it.

    The bytes are kept as long as the picture is.
    """
    with _looking:
        lock: Lock = image.__dict__.setdefault("_packing", Lock())
    with lock:
        if "_packed" not in image.__dict__:
            image.__dict__["_packed"] = encode_png(image)
        data: bytes = image.__dict__["_packed"]
    return data
