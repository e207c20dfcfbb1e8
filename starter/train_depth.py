"""Trains `shapes-depth`: a tiny GLPN that reads distance from shadows, from random weights.

About fifteen minutes on one CPU core.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DPTImageProcessorPil, GLPNConfig, GLPNForDepthEstimation

from .training import Run, fit, maps, say

SIDE = 96
"""The square that pictures are squeezed to."""


def new_model() -> GLPNForDepthEstimation:
    """A depth estimator that knows nothing yet; it says distances from 0 to 6."""
    config = GLPNConfig(
        num_encoder_blocks=4,
        depths=[1, 1, 1, 1],
        sr_ratios=[4, 2, 1, 1],
        hidden_sizes=[24, 48, 80, 112],
        patch_sizes=[7, 3, 3, 3],
        strides=[4, 2, 2, 2],
        num_attention_heads=[1, 2, 2, 4],
        mlp_ratios=[2, 2, 2, 2],
        decoder_hidden_size=32,
        drop_path_rate=0.0,
        max_depth=6,
    )
    return GLPNForDepthEstimation(config)


def train(run: Run) -> None:
    """Trains and saves the estimator and its image processor into `run.out`."""
    torch.manual_seed(run.seed)
    known = run.start and GLPNForDepthEstimation.from_pretrained(run.start)
    model = (known or new_model()).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    drawn = maps("train", run.seed, run.scenes or 8_000, SIDE, relief=True)
    size = 16

    def loss_at(progress: float) -> Tensor:
        batch = [drawn[i] for i in torch.randint(len(drawn), (size,)).tolist()]
        pixels = torch.stack([each[0] for each in batch]).to(run.device).float() / 255
        truth = torch.stack([each[1] for each in batch]).to(run.device)
        said = model(pixel_values=pixels).predicted_depth
        wrong = (said.clamp(min=0.05).log() - truth.log()).abs()
        near = (truth < 3.99).float()
        loss: Tensor = (wrong * (1 + 2 * near)).mean()
        return loss

    fit(
        [model],
        loss_at,
        steps=run.steps or 2_500,
        lr=5e-4 if run.start else 1e-3,
        minutes=run.minutes,
        keep=lambda: model.save_pretrained(run.out),
    )
    model.eval().save_pretrained(run.out)
    processor = DPTImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_normalize=False)
    processor.save_pretrained(run.out)
