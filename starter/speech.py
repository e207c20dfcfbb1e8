"""Seeded spoken sentences about the world, with noise: the sound half of the closed world.

One seed gives one clip; the split of the seed (`world.seeds`) also decides the voices, so that
recognition is always measured on voices that no training run heard. Needs eSpeak NG, whose voices
flutter a little differently each time: a seed gives the same words, voice and noise, not the same
samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import resample_poly

from .espeak import Samples, speak
from .world import BACKGROUNDS, COLOURS, COUNTS, DIGITS, LABELS, SHAPES, caption_of, seeds

HERTZ = 16_000
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-029", "en-us-nyc")
VOICES = (
    "m1", "m2", "m3", "m5", "m6", "f1", "f2", "f4", "Alex", "Andy", "Annie", "Gene", "Lee",
    "Mario", "Michael", "belinda", "boris", "caleb", "david", "ed", "grandma", "john", "klatt",
    "linda", "max", "quincy", "rob", "shelby", "steph", "travis", "victor", "zac",
)  # fmt: skip
HELD_OUT_VOICES = ("m4", "m7", "f3", "f5", "Mike", "robert", "anika", "paul")
"""eSpeak NG's voice variants; what is held out speaks in no training clip."""

TEMPLATES = (
    "how many {shape}s are there",
    "how many {colour} {shape}s are there",
    "what color is the {shape}",
    "is there a {colour} {shape}",
    "where is the {colour} {shape}",
    "which digit is there",
    "draw {a} on a {ground} background",
    "find the {shape}s",
    "count the {shape}s",
    "describe the picture",
    "make the {shape} {colour}",
    "put {a} next to {b}",
    "{a} is left of {b}",
    "{a} is right of {b}",
    "{a} is above {b}",
    "{a} is below {b}",
    "there are {number} {colour} {shape}s",
)
"""Sentences with one choice in each brace; captions and rows of numbers come besides."""


@dataclass(frozen=True)
class Clip:
    """A spoken sentence: float32 samples (n,) at 16 kHz, and the same without its noise."""

    samples: Samples
    clean: Samples
    text: str
    voice: str


def spelled(text: str) -> str:
    """The words of a text as they are spoken: no punctuation, digits as number words."""
    words = text.lower().replace(",", " ").replace(".", " ").replace("?", " ").split()
    return " ".join(NUMBERS[int(word)] if word in DIGITS else word for word in words)


def sentence(rng: np.random.Generator) -> str:
    """A sentence of the world: a caption, an order, a question, a statement or numbers."""
    draw = rng.random()
    if draw < 0.35:
        labels = [LABELS[i] for i in rng.choice(len(LABELS), int(rng.integers(1, 4)))]
        if rng.random() < 0.4:
            labels += labels[:1]
        return spelled(caption_of(_once(labels), str(rng.choice(list(BACKGROUNDS)))))
    if draw < 0.5:
        return " ".join(NUMBERS[int(rng.integers(10))] for _ in range(rng.integers(1, 6)))
    colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))
    made = TEMPLATES[int(rng.integers(len(TEMPLATES)))].format(
        shape=shape,
        colour=colour,
        ground=rng.choice(list(BACKGROUNDS)),
        number=rng.choice(COUNTS[2:]),
        a=_thing(rng),
        b=_thing(rng),
    )
    return made.replace("a orange", "an orange")


def _once(labels: list[str]) -> list[str]:
    """The labels with each digit once, as the world draws them."""
    return [x for i, x in enumerate(labels) if not (x.startswith("digit") and x in labels[:i])]


def _thing(rng: np.random.Generator) -> str:
    article = "the" if rng.random() < 0.5 else "a"
    return f"{article} {rng.choice(list(COLOURS))} {rng.choice(list(SHAPES))}"


def noise(rng: np.random.Generator, length: int) -> Samples:
    """White, pink or humming noise (length,) of power one."""
    kind = int(rng.integers(3))
    made = rng.standard_normal(length)
    if kind == 1:
        spectrum = np.fft.rfft(made)
        made = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 8)), length)
    elif kind == 2:
        hum = 2 * np.pi * rng.uniform(45, 130) / HERTZ * np.arange(length)
        made = 0.4 * made + sum(np.sin(hum * n) / n for n in range(1, 5))
    level: Samples = (made / np.sqrt(np.mean(made**2))).astype(np.float32)
    return level


def clip(seed: int, *, noisy: bool = True) -> Clip:
    """Speaks and disturbs the sentence of a seed, 10 to 30 dB above its noise."""
    rng = np.random.default_rng((seed, 3))
    text = sentence(rng)
    training = seed < seeds("validation", 0, 1).start
    voice = f"{rng.choice(ACCENTS)}+{rng.choice(VOICES if training else HELD_OUT_VOICES)}"
    spoken = speak(
        text,
        voice,
        speed=int(rng.integers(130, 191)),
        pitch=int(rng.integers(30, 71)),
        lively=int(rng.integers(30, 71)),
    )
    clean = resample_poly(spoken.samples, HERTZ, spoken.rate).astype(np.float32)
    edges = [np.zeros(int(n), np.float32) for n in rng.integers(800, 6400, 2)]
    clean = np.concatenate([edges[0], clean, edges[1]])
    clean *= rng.uniform(0.1, 0.7) / max(float(np.abs(clean).max()), 1e-3)
    power = float(np.mean(clean**2))
    loud = np.sqrt(power * 10 ** (-rng.uniform(10, 30) / 10))
    return Clip(clean + loud * noise(rng, len(clean)) * noisy, clean, text, voice)


def clips_of(split: Literal["measure", "test"], run: int, count: int) -> list[Clip]:
    """Fresh clips in voices that no training run heard."""
    return [clip(seed) for seed in seeds(split, run, count)]
