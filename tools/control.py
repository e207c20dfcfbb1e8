"""Runners that make control pictures, which guide an image generator.

Each has the size of the picture that it was made of. Edges, lines and scribbles are white on
black; in depth near is light; normals point right, down and at the viewer in red, green and blue;
segments have the colours of ADE20K's classes. Soft edges and lines: ``annotators.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError

from .depth import nearness_of, share
from .loading import load_config, load_image_processor, load_model
from .picture import picture_output
from .runner import Checkpoint, Output, Run

if TYPE_CHECKING:
    from PIL.Image import Image

LOW, HIGH = 100, 200
"""Canny's thresholds on the gradient, those that ControlNet was trained with."""

FINE, COARSE = 0.5, 5.0
"""The two blurs (sigma in pixels) whose difference is a scribble's line (XDoG)."""

INK = 16
"""The difference of the two blurs, of 255, from which on there is a line."""

BACKGROUND = 0.4
"""Depths below this share are background, which faces the viewer (as ControlNet was trained)."""

ADE20K = """
    787878 b47878 06e6e6 503232 04c803 787850 8c8c8c cc05ff e6e6e6 04fa07 e005ff ebff07 96053d
    787846 08ff33 ff0652 8fff8c ccff04 ff3307 cc4603 0066c8 3de6fa ff0633 0b66ff ff0747 ff09e0
    0907e6 dcdcdc ff095c 7009ff 08ffd6 07ffe0 ffb806 0aff47 ff290a 07ffff e0ff08 6608ff ff3d06
    ffc207 ff7a08 00ff14 ff0829 ff0599 0633ff eb0cff a09614 00a3ff 8c8c8c fa0a0f 14ff00 1fff00
    ff1f00 ffe000 99ff00 0000ff ff4700 00ebff 00adff 1f00ff 0bc8c8 ff5200 00fff5 003dff 00ff70
    00ff85 ff0000 ffa300 ff6600 c2ff00 008fff 33ff00 0052ff 00ff29 00ffad 0a00ff adff00 00ff99
    ff5c00 ff00ff ff00f5 ff0066 ffad00 ff0014 ffb8b8 001fff 00ff3d 0047ff ff00cc 00ffc2 00ff52
    000aff 0070ff 3300ff 00c2ff 007aff 00ffa3 ff9900 00ff0a ff7000 8fff00 5200ff a3ff00 ffeb00
    08b8aa 8500ff 00ff5c b800ff ff001f 00b8ff 00d6ff ff0070 5cff00 00e0ff 70e0ff 46b8a0 a300ff
    9900ff 47ff00 ff00a3 ffcc00 ff008f 00ffeb 85ff00 ff00eb f500ff ff007a fff500 0abed4 d6ff00
    00ccff 1400ff ffff00 0099ff 0029ff 00ffcc 2900ff 29ff00 ad00ff 00f5ff 4700ff 7a00ff 00ffb8
    005cff b8ff00 0085ff ffd600 19c2c2 66ff00 5c00ff
"""
"""The colours of ADE20K's 150 classes in their order, which ControlNet was trained with."""


def _white_on_black(lines: Any, of: str) -> Output:
    """The output of a mask (height, width) that is nonzero on the lines."""
    import numpy as np
    from PIL import Image

    grey = np.where(lines > 0, 255, 0).astype(np.uint8)
    picture = Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2))
    return picture_output(picture, f"{float((grey > 0).mean()):.1%} of it {of}")


def canny_control(checkpoint: Checkpoint) -> Run:
    """The edges of a picture, white on black, in its own size (Canny, 1986)."""
    import cv2
    import numpy as np

    def run(args: Mapping[str, Any]) -> Output:
        return _white_on_black(cv2.Canny(np.asarray(args["image"]), LOW, HIGH), "edges")

    return run


def scribble_control(checkpoint: Checkpoint) -> Run:
    """The picture as if scribbled: thick white lines on black where it darkens (XDoG, 2012)."""
    import cv2
    import numpy as np

    def run(args: Mapping[str, Any]) -> Output:
        pixels = np.asarray(args["image"]).astype(np.float32)
        fine, coarse = (cv2.GaussianBlur(pixels, (0, 0), sigma) for sigma in (FINE, COARSE))
        return _white_on_black((coarse - fine).max(axis=2) > INK, "lines")

    return run


def _depth(checkpoint: Checkpoint) -> Callable[[Image], Any]:
    """A function from a picture to its nearness (height, width) in 0..1, 1 nearest."""
    nearness = nearness_of(checkpoint)

    def depth(image: Image) -> Any:
        found = nearness(image)
        if found.max() - found.min() < 1e-6:
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' saw no depth in the picture.",
                "Try another model or another picture.",
            )
        return share(found)

    return depth


def depth_control(checkpoint: Checkpoint) -> Run:
    """A picture's depth in grey, near is light (DPT, Depth Anything, ZoeDepth, …)."""
    import numpy as np
    from PIL import Image

    depth = _depth(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        grey = (depth(args["image"]) * 255).round().astype(np.uint8)
        return picture_output(Image.fromarray(grey).convert("RGB"), "near is light, far is dark")

    return run


def normal_control(checkpoint: Checkpoint) -> Run:
    """The directions that surfaces face, from the slopes of the depth that a model sees.

    A surface that runs from near to far over the whole picture is taken to lie at 45 degrees; how
    deep the scene is in metres is not known.
    """
    import cv2
    import numpy as np
    from PIL import Image

    depth = _depth(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        near = depth(args["image"])
        side = max(near.shape)
        x, y = (
            np.where(
                near < BACKGROUND, 0, cv2.Sobel(near, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8)
            )
            * side
            for dx, dy in ((1, 0), (0, 1))
        )
        normal = np.stack([x, y, np.ones_like(x)], axis=2)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        pixels = (normal * 127.5 + 127.5).round().clip(0, 255).astype(np.uint8)
        return picture_output(Image.fromarray(pixels), "its colours are the directions it faces")

    return run


def seg_control(checkpoint: Checkpoint) -> Run:
    """A picture's segments in ADE20K's colours (SegFormer, UperNet, MaskFormer, OneFormer, …)."""
    import numpy as np
    from PIL import Image
    from torch.nn.functional import interpolate

    processor = load_image_processor(checkpoint)
    config = load_config(checkpoint)
    import transformers

    universal = type(config) in transformers.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING
    name = "Universal" if universal else "Semantic"
    model = load_model(checkpoint, f"AutoModelFor{name}Segmentation")
    palette = np.array([list(bytes.fromhex(colour)) for colour in ADE20K.split()], np.uint8)

    def run(args: Mapping[str, Any]) -> Output:
        image: Image.Image = args["image"]
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        outputs, size = model(**inputs), (image.height, image.width)
        if universal:
            classes = processor.post_process_semantic_segmentation(outputs, target_sizes=[size])[0]
        else:  # which the processor of UperNet cannot read
            logits = interpolate(outputs.logits.float(), size=size, mode="bilinear")
            classes = logits[0].argmax(0)
        found = classes.cpu().numpy()
        pixels = palette[found % len(palette)] * (found >= 0)[:, :, None].astype(np.uint8)
        names = [str(model.config.id2label.get(i, i)) for i in np.unique(found) if i >= 0]
        return picture_output(Image.fromarray(pixels), f"segments: {', '.join(names)}")

    return run
