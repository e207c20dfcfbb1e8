"""The runner of models that enlarge or restore pictures without a text (Swin2SR)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .diffusion import to_picture
from .loading import load_image_processor, load_model
from .picture import picture_output
from .runner import Checkpoint, Output, Run

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 1024
"""The longer side of what is enlarged, in pixels; larger pictures are made smaller first."""


def enlarge(checkpoint: Checkpoint) -> Run:
    """The picture as many times larger, or as clean, as the model was trained to make it."""
    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForImageToImage")
    factor = int(getattr(model.config, "upscale", 1))

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"].copy()
        image.thumbnail((MOST, MOST))
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        made = model(**inputs).reconstruction[0].float().permute(1, 2, 0).cpu().numpy()
        # The processor pads to whole windows, at the right and at the bottom.
        array = made[: image.height * factor, : image.width * factor]
        return picture_output(to_picture(checkpoint, array), f"{factor} times larger")

    return run
