"""Trains `shapes-answerer`: a tiny Llava over the captioner's encoder, some 45 minutes of a core.

The encoder's convolutions stay as they are (train the captioner first), so what they see is
computed once. Its ViT learns on: in the captioner its cells know what they hold and have forgotten
where they are (a linear probe finds the column of an object in 0.27 of cases), so their places are
written in again, and each cell's token must tell its object, row and column beside the answers.
Questions about one picture share its tokens in one sequence and do not see each other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .questions import (
    ASKED,
    FORMS,
    NONE,
    NOTHING,
    NOWHERE,
    OUTSIDE,
    PICTURES,
    UNKNOWN,
    Question,
    Size,
    Things,
    ask,
)
from .strangers import draw_stranger
from .train_captioner import CELL, GRID, SIDE
from .training import Run, fit, say, worn
from .world import CHECKPOINTS, COLOURS, COUNTS, DIGITS, LABELS, SHAPES, Scene, seeds

CELLS = GRID**2
IMAGE, ANSWER = "<image>", "[ANSWER]"
PAD, START, END, STRANGE = "[PAD]", "[CLS]", "[SEP]", "[?]"
LONGEST = 64
HINT = " Answer in one word or a short phrase."
"""What the runner of the task adds to a question, for models that would chat; left out here."""
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>"
    "{% else %}{{ part['text'] | replace('" + HINT + "', '') }}{% endif %}"
    "{% endfor %}{% endfor %}[ANSWER]"
)
SCENES_A_STEP, ASKED_A_SCENE = 16, 8
KINDS = (ASKED, ASKED, ASKED, ASKED, ASKED, ASKED, (NOTHING,), (OUTSIDE,))
"""What is asked about a scene, one question of each row."""


def questions_tokenizer() -> PreTrainedTokenizerFast:
    """Whole words of questions and answers, in lower case, without tokens at the ends."""
    texts = [
        *(form.format("").lower() for forms in FORMS.values() for form in forms),
        " ".join((*COLOURS, *SHAPES, *(f"{each}s" for each in SHAPES), *DIGITS, *COUNTS[1:])),
        " ".join((*PICTURES, NONE, NOWHERE, UNKNOWN)),
        "zero yes no top bottom left right a an and , objects shapes digit",
    ]
    split = pre_tokenizers.Split(Regex(r"\w+(?:-\w+)*|,"), "removed", invert=True)
    words = sorted({word for text in texts for word, _ in split.pre_tokenize_str(text)})
    vocabulary = {word: i for i, word in enumerate([PAD, START, END, STRANGE, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=STRANGE))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        cls_token=START,
        sep_token=END,
        eos_token=END,
        model_max_length=LONGEST,
    )
    fast.add_special_tokens({"additional_special_tokens": [IMAGE, ANSWER]})
    return fast


def new_model(
    tokenizer: PreTrainedTokenizerFast, captioner: VisionEncoderDecoderModel
) -> LlavaForConditionalGeneration:
    """An answerer with the captioner's encoder, told again where its cells are."""
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.sep_token_id}
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=256,
        max_position_embeddings=128,
        bos_token_id=None,
        **ids,
    )
    config = LlavaConfig(
        vision_config=captioner.encoder.config.to_dict(),
        text_config=text.to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        **ids,
    )
    model = LlavaForConditionalGeneration(config)
    tower = model.model.vision_tower
    tower.load_state_dict(captioner.encoder.state_dict())
    rows, columns = torch.randn(2, GRID, tower.config.hidden_size)
    with torch.no_grad():
        places = (rows[:, None] + columns).flatten(0, 1)
        tower.embeddings.position_embeddings[0, 1:] += PLACE * places
    model.generation_config = GenerationConfig(**ids, max_new_tokens=8)
    return model


A_STRANGER, STRANGE_SIZE = 16, (256, 192)
PLACE = 0.5
"""How strongly a cell's row and column are written into it."""


class Seen(NamedTuple):
    """What is in scenes of which size, and what the convolutions make of them.

    `cells` is float16 (scenes, cells, width); `centred` int64 (scenes, cells), see there.
    """

    scenes: list[tuple[Things, Size]]
    cells: Tensor
    centred: Tensor


def squeezed(image: Image.Image) -> Tensor:
    """Pixels from -1 to 1 as the image processor gives them, float32 (3, side, side)."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 127.5 - 1


def centred(scene: Scene) -> Tensor:
    """What is centred in each cell (cells,): a place in `LABELS`, or their number for nothing."""
    found = torch.full((GRID, GRID), len(LABELS))
    for each in scene.objects:
        left, top, right, bottom = each.box
        row = int((top + bottom) / 2 / scene.image.height * GRID)
        column = int((left + right) / 2 / scene.image.width * GRID)
        found[row, column] = LABELS.index(each.label)
    return found.flatten()


def look(model: LlavaForConditionalGeneration, split: str, run: Run, count: int) -> Seen:
    """Draws scenes that the captioner was not trained on, and runs the convolutions on them.

    One picture of `A_STRANGER` is none of the world, and nothing is said to be in it.
    """
    embeddings = model.model.vision_tower.embeddings
    scenes: list[tuple[Things, Size]] = []
    cells, truth = [], []
    drawn = list(seeds(split, run.seed + 1, count))
    with torch.no_grad():
        for first in range(0, count, 32):
            some = [worn(seed) for seed in drawn[first : first + 32]]
            some = [
                replace(scene, image=draw_stranger(seed, size=STRANGE_SIZE), objects=())
                if seed % A_STRANGER == 0
                else scene
                for seed, scene in zip(drawn[first : first + 32], some, strict=True)
            ]
            pixels = torch.stack([squeezed(scene.image) for scene in some]).to(run.device)
            features = embeddings.projection(embeddings.backbone(pixels).feature_maps[-1])
            cells.append(features.flatten(2).transpose(1, 2).half().cpu())
            scenes += [(scene.objects, scene.image.size) for scene in some]
            truth += [centred(scene) for scene in some]
    say(f"saw {count} {split} scenes")
    return Seen(scenes, torch.cat(cells), torch.stack(truth))


def tokens_of(model: LlavaForConditionalGeneration, cells: Tensor) -> Tensor:
    """The language model's tokens (batch, cells, width) for what the convolutions made."""
    tower = model.model.vision_tower
    first = tower.embeddings.cls_token.expand(len(cells), -1, -1)
    placed = torch.cat([first, cells], 1) + tower.embeddings.position_embeddings
    known: Tensor = model.model.multi_modal_projector(tower.encoder(placed)[0][:, 1:])
    return known


class Packed(NamedTuple):
    """All questions about each scene in one row, after the places of its picture's tokens.

    All int64 (scenes, length): `ids`, `segments` (0 the picture, n the n-th question), `places`,
    and `labels`, -100 where nothing is asked.
    """

    ids: Tensor
    segments: Tensor
    places: Tensor
    labels: Tensor

    @property
    def seen(self) -> Tensor:
        """Which token sees which, bool (scenes, 1, length, length)."""
        own = self.segments[:, None, :] == self.segments[:, :, None]
        return (own | (self.segments[:, None, :] == 0)).tril()[:, None]


def packed(asked: list[list[tuple[list[int], list[int]]]], image: int, pad: int) -> Packed:
    """Packs (prompt, answer) pairs of ids, some for each scene."""
    rows = []
    for pairs in asked:
        questions = [prompt + answer for prompt, answer in pairs]
        labels = [[-100] * (len(prompt) - 1) + answer + [-100] for prompt, answer in pairs]
        numbered = [[n] * len(each) for n, each in enumerate(questions, 1)]
        places = [range(CELLS, CELLS + len(each)) for each in questions]
        rows.append(
            (
                [image] * CELLS + [*chain(*questions)],
                [0] * CELLS + [*chain(*numbered)],
                [*range(CELLS), *chain(*places)],
                [-100] * CELLS + [*chain(*labels)],
            )
        )
    columns = [[torch.tensor(each) for each in column] for column in zip(*rows, strict=True)]
    return Packed(
        *(
            pad_sequence(each, True, filler)
            for each, filler in zip(columns, (pad, len(KINDS) + 1, CELLS, -100), strict=True)
        )
    )


class Lessons:
    """Fresh questions about scenes, as batches for the model."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seen: Seen, seed: int) -> None:
        self.seen, self.tokenizer = seen, tokenizer
        self.rng = np.random.default_rng(seed)
        self.image, self.answer = tokenizer.convert_tokens_to_ids([IMAGE, ANSWER])
        self.known: dict[str, list[int]] = {}

    def ids(self, text: str) -> list[int]:
        """The text's tokens, looked up once for each text."""
        if text not in self.known:
            self.known[text] = self.tokenizer(text)["input_ids"]
        return self.known[text]

    def question(self, i: int, kinds: tuple[str, ...]) -> Question:
        """A question about the i-th scene; of a stranger, one that another scene would have."""
        things, size = self.seen.scenes[i]
        if things:
            return ask(self.rng, things, size, kinds)
        other = self.question(int(self.rng.integers(len(self.seen.scenes))), kinds)
        return replace(other, answer=UNKNOWN, kind="stranger")

    def batch(self, chosen: list[int]) -> tuple[Packed, list[str]]:
        """Questions of all `KINDS` about the chosen scenes, and what kind each is."""
        asked, kinds, end = [], [], self.tokenizer.sep_token_id
        for i in chosen:
            questions = [self.question(i, kind) for kind in KINDS]
            kinds += [each.kind for each in questions]
            asked.append(
                [
                    ([*self.ids(each.text), self.answer], [*self.ids(each.answer), end])
                    for each in questions
                ]
            )
        return packed(asked, self.image, self.tokenizer.pad_token_id), kinds


def said(model: LlavaForConditionalGeneration, tokens: Tensor, asked: Packed) -> Tensor:
    """What the model says after each token, logits (scenes, length, words)."""
    words = model.get_input_embeddings()(asked.ids)
    known = model.model.language_model(
        inputs_embeds=torch.cat([tokens, words[:, CELLS:]], 1),
        attention_mask=asked.seen,
        position_ids=asked.places,
        use_cache=False,
    ).last_hidden_state
    logits: Tensor = model.lm_head(known)
    return logits


def right_of(model: LlavaForConditionalGeneration, lessons: Lessons, device: str) -> str:
    """The share of questions of each kind of which every word is right, as a line."""
    right: dict[str, list[bool]] = {}
    with torch.no_grad():
        for first in range(0, len(lessons.seen.scenes), SCENES_A_STEP):
            chosen = list(range(first, min(first + SCENES_A_STEP, len(lessons.seen.scenes))))
            asked, kinds = lessons.batch(chosen)
            asked = Packed(*(each.to(device) for each in asked))
            told = said(
                model, tokens_of(model, lessons.seen.cells[chosen].float().to(device)), asked
            )
            wrong = (told.argmax(-1) != asked.labels) & (asked.labels != -100)
            for i, kind in enumerate(kinds):
                scene, number = divmod(i, len(KINDS))
                own = asked.segments[scene] == number + 1
                right.setdefault(kind, []).append(not bool(wrong[scene, own].any()))
    return "  ".join(f"{kind} {sum(ok) / len(ok):.2f}" for kind, ok in sorted(right.items()))


def train(run: Run) -> None:
    """Trains and saves the answerer and its processor into `run.out`."""
    torch.manual_seed(run.seed)
    tokenizer = questions_tokenizer()
    captioner = VisionEncoderDecoderModel.from_pretrained(CHECKPOINTS / "shapes-captioner")
    known = run.start and LlavaForConditionalGeneration.from_pretrained(run.start)
    model = (known or new_model(tokenizer, captioner)).to(run.device).float().eval()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    for name, each in model.model.vision_tower.named_parameters():
        each.requires_grad_("backbone" not in name and "projection" not in name)
    lessons = Lessons(tokenizer, look(model, "train", run, run.scenes or 16_000), run.seed)
    fresh = Lessons(tokenizer, look(model, "validation", run, 200), run.seed)
    tells = nn.Linear(model.config.text_config.hidden_size, len(LABELS) + 1 + 2 * GRID)
    tells.to(run.device)
    rows, columns = (
        each.repeat(SCENES_A_STEP).to(run.device)
        for each in (torch.arange(CELLS) // GRID, torch.arange(CELLS) % GRID)
    )
    weight = torch.ones(len(LABELS) + 1, device=run.device)
    weight[-1] = 0.2

    def loss_at(progress: float) -> Tensor:
        chosen = torch.randint(len(lessons.seen.scenes), (SCENES_A_STEP,)).tolist()
        asked = Packed(*(each.to(run.device) for each in lessons.batch(chosen)[0]))
        tokens = tokens_of(model, lessons.seen.cells[chosen].float().to(run.device))
        logits = said(model, tokens, asked)
        told: Tensor = functional.cross_entropy(logits.flatten(0, 1), asked.labels.flatten())
        what, row, column = tells(tokens).flatten(0, 1).split([len(LABELS) + 1, GRID, GRID], -1)
        there = functional.cross_entropy(
            what, lessons.seen.centred[chosen].flatten().to(run.device), weight
        )
        place = functional.cross_entropy(row, rows) + functional.cross_entropy(column, columns)
        return told + 0.3 * there + 0.2 * place

    processor = LlavaProcessor(
        image_processor=ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}),
        tokenizer=tokenizer,
        patch_size=CELL,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=TEMPLATE,
    )

    def save() -> None:
        model.save_pretrained(run.out)
        processor.save_pretrained(run.out)
        say(f"right on validation scenes: {right_of(model, fresh, run.device)}")

    fit(
        [model, tells],
        loss_at,
        steps=run.steps or 8_000,
        lr=7e-4 if run.start else 1.5e-3,
        minutes=run.minutes,
        keep=save,
    )
    save()
