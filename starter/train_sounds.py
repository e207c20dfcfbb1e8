"""Trains `world-sounds`: a tiny Wav2Vec2-BERT that names a sound's kind, from random weights.

Some five minutes on one CPU core. Needs eSpeak NG for the sounds of speech.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Wav2Vec2BertConfig, Wav2Vec2BertForSequenceClassification

from .sounds import SOUNDS, sound
from .speech import HERTZ
from .train_listener import MELS, new_extractor
from .training import Run, fit, say
from .world import seeds


def new_model() -> Wav2Vec2BertForSequenceClassification:
    """A classifier of about 0.3 million parameters that knows nothing yet."""
    config = Wav2Vec2BertConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        feature_projection_input_dim=2 * MELS,
        conv_depthwise_kernel_size=15,
        apply_spec_augment=False,
        classifier_proj_size=64,
        num_labels=len(SOUNDS),
        id2label=dict(enumerate(SOUNDS)),
        label2id={label: i for i, label in enumerate(SOUNDS)},
        **dict.fromkeys(
            ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout",
             "final_dropout", "layerdrop", "conformer_conv_dropout"), 0.0,
        ),
    )  # fmt: skip
    return Wav2Vec2BertForSequenceClassification(config)


def hear(seed: int) -> tuple[np.ndarray, int]:
    """The frames (n, 80) of a seed's sound, and its kind."""
    made = sound(seed)
    frames = new_extractor()(made.samples, sampling_rate=HERTZ, return_tensors="np")
    return frames["input_features"][0].astype(np.float16), SOUNDS.index(made.kind)


def train(run: Run) -> None:
    """Trains and saves the classifier and its feature extractor into `run.out`."""
    torch.manual_seed(run.seed)
    with ProcessPoolExecutor(2) as workers:
        heard = list(workers.map(hear, seeds("train", run.seed, run.scenes or 4_000), chunksize=32))
    model = new_model().to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")

    def loss_at(progress: float) -> Tensor:
        batch = [heard[i] for i in torch.randint(len(heard), (24,)).tolist()]
        rows = [torch.from_numpy(frames).float() for frames, _ in batch]
        mask = pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True).long()
        loss: Tensor = model(
            input_features=pad_sequence(rows, batch_first=True).to(run.device),
            attention_mask=mask.to(run.device),
            labels=torch.tensor([kind for _, kind in batch], device=run.device),
        ).loss
        return loss

    seconds = fit([model], loss_at, steps=run.steps or 800, lr=1e-3, minutes=run.minutes)
    say(f"trained in {seconds:.0f} s")
    model.eval().save_pretrained(run.out)
    new_extractor().save_pretrained(run.out)
