"""Drawing boxes and segments with labels on a copy of a picture.

Small pictures are enlarged by a whole factor first, so that the labels can be read.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .values import Box, Corners, Mask

if TYPE_CHECKING:
    from PIL.Image import Image

Rectangle = tuple[float, float, float, float]

PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442",
    "#332288", "#117733", "#882255", "#44AA99", "#999933",
)  # fmt: skip
"""Okabe and Ito's colours, then Tol's: told apart by colour-blind people too."""

LEGIBLE_SIDE = 480
"""Pictures whose longer side is shorter are enlarged."""
LARGEST_SIDE = 2048
"""Pictures with segments are drawn no larger."""


def _overlap(a: Rectangle, b: Rectangle) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def _scaled(box: Corners, factor: int) -> Rectangle:
    return box["xmin"] * factor, box["ymin"] * factor, box["xmax"] * factor, box["ymax"] * factor


def _place(
    size: tuple[float, float],
    frame: Rectangle,
    canvas: tuple[int, int],
    taken: Sequence[Rectangle],
    frames: Sequence[Rectangle],
) -> Rectangle:
    """The spot for a label near its frame: inside the picture, on no label, on few objects."""
    width, height = size
    left, top, right, bottom = frame
    spots = [
        (x, y)
        for y in (top - height, bottom, top, bottom - height, (top + bottom - height) / 2)
        for x in (left, right - width, (left + right - width) / 2, right, left - width)
    ]

    def cost(spot: Rectangle) -> tuple[float, float]:
        on_labels = sum(_overlap(spot, other) for other in taken)
        return on_labels, sum(_overlap(spot, other) for other in frames)

    inside = [
        (max(0.0, min(x, canvas[0] - width)), max(0.0, min(y, canvas[1] - height)))
        for x, y in spots
    ]
    return min(((x, y, x + width, y + height) for x, y in inside), key=cost)


def _factor(image: Image) -> int:
    """By how much a picture is enlarged."""
    return math.ceil(LEGIBLE_SIDE / max(image.size)) if max(image.size) < LEGIBLE_SIDE else 1


def _sized(image: Image, size: tuple[int, int]) -> Image:
    """A copy in RGB of another size; OpenCV enlarges six times as fast as Pillow."""
    import cv2
    import numpy as np
    from PIL import Image as Pictures

    image = image.convert("RGB")
    if size[0] <= image.width:
        return image.resize(size, Pictures.Resampling.BICUBIC)
    return Pictures.fromarray(cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_CUBIC))


def draw_boxes(image: Image, boxes: Sequence[Box]) -> Image:
    """A copy of the picture with each box, its label and its score; one colour for each label."""
    from PIL import ImageDraw, ImageFont

    factor = _factor(image)
    canvas = _sized(image, (image.width * factor, image.height * factor))
    side = max(canvas.size)
    line = max(2, round(side / 240))
    pad = line + 1
    font = ImageFont.load_default(max(14, side // 36))
    draw = ImageDraw.Draw(canvas)
    labels = list(dict.fromkeys(box["label"] for box in boxes))
    frames = [_scaled(box["box"], factor) for box in boxes]
    colours = [PALETTE[labels.index(box["label"]) % len(PALETTE)] for box in boxes]
    for frame, colour in zip(frames, colours, strict=True):
        draw.rectangle(_grown(frame, 1), outline="white", width=line + 2)
        draw.rectangle(frame, outline=colour, width=line)
    taken: list[Rectangle] = []
    for box, frame, colour in zip(boxes, frames, colours, strict=True):
        text = f"{box['label']} {box['score']:.2f}"
        x0, y0, x1, y1 = draw.textbbox((0, 0), text, font=font)
        size = (x1 - x0 + 2 * pad, y1 - y0 + 2 * pad)
        spot = _place(size, frame, canvas.size, taken, frames)
        taken.append(spot)
        draw.rectangle(spot, fill=colour, outline="white")
        ink = "black" if _lightness(colour) > 140 else "white"
        draw.text((spot[0] + pad - x0, spot[1] + pad - y0), text, fill=ink, font=font)
    return canvas


def _grown(frame: Rectangle, by: float) -> Rectangle:
    return frame[0] - by, frame[1] - by, frame[2] + by, frame[3] + by


def _lightness(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def segment_colour(place: int) -> str:
    """The colour of a segment by its place: the palette, then hues that are far apart."""
    if place < len(PALETTE):
        return PALETTE[place]
    hue = (place - len(PALETTE)) * 0.618 % 1
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.95))
    return f"#{red:02X}{green:02X}{blue:02X}"


def draw_masks(image: Image, segments: Sequence[Mask], masks: Sequence[Image]) -> Image:
    """A copy of the picture with each segment in a colour of its own, and a legend under it.

    ``masks`` are white where the segment is, in the picture's shape and any size.
    """
    import numpy as np
    from PIL import Image as Pictures, ImageDraw, ImageFont

    scale = min(float(_factor(image)), LARGEST_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = _sized(image, size)
    line = max(1, round(max(size) / 320))
    for place, mask in enumerate(masks):
        where = np.asarray(mask.convert("L").resize(size, Pictures.Resampling.NEAREST)) > 127
        inside = where.copy()
        inside[line:] &= where[:-line]
        inside[:-line] &= where[line:]
        inside[:, line:] &= where[:, :-line]
        inside[:, :-line] &= where[:, line:]
        # half the colour within its outline
        cover = Pictures.fromarray(where * np.uint8(255) - inside * np.uint8(127))
        box = cover.getbbox()
        canvas.paste(segment_colour(place), box, cover.crop(box))
    lines = [f"{each['label']} {each['share']:.0%}" for each in segments]
    if not lines:
        return canvas
    font = ImageFont.load_default(max(14, max(size) // 36))
    measure = ImageDraw.Draw(canvas)
    high = round(1.5 * max(measure.textbbox((0, 0), text, font=font)[3] for text in lines))
    wide = [round(measure.textlength(text, font=font)) + 2 * high for text in lines]
    spots, x, y = [], 0, 0
    for width in wide:
        if x and x + width > size[0]:
            x, y = 0, y + high
        spots.append((x, y))
        x += width
    legend = Pictures.new("RGB", (size[0], size[1] + y + high), "white")
    legend.paste(canvas)
    draw = ImageDraw.Draw(legend)
    for place, (text, (left, top)) in enumerate(zip(lines, spots, strict=True)):
        top += size[1]
        swatch = (left + high // 4, top + high // 4, left + high, top + high - high // 4)
        draw.rectangle(swatch, fill=segment_colour(place), outline="black")
        draw.text((left + high * 1.25, top + high / 2), text, fill="black", font=font, anchor="lm")
    return legend
