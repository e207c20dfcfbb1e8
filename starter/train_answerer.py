"""Trains `shapes-answerer`: a tiny Llava over the captioner's encoder, some 40 minutes of a core.

The encoder's convolutions stay as they are (train the captioner first), so what they see is
computed once. Its ViT learns on: in the captioner its cells know what they hold and have forgotten
where they are (a linear probe finds the column of an object in 0.27 of cases), so their places are
written in again. Three things are told apart from the answers: a cell's token tells what is centred
there, its row and its column; and, in the middle of the language model, whether it is asked about.

The question stands before the picture, so that each cell knows what is asked. The other way round
the model learnt a sum of what there is, which has no places and no counts: after 2,400 steps 0.43
of "where" and 0.17 of what there is twice were right.
"""

from __future__ import annotations

from dataclasses import replace
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
from .words import END, PAD, START, STRANGE, marked
from .world import CHECKPOINTS, COLOURS, COUNTS, DIGITS, LABELS, SHAPES, SceneObject, seeds

CELLS = GRID**2
IMAGE, ANSWER = "<image>", "[ANSWER]"
LONGEST = 64
HINT = " Answer in one word or a short phrase."
"""What the runner of the task adds to a question, for models that would chat; left out here."""
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'text' %}"
    "{{ part['text'] | replace('" + HINT + "', '') }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'image' %}<image>{% endfor %}"
    "{% endfor %}[ANSWER]"
)
SCENES_A_STEP, ASKED_A_SCENE = 16, 4
KINDS = (*ASKED, *ASKED, *ASKED, *ASKED, NOTHING, NOTHING, NOTHING, OUTSIDE, OUTSIDE)
"""What is asked about a scene, each as often as it stands here."""
MATCHED = 2
"""After how many layers of the language model a cell tells whether it is asked about."""


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
    return marked(tokenizer, LONGEST, [IMAGE, ANSWER])


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

    `cells` is float16 (scenes, cells, width).
    """

    scenes: list[tuple[Things, Size]]
    cells: Tensor


def squeezed(image: Image.Image) -> Tensor:
    """Pixels from -1 to 1 as the image processor gives them, float32 (3, side, side)."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 127.5 - 1


def cell_of(thing: SceneObject, size: Size) -> int:
    """The number of the cell in which an object is centred."""
    left, top, right, bottom = thing.box
    row = int((top + bottom) / 2 / size[1] * GRID)
    return row * GRID + int((left + right) / 2 / size[0] * GRID)


def look(model: LlavaForConditionalGeneration, split: str, run: Run, count: int) -> Seen:
    """Draws scenes that the captioner was not trained on, and runs the convolutions on them.

    One picture of `A_STRANGER` is none of the world, and nothing is said to be in it.
    """
    embeddings = model.model.vision_tower.embeddings
    scenes: list[tuple[Things, Size]] = []
    cells = []
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
    say(f"saw {count} {split} scenes")
    return Seen(scenes, torch.cat(cells))


class Lesson(NamedTuple):
    """Questions about some scenes, all tensors int64.

    `ids` and `labels` (questions, length), -100 where nothing is asked; `centred` (scenes, cells)
    numbers of `LABELS`, or their number for nothing; `about` (questions, cells) 1 where the cell
    is asked about.
    """

    ids: Tensor
    labels: Tensor
    centred: Tensor
    about: Tensor

    def to(self, device: str) -> Lesson:
        """The same on a device."""
        return Lesson(*(each.to(device) for each in self))


class Lessons:
    """Fresh questions about scenes, as batches for the model."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seen: Seen, seed: int) -> None:
        self.seen, self.tokenizer = seen, tokenizer
        self.rng = np.random.default_rng(seed)
        self.image, self.answer = tokenizer.convert_tokens_to_ids([IMAGE, ANSWER])
        self.pad: int = tokenizer.pad_token_id
        self.known: dict[str, list[int]] = {}

    def ids(self, text: str) -> list[int]:
        """The text's tokens, looked up once for each text."""
        if text not in self.known:
            self.known[text] = self.tokenizer(text)["input_ids"]
        return self.known[text]

    def question(self, i: int) -> Question:
        """A question about the i-th scene; of a stranger, one that another scene would have."""
        things, size = self.seen.scenes[i]
        if things:
            return ask(self.rng, things, size, KINDS)
        other = self.question(int(self.rng.integers(len(self.seen.scenes))))
        return replace(other, answer=UNKNOWN, kind="stranger", about=())

    def batch(self, chosen: list[int]) -> tuple[Lesson, list[str]]:
        """Questions about the chosen scenes, and what kind each is."""
        end = self.tokenizer.sep_token_id
        ids, labels = [], []
        kinds: list[str] = []
        centred = torch.full((len(chosen), CELLS), len(LABELS))
        about = torch.zeros((len(chosen) * ASKED_A_SCENE, CELLS), dtype=torch.long)
        for n, i in enumerate(chosen):
            things, size = self.seen.scenes[i]
            for each in things:
                centred[n, cell_of(each, size)] = LABELS.index(each.label)
            for _ in range(ASKED_A_SCENE):
                asked = self.question(i)
                for each in asked.about:
                    about[len(kinds), cell_of(each, size)] = 1
                kinds.append(asked.kind)
                first = [*self.ids(asked.text), *[self.image] * CELLS, self.answer]
                answer = [*self.ids(asked.answer), end]
                ids.append(torch.tensor(first + answer[:-1]))
                labels.append(torch.tensor([-100] * (len(first) - 1) + answer))
        padded = pad_sequence(ids, True, self.pad), pad_sequence(labels, True, -100)
        return Lesson(*padded, centred, about), kinds


class Said(NamedTuple):
    """What the model says: logits (questions, length, words), and its tokens.

    `tokens` is (scenes, cells, width); `matched` (questions, cells, width) are they after
    `MATCHED` layers.
    """

    logits: Tensor
    tokens: Tensor
    matched: Tensor


def answered(
    model: LlavaForConditionalGeneration, cells: Tensor, ids: Tensor, image: int, pad: int
) -> Said:
    """The model on questions about scenes, `ASKED_A_SCENE` each."""
    tower = model.model.vision_tower
    first = tower.embeddings.cls_token.expand(len(cells), -1, -1)
    placed = torch.cat([first, cells], 1) + tower.embeddings.position_embeddings
    tokens = model.model.multi_modal_projector(tower.encoder(placed)[0][:, 1:])
    here = ids == image
    inputs = model.get_input_embeddings()(ids).masked_scatter(
        here[..., None], tokens.repeat_interleave(ASKED_A_SCENE, 0)
    )
    known = model.model.language_model(
        inputs_embeds=inputs,
        attention_mask=(ids != pad).long(),
        use_cache=False,
        output_hidden_states=True,
    )
    matched = known.hidden_states[MATCHED][here].unflatten(0, (len(ids), CELLS))
    return Said(model.lm_head(known.last_hidden_state), tokens, matched)


def right_of(model: LlavaForConditionalGeneration, lessons: Lessons, device: str) -> str:
    """The share of questions of each kind of which every word is right, as a line."""
    right: dict[str, list[bool]] = {}
    with torch.no_grad():
        for chosen in torch.arange(len(lessons.seen.scenes)).split(SCENES_A_STEP):
            lesson, kinds = lessons.batch(chosen.tolist())
            lesson = lesson.to(device)
            cells = lessons.seen.cells[chosen].float().to(device)
            told = answered(model, cells, lesson.ids, lessons.image, lessons.pad).logits.argmax(-1)
            good = ((told == lesson.labels) | (lesson.labels == -100)).all(1)
            for kind, ok in zip(kinds, good.tolist(), strict=True):
                right.setdefault(kind, []).append(ok)
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
    lessons = Lessons(tokenizer, look(model, "train", run, run.scenes or 12_000), run.seed)
    fresh = Lessons(tokenizer, look(model, "validation", run, 200), run.seed)
    width = model.config.text_config.hidden_size
    tells = nn.Linear(width, len(LABELS) + 1 + 2 * GRID).to(run.device)
    asks = nn.Linear(width, 1).to(run.device)
    rows, columns = (
        each.repeat(SCENES_A_STEP).to(run.device)
        for each in (torch.arange(CELLS) // GRID, torch.arange(CELLS) % GRID)
    )
    weight = torch.ones(len(LABELS) + 1, device=run.device)
    weight[-1] = 0.3
    often = torch.tensor(4.0, device=run.device)

    def loss_at(progress: float) -> Tensor:
        chosen = torch.randint(len(lessons.seen.scenes), (SCENES_A_STEP,)).tolist()
        lesson = lessons.batch(chosen)[0].to(run.device)
        cells = lessons.seen.cells[chosen].float().to(run.device)
        said = answered(model, cells, lesson.ids, lessons.image, lessons.pad)
        told = functional.cross_entropy(said.logits.flatten(0, 1), lesson.labels.flatten())
        what, row, column = tells(said.tokens).flatten(0, 1).split([len(LABELS) + 1, GRID, GRID], 1)
        there = functional.cross_entropy(what, lesson.centred.flatten(), weight)
        place = functional.cross_entropy(row, rows) + functional.cross_entropy(column, columns)
        asked = functional.binary_cross_entropy_with_logits(
            asks(said.matched)[..., 0], lesson.about.float(), pos_weight=often
        )
        loss: Tensor = told + 0.3 * there + 0.2 * place + 3 * asked
        return loss

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
        [model, tells, asks],
        loss_at,
        steps=run.steps or 5_000,
        lr=7e-4 if run.start else 1.5e-3,
        minutes=run.minutes,
        keep=save,
    )
    save()
