"""A spectrogram as sound without a vocoder: the phases are guessed (Griffin and Lim, 1984).

The checkpoint's feature extractor (SpeechT5's) says how its log-mel spectrograms were made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sound import Samples

ROUNDS, MOMENTUM = 40, 0.9


def griffin_lim(log_mel: Any, extractor: Any) -> Samples:
    """Float32 samples (n,) whose spectrogram is nearest to log10 mel bands (frames, bands)."""
    import numpy as np
    from scipy.signal import ShortTimeFFT

    bands = np.power(10.0, np.clip(log_mel, -10, 4)).T
    filters = extractor.mel_filters  # (frequencies, bands)
    wide = np.linalg.pinv(filters.T) @ bands
    size = np.maximum(wide, 1e-8)
    for _ in range(20):  # multiplicative updates keep it positive
        size *= (filters @ bands) / np.maximum(filters @ (filters.T @ size), 1e-10)
    window = np.hanning(extractor.sample_size + 1)[:-1]
    turn = ShortTimeFFT(window, extractor.sample_stride, 1, mfft=extractor.n_fft)
    length = max((size.shape[1] - 1) * extractor.sample_stride, extractor.sample_size)
    first = turn.p_min
    guess = np.zeros((size.shape[0], turn.p_max(length) - first))
    start = max(0, -first)
    kept = min(size.shape[1], guess.shape[1] - start)
    guess[:, start : start + kept] = size[:, :kept]
    phase = np.exp(2j * np.pi * np.random.default_rng(0).random(guess.shape))
    before = np.zeros_like(phase)
    for _ in range(ROUNDS):
        again = turn.stft(turn.istft(guess * phase, k1=length))
        moved = again + MOMENTUM * (again - before)
        before, phase = again, moved / np.maximum(np.abs(moved), 1e-12)
    samples: Samples = turn.istft(guess * phase, k1=length).astype(np.float32)
    return samples
