"""A picture that a run made, as its result and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .media import encode_png
from .runner import Media, Output
from .values import Picture

if TYPE_CHECKING:
    from PIL.Image import Image


def picture_output(picture: Image, note: str = "") -> Output:
    """A picture as a result: its size, and the file."""
    value: Picture = {"width": picture.width, "height": picture.height}
    if note:
        value["note"] = note
    return Output(value, (Media("image", encode_png(picture), ".png"),))


def decode_png(data: bytes) -> Image:
    """The picture in the bytes that ``picture_output`` wrote."""
    import io

    from PIL import Image as Pictures

    with Pictures.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")
