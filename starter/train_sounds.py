"""Trains `world-sounds`: a tiny Audio Spectrogram Transformer that names a sound's kind.

It hears the first five seconds. Its extractor scales all bands alike: one that scales each band for
itself, as the recogniser's does, makes a steady tone and noise look the same (top-1 0.73).
Some three minutes on one CPU core. Needs eSpeak NG for the sounds of speech.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from .sounds import SOUNDS, sound
from .speech import HERTZ
from .training import Run, fit, of_seeds, say

MELS, FRAMES, PATCH = 48, 512, 16


def new_extractor() -> ASTFeatureExtractor:
    """48 mel bands every 10 ms, scaled by one mean and one deviation."""
    return ASTFeatureExtractor(
        num_mel_bins=MELS, max_length=FRAMES, sampling_rate=HERTZ, mean=-1.5, std=1.6
    )


def new_model() -> ASTForAudioClassification:
    """A classifier of about 0.2 million parameters that knows nothing yet."""
    config = ASTConfig(
        hidden_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        patch_size=PATCH,
        frequency_stride=PATCH,
        time_stride=PATCH,
        max_length=FRAMES,
        num_mel_bins=MELS,
        id2label=dict(enumerate(SOUNDS)),
        label2id={label: i for i, label in enumerate(SOUNDS)},
    )
    return ASTForAudioClassification(config)


def hear(seed: int) -> tuple[np.ndarray, int]:
    """The frames (512, 48) of a seed's sound, and its kind."""
    made = sound(seed)
    frames = new_extractor()(made.samples, sampling_rate=HERTZ, return_tensors="np")
    return frames["input_values"][0].astype(np.float16), SOUNDS.index(made.kind)


def train(run: Run) -> None:
    """Trains and saves the classifier and its feature extractor into `run.out`."""
    torch.manual_seed(run.seed)
    heard = of_seeds(hear, "train", run.seed, run.scenes or 4_000)
    frames = torch.from_numpy(np.stack([each[0] for each in heard]))
    kinds = torch.tensor([each[1] for each in heard])
    say(f"made {len(heard)} sounds")
    known = run.start and ASTForAudioClassification.from_pretrained(run.start)
    model = (known or new_model()).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")

    def loss_at(progress: float) -> Tensor:
        chosen = torch.randint(len(kinds), (32,))
        loss: Tensor = model(
            input_values=frames[chosen].float().to(run.device), labels=kinds[chosen].to(run.device)
        ).loss
        return loss

    def save() -> None:
        model.save_pretrained(run.out)
        new_extractor().save_pretrained(run.out)

    steps, lr = run.steps or 2_500, 5e-4 if run.start else 1e-3
    fit([model], loss_at, steps=steps, lr=lr, minutes=run.minutes, keep=save)
    model.eval()
    save()
