"""The runner that estimates how far away each point of a picture is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError

from .loading import load_image_processor, load_model
from .media import encode_png
from .runner import Checkpoint, Media, Output, Run
from .values import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

MEASURES_DISTANCE = {"glpn", "zoedepth", "depth_pro", "prompt_depth_anything", "chmv2"}
"""Models that give metres; the others give nearness (inverse depth)."""
OUTLIERS = 0.5
"""Percent at either end that do not stretch the scale."""


def depth_estimation(checkpoint: Checkpoint) -> Run:
    """A grey picture of the same size, near bright and far dark, stretched to the whole scale.

    The greys say what is nearer than what, not how far it is.
    """
    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForDepthEstimation")
    kind = model.config.model_type
    metres = kind in MEASURES_DISTANCE
    metres = metres or getattr(model.config, "depth_estimation_type", "") == "metric"

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        outputs = model(**inputs)
        found = processor.post_process_depth_estimation(outputs, [(image.height, image.width)])
        depth = found[0]["predicted_depth"].float().cpu().numpy()
        if not (depth == depth).all():  # only NaN differs from itself
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave depths that are no numbers."
            )
        picture = depth_picture(-depth if metres else depth, image.size)
        note = "a depth map, near bright and far dark"
        value: Picture = {"width": picture.width, "height": picture.height, "note": note}
        return Output(value, (Media("image", encode_png(picture), ".png"),))

    return run


def depth_picture(nearness: Any, size: tuple[int, int]) -> Image:
    """The greys of an array (height, width) in which more is nearer; black where it is flat."""
    import numpy as np
    from PIL import Image as Pictures

    low, high = np.percentile(nearness, [OUTLIERS, 100 - OUTLIERS])
    shares = (nearness - low) / (high - low) if high > low else np.zeros_like(nearness)
    greys = (np.clip(shares, 0, 1) * 255).round().astype(np.uint8)
    picture = Pictures.fromarray(greys).convert("RGB")
    return picture if picture.size == size else picture.resize(size)
