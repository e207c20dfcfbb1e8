"""Runners that look in a picture for what the request names: labels to choose from, or to find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hugginggraph.registry import ModelRunError

from .draw import draw_boxes
from .loading import load_model, load_processor, max_tokens
from .media import encode_png
from .runner import Checkpoint, Media, Output, Run
from .values import Label
from .vision import read_boxes

HYPOTHESIS = "This is a photo of {}."
SIGLIP_TOKENS = 64
THRESHOLDS = {"grounding-dino": 0.3, "mm-grounding-dino": 0.3, "omdet-turbo": 0.3}
THRESHOLD = 0.1
"""What the papers' demos take: OWL's scores are low, Grounding DINO's are not."""


def zero_shot_image_classification(checkpoint: Checkpoint) -> Run:
    """The labels by how well "This is a photo of …" fits the picture, best first.

    CLIP's scores add up to 1; SigLIP's are for each label on its own.
    """
    processor = load_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForZeroShotImageClassification")
    alone = "siglip" in model.config.model_type
    limit = max_tokens(processor.tokenizer, model)
    # SigLIP was trained on texts filled up to 64 tokens, and knows no shorter ones
    padding: dict[str, Any] = {"padding": "max_length" if alone else True}
    padding["max_length"] = min(limit, SIGLIP_TOKENS) if alone else limit

    def run(args: Mapping[str, Any]) -> Output:
        labels = list(dict.fromkeys(args["candidate_labels"]))
        said = [HYPOTHESIS.format(label) for label in labels]
        texts = processor.tokenizer(said, truncation=True, return_tensors="pt", **padding)
        pixels = processor.image_processor(images=args["image"], return_tensors="pt")
        outputs = model(**texts.to(model.device), **pixels.to(model.device, model.dtype))
        logits = outputs.logits_per_image[0].float()
        scores = (logits.sigmoid() if alone else logits.softmax(-1)).tolist()
        found: list[Label] = [
            {"label": label, "score": score} for label, score in zip(labels, scores, strict=True)
        ]
        return Output(sorted(found, key=lambda each: -each["score"]))

    return run


def zero_shot_object_detection(checkpoint: Checkpoint) -> Run:
    """Boxes around what the labels name, and the picture with them drawn in."""
    import torch

    processor = load_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForZeroShotObjectDetection")
    threshold = THRESHOLDS.get(model.config.model_type, THRESHOLD)

    def run(args: Mapping[str, Any]) -> Output:
        image = args["image"]
        labels = list(dict.fromkeys(args["candidate_labels"]))
        inputs = processor(images=image, text=[labels], return_tensors="pt")
        inputs = inputs.to(model.device, model.dtype)
        outputs = model(**inputs)
        if outputs.logits.isnan().any():
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave scores that are no numbers."
            )
        found = processor.post_process_grounded_object_detection(
            outputs,
            threshold=threshold,
            text_labels=[labels],
            target_sizes=torch.tensor([[image.height, image.width]], device=model.device),
            **(
                {"input_ids": inputs["input_ids"]} if "grounding" in model.config.model_type else {}
            ),
        )[0]
        names = {n: nearest(str(each), labels) for n, each in enumerate(found["text_labels"])}
        kept = [place for place, name in names.items() if name]
        boxes = read_boxes(
            {
                "scores": found["scores"][kept],
                "labels": torch.tensor(kept),
                "boxes": found["boxes"][kept],
            },
            names,
            image.size,
        )
        picture = encode_png(draw_boxes(image, boxes))
        return Output(boxes, (Media("image", picture, ".png"),))

    return run


def nearest(words: str, labels: Sequence[str]) -> str:
    """The label that shares the most of its words with these; empty where none shares any.

    Grounding DINO names a box by the words that it saw, which may be a part of a label or the
    parts of several.
    """
    seen = set(words.lower().replace(".", " ").split())

    def share(label: str) -> float:
        own = set(label.lower().split())
        return len(own & seen) / max(len(own), 1)

    best = max(labels, key=share)
    return best if share(best) else ""
