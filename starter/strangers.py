"""Seeded pictures from outside the world, on which a model of the world should say so.

Clouds of noise in all sizes (as photographs are, in their frequencies), scribbles in any colour,
both together, and printed documents.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .documents import draw_document


def draw_stranger(
    seed: int, *, size: tuple[int, int] = (480, 360), documents: bool = True
) -> Image.Image:
    """The picture of a seed; width and height of 160 pixels or more each."""
    rng = np.random.default_rng((seed, 14))
    kind = rng.random()
    if kind < 0.2 and documents:
        return draw_document(seed, size=size).image
    image = _clouds(rng, size)
    if kind > 0.5:
        _scribble(rng, image)
    return image


def _clouds(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Noise of several sizes, the coarser the stronger, of a few colours or of many."""
    total = np.full((size[1], size[0], 3), rng.uniform(40, 220, 3))
    fade, cells = rng.uniform(0.4, 0.9), int(rng.integers(2, 6))
    strength = rng.uniform(20, 90)
    while cells < min(size):
        grey = rng.normal(0, strength, (cells, cells, 1))
        coarse = grey + rng.normal(0, strength * rng.uniform(0, 0.7), (cells, cells, 3))
        layers = [
            np.asarray(Image.fromarray(layer.astype(np.float32)).resize(size, _SOFT))
            for layer in np.moveaxis(coarse, 2, 0)
        ]
        total += np.stack(layers, 2)
        cells, strength = cells * 2, strength * fade
    return Image.fromarray(np.clip(total, 0, 255).astype(np.uint8))


_SOFT = Image.Resampling.BICUBIC


def _scribble(rng: np.random.Generator, image: Image.Image) -> None:
    """Lines, boxes and corners of any colour, many or few."""
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 60))):
        points = [
            tuple((rng.uniform(-0.1, 1.1, 2) * image.size).tolist())
            for _ in range(int(rng.integers(2, 6)))
        ]
        colour = tuple(rng.integers(0, 256, 3).tolist())
        if rng.random() < 0.5 or len(points) < 3:
            draw.line(points, colour, int(rng.integers(1, max(image.size) // 20)))
        else:
            draw.polygon(points, colour)
