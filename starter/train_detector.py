"""Trains `shapes-detector`: D-FINE over a tiny HGNetV2, from random weights.

On one CPU core some 25 minutes give boxes and labels (mAP@0.5 0.99), another 25 with `--start`
give counting: see `SHARPEN`. The checkpoint's card has the three commands that made it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DFineConfig, DFineForObjectDetection
from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

from .backbone import WIDTHS, small_hgnet
from .training import Batches, Example, Run, fit, pool, say
from .world import LABELS

SIDE = 96
"""The square that pictures are squeezed to."""
SHARPEN = {
    "num_denoising": 0,
    "weight_loss_vfl": 4.0,
    "weight_loss_fgl": 0.02,
    "weight_loss_ddf": 0.1,
}
"""What a run with `--start` changes: boxes are exact by then, and what counting still lacks is one
sure answer an object, so the scores take most of the loss and the denoising queries go."""


def new_model() -> DFineForObjectDetection:
    """A detector of about half a million parameters that knows nothing yet."""
    backbone = small_hgnet(
        light=(False, False, True, True), out_features=["stage2", "stage3", "stage4"]
    )
    config = DFineConfig(
        backbone_config=backbone,
        d_model=64,
        encoder_hidden_dim=64,
        encoder_in_channels=WIDTHS[1:],
        decoder_in_channels=[64, 64, 64],
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=15,
        num_denoising=20,
        decoder_n_points=[4, 4, 4],
        max_num_bins=16,
        hidden_expansion=0.5,
        depth_mult=0.34,
        freeze_backbone_batch_norms=False,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    return DFineForObjectDetection(config)


def best_threshold(model: DFineForObjectDetection, examples: list[Example], device: str) -> float:
    """The confidence at which most validation scenes give the right number of objects."""
    model.eval()
    best: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, len(examples), 50):
            pixels = torch.stack([each.pixels for each in examples[start : start + 50]])
            logits = model(pixel_values=pixels.to(device).float() / 255).logits
            best.append(logits.sigmoid().flatten(1).topk(15).values.cpu())
    scores = torch.cat(best)
    truth = torch.tensor([len(each.labels) for each in examples])
    right = {
        level / 100: float(((scores > level / 100).sum(1) == truth).float().mean())
        for level in range(15, 80)
    }
    top = max(right.values())
    ties = [level for level, share in right.items() if share >= top - 0.003]
    say(f"count right on validation scenes: {top:.3f} at {ties[len(ties) // 2]}")
    return ties[len(ties) // 2]


def train(run: Run) -> None:
    """Trains and saves the detector and its image processor into `run.out`."""
    torch.manual_seed(run.seed)
    known = run.start and DFineForObjectDetection.from_pretrained(run.start, **SHARPEN)
    model = (known or new_model()).to(run.device).train()
    batches = Batches(pool("train", run.seed, run.scenes or 24_000, SIDE), 16, run.seed, run.device)

    def loss_at(progress: float) -> Tensor:
        batch = batches.next()
        labels = [
            {"class_labels": each.labels.to(run.device), "boxes": each.boxes.to(run.device)}
            for each in batch
        ]
        loss: Tensor = model(pixel_values=batches.pixels(batch), labels=labels).loss
        return loss

    lr = 4e-4 if run.start else 8e-4
    fit([model], loss_at, steps=run.steps or 8_000, lr=lr, minutes=run.minutes)
    model.config.detection_threshold = best_threshold(
        model, pool("validation", run.seed, 600, SIDE), run.device
    )
    processor = RTDetrImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_normalize=False)
    model.save_pretrained(run.out)
    processor.save_pretrained(run.out)
