"""Trains `shapes-classifier`: a tiny HGNetV2, from random weights.

About 4 minutes on one CPU core; seconds on a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import HGNetV2ForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .backbone import small_hgnet
from .training import Batches, Run, fit, pool
from .world import LABELS

SIDE = 64
"""The square that pictures are squeezed to."""


def new_model() -> HGNetV2ForImageClassification:
    """A classifier of about 120,000 parameters that knows nothing yet."""
    config = small_hgnet(
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    return HGNetV2ForImageClassification(config)


def train(run: Run) -> None:
    """Trains and saves the classifier and its image processor into `run.out`."""
    torch.manual_seed(run.seed)
    model = new_model().to(run.device, memory_format=torch.channels_last).train()
    examples = pool("train", run.seed, run.scenes or 16_000, SIDE, single=True)
    batches = Batches(examples, 64, run.seed, run.device)

    def loss_at(progress: float) -> Tensor:
        batch = batches.next()
        pixels = batches.pixels(batch) * 2 - 1
        labels = torch.cat([each.labels for each in batch]).to(run.device)
        return functional.cross_entropy(model(pixel_values=pixels).logits, labels)

    fit([model], loss_at, steps=run.steps or 1_500, lr=2e-3, minutes=run.minutes)
    model.save_pretrained(run.out)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(run.out)
