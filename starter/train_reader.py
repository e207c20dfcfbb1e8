"""Trains `world-reader`: reads short printed documents and answers questions about them.

The architecture of a Donut, made small: a DPT hybrid (a ViT over an HGNetV2) whose cells are as
wide as a character, and a TrOCR decoder that is given the question and writes the answer letter by
letter. In training each cell also tells its character, the key of its line, and its place in the
value: without that, an encoder learns to read far later than a CPU can wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .backbone import small_writer
from .documents import ASKED, CHARACTERS, COLUMNS, GOODS, Document, draw_document, forms_of
from .strangers import draw_stranger
from .training import ASPECTS, Run, fit, say, wear
from .words import END, PAD, START, STRANGE, marked
from .world import draw_scene, seeds

SIDE, CELL = 160, 8
"""The square that pictures are squeezed to, and what one encoder cell covers, in pixels."""
GRID = SIDE // CELL
WIDTH = 128
LONGEST = 128
"""Tokens of a question and its answer, of which the task's runner lets a model write 64."""
ENCODER_ONLY = 0.3
"""Share of the training before the decoder joins."""
PLACE = 0.5
"""How strongly a cell's row and column are written into it at first."""
MARKS = ("<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>")
KEYS = (*ASKED, *GOODS)
DOCUMENTS_A_STEP, ASKED_A_DOCUMENT = 12, 3
UNKNOWN = "UNKNOWN"
"""The answer where the document lacks the key, to a question with a word that is not known, and
about a picture from outside the world."""
ABSENT, UNCLEAR, STRANGERS = 0.12, 0.05, 0.1
"""The shares of such questions, and of such pictures."""


def prompt(question: str) -> str:
    """What the task's runner gives the decoder to begin with."""
    return f"<s_docvqa><s_question>{question}</s_question><s_answer>"


def reader_tokenizer() -> PreTrainedTokenizerFast:
    """Whole lower-case words of the questions, and the capitals of which answers are made.

    A letter that begins a word is itself, any other has `##` before it.
    """
    split = pre_tokenizers.BertPreTokenizer()
    words = {
        word for key in KEYS for form in forms_of(key) for word, _ in split.pre_tokenize_str(form)
    }
    words -= set(CHARACTERS)
    known = [PAD, START, END, STRANGE, *sorted(words), *CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    vocabulary = {word: i for i, word in enumerate(known)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=STRANGE))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return marked(tokenizer, LONGEST, MARKS)


def written(tokenizer: PreTrainedTokenizerFast, answer: str) -> list[int]:
    """The tokens of an answer, letter by letter, and of its end."""
    letters = [
        f"##{letter}" if n else letter for word in answer.split() for n, letter in enumerate(word)
    ]
    ids: list[int] = tokenizer.convert_tokens_to_ids([*letters, MARKS[-1]])
    return ids


def new_model(tokenizer: PreTrainedTokenizerFast) -> VisionEncoderDecoderModel:
    """A reader of about a million parameters that knows nothing yet."""
    config = small_writer(
        len(tokenizer), stem=16, last=2, downsample=False, layers=2, heads=4,
        grid=GRID, side=SIDE, cell=CELL, width=WIDTH, longest=LONGEST,
    )  # fmt: skip
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.convert_tokens_to_ids(MARKS[0]),
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.convert_tokens_to_ids(MARKS[-1]),
    }
    config.update({**ids, "tie_word_embeddings": False})
    model = VisionEncoderDecoderModel(config)
    rows, columns = torch.randn(2, GRID, WIDTH)
    with torch.no_grad():
        places = (rows[:, None] + columns).flatten(0, 1)
        model.encoder.embeddings.position_embeddings[0, 1:] = PLACE * places
    model.generation_config = GenerationConfig(**ids, max_length=LONGEST, num_beams=1)
    return model


class Page(NamedTuple):
    """A document as the model sees it, uint8 (3, side, side), and what its cells should tell.

    A picture from outside the world has no `values`. `told` is int64 (3, cells): the character, the
    key of the line (numbers of `CHARACTERS` and `KEYS`), and the column after the value's first,
    each -1 where there is none.
    """

    pixels: Tensor
    told: Tensor
    values: dict[str, str]


def page(seed: int) -> Page:
    """Draws the document of a seed, or a stranger, worn, and squeezes it."""
    rng = np.random.default_rng((seed, 13))
    short = math.exp(rng.uniform(math.log(200), math.log(420)))
    wide, high = ASPECTS[int(rng.integers(3))]
    size = (round(short * wide), round(short * high))
    if np.random.default_rng((seed, 16)).random() < STRANGERS:
        other = draw_scene(seed, size=size).image if seed % 2 else None
        image = other or draw_stranger(seed, size=size, documents=False)
        told, values = torch.full((3, GRID * GRID), -1), {}
    else:
        document = draw_document(seed, size=size)
        image, told, values = document.image, told_by_cells(document), dict(document.values)
    image = wear(rng, image, short / 2).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return Page(torch.from_numpy(np.array(image)).permute(2, 0, 1), told, values)


def told_by_cells(document: Document) -> Tensor:
    """The truth for every cell: see `Page`."""
    told = torch.full((3, GRID, GRID), -1)
    rows = sorted({y for _, _, y in document.characters})
    keys = list(document.values)
    for row, key in zip(rows, keys, strict=True):
        line = [(c, x) for c, x, y in document.characters if y == row]
        first = line[len(key)][1]
        pitch = line[1][1] - line[0][1]
        for n, (character, x) in enumerate(line):
            place = round((x - first) / pitch) if n >= len(key) else -1
            truth = torch.tensor([CHARACTERS.index(character), KEYS.index(key), place])
            told[:, int(row * GRID), int(x * GRID)] = truth
    return told.flatten(1)


def asked_of(rng: np.random.Generator, values: Mapping[str, str]) -> tuple[str, str]:
    """A question, and its answer in a document with these values."""
    absent = not values or rng.random() < ABSENT
    keys = [key for key in KEYS if key not in values] if absent else [*values]
    key = keys[int(rng.integers(len(keys)))]
    forms = forms_of(key)
    return forms[int(rng.integers(len(forms)))], values.get(key, UNKNOWN)


def right_of(model: VisionEncoderDecoderModel, tokenizer: PreTrainedTokenizerFast, run: Run) -> str:
    """The shares of answers and of letters that are right on validation documents, as a line."""
    whole: list[bool] = []
    letters: list[bool] = []
    for seed in seeds("validation", run.seed, 40):
        shown = page(seed)
        with torch.no_grad():
            seen = model.encoder(pixel_values=shown.pixels[None].to(run.device).float() / 127.5 - 1)
            for key, value in shown.values.items():
                begun = tokenizer(prompt(forms_of(key)[0]), add_special_tokens=False)["input_ids"]
                ids = torch.tensor([begun + written(tokenizer, value)], device=run.device)
                logits = model(
                    encoder_outputs=(seen.last_hidden_state,), decoder_input_ids=ids[:, :-1]
                ).logits
                said = logits[0, len(begun) - 1 :].argmax(-1)
                good = said == ids[0, len(begun) :]
                whole.append(bool(good.all()))
                letters += good[:-1].tolist()
    shares = (sum(each) / len(each) for each in (whole, letters))
    return "right on validation documents: {:.3f} of answers, {:.3f} of letters".format(*shares)


def train(run: Run) -> None:
    """Trains and saves the reader, its tokenizer and its image processor into `run.out`."""
    torch.manual_seed(run.seed)
    tokenizer = reader_tokenizer()
    known = run.start and VisionEncoderDecoderModel.from_pretrained(run.start)
    model = (known or new_model(tokenizer)).to(run.device).train()
    model.encoder.to(memory_format=torch.channels_last)
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    sizes = [len(CHARACTERS) + 1, len(KEYS) + 1, COLUMNS + 1]
    tells = nn.Linear(WIDTH, sum(sizes)).to(run.device)
    weights = [torch.ones(size, device=run.device) for size in sizes]
    for weight in weights:
        weight[-1] = 0.1
    pages = [page(seed) for seed in seeds("train", run.seed, run.scenes or 6_000)]
    say(f"drew {len(pages)} documents")
    begun = {
        form: tokenizer(prompt(form), add_special_tokens=False)["input_ids"]
        for key in KEYS
        for form in forms_of(key)
    }
    unclear = tokenizer.convert_tokens_to_ids(STRANGE)
    rng = np.random.default_rng(run.seed)

    def loss_at(progress: float) -> Tensor:
        chosen = [pages[i] for i in rng.integers(len(pages), size=DOCUMENTS_A_STEP)]
        pixels = torch.stack([each.pixels for each in chosen]).to(run.device).float()
        pixels = pixels * (1 + 0.1 * (torch.rand(len(chosen), 1, 1, 1, device=run.device) - 0.5))
        whole = (pixels / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        seen = model.encoder(pixel_values=whole).last_hidden_state
        truth = torch.stack([each.told for each in chosen], 1).flatten(1).to(run.device)
        said = tells(seen[:, 1:]).flatten(0, 1).split(sizes, -1)
        told: Tensor = sum(
            functional.cross_entropy(logits, wanted.where(wanted >= 0, size - 1), weight)
            for logits, wanted, size, weight in zip(said, truth, sizes, weights, strict=True)
        )
        if progress < ENCODER_ONLY and not run.start:
            return told
        ids, labels = [], []
        for each in chosen:
            for _ in range(ASKED_A_DOCUMENT):
                text, value = asked_of(rng, each.values)
                first = begun[text].copy()
                if rng.random() < UNCLEAR:
                    first[int(rng.integers(2, len(first) - 2))] = unclear
                    value = UNKNOWN
                answer = written(tokenizer, value)
                ids.append(torch.tensor(first + answer[:-1]))
                labels.append(torch.tensor([-100] * (len(first) - 1) + answer))
        padded = pad_sequence(ids, True, tokenizer.pad_token_id).to(run.device)
        wanted = pad_sequence(labels, True, -100).to(run.device)
        shown = seen.repeat_interleave(ASKED_A_DOCUMENT, 0)
        logits = model(encoder_outputs=(shown,), decoder_input_ids=padded).logits
        return 0.3 * told + functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())

    def save() -> None:
        model.eval()
        model.save_pretrained(run.out)
        tokenizer.save_pretrained(run.out)
        ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(run.out)
        say(right_of(model, tokenizer, run))
        model.train()

    fit(
        [model, tells],
        torch.autocast(run.device, torch.bfloat16)(loss_at),  # up to twice as fast
        steps=run.steps or 3_000,
        lr=7e-4 if run.start else 1.5e-3,
        minutes=run.minutes,
        keep=save,
    )
    save()
