"""Seeded short printed documents with their words, boxes, questions and answers.

Receipts, parcel labels and forms as an old till prints them: capitals, one character a column,
dark on a light paper, a key and its value on a line. Names are made of syllables, so that who
reads them has to read. One seed gives one document; take it from `world.seeds`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .world import Box

COLUMNS, LINES = 17, 9
"""What fits a document: characters in a line, and lines."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHARACTERS = f"{LETTERS}0123456789.-/"
CODES = "ABCDEFGHJKLMNPRSTUVWXYZ23456789"
"""What codes are made of: nothing that looks like something else."""
GOODS = (
    "TEA", "COFFEE", "MILK", "BREAD", "SOUP", "SALAD", "APPLE", "CHEESE", "RICE", "SOAP", "PEN",
    "STAMP", "CAKE", "JUICE", "WATER", "EGGS",
)  # fmt: skip
ROOM = (2, 3)
"""The narrowest and widest sum of two opposite margins, in columns."""

ASKED: Mapping[str, tuple[str, ...]] = {
    "TOTAL": ("what is the total?", "how much is the total?", "how much was paid?"),
    "DATE": ("what is the date?", "when was it?", "which date is on it?"),
    "SHOP": ("what is the shop?", "which shop is it?", "what is the name of the shop?"),
    "NAME": ("what is the name?", "who is it?", "which name is on it?"),
    "TO": ("who is it to?", "to whom is it?", "who gets it?"),
    "FROM": ("who is it from?", "from whom is it?", "who sent it?"),
    "TOWN": ("what is the town?", "which town is it?", "which town is on it?"),
    "STREET": ("what is the street?", "which street is it?", "which street is on it?"),
    "PHONE": ("what is the phone number?", "which phone number is on it?", "what is the phone?"),
    "WEIGHT": ("what is the weight?", "how heavy is it?", "how much does it weigh?"),
    "CODE": ("what is the code?", "which code is it?", "which code is on it?"),
    "BORN": ("what is the date of birth?", "when were they born?", "what is the birth date?"),
}
"""How the value of a key is asked for. What goods cost: "how much is the tea?"."""
PRICED = ("how much is the {}?", "what is the price of the {}?", "what does the {} cost?")


@dataclass(frozen=True)
class Word:
    """A word as it is printed; its box in pixels (xmin, ymin, xmax, ymax), max exclusive."""

    text: str
    box: Box


@dataclass(frozen=True)
class Document:
    """A printed document, and for each of its keys what stands there.

    `characters` are (character, x, y): each one's middle, as shares of the width and height.
    """

    image: Image.Image
    kind: str
    values: Mapping[str, str]
    words: tuple[Word, ...]
    characters: tuple[tuple[str, float, float], ...]

    def questions(self) -> list[tuple[str, str]]:
        """Every question with its answer."""
        return [(text, value) for key, value in self.values.items() for text in forms_of(key)]


def forms_of(key: str) -> tuple[str, ...]:
    """The questions for a key."""
    return ASKED.get(key) or tuple(form.format(key.lower()) for form in PRICED)


def _name(rng: np.random.Generator, most: int) -> str:
    """Syllables, `most` letters at most."""
    made = "".join(
        str(rng.choice(list("BCDFGHJKLMNPQRSTVWXZ"))) + str(rng.choice(list("AEIOUY")))
        for _ in range(int(rng.integers(1, 4)))
    )
    return (made + str(rng.choice(list("LMNRST"))))[:most]


def _date(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(30, 100)}"


def _price(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 40)}.{rng.integers(0, 100):02}"


def _receipt(rng: np.random.Generator) -> dict[str, str]:
    goods = rng.permutation(GOODS)[: int(rng.integers(2, 5))]
    return {
        "SHOP": _name(rng, 7),
        "DATE": _date(rng),
        **{str(each): _price(rng) for each in goods},
        "TOTAL": f"{rng.integers(40, 100)}.{rng.integers(0, 100):02}",
    }


def _label(rng: np.random.Generator) -> dict[str, str]:
    return {
        "TO": f"{_name(rng, 6)} {_name(rng, 6)}",
        "FROM": _name(rng, 7),
        "STREET": f"{rng.integers(1, 100)} {_name(rng, 6)}",
        "TOWN": _name(rng, 7),
        "WEIGHT": f"{rng.integers(1, 30)}.{rng.integers(0, 10)} KG",
        "CODE": "".join(str(rng.choice(list(CODES))) for _ in range(6)),
    }


def _form(rng: np.random.Generator) -> dict[str, str]:
    return {
        "NAME": f"{_name(rng, 5)} {_name(rng, 6)}",
        "BORN": _date(rng),
        "STREET": f"{rng.integers(1, 100)} {_name(rng, 6)}",
        "TOWN": _name(rng, 7),
        "PHONE": f"{rng.integers(100, 1000)}-{rng.integers(1000, 10000)}",
        "DATE": _date(rng),
    }


KINDS: Mapping[str, Callable[[np.random.Generator], dict[str, str]]] = {
    "receipt": _receipt,
    "label": _label,
    "form": _form,
}
"""What the kinds of documents hold, a value for each key."""


def draw_document(seed: int, *, size: tuple[int, int] = (480, 480)) -> Document:
    """Draws the document of a seed; some of a label's and a form's lines may lack.

    Args:
        seed: take it from `seeds`, so that training and measuring stay apart.
        size: width and height in pixels; 160 or more each.
    """
    rng = np.random.default_rng((seed, 12))
    kind = str(rng.choice(list(KINDS)))
    values = KINDS[kind](rng)
    if kind != "receipt":
        kept = sorted(rng.permutation(len(values))[: int(rng.integers(3, len(values) + 1))])
        values = dict(list(values.items())[i] for i in kept)
    width, height = size
    wide = width / (COLUMNS + rng.uniform(*ROOM))
    high = height / (LINES + rng.uniform(0.4, 1))
    left = rng.uniform(0.5, width / wide - COLUMNS - 0.5) * wide
    top = rng.uniform(0.1, height / high - len(values) - 0.1) * high
    paper = np.clip(rng.integers(205, 256) + rng.integers(-8, 9, 3), 0, 255)
    tone = rng.normal(0, rng.uniform(0, 5), (height, width, 1))
    image = Image.fromarray(np.clip(paper + tone, 0, 255).astype(np.uint8))
    draw, ink = ImageDraw.Draw(image), tuple(rng.integers(0, 80, 3).tolist())
    font = ImageFont.load_default(min(wide * 1.35, high * 0.95))
    column = int(rng.integers(7, 9))
    right = kind == "receipt" and rng.random() < 0.8
    words, characters = [], []
    for row, (key, value) in enumerate(values.items()):
        start = COLUMNS - len(value) if right else min(column, COLUMNS - len(value))
        y = top + (row + 0.5) * high
        for text, first in ((key, 0), *_parted(value, start)):
            inked = []
            for place, character in enumerate(text, first):
                x = left + (place + 0.5) * wide
                draw.text((x, y), character, ink, font, anchor="mm")
                inked.append(draw.textbbox((x, y), character, font, anchor="mm"))
                characters.append((character, x / width, y / height))
            words.append(Word(text, _around(inked)))
    return Document(image, kind, values, tuple(words), tuple(characters))


def _parted(value: str, start: int) -> list[tuple[str, int]]:
    """The words of a value and the columns they begin in."""
    parts = []
    for word in value.split():
        parts.append((word, start))
        start += len(word) + 1
    return parts


def _around(boxes: list[tuple[float, float, float, float]]) -> Box:
    """The smallest box of whole pixels around all of these."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (
        math.floor(min(lefts)), math.floor(min(tops)), math.ceil(max(rights)),
        math.ceil(max(bottoms)),
    )  # fmt: skip
