"""Trains `shapes-watcher`: a tiny VideoMAE that says which shape moves which way, from random
weights. About ten minutes on one CPU core.

Beside the film's class, each of its patches must tell which shape covers it; without that, a
transformer without convolutions needs far more films.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessorPil

from .films import MOVES, draw_film
from .training import Run, fit, of_seeds, say
from .world import SHAPES

SIDE, PATCH, SEEN, DEEP = 32, 8, 8, 2
"""The square that pictures are squeezed to, a patch, pictures of a film, pictures in a patch."""
GRID = SIDE // PATCH


def new_model() -> VideoMAEForVideoClassification:
    """A classifier of about 0.4 million parameters that knows nothing yet."""
    config = VideoMAEConfig(
        image_size=SIDE,
        patch_size=PATCH,
        num_frames=SEEN,
        tubelet_size=DEEP,
        hidden_size=112,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=224,
        use_mean_pooling=True,
        id2label=dict(enumerate(MOVES)),
        label2id={label: i for i, label in enumerate(MOVES)},
    )
    return VideoMAEForVideoClassification(config)


def watch(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """A seed's film as uint8 (8, 32, 32, 3), the shape in each patch (64,), and its class."""
    film = draw_film(seed, side=(64, 96, 128)[seed % 3])
    chosen = range(1, len(film.pictures), 2)
    small = [film.pictures[i].resize((SIDE, SIDE), Image.Resampling.BILINEAR) for i in chosen]
    parts = film.covers[1::2].shape[1] // GRID
    covered = film.covers[1::2].reshape(SEEN // DEEP, DEEP, GRID, parts, GRID, parts)
    shape = list(SHAPES).index(film.shape)
    patches = np.where(covered.mean((1, 3, 5)) > 0.4, shape, len(SHAPES)).astype(np.uint8)
    seen = np.stack([np.asarray(each) for each in small])
    return seen, patches.reshape(-1), MOVES.index(film.move)


def train(run: Run) -> None:
    """Trains and saves the classifier and its image processor into `run.out`."""
    torch.manual_seed(run.seed)
    watched = of_seeds(watch, "train", run.seed, run.scenes or 16_000)
    pixels = torch.from_numpy(np.stack([each[0] for each in watched])).permute(0, 1, 4, 2, 3)
    patches = torch.from_numpy(np.stack([each[1] for each in watched])).long()
    moves = torch.tensor([each[2] for each in watched])
    say(f"drew {len(moves)} films")
    known = run.start and VideoMAEForVideoClassification.from_pretrained(run.start)
    model = (known or new_model()).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    tells = nn.Linear(model.config.hidden_size, len(SHAPES) + 1).to(run.device)

    def loss_at(progress: float) -> Tensor:
        chosen = torch.randint(len(moves), (32,))
        given = pixels[chosen].to(run.device).float() / 127.5 - 1
        tokens = model.videomae(given).last_hidden_state
        logits = model.classifier(model.fc_norm(tokens.mean(1)))
        loss: Tensor = functional.cross_entropy(logits, moves[chosen].to(run.device))
        dense = functional.cross_entropy(
            tells(tokens).flatten(0, 1), patches[chosen].flatten().to(run.device)
        )
        return loss + dense

    def save() -> None:
        model.save_pretrained(run.out)
        VideoMAEImageProcessorPil(
            size={"shortest_edge": SIDE},
            crop_size={"height": SIDE, "width": SIDE},
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
        ).save_pretrained(run.out)

    fit(
        [model, tells],
        loss_at,
        steps=run.steps or 5_000,
        lr=7e-4 if run.start else 1.5e-3,
        minutes=run.minutes,
        keep=save,
    )
    model.eval()
    save()
