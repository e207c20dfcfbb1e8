"""Seeded short films of the world: one shape moves left, right, up or down over a background.

One seed gives one film of 16 pictures, eight a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from PIL import Image

from .world import BACKGROUNDS, COLOURS, PATTERNS, SHAPES, background_of, mask_of

WAYS: dict[str, tuple[int, int]] = {
    "left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1),
}  # fmt: skip
"""Directions, x to the right and y downwards."""
MOVES = tuple(f"{shape} moving {way}" for shape, way in product(SHAPES, WAYS))
"""What the film classifier can say."""
PICTURES, RATE = 16, 8


@dataclass(frozen=True)
class ShapeFilm:
    """Sixteen pictures, eight a second, and what is seen in them.

    `covers` says where the shape is: bool (pictures, height, width).
    """

    pictures: tuple[Image.Image, ...]
    covers: np.ndarray
    colour: str
    shape: str
    way: str
    background: str

    @property
    def move(self) -> str:
        """The row of `MOVES`."""
        return f"{self.shape} moving {self.way}"

    @property
    def caption(self) -> str:
        """Such as "a red circle moves left on a white background"."""
        article = "an" if self.colour[0] in "aeiou" else "a"
        moves = f"{article} {self.colour} {self.shape} moves {self.way}"
        return f"{moves} on a {self.background} background"


def draw_film(seed: int, *, side: int = 128) -> ShapeFilm:
    """Draws the film of a seed: square pictures of `side` pixels, 32 or more."""
    rng = np.random.default_rng((seed, 10))
    shape, colour = str(rng.choice(list(SHAPES))), str(rng.choice(list(COLOURS)))
    way, ground = str(rng.choice(list(WAYS))), str(rng.choice(list(BACKGROUNDS)))
    canvas = background_of(rng, (side, side), ground, str(rng.choice(list(PATTERNS))))
    large, angle = rng.uniform(0.4, 0.6) * side, math.radians(rng.uniform(-12, 12))
    masks = mask_of(shape, large, angle, 0), mask_of(shape, large, angle, 0.1)
    rgb = np.clip(np.array(COLOURS[colour]) + rng.integers(-12, 13, size=3), 0, 255)
    along, across = rng.uniform(0.45, 0.9) * side / 2, rng.uniform(0.1, 0.9)
    pictures, covers = _moved(canvas, masks, rgb, way, along, across * (side - masks[0].width))
    return ShapeFilm(pictures, covers, colour, shape, way, ground)


def draw_plain_film(seed: int, *, side: int = 128) -> ShapeFilm:
    """Draws the film of a seed as the film maker learns to make them, which watches well.

    The ground is plain, the shape upright and of one size, and its way leads near the middle.
    """
    rng = np.random.default_rng((seed, 12))
    shape, colour = str(rng.choice(list(SHAPES))), str(rng.choice(list(COLOURS)))
    way, ground = str(rng.choice(list(WAYS))), str(rng.choice(list(BACKGROUNDS)))
    canvas = Image.new("RGB", (side, side), BACKGROUNDS[ground])
    masks = mask_of(shape, 0.55 * side, 0, 0), mask_of(shape, 0.55 * side, 0, 0.1)
    across = (side - masks[0].width) / 2 + rng.uniform(-0.08, 0.08) * side
    pictures, covers = _moved(canvas, masks, np.array(COLOURS[colour]), way, 0.4 * side, across)
    return ShapeFilm(pictures, covers, colour, shape, way, ground)


def _moved(
    canvas: Image.Image,
    masks: tuple[Image.Image, Image.Image],
    rgb: np.ndarray,
    way: str,
    along: float,
    across: float,
) -> tuple[tuple[Image.Image, ...], np.ndarray]:
    """The pictures of a shape that goes `along` pixels its way, and where it covers them."""
    whole, inner = masks
    room = canvas.width - whole.width
    pictures, covers = [], []
    for step in range(PICTURES):
        gone = (step / (PICTURES - 1) - 0.5) * along * sum(WAYS[way])
        at = room / 2 + gone
        place = (round(at), round(across)) if WAYS[way][0] else (round(across), round(at))
        picture = canvas.copy()
        picture.paste(tuple((rgb * 0.7).astype(int).tolist()), place, whole)
        picture.paste(tuple(rgb.tolist()), place, inner)
        cover = Image.new("L", picture.size)
        cover.paste(255, place, whole)
        pictures.append(picture)
        covers.append(np.asarray(cover) > 127)
    return tuple(pictures), np.stack(covers)
