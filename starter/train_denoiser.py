"""Trains `world-denoiser`: a small UNet of Diffusers that corrects the Wiener filter of
`tools/denoise.py`, from random weights. About fifteen minutes on one CPU core. Needs eSpeak NG.

It learns on what a user's recording is when it gets there: spectra of the tool's own making, of
sounds whose hum the tool has taken out.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import UNet2DModel
from scipy.signal import resample_poly
from torch import Tensor, nn

from hugginggraph.tools import Denoiser, hum_of

from .espeak import Samples
from .sounds import sound
from .speech import HERTZ, clip
from .training import Run, fit, of_seeds, say

ROWS_FOLDED = 8
FRAMES = 128
"""Spectra of one example: two seconds."""
MOST_GAIN, MOST_CLEAN = 1e-2, 1e-4
"""Noise of which this share is left, and this share of the clean sound, is as good as gone."""
QUIET, LOST = 0.5, 3.0
"""What the error of quiet points weighs, as the ratio of powers hears the loud ones only; and how
much worse it is to take speech away than to leave noise: a recogniser misses its consonants."""


def new_model() -> UNet2DModel:
    """A UNet of 0.9 million parameters that changes nothing yet."""
    widths = (32, 48, 64)
    model = UNet2DModel(
        in_channels=Denoiser.INPUTS * ROWS_FOLDED,
        out_channels=Denoiser.OUTPUTS * ROWS_FOLDED,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        norm_num_groups=8,
        add_attention=False,
    )
    for weights in model.conv_out.parameters():
        nn.init.zeros_(weights)
    return model


def hear(seed: int) -> tuple[Samples, Samples]:
    """A seed's sound, float16 samples (n,), without its hum, and the same without any noise.

    A tenth are no speech. A tenth have their noise lowered by 10 to 40 dB, one in twenty has none,
    a fifth have it raised by up to 8 dB; a third are faster and higher, or slower and lower.
    """
    rng = np.random.default_rng((seed, 16))
    made = sound(seed) if rng.random() < 0.1 else clip(seed)
    draw = rng.random()
    lower = rng.uniform(10, 40) if draw < 0.1 else -rng.uniform(0, 8) if draw > 0.8 else 0.0
    left = 0.0 if 0.1 <= draw < 0.15 else 10 ** (-lower / 20)
    both = np.stack([made.clean + left * (made.samples - made.clean), made.clean])
    if rng.random() < 1 / 3:
        both = resample_poly(both, int(rng.integers(80, 126)), 100, axis=1)
    both = both.astype(np.float32)
    both[0] -= hum_of(both[0], HERTZ)
    return both[0].astype(np.float16), both[1].astype(np.float16)


def train(run: Run) -> None:
    """Trains and saves the UNet into `run.out`."""
    torch.manual_seed(run.seed)
    heard = of_seeds(hear, "train", run.seed, run.scenes or 4_000)
    say(f"made {len(heard)} sounds")
    model = new_model().to(run.device).train()
    if run.start:
        model.load_state_dict(UNet2DModel.from_pretrained(run.start).state_dict())
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    denoiser, rng = Denoiser(model), np.random.default_rng(run.seed)
    length = (FRAMES - 1) * HERTZ // 1000 * 16

    def piece() -> Tensor:
        """Two seconds with their noise and without, (2, length), the former of power about 1."""
        both = np.stack(heard[int(rng.integers(len(heard)))]).astype(np.float32)
        if (missing := length - both.shape[1]) > 0:
            before = int(rng.integers(missing + 1))
            both = np.pad(both, ((0, 0), (before, missing - before)))
        start = int(rng.integers(both.shape[1] - length + 1))
        both = both[:, start : start + length]
        loud = np.sqrt(np.mean(both[0] ** 2)) + 1e-5
        return torch.from_numpy(both * (10 ** rng.uniform(-0.2, 0.2) / loud))

    def loss_at(progress: float) -> Tensor:
        samples = torch.stack([piece() for _ in range(4)], 1).to(run.device)
        noisy, clean = (denoiser.spectra(each, HERTZ) for each in samples)
        with torch.autocast(run.device, torch.bfloat16):
            cleaned = denoiser.cleaned(noisy)
        before, after, signal = (
            each.abs().square().sum((1, 2)) for each in (noisy - clean, cleaned - clean, clean)
        )
        least = MOST_GAIN * before + MOST_CLEAN * signal + 1e-3
        ratio = torch.log10((after + least) / (before + least))
        lost = _level(clean) - _level(cleaned)
        return ratio.mean() + QUIET * torch.where(lost > 0, LOST * lost, -lost).mean()

    def save() -> None:
        model.save_pretrained(run.out)

    steps, lr = run.steps or 2_500, 1e-3 if run.start else 2e-3
    fit([model], loss_at, steps=steps, lr=lr, minutes=run.minutes, keep=save)
    save()


def _level(spectra: Tensor) -> Tensor:
    """Squeezed magnitudes."""
    return (spectra.abs().square() + 1e-8) ** 0.15
