"""Trains `world-listener`: a tiny Wav2Vec2-BERT that spells what it hears (CTC), from random
weights. About ten minutes on one CPU core. Needs eSpeak NG.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2BertForCTC,
    Wav2Vec2BertProcessor,
    Wav2Vec2CTCTokenizer,
)

from .speech import HERTZ, clip
from .training import Run, fit, of_seeds, say

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
MELS = 40
Heard = tuple[Tensor, str]


def new_extractor() -> SeamlessM4TFeatureExtractor:
    """40 mel bands of 25 ms every 10 ms; two neighbours make one frame of 80 numbers."""
    return SeamlessM4TFeatureExtractor(
        feature_size=MELS, num_mel_bins=MELS, sampling_rate=HERTZ, stride=2
    )


def new_tokenizer() -> Wav2Vec2CTCTokenizer:
    """Letters, and a bar between words."""
    vocabulary = {"<pad>": 0, "<unk>": 1, "|": 2} | {x: i for i, x in enumerate(LETTERS, 3)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.json"
        path.write_text(json.dumps(vocabulary))
        return Wav2Vec2CTCTokenizer(
            str(path), pad_token="<pad>", unk_token="<unk>", bos_token=None, eos_token=None
        )


def new_model(tokens: int) -> Wav2Vec2BertForCTC:
    """A recogniser of about a million parameters that knows nothing yet."""
    config = Wav2Vec2BertConfig(
        vocab_size=tokens,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=256,
        feature_projection_input_dim=2 * MELS,
        conv_depthwise_kernel_size=15,
        left_max_position_embeddings=32,
        right_max_position_embeddings=8,
        apply_spec_augment=False,
        pad_token_id=0,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        **dict.fromkeys(
            ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout",
             "final_dropout", "layerdrop", "conformer_conv_dropout"), 0.0,
        ),
    )  # fmt: skip
    return Wav2Vec2BertForCTC(config)


def hear(seed: int) -> tuple[np.ndarray, str]:
    """The frames (n, 80), float16, and the text of a seed's clip; a fifth have their noise lowered
    by 10 to 60 dB, and a fifth have none; a fifth begin and end with the voice."""
    made, rng = clip(seed), np.random.default_rng((seed, 12))
    draw = rng.random()
    left = 10 ** (-rng.uniform(10, 60) / 20) if draw < 0.2 else 0.0 if draw < 0.4 else 1.0
    heard = made.clean + left * (made.samples - made.clean)
    if rng.random() < 0.2:
        voiced = np.flatnonzero(np.abs(made.clean) > 1e-4)
        heard = heard[voiced[0] : voiced[-1]]
    frames = new_extractor()(heard, sampling_rate=HERTZ, return_tensors="np")
    return frames["input_features"][0].astype(np.float16), made.text


def clips(split: str, run: int, count: int) -> list[Heard]:
    """Frames and texts of a split's seeds, short ones first."""
    heard = of_seeds(hear, split, run, count)
    say(f"spoke {count} {split} clips")
    return sorted(
        ((torch.from_numpy(frames), text) for frames, text in heard), key=lambda x: len(x[0])
    )


def train(run: Run) -> None:
    """Trains and saves the recogniser and its processor into `run.out`."""
    torch.manual_seed(run.seed)
    tokenizer = new_tokenizer()
    known = run.start and Wav2Vec2BertForCTC.from_pretrained(run.start)
    model = (known or new_model(len(tokenizer))).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    heard = clips("train", run.seed, run.scenes or 5_000)
    rng, size = np.random.default_rng(run.seed), 16
    steps, lr = run.steps or 2_400, 7e-4 if run.start else 1e-3

    def loss_at(progress: float) -> Tensor:
        short = progress < 0.15 and not run.start  # short clips first
        most = len(heard) // 3 if short else len(heard)
        start = int(rng.integers(max(1, most - size)))
        batch = heard[start : start + size]
        frames = pad_sequence([each[0].float() for each in batch], batch_first=True)
        mask = pad_sequence([torch.ones(len(each[0])) for each in batch], batch_first=True)
        labels = tokenizer([each[1] for each in batch], padding=True, return_tensors="pt")
        ids = labels["input_ids"].masked_fill(labels["attention_mask"] == 0, -100)
        frames = frames + 0.1 * torch.randn_like(frames)
        inputs = (frames, mask.long(), ids)
        features, attention, targets = (each.to(run.device) for each in inputs)
        loss: Tensor = model(input_features=features, attention_mask=attention, labels=targets).loss
        return loss

    def save() -> None:
        model.save_pretrained(run.out)
        Wav2Vec2BertProcessor(new_extractor(), tokenizer).save_pretrained(run.out)

    fit([model], loss_at, steps=steps, lr=lr, minutes=run.minutes, keep=save)
    model.eval()
    save()
