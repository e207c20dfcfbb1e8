"""Seeded questions about scenes with their one right answer: how many, what color, where, is there,
which digit.

Where is asked only where a person would not hesitate: the object's centre is at least a twentieth
of the picture away from both middle lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .world import COLOURS, COUNTS, SHAPES, Scene

ASKED = ("count", "color", "place", "existence", "digit")
CLEAR = 0.05


@dataclass(frozen=True)
class Question:
    """A question in English, its answer, and the row of `ASKED` it is."""

    text: str
    answer: str
    kind: str


def question(seed: int, scene: Scene) -> Question:
    """The question of a seed about a scene."""
    rng = np.random.default_rng((seed, 9))
    while True:
        asked = _ask(rng, scene, str(rng.choice(ASKED)))
        if asked:
            return asked


def _ask(rng: np.random.Generator, scene: Scene, kind: str) -> Question | None:
    shapes = [each for each in scene.objects if each.shape in SHAPES]
    digits = [each for each in scene.objects if each.shape not in SHAPES]
    colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))
    if shapes and rng.random() < 0.6:
        seen = shapes[int(rng.integers(len(shapes)))]
        colour, shape = seen.colour, seen.shape
    labels = [each.label for each in shapes]
    if kind == "count":
        if rng.random() < 0.5:
            count = sum(each.shape == shape for each in shapes)
            return Question(f"how many {shape}s are there?", _number(count), kind)
        count = labels.count(f"{colour} {shape}")
        return Question(f"how many {colour} {shape}s are there?", _number(count), kind)
    if kind == "color":
        known = {each.colour for each in shapes if each.shape == shape}
        if len(known) != 1:
            return None
        return Question(f"what color is the {shape}?", known.pop(), kind)
    if kind == "existence":
        there = "yes" if f"{colour} {shape}" in labels else "no"
        article = "an" if colour[0] in "aeiou" else "a"
        return Question(f"is there {article} {colour} {shape}?", there, kind)
    if kind == "digit":
        if len(digits) != 1:
            return None
        return Question("which digit is there?", digits[0].shape, kind)
    alone = [
        each for each in scene.objects if sum(each.label == x.label for x in scene.objects) == 1
    ]
    if not alone:
        return None
    it = alone[int(rng.integers(len(alone)))]
    across = (it.box[0] + it.box[2]) / 2 / scene.image.width - 0.5
    down = (it.box[1] + it.box[3]) / 2 / scene.image.height - 0.5
    if min(abs(across), abs(down)) < CLEAR:
        return None
    place = f"{'top' if down < 0 else 'bottom'} {'left' if across < 0 else 'right'}"
    return Question(f"where is the {it.label}?", place, kind)


def _number(count: int) -> str:
    return COUNTS[count] if count else "zero"
