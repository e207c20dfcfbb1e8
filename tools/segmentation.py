"""Runners that cut a picture into segments: with names, or only by what belongs together.

Segments come largest first, at most ``MOST`` of them. The first file is the picture with them
drawn in, then a mask for each, white on black, in the picture's size.

Transformers picks SAM's best masks with torchvision, which is not a part of this: the grid of
points and the suppression of doubles are made here. Not covered: SAM 2, OneFormer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelLoadError, ModelRunError

from .draw import draw_masks
from .loading import load_config, load_image_processor, load_model
from .media import encode_png
from .runner import Checkpoint, Media, Output, Run
from .values import Mask

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 20
THRESHOLD = 0.5
WORKING_SIDE = 1024
"""The longer side at which classes are told apart: 150 classes of a large photo fill the memory."""

GRID = 16
POINTS_TOGETHER = 64
GOOD_IOU, STABLE = 0.88, 0.95
STABLE_BY = 1.0
SAME_SEGMENT = 0.7
COARSE = 64
SMALLEST = 0.001
"""SAM's own limits (Kirillov et al., 2023), but a grid of 16 × 16 points for 32 × 32: a quarter of
the time on a processor, at the price of small things. Shares below SMALLEST are specks."""

_AUTO = (
    "AutoModelForUniversalSegmentation",
    "AutoModelForInstanceSegmentation",
    "AutoModelForSemanticSegmentation",
)


@dataclass(frozen=True)
class Segment:
    """A label, its score, and where it is: bool (height, width)."""

    label: str
    score: float
    where: Any


def _working_size(image: Image) -> tuple[int, int]:
    """Height and width, scaled down to ``WORKING_SIDE``."""
    scale = min(1.0, WORKING_SIDE / max(image.size))
    return max(1, round(image.height * scale)), max(1, round(image.width * scale))


def segments_output(image: Image, segments: Sequence[Segment]) -> Output:
    """The result of a segmentation: values, the drawn picture, and the masks."""
    from PIL import Image as Pictures

    def share(segment: Segment) -> float:
        return float(segment.where.mean())

    kept = sorted((s for s in segments if s.where.any()), key=share, reverse=True)[:MOST]
    value: list[Mask] = [
        {"label": each.label, "score": each.score, "share": share(each)} for each in kept
    ]
    small = [Pictures.fromarray(each.where.astype("uint8") * 255) for each in kept]
    pictures = [encode_png(draw_masks(image, value, small))]
    for mask in small:  # one after the other: twenty large masks at once are gigabytes
        pictures.append(encode_png(mask.resize(image.size, Pictures.Resampling.NEAREST)))
    return Output(value, tuple(Media("image", data, ".png") for data in pictures))


def image_segmentation(checkpoint: Checkpoint) -> Run:
    """The segments of a picture with their classes.

    Semantic models (SegFormer) give one segment for each class, its score the mean over its
    points; panoptic and instance models (MaskFormer, DETR) one for each thing.
    """
    config = load_config(checkpoint)
    import transformers

    known = (name for name in _AUTO if type(config) in getattr(transformers, name)._model_mapping)
    auto = next(known, None)
    if auto is None or config.model_type == "oneformer":
        raise ModelLoadError(
            f"'{checkpoint.card.id}' is a {config.model_type}, which segments no pictures here.",
            "Choose a SegFormer, MaskFormer, Mask2Former or DETR.",
        )
    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, auto)
    read = _by_class if auto == _AUTO[-1] else _by_thing

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        outputs = model(**inputs)
        logits = outputs.logits if read is _by_class else outputs[0]
        if logits is not None and logits.isnan().any():
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave scores that are no numbers."
            )
        segments = read(outputs, processor, model.config.id2label, _working_size(image))
        return segments_output(image, segments)

    return run


def _by_class(
    outputs: Any, processor: Any, names: Mapping[int, str], size: tuple[int, int]
) -> list[Segment]:
    import torch

    logits = torch.nn.functional.interpolate(outputs.logits.float(), size=size, mode="bilinear")
    scores, classes = logits[0].softmax(0).max(0)
    segments = []
    for place in classes.unique().tolist():
        where = classes == place
        score = float(scores[where].mean())
        segments.append(Segment(names[place], score, where.cpu().numpy()))
    return segments


def _by_thing(
    outputs: Any, processor: Any, names: Mapping[int, str], size: tuple[int, int]
) -> list[Segment]:
    read = getattr(processor, "post_process_panoptic_segmentation", None)
    read = read or processor.post_process_instance_segmentation
    found = read(outputs, threshold=THRESHOLD, target_sizes=[size])[0]
    ids = found["segmentation"].cpu().numpy()
    return [
        Segment(names[each["label_id"]], float(each["score"]), ids == each["id"])
        for each in found["segments_info"]
    ]


def mask_generation(checkpoint: Checkpoint) -> Run:
    """Everything in a picture that hangs together, without names (SAM).

    The score is the model's own guess of how well the mask fits.
    """
    config = load_config(checkpoint)
    if config.model_type != "sam":
        raise ModelLoadError(
            f"'{checkpoint.card.id}' is a {config.model_type}; only SAM's first version runs here.",
            "Choose a SAM, such as facebook/sam-vit-base.",
        )
    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForMaskGeneration")

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        inputs = processor(images=image, return_tensors="pt")
        height, width = inputs["reshaped_input_sizes"][0].tolist()
        pixels = inputs["pixel_values"].to(model.device, model.dtype)
        logits, scores = _masks_of_points(model, pixels, (height, width))
        logits = logits[..., : _part(height, pixels, logits), : _part(width, pixels, logits)]
        good = good_masks(logits, scores)
        segments = []
        for number, place in enumerate(good, 1):
            where = _enlarged(logits[place], _working_size(image)) > 0
            score = float(scores[place].clamp(0, 1))
            segments.append(Segment(f"segment {number}", score, where.cpu().numpy()))
        return segments_output(image, segments)

    return run


def _part(length: int, pixels: Any, logits: Any) -> int:
    """How many of a mask's points show the picture and not the black beside it."""
    return max(1, round(float(logits.shape[-1] * length / pixels.shape[-1])))


def _enlarged(logits: Any, size: tuple[int, int]) -> Any:
    import torch

    return torch.nn.functional.interpolate(logits[None, None], size=size, mode="bilinear")[0, 0]


def _masks_of_points(model: Any, pixels: Any, size: tuple[int, int]) -> tuple[Any, Any]:
    """The three masks of each point of the grid: logits (n, side, side) and scores (n,)."""
    import torch

    embeddings = model.get_image_embeddings(pixels)
    steps = (torch.arange(GRID, device=pixels.device) + 0.5) / GRID
    ys, xs = torch.meshgrid(steps * size[0], steps * size[1], indexing="ij")
    points = torch.stack([xs.flatten(), ys.flatten()], -1).to(pixels.dtype)
    logits, scores = [], []
    for some in points.split(POINTS_TOGETHER):
        found = model(image_embeddings=embeddings, input_points=some[None, :, None])
        logits.append(found.pred_masks[0].flatten(0, 1).float())
        scores.append(found.iou_scores[0].flatten().float())
    return torch.cat(logits), torch.cat(scores)


def good_masks(logits: Any, scores: Any) -> list[int]:
    """The places of the masks that are sure, stable under another cut, and not there twice."""
    import torch

    inner = (logits > STABLE_BY).sum((1, 2))
    outer = (logits > -STABLE_BY).sum((1, 2))
    share = (logits > 0).float().mean((1, 2))
    stable = inner / outer.clamp(min=1) >= STABLE
    sure = (scores >= GOOD_IOU) & stable & (share >= SMALLEST)
    ranked = scores.masked_fill(~sure, -torch.inf).argsort(descending=True)[: int(sure.sum())]
    side = min(COARSE, *logits.shape[1:])
    coarse = torch.nn.functional.interpolate(logits[ranked][:, None], size=(side, side)) > 0
    flat = coarse.flatten(1).float()
    both = flat @ flat.T
    areas = flat.sum(1)
    overlap = both / (areas[:, None] + areas[None] - both).clamp(min=1)
    kept: list[int] = []
    for row in range(len(ranked)):
        if all(overlap[row, other] < SAME_SEGMENT for other in kept):
            kept.append(row)
    return [int(ranked[row]) for row in kept]
