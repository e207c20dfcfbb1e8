"""The hum of mains and motors in a recording: steady sines at multiples of one low frequency.

It is fitted to the samples and can be subtracted, where a gain in each band would take the voice
away with it: what is quiet counts most, so that a voice does not pull the sines towards itself.

Not covered: hum whose frequency wanders within the samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING, Any

from .sound import resample

if TYPE_CHECKING:
    from .sound import Samples

LOW_RATE = 1600
"""Samples a second that hold all harmonics of a hum that are looked at."""
LOWEST, HIGHEST, HIGHEST_HARMONIC = 40.0, 140.0, 760.0
"""Hertz of the first and of the last harmonic."""
SEARCHED = 4
"""Harmonics that the frequency is found by; such as have none count as little as noise."""
SHORTEST = 0.5
"""Seconds that a hum takes to be known from a voice."""
AVERAGED = 0.064
"""Seconds over which it is looked how loud the rest is."""
EXPLAINED = 0.03
"""Of what is heard in quiet moments, the share that is hum if there is any."""
FIRST = 0.03
"""Of the strongest harmonic's power, what the first has in a hum; a chord has none there."""


def hum_of(samples: Samples, rate: int) -> Samples:
    """The hum in samples (n,) of some seconds, to be subtracted; zeros where there is none."""
    import numpy as np

    made = np.zeros_like(samples)
    if len(samples) < SHORTEST * rate or not samples.any():
        return made
    low = resample(samples, rate, LOW_RATE).astype(np.float64)
    found = [_settled(low, first) for first in {*_candidates(low * _quietness(low))}]
    first, weights = min(found, key=lambda each: _left(low, *each[::-1]))
    amplitudes = _fitted(low, weights, first)[0]
    power = (amplitudes.reshape(2, -1) ** 2).sum(0)
    if _left(low, weights, first) > 1 - EXPLAINED or power[0] < FIRST * power.max():
        return made
    time = 2 * np.pi * first / rate * np.arange(len(samples))
    for n, (even, odd) in enumerate(amplitudes.reshape(2, -1).T, 1):
        made += even * np.cos(n * time) + odd * np.sin(n * time)
    return made


def _quietness(low: Any) -> Any:
    """For each sample, how little it should be hidden by what is loud around it."""
    import numpy as np
    from scipy.ndimage import uniform_filter1d

    power = uniform_filter1d(low**2, round(AVERAGED * LOW_RATE))
    return 1 / (power + np.quantile(power, 0.1) + 1e-12)


def _candidates(low: Any) -> Iterator[float]:
    """Frequencies whose first harmonics hold most of a spectrum's power, or stand out most."""
    import numpy as np

    size = 8 * 2 ** ceil(np.log2(len(low)))
    places = np.fft.rfftfreq(size, 1 / LOW_RATE)
    tried = np.arange(LOWEST, HIGHEST, LOW_RATE / len(low) / 20)
    power = np.abs(np.fft.rfft(low, size)) ** 2
    for levels in (power, np.log(power + 1e-12)):
        every = sum(np.interp(tried * n, places, levels) for n in range(1, SEARCHED + 1))
        yield float(tried[np.argmax(every)])


def _settled(low: Any, first: float) -> tuple[float, Any]:
    """The frequency near this one that fits best, and the weights of the samples that say so."""
    import numpy as np

    weights, sharp = _quietness(low), LOW_RATE / len(low)
    for width in (sharp / 4, sharp / 20):
        near = np.linspace(first - width, first + width, 11)
        first = min(near, key=lambda each: _left(low, weights, each))
        weights = _quietness(_fitted(low, weights, first)[1])
    return float(first), weights


def _left(low: Any, weights: Any, first: float) -> float:
    """The share of the samples' weighted power that the best sines leave."""
    return float(weights @ _fitted(low, weights, first)[1] ** 2 / (weights @ low**2))


def _fitted(low: Any, weights: Any, first: float) -> tuple[Any, Any]:
    """Amplitudes of the sines that fit best, and what they leave of the samples."""
    import numpy as np

    sines = _sines(first, len(low))
    weighted = (sines * weights[:, None]).T
    amplitudes = np.linalg.solve(weighted @ sines, weighted @ low)
    return amplitudes, low - sines @ amplitudes


def _sines(first: float, length: int) -> Any:
    """Cosines and sines (length, 2 * harmonics) of all harmonics of a frequency."""
    import numpy as np

    harmonics = np.arange(1, int(HIGHEST_HARMONIC / first) + 1)
    waves = np.exp(2j * np.pi * first / LOW_RATE * np.arange(length)[:, None] * harmonics)
    return np.concatenate([waves.real, waves.imag], axis=1)
