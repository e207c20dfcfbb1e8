"""Trains `shapes-captioner`: convolutions, a small ViT and a TrOCR decoder, from random weights.

The encoder is a DPT hybrid (a ViT over an HGNetV2), because VisionEncoderDecoder takes it as it
is, and convolutions learn from far fewer pictures than patches do.

For the first part of the training the encoder alone learns what stands where: each of its cells
says which object is centred in it. That dense task is what makes digits readable on a CPU.
About 20 minutes on one CPU core.
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    TrOCRProcessor,
    VisionEncoderDecoderModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .backbone import small_writer
from .training import Batches, Example, Run, fit, pool, say
from .world import BACKGROUNDS, COLOURS, COUNTS, DIGITS, LABELS, SHAPES

SIDE, CELL = 96, 16
"""The square that pictures are squeezed to, and what one encoder cell covers, in pixels."""
GRID = SIDE // CELL
WIDTH = 160
ENCODER_ONLY = 0.3
"""Share of the training before the decoder joins."""
LONGEST = 40
PAD, START, END = "[PAD]", "[CLS]", "[SEP]"


def new_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of whole words: everything a caption of the world can say."""
    words = [PAD, START, END, ",", "and", "on", "a", "an", "the", "digit", "background"]
    words += [*COUNTS[2:], *COLOURS, *SHAPES, *(f"{shape}s" for shape in SHAPES)]
    words += [*DIGITS, *BACKGROUNDS]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=PAD))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(word, vocabulary[word]) for word in (START, END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        cls_token=START,
        sep_token=END,
        model_max_length=LONGEST,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> VisionEncoderDecoderModel:
    """A captioner of about 1.5 million parameters that knows nothing yet."""
    config = small_writer(
        len(tokenizer), stem=24, last=3, downsample=True, layers=3, heads=5,
        grid=GRID, side=SIDE, cell=CELL, width=WIDTH, longest=LONGEST,
    )  # fmt: skip
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.cls_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }
    config.update({**ids, "tie_word_embeddings": False})
    model = VisionEncoderDecoderModel(config)
    model.generation_config = GenerationConfig(**ids, max_length=LONGEST, num_beams=1)
    return model


def cells(batch: list[Example]) -> tuple[Tensor, Tensor]:
    """What each cell should say: target and weight (batch, cells, labels).

    The cell of an object's centre says its label; the other cells it covers may say it.
    """
    target = torch.zeros(len(batch), GRID, GRID, len(LABELS))
    weight = torch.ones_like(target)
    for i, each in enumerate(batch):
        for label, (x, y, w, h) in zip(each.labels.tolist(), each.boxes.tolist(), strict=True):
            left, right = (int(min(max(v, 0), 0.999) * GRID) for v in (x - w / 2, x + w / 2))
            top, bottom = (int(min(max(v, 0), 0.999) * GRID) for v in (y - h / 2, y + h / 2))
            weight[i, top : bottom + 1, left : right + 1, label] = 0
        for label, (x, y, _, _) in zip(each.labels.tolist(), each.boxes.tolist(), strict=True):
            row, column = int(y * GRID), int(x * GRID)
            target[i, row, column, label] = weight[i, row, column, label] = 1
    return target.flatten(1, 2), weight.flatten(1, 2)


def train(run: Run) -> None:
    """Trains and saves the captioner and its processor into `run.out`."""
    torch.manual_seed(run.seed)
    tokenizer = new_tokenizer()
    model = new_model(tokenizer).to(run.device, memory_format=torch.channels_last).train()
    processor = ViTImageProcessorPil(size={"height": SIDE, "width": SIDE})
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    heads = nn.ModuleList([nn.Linear(WIDTH, len(LABELS)), nn.Linear(WIDTH, len(BACKGROUNDS))]).to(
        run.device
    )
    nn.init.constant_(heads[0].bias, -4)
    batches = Batches(pool("train", run.seed, run.scenes or 24_000, SIDE), 48, run.seed, run.device)

    def loss_at(progress: float) -> Tensor:
        batch = batches.next()
        seen = model.encoder(pixel_values=batches.pixels(batch) * 2 - 1)
        target, weight = (each.to(run.device) for each in cells(batch))
        entropy = functional.binary_cross_entropy_with_logits(
            heads[0](seen.last_hidden_state[:, 1:]), target, weight, reduction="sum"
        )
        ground = torch.tensor([each.background for each in batch], device=run.device)
        loss: Tensor = entropy / target.sum() + 0.3 * functional.cross_entropy(
            heads[1](seen.last_hidden_state[:, 0]), ground
        )
        if progress < ENCODER_ONLY:
            return loss
        words = tokenizer([each.caption for each in batch], padding=True, return_tensors="pt")
        ids = words["input_ids"].to(run.device)
        labels = ids[:, 1:].masked_fill(ids[:, 1:] == tokenizer.pad_token_id, -100)
        logits = model(
            encoder_outputs=(seen.last_hidden_state,), decoder_input_ids=ids[:, :-1]
        ).logits
        told: Tensor = functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return 0.3 * loss + 2 * told

    fit([model, heads], loss_at, steps=run.steps or 2_400, lr=1.5e-3, minutes=run.minutes)
    model.eval().save_pretrained(run.out)
    TrOCRProcessor(image_processor=processor, tokenizer=tokenizer).save_pretrained(run.out)
