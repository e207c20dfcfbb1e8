"""Runners that make control pictures, which guide an image generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .media import encode_png
from .runner import Checkpoint, Media, Output, Run
from .values import Picture

LOW, HIGH = 100, 200
"""Canny's thresholds on the gradient, those that ControlNet was trained with."""


def canny_control(checkpoint: Checkpoint) -> Run:
    """The edges of a picture, white on black, in its own size (Canny, 1986)."""
    import cv2
    import numpy as np
    from PIL import Image

    def run(args: Mapping[str, Any]) -> Output:
        edges = cv2.Canny(np.asarray(args["image"]), LOW, HIGH)
        picture = Image.fromarray(np.repeat(edges[:, :, None], 3, axis=2))
        value: Picture = {
            "width": picture.width,
            "height": picture.height,
            "note": f"{float((edges > 0).mean()):.1%} of it edges",
        }
        return Output(value, (Media("image", encode_png(picture), ".png"),))

    return run
