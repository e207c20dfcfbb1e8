"""Seeded pictures of coloured shapes and digits, with the truth about them.

The closed world of the starter checkpoints: every kind of object is a row of `SHAPES` or
`DIGITS`, every colour a row of `COLOURS`, every background a row of `BACKGROUNDS`. One seed
gives one scene, the same on every machine: strokes are drawn here, no system font is used.

Seeds are split into ranges that cannot meet (`seeds`): what is trained on is never measured on.

`python -m hugginggraph.starter.world examples/` draws the example pictures again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]
Box = tuple[int, int, int, int]
Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (222, 44, 44),
    "orange": (245, 138, 28),
    "yellow": (246, 214, 48),
    "green": (46, 160, 76),
    "blue": (44, 104, 216),
    "purple": (134, 62, 180),
}

BACKGROUNDS: dict[str, Rgb] = {
    "white": (247, 247, 244),
    "gray": (176, 179, 184),
    "beige": (232, 214, 178),
    "black": (38, 40, 46),
}


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points of an ellipse's arc, degrees clockwise from three o'clock, y downwards."""
    turns = [math.radians(start + (end - start) * i / 24) for i in range(25)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns]


def _star() -> list[Point]:
    turns = [math.radians(36 * i - 90) for i in range(10)]
    return [
        ((r := 1 if i % 2 == 0 else 0.45) * math.cos(t), r * math.sin(t))
        for i, t in enumerate(turns)
    ]


def _heart() -> list[Point]:
    turns = [math.tau * i / 48 for i in range(48)]
    return [
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
        )
        for t in turns
    ]


SHAPES: dict[str, list[Point]] = {
    "circle": _arc(0, 0, 0.95, 0.95, 0, 360),
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0, -0.95), (1, 0.85), (-1, 0.85)],
    "star": _star(),
    "diamond": [(0, -1), (0.7, 0), (0, 1), (-0.7, 0)],
    "heart": _heart(),
}
"""Outlines in the square from -1 to 1, y downwards."""

DIGITS: dict[str, list[list[Point]]] = {
    "0": [_arc(0, 0, 0.48, 0.82, 0, 360)],
    "1": [[(-0.32, -0.5), (0.05, -0.82), (0.05, 0.82)]],
    "2": [[*_arc(0, -0.36, 0.46, 0.46, -170, 35), (-0.48, 0.82), (0.5, 0.82)]],
    "3": [_arc(-0.02, -0.42, 0.44, 0.4, -160, 90) + _arc(-0.02, 0.4, 0.5, 0.42, -90, 160)],
    "4": [[(0.25, 0.82), (0.25, -0.82), (-0.55, 0.35), (0.58, 0.35)]],
    "5": [[(0.42, -0.82), (-0.36, -0.82), (-0.4, -0.1), *_arc(-0.04, 0.3, 0.5, 0.52, -130, 150)]],
    "6": [[(0.3, -0.82), (-0.3, -0.1), *_arc(0, 0.34, 0.46, 0.48, -160, 200)]],
    "7": [[(-0.48, -0.82), (0.5, -0.82), (-0.12, 0.82)]],
    "8": [_arc(0, -0.43, 0.38, 0.39, 0, 360), _arc(0, 0.39, 0.47, 0.43, 0, 360)],
    "9": [_arc(0, -0.34, 0.46, 0.48, 0, 360), [(0.46, -0.3), (0.3, 0.3), (-0.2, 0.82)]],
}
"""Strokes in the same square."""

LABELS: tuple[str, ...] = (
    *(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS),
    *(f"digit {digit}" for digit in DIGITS),
)
"""What the classifier and the detector can say, in the order in which captions list objects."""

COUNTS = ("no", "one", "two", "three", "four", "five", "six")
MOST_OBJECTS = len(COUNTS) - 1

CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""One folder per saved model, in the layout of the Hub."""

SPLITS: dict[str, range] = {
    "train": range(0, 10_000_000),
    "validation": range(10_000_000, 11_000_000),
    "measure": range(11_000_000, 12_000_000),
    "test": range(12_000_000, 13_000_000),
    "show": range(13_000_000, 14_000_000),
}
RUN_STRIDE = 100_000


def seeds(split: str, run: int, count: int) -> range:
    """Gives `count` scene seeds of a split's own range; runs of one split do not overlap.

    Raises:
        ValueError: if the run or the count leaves the split's range.
    """
    start = SPLITS[split].start + run * RUN_STRIDE
    if run < 0 or count > RUN_STRIDE or start + count > SPLITS[split].stop:
        most = len(SPLITS[split]) // RUN_STRIDE
        raise ValueError(
            f"Run {run} with {count} scenes is outside the split {split!r}: "
            f"it has runs 0 to {most - 1} with up to {RUN_STRIDE} scenes each."
        )
    return range(start, start + count)


GROUND, NEAREST = 4.0, 1.5
"""Distances in a relief; the shadow's way is in proportion to the height over the ground."""
SHADOW = 0.16
"""How far the shadow of the nearest object falls, as a share of the picture's short side."""


@dataclass(frozen=True)
class SceneObject:
    """One object: box in pixels (xmin, ymin, xmax, ymax), origin top left, max exclusive."""

    label: str
    colour: str
    shape: str
    box: Box
    distance: float = GROUND
    """From the eye, in widths of a hand: the ground is at 4, what casts a shadow is nearer."""


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it; objects stand in the caption's order."""

    image: Image.Image
    objects: tuple[SceneObject, ...]
    caption: str
    background: str
    segments: np.ndarray = field(compare=False, repr=False)
    """Which object is seen: uint8 (height, width), 0 the ground, n the n-th of `objects`."""

    @property
    def depth(self) -> np.ndarray:
        """The distance of each point, float32 (height, width)."""
        distances = np.array([GROUND, *(each.distance for each in self.objects)], np.float32)
        return np.take(distances, self.segments)


def label_of(colour: str, shape: str) -> str:
    """The label of an object; digits are named without their colour."""
    return f"digit {shape}" if shape in DIGITS else f"{colour} {shape}"


def caption_of(labels: list[str], background: str) -> str:
    """The one caption of these objects, such as "two red circles and the digit 7 on a …"."""
    parts = []
    for label, group in groupby(sorted(labels, key=LABELS.index)):
        count = len(list(group))
        article = "the" if label.startswith("digit") else "an" if label[0] in "aeiou" else "a"
        parts.append(f"{article} {label}" if count == 1 else f"{COUNTS[count]} {label}s")
    listed = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    return f"{listed} on a {background} background"


def background_of(
    rng: np.random.Generator, size: tuple[int, int], name: str, pattern: str
) -> Image.Image:
    """A canvas of the named colour, with the row of `PATTERNS` laid over it."""
    width, height = size
    base = np.array(BACKGROUNDS[name]) + rng.integers(-6, 7, size=3)
    angle = rng.uniform(0, math.tau)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(size)
    along = x * math.cos(angle) + y * math.sin(angle)
    tone = PATTERNS[pattern](rng, along)
    pixels = np.clip(base + tone[..., None], 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


PATTERNS: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "plain": lambda rng, along: np.zeros_like(along),
    "gradient": lambda rng, along: rng.uniform(10, 36) * (along - along.mean()),
    "noise": lambda rng, along: rng.normal(0, rng.uniform(3, 8), along.shape),
    "stripes": lambda rng, along: (
        rng.uniform(4, 10) * np.sign(np.sin(along * math.tau * rng.uniform(4, 12)))
    ),
}
"""What a background does with its tone, given the way along its direction (0 to about 1)."""

OVERSAMPLE = 4


def mask_of(shape: str, side: float, angle: float, inset: float) -> Image.Image:
    """Coverage (mode L) of a shape drawn `side` pixels large; `inset` thins it from outside."""
    pixels = math.ceil(side * 1.3)
    centre, radius = pixels * OVERSAMPLE / 2, side * OVERSAMPLE / 2
    cos, sin = math.cos(angle), math.sin(angle)

    def place(points: list[Point], scale: float) -> list[Point]:
        return [
            (centre + scale * (x * cos - y * sin), centre + scale * (x * sin + y * cos))
            for x, y in points
        ]

    mask = Image.new("L", (pixels * OVERSAMPLE,) * 2)
    draw = ImageDraw.Draw(mask)
    if shape in SHAPES:
        draw.polygon(place(SHAPES[shape], radius * (1 - inset)), fill=255)
    else:
        pen = radius * (0.4 - inset)
        for stroke in DIGITS[shape]:
            placed = place(stroke, radius * 1.1)
            draw.line(placed, fill=255, width=round(pen), joint="curve")
            for x, y in (placed[0], placed[-1]):
                draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return mask.reduce(OVERSAMPLE)


def _overlap(a: Box, b: Box) -> float:
    """Share of the smaller box that both cover."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))


def _draw(
    rng: np.random.Generator,
    size: tuple[int, int],
    kinds: list[tuple[str, str]],
    extent: tuple[float, float],
    pattern: str | None,
    distances: list[float] | None = None,
    *,
    centred: bool = False,
) -> Scene:
    """Draws (colour, shape) kinds at free places, each `extent` of the short side large.

    With `distances` each object floats that far from the eye and casts its shadow. What is
    `centred` is at most a twentieth of the picture away from its middle.
    """
    background = str(rng.choice(list(BACKGROUNDS)))
    pattern = pattern or str(rng.choice(list(PATTERNS)))
    image = background_of(rng, size, background, pattern)
    objects: list[SceneObject] = []
    covers: list[Image.Image] = []
    for number, (colour, shape) in enumerate(kinds):
        scale = rng.uniform(*extent)
        while True:
            side = scale * min(size)
            angle = math.radians(rng.uniform(-12, 12))
            whole = mask_of(shape, side, angle, 0)
            left, top, right, bottom = whole.getbbox() or (0, 0, *whole.size)
            x = int(rng.integers(0, size[0] - (right - left) + 1)) - left
            y = int(rng.integers(0, size[1] - (bottom - top) + 1)) - top
            if centred:
                away = rng.uniform(-0.05, 0.05, 2)
                x, y = (
                    round(wide * (0.5 + off)) - (first + last) // 2
                    for wide, off, first, last in zip(
                        size, away, (left, top), (right, bottom), strict=True
                    )
                )
            box = (x + left, y + top, x + right, y + bottom)
            if all(_overlap(box, other.box) <= 0.1 for other in objects):
                break
            scale *= 0.985
        rgb = np.clip(np.array(COLOURS[colour]) + rng.integers(-12, 13, size=3), 0, 255)
        inner = mask_of(shape, side, angle, 0.1)
        distance = distances[number] if distances else GROUND
        if distances:
            way = round(SHADOW * min(size) * (GROUND - distance) / (GROUND - NEAREST))
            shade = Image.new("RGB", whole.size, (12, 12, 16))
            image.paste(shade, (x + way, y + way), whole.point(lambda v: v * 0.6))
        image.paste(tuple((rgb * 0.7).astype(int).tolist()), (x, y), whole)
        image.paste(tuple(rgb.tolist()), (x, y), inner)
        objects.append(SceneObject(label_of(colour, shape), colour, shape, box, distance))
        cover = Image.new("L", size)
        cover.paste(255, (x, y), whole)
        covers.append(cover)
    order = sorted(range(len(objects)), key=lambda i: LABELS.index(objects[i].label))
    segments = np.zeros((size[1], size[0]), np.uint8)
    for i, cover in enumerate(covers):
        segments[np.asarray(cover) > 127] = order.index(i) + 1
    caption = caption_of([objects[i].label for i in order], background)
    return Scene(image, tuple(objects[i] for i in order), caption, background, segments)


def _kinds(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Draws what is in a scene: a digit at most once, a third of the shapes repeated."""
    kinds: list[tuple[str, str]] = []
    digits = [str(digit) for digit in rng.permutation(list(DIGITS))]
    for _ in range(count):
        colour = str(rng.choice(list(COLOURS)))
        shapes = [kind for kind in kinds if kind[1] in SHAPES]
        draw = rng.random()
        if draw < 0.22:
            kinds.append((colour, digits.pop()))
        elif draw < 0.45 and shapes:
            kinds.append(shapes[int(rng.integers(len(shapes)))])
        else:
            kinds.append((colour, str(rng.choice(list(SHAPES)))))
    return kinds


def draw_scene(
    seed: int,
    *,
    size: tuple[int, int] = (480, 360),
    n_objects: int | None = None,
    pattern: str | None = None,
) -> Scene:
    """Draws the scene of a seed: 1 to 6 objects, each at least mostly visible.

    Args:
        seed: take it from `seeds`, so that training and measuring stay apart.
        size: width and height in pixels; 64 or more each.
        n_objects: how many objects; without it the seed decides.
        pattern: a row of `PATTERNS`; without it the seed decides.

    Raises:
        ValueError: if `n_objects` is not between 1 and 6.
    """
    if n_objects is not None and not 1 <= n_objects <= MOST_OBJECTS:
        raise ValueError(f"A scene has 1 to {MOST_OBJECTS} objects, not {n_objects}.")
    rng = np.random.default_rng((seed, 0))
    count = n_objects or int(rng.integers(1, MOST_OBJECTS + 1))
    return _draw(rng, size, _kinds(rng, count), (0.24, 0.48 - 0.03 * count), pattern)


def draw_relief(seed: int, *, size: tuple[int, int] = (480, 360)) -> Scene:
    """Draws 1 to 4 objects that float over the ground and cast shadows to the lower right.

    The nearer to the eye, the farther its shadow falls, and the nearest is drawn last.
    """
    rng = np.random.default_rng((seed, 4))
    count = int(rng.integers(1, 5))
    distances = sorted(rng.uniform(NEAREST, 0.9 * GROUND, count).tolist(), reverse=True)
    return _draw(rng, size, _kinds(rng, count), (0.24, 0.48 - 0.03 * count), None, distances)


def draw_single(
    seed: int, *, size: tuple[int, int] = (256, 256), pattern: str | None = None
) -> Scene:
    """Draws one main object; every label comes equally often. Arguments as in `draw_scene`."""
    rng = np.random.default_rng((seed, 1))
    label = LABELS[int(rng.integers(len(LABELS)))]
    colour, shape = label.split()
    if shape in DIGITS:
        colour = str(rng.choice(list(COLOURS)))
    return _draw(rng, size, [(colour, shape)], (0.3, 0.85), pattern)


def draw_portrait(seed: int, *, size: tuple[int, int] = (128, 128)) -> Scene:
    """Draws one large shape in the middle of a plain ground: what the painter learns to make."""
    rng = np.random.default_rng((seed, 6))
    kind = str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))
    return _draw(rng, size, [kind], (0.7, 0.85), "plain", centred=True)


def outline_of(seed: int) -> tuple[str, np.ndarray]:
    """Draws the outline of one shape: its name, and its pixels in its box, float (h, w) 0 to 1."""
    rng = np.random.default_rng((seed, 5))
    shape = str(rng.choice(list(SHAPES)))
    mask = mask_of(shape, rng.uniform(60, 200), math.radians(rng.uniform(-12, 12)), 0)
    return shape, np.asarray(mask.crop(mask.getbbox()), dtype=float) / 255


def draw_examples(folder: Path) -> None:
    """Draws the pictures of the documentation and the demo, chosen among the split `show`."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_scene(13_000_283, n_objects=5).image.save(folder / "scene.png")
    draw_single(13_000_008).image.save(folder / "single.png")
    draw_scene(13_000_012, n_objects=6).image.save(folder / "crowd.png")


if __name__ == "__main__":
    draw_examples(Path(sys.argv[1] if len(sys.argv) > 1 else "examples"))
