"""Trains the models of the world's sentences: mood, named pieces, English to French and back.

All are plain Transformers models over a byte-level BPE of the sentences themselves, so that any
text can be read; what is outside the world is spelled out and means nothing to them. Minutes each
on one CPU core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer, processors
from torch import Tensor
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    GenerationConfig,
    MarianConfig,
    MarianMTModel,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from .sentences import TAGS, Sentence, draw_opinion, draw_sentence, heard, in_passing
from .training import Run, fit, say
from .world import seeds

PAD, START, END = "<pad>", "<s>", "</s>"
LONGEST = 96
WORDS = 640
"""The BPE's vocabulary: letters, and the frequent words of the world."""
MOODS = ("negative", "neutral", "positive")


def new_tokenizer(texts: Sequence[str], *, start: bool) -> PreTrainedTokenizerFast:
    """A byte-level BPE of these texts; it ends a text with ``</s>`` and may start one too."""
    bpe = ByteLevelBPETokenizer(add_prefix_space=True)
    bpe.train_from_iterator(
        texts, vocab_size=WORDS, min_frequency=20, special_tokens=[PAD, START, END],
        show_progress=False,
    )  # fmt: skip
    inner = bpe._tokenizer
    inner.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}" if start else f"$A {END}",
        special_tokens=[(word, inner.token_to_id(word)) for word in (START, END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token=PAD, bos_token=START, eos_token=END, cls_token=START,
        sep_token=END, model_max_length=LONGEST, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _reader(tokenizer: PreTrainedTokenizerFast, labels: Sequence[str]) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=LONGEST,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )


def _begin(
    run: Run,
    kind: Any,
    texts: Sequence[str],
    config: Callable[[PreTrainedTokenizerFast], PretrainedConfig],
) -> tuple[Any, PreTrainedTokenizerFast]:
    """A model that is to learn and its tokenizer: new ones, or those that the run starts from."""
    if run.start:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(run.start)
        return kind.from_pretrained(run.start, dtype=torch.float32).train(), tokenizer
    tokenizer = new_tokenizer(texts, start=kind is not MarianMTModel)
    return kind(config(tokenizer)).train(), tokenizer


def _order(count: int, batch: int, seed: int) -> Iterator[list[int]]:
    """Batches of places, every place once in each round."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        for start in range(0, count - batch + 1, batch):
            yield order[start : start + batch].tolist()


def _read(model: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
    logits: Tensor = model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
    ).logits
    return logits


def _save(run: Run, model: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    model.eval().save_pretrained(run.out)
    tokenizer.save_pretrained(run.out)


def _learn(
    run: Run, model: torch.nn.Module, loss_of: Callable[[list[int]], Tensor], count: int, steps: int
) -> None:
    batches = _order(count, 64, run.seed)
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    fit(
        [model], lambda progress: loss_of(next(batches)), steps=run.steps or steps,
        lr=5e-4 if run.start else 1e-3, minutes=run.minutes,
    )  # fmt: skip


def train_mood(run: Run) -> None:
    """Trains `world-mood`: the mood of a sentence."""
    torch.manual_seed(run.seed)
    rows = [draw_opinion(seed) for seed in seeds("train", run.seed, run.scenes or 30_000)]
    texts, wanted = [text for text, _ in rows], [MOODS.index(mood) for _, mood in rows]
    model, tokenizer = _begin(
        run, BertForSequenceClassification, texts, lambda known: _reader(known, MOODS)
    )

    def loss_of(places: list[int]) -> Tensor:
        inputs = tokenizer([texts[i] for i in places], padding=True, return_tensors="pt")
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        ).logits
        return functional.cross_entropy(logits, torch.tensor([wanted[i] for i in places]))

    _learn(run, model, loss_of, len(rows), 900)
    _save(run, model, tokenizer)


def piece_labels(sentence: Sentence, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The tagger's class of each token (0 is O, then B and I of each of `TAGS`); -100 for none."""
    found = []
    for start, end in offsets:
        if start == end:
            found.append(-100)
            continue
        name = 0
        for tag, first, last in sentence.pieces:
            if start < last and end > first:
                name = 1 + 2 * TAGS.index(tag) + (start > first)
        found.append(name)
    return found


def train_tagger(run: Run) -> None:
    """Trains `world-tagger`: names, places, colours, shapes and counts in a sentence."""
    torch.manual_seed(run.seed)
    rows = [draw_sentence(seed) for seed in seeds("train", run.seed, run.scenes or 30_000)]
    texts = [row.english for row in rows]
    labels = ["O", *(f"{place}-{tag}" for tag in TAGS for place in "BI")]
    model, tokenizer = _begin(
        run, BertForTokenClassification, texts, lambda known: _reader(known, labels)
    )

    def loss_of(places: list[int]) -> Tensor:
        batch = [rows[i] for i in places]
        inputs = tokenizer(
            [row.english for row in batch], padding=True, return_tensors="pt",
            return_offsets_mapping=True,
        )  # fmt: skip
        wanted = torch.tensor(
            [
                piece_labels(row, where)
                for row, where in zip(batch, inputs["offset_mapping"].tolist(), strict=True)
            ]
        )
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        ).logits
        return functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())

    _learn(run, model, loss_of, len(rows), 1_200)
    _save(run, model, tokenizer)


def _translator(tokenizer: PreTrainedTokenizerFast) -> MarianConfig:
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    return MarianConfig(
        vocab_size=len(tokenizer), d_model=128, encoder_layers=3, decoder_layers=3,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=256,
        decoder_ffn_dim=256, max_position_embeddings=LONGEST, dropout=0.0,
        pad_token_id=pad, eos_token_id=end, bos_token_id=None, decoder_start_token_id=pad,
        forced_eos_token_id=None, scale_embedding=True, share_encoder_decoder_embeddings=True,
    )  # fmt: skip


def _train_translator(run: Run, pairs: list[tuple[str, str]]) -> None:
    torch.manual_seed(run.seed)
    texts = [text for pair in pairs for text in pair]
    model, tokenizer = _begin(run, MarianMTModel, texts, _translator)
    pad = tokenizer.pad_token_id
    model.generation_config = GenerationConfig(
        pad_token_id=pad, eos_token_id=tokenizer.eos_token_id, decoder_start_token_id=pad,
        max_length=LONGEST,
    )  # fmt: skip

    def loss_of(places: list[int]) -> Tensor:
        source = tokenizer([pairs[i][0] for i in places], padding=True, return_tensors="pt")
        target = tokenizer([pairs[i][1] for i in places], padding=True, return_tensors="pt")
        ids = target["input_ids"]
        labels = ids.masked_fill(target["attention_mask"] == 0, -100)
        begin = torch.full((len(places), 1), pad)
        logits = model(
            input_ids=source["input_ids"], attention_mask=source["attention_mask"],
            decoder_input_ids=torch.cat([begin, ids[:, :-1]], 1),
        ).logits  # fmt: skip
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten())

    _learn(run, model, loss_of, len(pairs), 5_000)
    _save(run, model, tokenizer)


def _rows(run: Run) -> list[Sentence]:
    return [draw_sentence(seed) for seed in seeds("train", run.seed, run.scenes or 100_000)]


def train_to_french(run: Run) -> None:
    """Trains `world-english-french`; every third sentence is as a recogniser writes it down."""
    pairs = [
        (row.english if place % 3 else heard(row.english), row.french)
        for place, row in enumerate(_rows(run))
    ]
    _train_translator(run, pairs)


def train_to_english(run: Run) -> None:
    """Trains `world-french-english`; every third sentence is without capitals and full stop."""
    pairs = [
        (row.french if place % 3 else in_passing(row.french), row.english)
        for place, row in enumerate(_rows(run))
    ]
    _train_translator(run, pairs)
