"""A runner that takes steady noise out of a recording, without weights.

Hum is taken out first, in long spectra that tell its lines from a voice; then hiss.

Not covered: noise that comes and goes (a barking dog, another voice).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .audio import windows
from .runner import Checkpoint, Output, Run
from .sound import Recording, sound_output

if TYPE_CHECKING:
    from .sound import Samples

FRAME, LONG_FRAME = 0.064, 0.512
"""Seconds of one spectrum, and of one in which hum is looked for."""
PART = 60.0
"""Seconds that share one estimate of the noise."""
QUIETEST, SHARE_OF_MEAN = 0.1, 0.105
"""Of the power of Gaussian noise in a band, a tenth lies below this share of its mean."""
STRENGTH = 1.2
"""Of the noise's power, what is taken away; more took more of the speech than of the noise."""
LEFT = 0.05
"""The gain where there is only noise (-26 dB): silence in between would sound broken."""
LINE, AROUND = 15, 31
"""Hum is this much above the median of so many bands of the steady noise."""


def noise_reduction(checkpoint: Checkpoint) -> Run:
    """The recording at its own rate with a Wiener gain in each band (spectral subtraction)."""
    import numpy as np

    def run(args: Mapping[str, Any]) -> Output:
        recording: Recording = args["audio"]
        rate = recording.sample_rate
        parts = windows(recording.samples, rate, PART, 0.0)
        cleaned = np.concatenate([_cleaned(piece, rate) for piece, _, _ in parts])
        return sound_output(checkpoint.card.id, cleaned[: len(recording.samples)], rate)

    return run


def _cleaned(samples: Samples, rate: int) -> Samples:
    import numpy as np

    hiss = _wiener(_wiener(samples, rate, LONG_FRAME, lines=True), rate, FRAME)
    return np.asarray(hiss, np.float32)


def _wiener(samples: Samples, rate: int, frame: float, *, lines: bool = False) -> Samples:
    """The samples less their steady noise, in all bands or in those with a line of hum."""
    import numpy as np
    from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter
    from scipy.signal import istft, stft

    size = 2 ** round(np.log2(frame * rate))
    if len(samples) < size:
        return samples
    overlap = size * 3 // 4
    _, _, spectra = stft(samples, rate, nperseg=size, noverlap=overlap)
    power = np.abs(spectra) ** 2
    noise = np.quantile(power, QUIETEST, axis=1, keepdims=True) / SHARE_OF_MEAN
    if lines:
        here = noise[:, 0] > LINE * median_filter(noise[:, 0], AROUND)
        gain = np.clip(1 - noise / np.maximum(power, 1e-20), LEFT, 1)
        gain[~maximum_filter1d(here, 3)] = 1
    else:
        smooth = uniform_filter(power, 3)  # single bins that pass would chirp
        gain = np.clip(1 - STRENGTH * noise / np.maximum(smooth, 1e-20), LEFT, 1)
    _, cleaned = istft(spectra * gain, rate, nperseg=size, noverlap=overlap)
    result: Samples = cleaned[: len(samples)]
    return result
