"""The runner that estimates how far away each point of a picture is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError

from .loading import load_image_processor, load_model
from .picture import picture_output
from .runner import Checkpoint, Output, Run

if TYPE_CHECKING:
    from PIL.Image import Image

MEASURES_DISTANCE = {"glpn", "zoedepth", "depth_pro", "prompt_depth_anything", "chmv2"}
"""Models that give metres; the others give nearness (inverse depth)."""
OUTLIERS = 0.5
"""Percent at either end that do not stretch the scale."""


def nearness_of(checkpoint: Checkpoint) -> Callable[[Image], Any]:
    """A function from a picture to what is near in it: float32 (height, width), more is nearer.

    Raises:
        ModelRunError: the model gave depths that are no numbers.
    """
    import numpy as np

    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForDepthEstimation")
    metres = model.config.model_type in MEASURES_DISTANCE
    metres = metres or getattr(model.config, "depth_estimation_type", "") == "metric"

    def nearness(image: Image) -> Any:
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        outputs = model(**inputs)
        found = processor.post_process_depth_estimation(outputs, [(image.height, image.width)])
        depth = found[0]["predicted_depth"].float().cpu().numpy()
        if not np.isfinite(depth).all():
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave depths that are no numbers.",
                "Try another model or another picture.",
            )
        return -depth if metres else depth

    return nearness


def share(nearness: Any, outliers: float = 0.0) -> Any:
    """An array stretched to 0..1, so many percent at either end cut off; 0 where it is flat."""
    import numpy as np

    low, high = np.percentile(nearness, [outliers, 100 - outliers])
    stretched = np.clip((nearness - low) / (high - low), 0, 1) if high > low else nearness * 0
    return stretched.astype(np.float32)


def depth_estimation(checkpoint: Checkpoint) -> Run:
    """A grey picture of the same size, near bright and far dark, stretched to the whole scale.

    The greys say what is nearer than what, not how far it is.
    """
    nearness = nearness_of(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        return picture_output(
            depth_picture(nearness(image), image.size), "a depth map, near bright and far dark"
        )

    return run


def depth_picture(nearness: Any, size: tuple[int, int]) -> Image:
    """The greys of an array (height, width) in which more is nearer; black where it is flat."""
    import numpy as np
    from PIL import Image as Pictures

    greys = (share(nearness, OUTLIERS) * 255).round().astype(np.uint8)
    picture = Pictures.fromarray(greys).convert("RGB")
    return picture if picture.size == size else picture.resize(size)
