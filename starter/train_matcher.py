"""Trains `shapes-matcher`: a tiny ALIGN (a CLIP whose eye is an EfficientNet), from random weights.

It says which of several texts fits a picture of one object best. Some ten minutes on one CPU core.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import (
    AlignConfig,
    AlignModel,
    AlignProcessor,
    AlignTextConfig,
    AlignVisionConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .training import Batches, Example, Run, fit, pool, say
from .words import words_tokenizer
from .world import BACKGROUNDS, COLOURS, DIGITS, LABELS, SHAPES

SIDE, WIDTH, LONGEST = 64, 96, 24
FRAMES = ("This is a photo of {}.", "{}", "a picture of {}", "there is {} in the picture")
"""The first is what the runner of the task makes of a label."""


def worded(label: str, ground: str = "") -> str:
    """A label as a person gives it: "a red circle", "the digit 7 on a black background"."""
    article = "the" if label.startswith("digit") else "an" if label[0] in "aeiou" else "a"
    return f"{article} {label} on a {ground} background" if ground else f"{article} {label}"


def rival_texts(
    rng: np.random.Generator, label: str, ground: str, kind: str, count: int
) -> tuple[str, ...]:
    """The text that fits first, then others of its kind that do not; at most `count`."""
    grounds = [each for each in BACKGROUNDS if each != ground]
    if kind == "ground":
        return tuple(f"a {each} background" for each in (ground, *rng.permutation(grounds)))
    others = [str(each) for each in rng.permutation(LABELS) if each != label]
    near = [each for each in others if set(each.split()) & set(label.split())]
    rivals = list(dict.fromkeys([*near[: count // 2], *others]))
    if kind == "label":
        return (worded(label), *map(worded, rivals[: count - 1]))
    wrong = [worded(label, grounds[0]), *(worded(each, ground) for each in rivals)]
    return (worded(label, ground), *wrong[: count - 1])


KINDS = ("label", "ground", "whole")


def new_model(words: int) -> AlignModel:
    """A model of about 0.5 million parameters that knows nothing yet."""
    eye = AlignVisionConfig(
        image_size=SIDE,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        kernel_sizes=[3, 3, 3, 3],
        in_channels=[32, 16, 32, 64],
        out_channels=[16, 32, 64, WIDTH],
        strides=[1, 2, 2, 1],
        num_block_repeats=[1, 2, 2, 1],
        expand_ratios=[1, 3, 3, 3],
        hidden_dim=WIDTH,
        batch_norm_momentum=0.1,
        drop_connect_rate=0.0,
    )
    reader = AlignTextConfig(
        vocab_size=words,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=LONGEST,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0,
    )
    config = AlignConfig(
        text_config=reader.to_dict(),
        vision_config=eye.to_dict(),
        projection_dim=WIDTH,
        temperature_init_value=0.1,
    )
    return AlignModel(config)


def new_tokenizer() -> PreTrainedTokenizerFast:
    """The words of labels, grounds and frames."""
    texts = [*LABELS, *BACKGROUNDS, *FRAMES, "a an the on background something digit"]
    return words_tokenizer(texts, LONGEST)


def train(run: Run) -> None:
    """Trains and saves the matcher and its processor into `run.out`."""
    torch.manual_seed(run.seed)
    rng = np.random.default_rng(run.seed)
    tokenizer = new_tokenizer()
    known = run.start and AlignModel.from_pretrained(run.start)
    model = (known or new_model(len(tokenizer))).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    examples = pool("train", run.seed, run.scenes or 16_000, SIDE, single=True)
    batches = Batches(examples, 64, run.seed, run.device)
    grounds = list(BACKGROUNDS)
    shapes = [*SHAPES, *DIGITS]

    def texts_of(batch: list[Example]) -> list[tuple[list[str], list[int]]]:
        """Several lists of texts, each with the place of the one that fits each picture."""
        labels = [LABELS[int(each.labels[0])] for each in batch]
        wholes = [worded(a, grounds[b.background]) for a, b in zip(labels, batch, strict=True)]
        known = list(dict.fromkeys(wholes))
        said = [each.split() for each in labels]
        nouns = [f"a {each}" if each in SHAPES else f"a {each} digit" for each in shapes]
        lists = [
            ([worded(each) for each in LABELS], [LABELS.index(each) for each in labels]),
            ([f"a {each} background" for each in grounds], [each.background for each in batch]),
            (nouns, [shapes.index(each[1]) for each in said]),
            (known, [known.index(each) for each in wholes]),
            (
                [f"something {each}" for each in COLOURS],
                [list(COLOURS).index(each[0]) if each[0] in COLOURS else -100 for each in said],
            ),
        ]
        frames = rng.choice(FRAMES, len(lists), p=[0.55, 0.15, 0.15, 0.15])
        return [
            ([str(frame).format(each) for each in texts], right)
            for frame, (texts, right) in zip(frames, lists, strict=True)
        ]

    def loss_at(progress: float) -> Tensor:
        batch = batches.next()
        lists = texts_of(batch)
        words = tokenizer(
            [each for texts, _ in lists for each in texts], padding=True, return_tensors="pt"
        )
        said = model(pixel_values=batches.pixels(batch) * 2 - 1, **words.to(run.device))
        parts = said.logits_per_image.split([len(texts) for texts, _ in lists], 1)
        losses = [
            functional.cross_entropy(part, torch.tensor(right, device=run.device))
            for part, (_, right) in zip(parts, lists, strict=True)
        ]
        return torch.stack(losses).sum()

    fit([model], loss_at, steps=run.steps or 2_000, lr=2e-3, minutes=run.minutes)
    model.eval().save_pretrained(run.out)
    eye = ViTImageProcessorPil(size={"height": SIDE, "width": SIDE})
    AlignProcessor(eye, tokenizer).save_pretrained(run.out)
