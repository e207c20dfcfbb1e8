"""Runners that look at pictures: classes, boxes, captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError

from .draw import draw_boxes
from .loading import greedy, load_image_processor, load_model, load_processor, load_tokenizer
from .media import encode_png
from .runner import Batched, Checkpoint, Media, Output, Run
from .values import Box, Corners, Label

if TYPE_CHECKING:
    from PIL.Image import Image

TOP = 5
THRESHOLD = 0.5
SAME_PLACE = 0.7
"""Boxes that overlap more (IoU) are one thing found twice: detectors without suppression do that
when they are little trained, with the same label or another."""
CAPTION_TOKENS = 64
INSTRUCTION = "Describe this picture in one sentence."


def best_labels(config: Any, logits: Any, top: int = TOP) -> list[Label]:
    """The classes with the highest scores, best first.

    Scores are a softmax, or a sigmoid where classes do not exclude each other.
    """
    several = config.problem_type == "multi_label_classification" or config.num_labels == 1
    logits = logits.float()
    scores = logits.sigmoid() if several else logits.softmax(-1)
    values, places = scores.topk(min(top, scores.shape[-1]))
    return [
        {"label": config.id2label[place], "score": value}
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
    ]


def image_classification(checkpoint: Checkpoint) -> Run:
    """The five best classes for a picture."""
    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForImageClassification")

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        inputs = processor(images=[args["image"] for args in calls], return_tensors="pt")
        logits = model(**inputs.to(model.device, model.dtype)).logits
        return [Output(best_labels(model.config, row)) for row in logits]

    return Batched(batch)


def object_detection(checkpoint: Checkpoint) -> Run:
    """Boxes above the checkpoint's own threshold (else 0.5), and the picture with them drawn in."""
    import torch

    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForObjectDetection")
    threshold = getattr(model.config, "detection_threshold", None) or THRESHOLD

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        outputs = model(**inputs)
        if not outputs.logits.isfinite().all():  # no score would pass the threshold
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave scores that are no numbers."
            )
        found = processor.post_process_object_detection(
            outputs,
            threshold=threshold,
            target_sizes=torch.tensor([[image.height, image.width]], device=model.device),
        )[0]
        boxes = read_boxes(found, model.config.id2label, image.size)
        picture = encode_png(draw_boxes(image, boxes))
        return Output(boxes, (Media("image", picture, ".png"),))

    return run


def read_boxes(
    found: Mapping[str, Any], names: Mapping[int, str], size: tuple[int, int]
) -> list[Box]:
    """A processor's detections clipped to the picture, best first, each place once."""
    rows = zip(
        found["scores"].tolist(), found["labels"].tolist(), found["boxes"].tolist(), strict=True
    )
    kept: list[Box] = []
    for score, label, (x0, y0, x1, y1) in sorted(rows, key=lambda row: -row[0]):
        corners: Corners = {
            "xmin": round(min(max(x0, 0.0), size[0]), 1),
            "ymin": round(min(max(y0, 0.0), size[1]), 1),
            "xmax": round(min(max(x1, 0.0), size[0]), 1),
            "ymax": round(min(max(y1, 0.0), size[1]), 1),
        }
        empty = corners["xmin"] >= corners["xmax"] or corners["ymin"] >= corners["ymax"]
        taken = any(iou(box["box"], corners) > SAME_PLACE for box in kept)
        if not empty and not taken:
            kept.append({"label": names[label], "score": score, "box": corners})
    return kept


def iou(a: Corners, b: Corners) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a["xmax"], b["xmax"]) - max(a["xmin"], b["xmin"])
    height = min(a["ymax"], b["ymax"]) - max(a["ymin"], b["ymin"])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((c["xmax"] - c["xmin"]) * (c["ymax"] - c["ymin"]) for c in (a, b))
    return shared / (areas - shared) if areas > shared else 0.0


def image_to_text(checkpoint: Checkpoint) -> Run:
    """A caption, or the text in the picture where the model was trained to read it.

    Captioners (BLIP, GIT, ViT-GPT2, TrOCR) get the picture alone; models with a chat template are
    asked for one sentence.
    """
    processor = load_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForImageTextToText")
    if is_told(processor):
        return _by_chat(processor, model)
    image_processor, tokenizer = caption_parts(checkpoint, processor)

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        inputs = image_processor(images=[args["image"] for args in calls], return_tensors="pt")
        tokens = model.generate(
            **inputs.to(model.device, model.dtype),
            generation_config=greedy(model, max_new_tokens=CAPTION_TOKENS),
        )
        return [Output(tokenizer.decode(row, skip_special_tokens=True).strip()) for row in tokens]

    return Batched(batch)


def _by_chat(processor: Any, model: Any) -> Run:
    def run(args: Mapping[str, Any]) -> Output:
        return Output(told_in_chat(processor, model, [args["image"]], INSTRUCTION))

    return run


def is_told(processor: Any) -> bool:
    """Whether a model that sees pictures is told in a chat what to say of them."""
    return bool(getattr(processor, "chat_template", None)) and hasattr(processor, "image_processor")


def caption_parts(checkpoint: Checkpoint, processor: Any) -> tuple[Any, Any]:
    """A captioner's image processor and tokenizer, of its processor or beside it."""
    own, words = (getattr(processor, name, None) for name in ("image_processor", "tokenizer"))
    return own or load_image_processor(checkpoint), words or load_tokenizer(checkpoint)


def told_in_chat(processor: Any, model: Any, pictures: Sequence[Image], instruction: str) -> str:
    """What a chat model says of pictures when it is told to; greedy."""
    shown = [{"type": "image", "image": picture} for picture in pictures]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": [*shown, {"type": "text", "text": instruction}]}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    ).to(model.device, model.dtype)
    tokens = model.generate(
        **inputs, generation_config=greedy(model, max_new_tokens=CAPTION_TOKENS)
    )
    new = tokens[0, inputs["input_ids"].shape[1] :]
    return str(processor.decode(new, skip_special_tokens=True)).strip()
