"""Trains `shapes-segmenter`: UperNet over a tiny HGNetV2, from random weights.

About ten minutes on one CPU core.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import UperNetConfig, UperNetForSemanticSegmentation
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .backbone import small_hgnet
from .training import Run, fit, maps, say
from .world import LABELS

SIDE = 96
"""The square that pictures are squeezed to."""
CLASSES = ("background", *LABELS)


def new_model() -> UperNetForSemanticSegmentation:
    """A segmenter of about 0.7 million parameters that knows nothing yet."""
    backbone = small_hgnet(out_features=["stage1", "stage2", "stage3", "stage4"])
    config = UperNetConfig(
        backbone_config=backbone,
        hidden_size=48,
        pool_scales=[1, 2, 3],
        use_auxiliary_head=False,
        id2label=dict(enumerate(CLASSES)),
        label2id={label: i for i, label in enumerate(CLASSES)},
    )
    return UperNetForSemanticSegmentation(config)


def train(run: Run) -> None:
    """Trains and saves the segmenter and its image processor into `run.out`."""
    torch.manual_seed(run.seed)
    known = run.start and UperNetForSemanticSegmentation.from_pretrained(run.start)
    model = (known or new_model()).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    drawn = maps("train", run.seed, run.scenes or 12_000, SIDE, relief=False)
    weight = torch.ones(len(CLASSES), device=run.device)
    weight[0] = 0.4
    size = 16

    def loss_at(progress: float) -> Tensor:
        batch = [drawn[i] for i in torch.randint(len(drawn), (size,)).tolist()]
        pixels = torch.stack([each[0] for each in batch]).to(run.device).float() / 127.5 - 1
        truth = torch.stack([each[1] for each in batch]).to(run.device).long()
        logits = model(pixel_values=pixels).logits
        return functional.cross_entropy(logits, truth, weight)

    fit(
        [model],
        loss_at,
        steps=run.steps or 1_800,
        lr=1e-3 if run.start else 2e-3,
        minutes=run.minutes,
    )
    model.eval().save_pretrained(run.out)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(run.out)
