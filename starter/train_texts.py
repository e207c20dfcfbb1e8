"""Trains the readers of world sentences, from random weights: two Marian translators, a BERT that
names the kind of a sentence, and one that names its parts. Minutes each on one CPU core.

All read whole words. What is outside the vocabulary is one token, `[?]`: the translators keep it
where it stands, and the classifier learns that such sentences are outside the world.
"""

from __future__ import annotations

import torch
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    GenerationConfig,
    MarianConfig,
    MarianMTModel,
    PreTrainedTokenizerFast,
)

from .texts import KINDS, MASCULINE, PARTS, Sentence, sentence, with_unknown
from .training import Run, fit, say
from .world import seeds

PAD, START, END, STRANGE = "[PAD]", "[CLS]", "[SEP]", "[?]"
LONGEST = 64
TAGS = ("O", *PARTS)


def new_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of the whole words of these texts, in lower case."""
    split = pre_tokenizers.Split(Regex(r"\w+(?:-\w+)*|[^\w\s]"), "removed", invert=True)
    words = sorted({word for text in texts for word, _ in split.pre_tokenize_str(text)})
    vocabulary = {word: i for i, word in enumerate([PAD, START, END, STRANGE, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=STRANGE))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=True),
            decoders.Fuse(),
            decoders.Replace(" ' ", "'"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(word, vocabulary[word]) for word in (START, END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        cls_token=START,
        sep_token=END,
        eos_token=END,
        model_max_length=LONGEST,
    )


def sentences(run: Run, *, outside: bool) -> list[Sentence]:
    """Training sentences, with or without those from outside the world."""
    said = [sentence(seed) for seed in seeds("train", run.seed, run.scenes or 20_000)]
    return [each for each in said if outside or each.french]


def _draw(said: list[Sentence], size: int) -> list[Sentence]:
    return [said[i] for i in torch.randint(len(said), (size,)).tolist()]


def _translator(run: Run, *, reverse: bool) -> None:
    torch.manual_seed(run.seed)
    said = sentences(run, outside=False)
    tokenizer = new_tokenizer([text for each in said for text in (each.english, each.french)])
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "decoder_start_token_id": tokenizer.pad_token_id,
    }
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=128,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=256,
        decoder_ffn_dim=256,
        max_position_embeddings=LONGEST,
        dropout=0.0,
        activation_function="gelu",
        scale_embedding=True,
        forced_eos_token_id=None,
        **ids,
    )
    model = MarianMTModel(config).to(run.device).train()
    model.generation_config = GenerationConfig(**ids, max_new_tokens=LONGEST - 2, num_beams=1)
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters, {len(said)} pairs")
    shapes = list(MASCULINE)

    def loss_at(progress: float) -> Tensor:
        batch = _draw(said, 48)
        strange = torch.randint(4 * len(shapes), (len(batch),)).tolist()
        batch = [
            with_unknown(each, shapes[i]) if i < len(shapes) else each
            for each, i in zip(batch, strange, strict=True)
        ]
        pairs = [(each.english, each.french)[:: -1 if reverse else 1] for each in batch]
        read = tokenizer([pair[0] for pair in pairs], padding=True, return_tensors="pt")
        written = tokenizer([pair[1] for pair in pairs], padding=True, return_tensors="pt")
        labels = written["input_ids"][:, 1:]
        labels = labels.masked_fill(labels == tokenizer.pad_token_id, -100)
        loss: Tensor = model(
            input_ids=read["input_ids"].to(run.device),
            attention_mask=read["attention_mask"].to(run.device),
            labels=labels.to(run.device),
        ).loss
        return loss

    seconds = fit([model], loss_at, steps=run.steps or 1_500, lr=1e-3, minutes=run.minutes)
    say(f"trained in {seconds:.0f} s")
    model.eval().save_pretrained(run.out)
    tokenizer.save_pretrained(run.out)


def train_english_to_french(run: Run) -> None:
    """Trains and saves `world-english-french` into `run.out`."""
    _translator(run, reverse=False)


def train_french_to_english(run: Run) -> None:
    """Trains and saves `world-french-english` into `run.out`."""
    _translator(run, reverse=True)


def _bert(tokenizer: PreTrainedTokenizerFast, labels: tuple[str, ...]) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        max_position_embeddings=LONGEST,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )


def _read(run: Run, *, parts: bool) -> None:
    torch.manual_seed(run.seed)
    said = sentences(run, outside=True)
    tokenizer = new_tokenizer([each.english for each in said if each.french])
    labels = TAGS if parts else KINDS
    kind = BertForTokenClassification if parts else BertForSequenceClassification
    model = kind(_bert(tokenizer, labels)).to(run.device).train()

    def tags(each: Sentence, length: int) -> list[int]:
        named = [TAGS.index(part or "O") for _, part in each.words]
        tokens = tokenizer.tokenize(each.english)
        words = iter(named)
        row = [0 if token in ",.?" else next(words) for token in tokens]
        return [-100, *row, *[-100] * (length - 1 - len(row))]

    def loss_at(progress: float) -> Tensor:
        batch = _draw(said, 64)
        read = tokenizer([each.english for each in batch], padding=True, return_tensors="pt")
        length = read["input_ids"].shape[1]
        truth = torch.tensor(
            [tags(each, length) if parts else KINDS.index(each.kind) for each in batch]
        )
        loss: Tensor = model(**read.to(run.device), labels=truth.to(run.device)).loss
        return loss

    seconds = fit([model], loss_at, steps=run.steps or 500, lr=1e-3, minutes=run.minutes)
    say(f"trained in {seconds:.0f} s")
    model.eval().save_pretrained(run.out)
    tokenizer.save_pretrained(run.out)


def train_intents(run: Run) -> None:
    """Trains and saves `world-intents`, which names the kind of a sentence, into `run.out`."""
    _read(run, parts=False)


def train_parts(run: Run) -> None:
    """Trains and saves `world-parts`, which names the parts of a sentence, into `run.out`."""
    _read(run, parts=True)
