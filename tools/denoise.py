"""A runner that takes steady noise out of a recording, without weights.

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

FRAME = 0.032
"""Seconds of one spectrum."""
PART = 60.0
"""Seconds that share one estimate of the noise."""
QUIETEST, SHARE_OF_MEAN = 0.1, 0.105
"""Of the power of Gaussian noise in a band, a tenth lies below this share of its mean."""
STRENGTH = 2.5
LEFT = 0.08
"""The gain where there is only noise (-22 dB): silence in between would sound broken."""


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
    from scipy.ndimage import uniform_filter
    from scipy.signal import istft, stft

    size = 2 ** round(np.log2(FRAME * rate))
    _, _, spectra = stft(samples, rate, nperseg=size)
    power = np.abs(spectra) ** 2
    noise = np.quantile(power, QUIETEST, axis=1, keepdims=True) / SHARE_OF_MEAN
    smooth = uniform_filter(power, (3, 5))  # single bins that pass would chirp
    gain = np.clip(1 - STRENGTH * noise / np.maximum(smooth, 1e-20), LEFT, 1)
    _, cleaned = istft(spectra * gain, rate, nperseg=size)
    result: Samples = cleaned[: len(samples)].astype(np.float32)
    return result
