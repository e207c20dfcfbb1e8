"""A runner that takes steady noise out of a recording: its hum first (`hum.py`), then hiss.

The share of each frequency that is speech comes from the noise that is always there (a Wiener
filter), and a `UNet2DModel` of Diffusers corrects it, also in phase. The model knows what lies
below 8 kHz, in rows 15.6 Hz high; above, the filter stands alone. A checkpoint is any such UNet
whose channels are those that `Denoiser` folds some rows of a spectrum into.

Not covered: noise that comes and goes (a barking dog, another voice), echo; pauses that someone cut
to exact silence, which then counts as the noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelLoadError, UnsupportedFileError

from .audio import windows
from .cancel import check_cancelled
from .diffusion_loading import index, load
from .hum import hum_of
from .runner import Checkpoint, Output, Run
from .sound import SILENT, Recording, resample, sound_output

if TYPE_CHECKING:
    from torch import Tensor

    from .sound import Samples

RATE, ROWS = 16_000, 512
"""What the model knows: the rows of spectra of sounds at this rate."""
FRAME = 1 / 15.625
"""Seconds of a spectrum; a quarter later comes the next."""
TAPS = 3
"""Spectra that a cleaned one is made of: the one before, itself, the one after."""
WINDOW, OVERLAP = 8.0, 0.5
"""Seconds that are cleaned at once, and those of them on each side that the next one cleans too."""
QUIETEST, SHARE_OF_MEAN = 0.1, 0.105
"""Of the power of Gaussian noise in a row, a tenth lies below this share of its mean."""
STRENGTH = 1.2
"""Of the noise's power, what the filter takes away."""
LEFT = 0.05
"""The filter's gain where there is only noise (-26 dB): silence in between would sound broken."""
KEPT = 0.15
"""Of what is left beside hum, the share that is mixed in again: a recogniser hears it better."""
SUSPECT = 0.5
"""The answer tells where more than this share of a recording's power went: that was no speech."""
TINY = 1e-10


class Denoiser:
    """Spectra of sounds, cleaned by a UNet.

    For each row that it is given in its channels it takes `INPUTS` numbers (the spectrum in two,
    how far it is above the noise, the filter's gain) and gives `OUTPUTS`: a complex factor a tap.
    """

    INPUTS, OUTPUTS = 4, 2 * TAPS

    def __init__(self, unet: Any) -> None:
        self.unet = unet
        self.fold = unet.config.in_channels // self.INPUTS
        self.multiple = 2 ** (len(unet.config.block_out_channels) - 1)

    def spectra(self, samples: Tensor, rate: int) -> Tensor:
        """Complex spectra (batch, rows, frames) of samples (batch, n), one row each 15.6 Hz.

        They are turned so that a tone in the middle of its row keeps its phase in all of them.
        """
        import torch

        size, window = _frame(rate, samples)
        found = torch.stft(samples, size, size // 4, window=window, return_complex=True)
        return found * _turns(found) / (size / 4) ** 0.5

    def samples(self, spectra: Tensor, rate: int, length: int) -> Tensor:
        """The samples (batch, length) that have these spectra."""
        import torch

        size, window = _frame(rate, spectra.real)
        turned = spectra * _turns(spectra).conj() * (size / 4) ** 0.5
        return torch.istft(turned, size, size // 4, window=window, length=length)

    def cleaned(self, spectra: Tensor) -> Tensor:
        """Spectra, of sounds whose power is about 1, without their noise."""
        import torch
        from torch.nn.functional import avg_pool1d, avg_pool2d, pad

        power = spectra.abs().square()
        noise = power.quantile(QUIETEST, dim=-1, keepdim=True) / SHARE_OF_MEAN
        noise = avg_pool1d(pad(noise.mT, (4, 4), "replicate"), 9, 1).mT
        smooth = avg_pool2d(power, 3, 1, 1, count_include_pad=False)  # single points would chirp
        gain = (1 - STRENGTH * noise / smooth.clamp_min(TINY)).clamp(LEFT, 1)
        above = (power.clamp_min(TINY) / noise.clamp_min(TINY)).log().clamp(-4, 12) / 4
        squeezed = spectra * power.clamp_min(TINY) ** -0.3
        inputs = torch.stack([squeezed.real, squeezed.imag, above, gain], 1)[:, :, :ROWS]
        around, frames = pad(spectra[:, :ROWS], (TAPS // 2, TAPS // 2)), spectra.shape[-1]
        filtered, taps = spectra * gain, self._taps(inputs)
        for i in range(TAPS):
            filtered[:, :ROWS] += taps[:, i] * around[..., i : i + frames]
        return filtered

    def _taps(self, inputs: Tensor) -> Tensor:
        """Complex factors (batch, taps, rows, frames) of inputs (batch, 4, rows, frames)."""
        import torch
        from torch.nn.functional import pad

        frames = inputs.shape[-1]
        inputs = pad(inputs, (0, -frames % self.multiple))
        folded = inputs.unflatten(2, (-1, self.fold)).transpose(2, 3).flatten(1, 2)
        made = self.unet(folded.to(self.unet.dtype), 0).sample.float()
        factors = made.unflatten(1, (2, TAPS, self.fold)).transpose(3, 4).flatten(3, 4)
        return torch.complex(factors[:, 0], factors[:, 1])[..., :frames]


def _frame(rate: int, like: Tensor) -> tuple[int, Tensor]:
    """Samples in a spectrum, and its window."""
    import torch

    size = 4 * round(FRAME * rate / 4)
    return size, torch.hann_window(size, device=like.device)


def _turns(spectra: Tensor) -> Tensor:
    """What turns each point of spectra (batch, rows, frames) back by what its row turns on."""
    import torch

    rows, frames = (torch.arange(n, device=spectra.device) for n in spectra.shape[1:])
    quarters = (2 * rows[:, None] - rows[:, None] * frames) % 4
    return torch.polar(torch.ones_like(quarters, dtype=torch.float32), quarters * (torch.pi / 2))


def noise_reduction(checkpoint: Checkpoint) -> Run:
    """The recording at its own rate, less its hum and hiss."""
    import numpy as np
    import torch

    _check(checkpoint)
    unet = load(checkpoint, "UNet2DModel")
    denoiser = Denoiser(unet)

    def cleaned(piece: Samples, rate: int) -> Samples:
        left = torch.from_numpy(piece - hum_of(piece, rate)).to(unet.device)[None]
        loud = left.square().mean().sqrt() + TINY
        found = denoiser.cleaned(denoiser.spectra(left / loud, rate))
        made = denoiser.samples(found, rate, len(piece)) * loud
        samples: Samples = made.lerp(left, KEPT)[0].cpu().numpy()
        return samples

    def pieces(samples: Samples, rate: int) -> Iterator[Samples]:
        for piece, before, after in windows(samples, rate, WINDOW, OVERLAP):
            check_cancelled()
            first, last = round(len(piece) * before), round(len(piece) * (1 - after))
            yield cleaned(piece, rate)[first:last]

    def run(args: Mapping[str, Any]) -> Output:
        recording: Recording = args["audio"]
        if np.abs(recording.samples).max() < SILENT:
            raise UnsupportedFileError(
                f"'{recording.path.name}' holds only silence, and no noise to take out.",
                "Give a recording with sound in it.",
            )
        rate = max(recording.sample_rate, RATE)
        with torch.inference_mode():
            samples = np.concatenate(list(pieces(recording.waveform(rate), rate)))
        samples = resample(samples, rate, recording.sample_rate)
        samples = samples[: len(recording.samples)]
        gone = 1 - np.vdot(samples, samples) / np.vdot(recording.samples, recording.samples)
        note = f"{gone:.0%} of the sound was steady and taken for noise" if gone > SUSPECT else ""
        return sound_output(checkpoint.card.id, samples, recording.sample_rate, note)

    return run


def _check(checkpoint: Checkpoint) -> None:
    config = index(checkpoint)
    taken, given = Denoiser.INPUTS, Denoiser.OUTPUTS
    folded = config.get("in_channels", 0) // taken
    fits = folded and ROWS % folded == 0 and config["out_channels"] == folded * given
    if config.get("_class_name") != "UNet2DModel" or not fits:
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' does not take noise out of a sound here.",
            f"Choose a UNet2DModel of {taken} numbers in and {given} out for a row of a spectrum.",
        )
