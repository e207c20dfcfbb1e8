"""Runners that answer in words about a picture: questions, documents, instructions.

LayoutLM reads words and where they stand, which only an OCR program gives: pytesseract and the
tesseract binary, an extra. Donut and the like read the picture themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import MissingExtraError, ModelLoadError, ModelRunError

from .loading import (
    greedy,
    load_config,
    load_image_processor,
    load_model,
    load_processor,
    load_tokenizer,
    max_tokens,
)
from .runner import Checkpoint, Output, Run
from .text import best_span
from .vision import best_labels

if TYPE_CHECKING:
    from PIL.Image import Image

ANSWER_TOKENS = 64
NEW_TOKENS = 256
LAYOUT_SCALE = 1000
"""LayoutLM counts places in thousandths of the page."""


def visual_question_answering(checkpoint: Checkpoint) -> Run:
    """A short answer: ViLT chooses one of its own, BLIP writes it; a model that chats is asked."""
    config = load_config(checkpoint)
    if config.model_type in ("vilt", "blip"):
        return _asked(checkpoint)
    return _chat(checkpoint, "question", "Answer in one word or a short phrase.")


def _asked(checkpoint: Checkpoint) -> Run:
    processor = load_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForVisualQuestionAnswering")
    limit = max_tokens(processor.tokenizer, model)

    def run(args: Mapping[str, Any]) -> Output:
        pixels = processor.image_processor(images=args["image"], return_tensors="pt")
        inputs = processor.tokenizer(
            args["question"], truncation=True, max_length=limit, return_tensors="pt"
        )
        inputs = {**inputs.to(model.device), **pixels.to(model.device, model.dtype)}
        if model.config.model_type == "vilt":
            return Output(str(best_labels(model.config, model(**inputs).logits[0])[0]["label"]))
        inputs.pop("token_type_ids", None)
        tokens = model.generate(
            **inputs, generation_config=greedy(model, max_new_tokens=ANSWER_TOKENS)
        )
        return Output(processor.tokenizer.decode(tokens[0], skip_special_tokens=True).strip())

    return run


def image_text_to_text(checkpoint: Checkpoint) -> Run:
    """What a model that chats about pictures writes to a text and a picture."""
    return _chat(checkpoint, "text")


def _chat(checkpoint: Checkpoint, slot: str, more: str = "") -> Run:
    processor = load_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForImageTextToText")
    template = getattr(processor, "chat_template", None)
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or not hasattr(processor, "image_processor"):
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' only captions pictures; it reads no text.",
            "Choose a model that takes a picture and a text.",
        )

    def run(args: Mapping[str, Any]) -> Output:
        words = f"{args[slot]} {more}".strip()
        if template:
            asked = {"type": "image", "image": args["image"]}, {"type": "text", "text": words}
            inputs = processor.apply_chat_template(
                [{"role": "user", "content": list(asked)}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        else:
            inputs = processor(images=args["image"], text=words, return_tensors="pt")
        inputs = inputs.to(model.device, model.dtype)
        tokens = model.generate(
            **inputs,
            generation_config=greedy(
                model, max_new_tokens=NEW_TOKENS, pad_token_id=tokenizer.pad_token_id
            ),
        )
        start = 0 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
        return Output(tokenizer.decode(tokens[0, start:], skip_special_tokens=True).strip())

    return run


def document_question_answering(checkpoint: Checkpoint) -> Run:
    """The answer to a question about a scanned page."""
    kind = load_config(checkpoint).model_type
    if kind.startswith("layoutlm"):
        return _by_layout(checkpoint)
    if kind == "vision-encoder-decoder":
        return _by_prompt(checkpoint)
    return _chat(checkpoint, "question", "Answer in a short phrase, as it stands in the document.")


def _by_prompt(checkpoint: Checkpoint) -> Run:
    """Donut: the question is the beginning of what the decoder writes."""
    image_processor = load_image_processor(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForImageTextToText")

    def run(args: Mapping[str, Any]) -> Output:
        prompt = f"<s_docvqa><s_question>{args['question']}</s_question><s_answer>"
        start = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        pixels = image_processor(images=args["image"], return_tensors="pt")
        tokens = model.generate(
            **pixels.to(model.device, model.dtype),
            decoder_input_ids=start.to(model.device),
            generation_config=greedy(
                model,
                max_new_tokens=ANSWER_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            ),
        )
        written = tokenizer.decode(tokens[0, start.shape[1] :], skip_special_tokens=False)
        answer = written.split("</s_answer>")[0]
        for token in tokenizer.all_special_tokens:
            answer = answer.replace(token, " ")
        return Output(" ".join(re.sub(r"</?s_\w+>", " ", answer).split()))

    return run


def _by_layout(checkpoint: Checkpoint) -> Run:
    """LayoutLM: the words of the page that answer the question best."""
    _ocr()  # say what is missing before a question comes
    kind = load_config(checkpoint).model_type
    if kind != "layoutlm":
        raise ModelLoadError(
            f"'{checkpoint.card.id}' is a {kind}; of these models only LayoutLM's first runs here.",
            "Choose a LayoutLM or a Donut.",
        )
    import torch

    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForDocumentQuestionAnswering")
    limit = max_tokens(tokenizer, model)

    def run(args: Mapping[str, Any]) -> Output:
        words, boxes = read_words(args["image"])
        if not words:
            raise ModelRunError("No words were found in the picture.", "Give a sharper scan.")
        inputs = tokenizer(
            args["question"].split(),
            words,
            is_split_into_words=True,
            truncation="only_second",
            max_length=limit,
            return_tensors="pt",
        )
        sides, places = inputs.sequence_ids(0), inputs.word_ids(0)
        inside = [side == 1 for side in sides]
        corners = [
            boxes[place] if side == 1 else [LAYOUT_SCALE] * 4 if side is None and n else [0] * 4
            for n, (side, place) in enumerate(zip(sides, places, strict=True))
        ]
        outputs = model(
            **inputs.to(model.device), bbox=torch.tensor([corners], device=model.device)
        )
        found = best_span(outputs.start_logits[0], outputs.end_logits[0], inside)
        if found is None:
            raise ModelRunError(f"The model '{checkpoint.card.id}' found no answer on the page.")
        first, last = found
        return Output(" ".join(words[places[first] : places[last] + 1]))

    return run


def _ocr() -> Any:
    try:
        import pytesseract

        pytesseract.get_tesseract_version()
    except ImportError as exc:
        raise MissingExtraError(
            "This model reads words that OCR finds, and the library 'pytesseract' is not "
            "installed.",
            "`pip install 'hugginggraph[ocr]'` and the program tesseract, or choose a Donut.",
        ) from exc
    except pytesseract.TesseractNotFoundError as exc:
        raise MissingExtraError(
            "This model reads words that OCR finds, and the program tesseract is not installed.",
            "Install it (`apt install tesseract-ocr`), or choose a Donut.",
        ) from exc
    return pytesseract


def read_words(image: Image) -> tuple[list[str], list[list[int]]]:
    """The words of a page in reading order, and their boxes in thousandths of the page."""
    ocr = _ocr()
    found = ocr.image_to_data(image, output_type=ocr.Output.DICT)
    words, boxes = [], []
    for word, x, y, width, height in zip(
        *(found[name] for name in ("text", "left", "top", "width", "height")), strict=True
    ):
        if word.strip():
            corners = (x / image.width, y / image.height)
            ends = ((x + width) / image.width, (y + height) / image.height)
            words.append(word.strip())
            boxes.append([int(LAYOUT_SCALE * min(max(c, 0), 1)) for c in (*corners, *ends)])
    return words, boxes
