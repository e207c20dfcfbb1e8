"""Seeded sounds of the world: eight kinds, and what stands for noise over speech.

One seed gives one sound at 16 kHz, one to three seconds long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, chirp, sosfilt

from .espeak import Samples
from .speech import HERTZ, clip, noise

SOUNDS = (
    "steady tone", "rising tone", "falling tone", "beeps", "clicks", "chord", "noise", "speech",
)  # fmt: skip
"""What the sound classifier can say."""


@dataclass(frozen=True)
class Sound:
    """Float32 samples (n,) at 16 kHz in -1..1, the same without noise, its row of `SOUNDS`."""

    samples: Samples
    clean: Samples
    kind: str


def sound(seed: int, kind: str = "") -> Sound:
    """The sound of a seed over faint noise, of this kind or the seed's. Speech needs eSpeak NG."""
    rng = np.random.default_rng((seed, 8))
    kind = kind or str(rng.choice(SOUNDS))
    seconds = rng.uniform(1, 3)
    time = np.arange(int(seconds * HERTZ)) / HERTZ
    made = clip(seed, noisy=False).clean if kind == "speech" else _made(rng, kind, time)
    made = made / max(float(np.abs(made).max()), 1e-3) * rng.uniform(0.1, 0.8)
    if kind == "noise":
        return Sound(made.astype(np.float32), np.zeros(len(made), np.float32), kind)
    power = float(np.mean(made**2)) * 10 ** (-rng.uniform(12, 40) / 10)
    noisy = made + np.sqrt(power) * noise(rng, len(made))
    return Sound(noisy.astype(np.float32), made.astype(np.float32), kind)


def _made(rng: np.random.Generator, kind: str, time: np.ndarray) -> np.ndarray:
    low = rng.uniform(150, 1200)
    if kind in ("rising tone", "falling tone"):
        ends = (low, low * rng.uniform(1.6, 4))
        first, last = ends if kind == "rising tone" else ends[::-1]
        return np.asarray(chirp(time, first, time[-1], last, method="logarithmic"))
    if kind == "noise":
        return noise(rng, len(time))
    if kind == "clicks":
        made = np.zeros(len(time))
        step = int(HERTZ / rng.uniform(3, 9))
        made[int(rng.integers(step)) :: step] = 1
        band = butter(2, [800, 4000], "bandpass", fs=HERTZ, output="sos")
        return np.asarray(sosfilt(band, made))
    tone = np.sin(2 * np.pi * low * time)
    if kind == "chord":
        for ratio in (5 / 4, 3 / 2):
            tone = tone + np.sin(2 * np.pi * low * ratio * time)
    if kind == "beeps":
        tone = tone * ((time * rng.uniform(2, 5)) % 1 < rng.uniform(0.35, 0.6))
    return tone
