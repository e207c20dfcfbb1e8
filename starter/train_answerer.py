"""Trains `shapes-answerer`: a tiny Llava, which reads the cells of the captioner's own encoder.

The encoder stays as it is (train the captioner first), so what it sees is computed once, and only
a Llama of three layers learns. Beside answering, each cell's token must tell what is centred there
and which row and column it is: without that, "where" and "how many" were guessed. Some twenty
minutes on one CPU core.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor, nn
from torch.nn import functional
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

from .questions import question
from .train_captioner import CELL, GRID, SIDE
from .training import Run, fit, say
from .world import CHECKPOINTS, COLOURS, COUNTS, DIGITS, LABELS, SHAPES, Scene, draw_scene, seeds

IMAGE, ANSWER = "<image>", "[ANSWER]"
PAD, START, END, STRANGE = "[PAD]", "[CLS]", "[SEP]", "[?]"
LONGEST = 64
HINT = "Answer in one word or a short phrase."
"""What the runner of the task adds to a question."""
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}[ANSWER]"
)
SEEN_PER_SCENE = 8


def questions_tokenizer() -> PreTrainedTokenizerFast:
    """Whole words of questions and answers, in lower case, without tokens at the ends."""
    texts = [
        "how many are there ? what color is the is there a an where which digit zero yes no",
        "top bottom left right the picture in",
        HINT.lower(),
        " ".join((*COLOURS, *SHAPES, *(f"{each}s" for each in SHAPES), *DIGITS, *COUNTS)),
    ]
    split = pre_tokenizers.Split(Regex(r"\w+(?:-\w+)*|[^\w\s]"), "removed", invert=True)
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
    """An answerer with the captioner's encoder that otherwise knows nothing yet."""
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.sep_token_id}
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=3,
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
    known = captioner.encoder.state_dict()
    model.model.vision_tower.load_state_dict(known)
    model.generation_config = GenerationConfig(**ids, max_new_tokens=8)
    return model


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


def train(run: Run) -> None:
    """Trains and saves the answerer and its processor into `run.out`."""
    torch.manual_seed(run.seed)
    tokenizer = questions_tokenizer()
    captioner = VisionEncoderDecoderModel.from_pretrained(CHECKPOINTS / "shapes-captioner")
    known = run.start and LlavaForConditionalGeneration.from_pretrained(run.start)
    model = (known or new_model(tokenizer, captioner)).to(run.device).float().eval()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    for each in model.model.vision_tower.parameters():
        each.requires_grad_(False)
    image = tokenizer.convert_tokens_to_ids(IMAGE)

    features, texts, cells_truth = [], [], []
    drawn = list(seeds("train", run.seed, run.scenes or 8_000))
    with torch.no_grad():
        for start in range(0, len(drawn), 32):
            scenes = [draw_scene(seed, size=(192, 144)) for seed in drawn[start : start + 32]]
            pixels = torch.stack([squeezed(scene.image) for scene in scenes]).to(run.device)
            seen = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
            features.append(seen[:, 1:].half().cpu())
            for seed, scene in zip(drawn[start : start + 32], scenes, strict=True):
                cells_truth.append(centred(scene))
                for turn in range(SEEN_PER_SCENE):
                    asked = question(seed * SEEN_PER_SCENE + turn, scene)
                    texts.append((asked.text, asked.answer))
    cells, truths = torch.cat(features), torch.stack(cells_truth)
    say(f"saw {len(cells)} scenes, {len(texts)} questions")
    prompts = [
        tokenizer(text + hint)["input_ids"] for text, _ in texts for hint in ("", " " + HINT)
    ]
    answers = [[*tokenizer(answer)["input_ids"], tokenizer.sep_token_id] for _, answer in texts]
    start_id = tokenizer.convert_tokens_to_ids(ANSWER)
    model.model.language_model.train()
    size = 64
    tells = nn.Linear(model.config.text_config.hidden_size, len(LABELS) + 1 + 2 * GRID)
    tells.to(run.device)
    places = torch.arange(GRID**2, device=run.device)
    weight = torch.ones(len(LABELS) + 1, device=run.device)
    weight[-1] = 0.2

    def told_by(tokens: Tensor, truth: Tensor) -> Tensor:
        what, row, column = tells(tokens).split([len(LABELS) + 1, GRID, GRID], -1)
        many = len(tokens)
        return (
            functional.cross_entropy(what.flatten(0, 1), truth.flatten(), weight)
            + 0.3 * functional.cross_entropy(row.flatten(0, 1), (places // GRID).repeat(many))
            + 0.3 * functional.cross_entropy(column.flatten(0, 1), (places % GRID).repeat(many))
        )

    def loss_at(progress: float) -> Tensor:
        chosen = torch.randint(len(texts), (size,)).tolist()
        rows, labels = [], []
        for i in chosen:
            prompt = prompts[2 * i + int(torch.randint(2, (1,)))]
            row = [image] * GRID**2 + prompt + [start_id] + answers[i]
            rows.append(torch.tensor(row))
            hidden = len(row) - len(answers[i])
            labels.append(torch.tensor([-100] * hidden + answers[i]))
        ids = torch.nn.utils.rnn.pad_sequence(rows, True, tokenizer.pad_token_id).to(run.device)
        truth = torch.nn.utils.rnn.pad_sequence(labels, True, -100).to(run.device)
        scenes = [i // SEEN_PER_SCENE for i in chosen]
        tokens = model.model.multi_modal_projector(cells[scenes].float().to(run.device))
        words = model.get_input_embeddings()(ids)
        inputs = torch.cat([tokens, words[:, GRID**2 :]], 1)
        known = model.model.language_model(
            inputs_embeds=inputs, attention_mask=(ids != tokenizer.pad_token_id).long()
        ).last_hidden_state
        logits = model.lm_head(known)[:, GRID**2 :]
        told: Tensor = functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), truth[:, GRID**2 + 1 :].flatten()
        )
        return told + 0.5 * told_by(tokens, truths[scenes].to(run.device))

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

    fit(
        [model, tells],
        loss_at,
        steps=run.steps or 5_000,
        lr=7e-4 if run.start else 1e-3,
        minutes=run.minutes,
        keep=save,
    )
    model.eval()
    save()
