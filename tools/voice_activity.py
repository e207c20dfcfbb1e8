"""A runner that finds speech by its loudness, without weights.

Not covered: telling a voice from other sounds. Whatever stands out of the background, in the band
in which people speak, is taken for speech; music and barking dogs are too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .audio import segments, segments_output, windows
from .runner import Checkpoint, Output, Run
from .sound import Recording

RATE = 8_000
"""Samples a second that hold the band of speech."""
SIZE = 256
"""Samples of one spectrum: 32 ms."""
BAND = 100, 3_800
"""Hertz."""
ABOVE, SOFTNESS = 12.0, 3.0
"""The decibels over the background at which speech is as likely as not, and how fast that turns."""
FAINTEST = -60.0
"""Decibels of full scale below which nothing is heard."""


def by_loudness(checkpoint: Checkpoint) -> Run:
    """The segments that stand out of the background, in order, with seconds."""
    import numpy as np
    from scipy.ndimage import median_filter
    from scipy.signal import spectrogram

    def run(args: Mapping[str, Any]) -> Output:
        recording: Recording = args["audio"]
        (samples, _, _), *_ = windows(recording.waveform(RATE), RATE, recording.seconds + 1, 0.0)
        heard, _, power = spectrogram(
            samples, RATE, nperseg=SIZE, noverlap=SIZE // 2, detrend=False, scaling="spectrum"
        )
        inside = (heard >= BAND[0]) & (heard <= BAND[1])
        loud = 10 * np.log10(np.maximum(power[inside].sum(axis=0), 1e-12))
        loud = median_filter(loud, 5)
        background = max(float(np.quantile(loud, 0.1)), FAINTEST)
        scores = 1 / (1 + np.exp((ABOVE - (loud - background)) / SOFTNESS))
        return segments_output(recording, segments(scores.tolist(), len(samples) / RATE))

    return run
