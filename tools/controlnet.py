"""Runners that make a picture from a control picture and a text (ControlNet).

The picture that is given may be a control picture already (told by its colours: a test for each
kind stands below), and is then used as it is; of any other picture the control picture is made
first, by OpenCV or by a model that is on this machine. Without a text the control picture is the
result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import (
    SD15,
    SD21,
    SDXL,
    WITHOUT_FILES,
    ModelCard,
    ModelLoadError,
    NoModelError,
    cached_snapshot,
    missing_parts,
    way_to_get,
)

from . import annotators, control, pose
from .diffusion import Pipeline, fitted
from .diffusion_loading import base_checkpoint, index, load
from .picture import decode_png, picture_output
from .runner import Checkpoint, Output, Run, Runner

if TYPE_CHECKING:
    from PIL.Image import Image

BASES = {
    768: SD15.id,
    1024: SD21.id,
    2048: SDXL.id,
}
"""The usual model that a ControlNet guides, by the width of the texts that it reads."""

SAMPLE = 128
"""The side in pixels at which a picture's colours are looked at."""


def _sample(image: Image) -> Any:
    """The picture's colours (pixels, 3) as int16, none of them mixed."""
    import numpy as np
    from PIL import Image as Pictures

    small = image.resize((SAMPLE, SAMPLE), Pictures.Resampling.NEAREST)
    return np.asarray(small).reshape(-1, 3).astype(np.int16)


def _grey(pixels: Any) -> bool:
    return bool((pixels.max(axis=1) - pixels.min(axis=1) <= 8).mean() > 0.99)


def looks_drawn(image: Image) -> bool:
    """White lines on black: grey, mostly black, and little between black and white."""
    pixels = _sample(image)
    between = ((pixels > 48) & (pixels < 208)).mean()
    return _grey(pixels) and bool((pixels < 48).mean() > 0.5 and between < 0.1)


def looks_soft(image: Image) -> bool:
    """Soft light lines on black: grey, and mostly black."""
    pixels = _sample(image)
    return _grey(pixels) and bool((pixels < 64).mean() > 0.5)


def looks_grey(image: Image) -> bool:
    """Grey only, as depth is; a photograph without colour is taken for one."""
    return _grey(_sample(image))


def looks_like_normals(image: Image) -> bool:
    """Colours that are directions of length one."""
    import numpy as np

    lengths = np.linalg.norm(_sample(image) / 127.5 - 1, axis=1)
    return bool((abs(lengths - 1) < 0.1).mean() > 0.9)


def looks_like_figures(image: Image) -> bool:
    """Bright colours on black."""
    pixels = _sample(image)
    return bool((pixels.max(axis=1) < 8).mean() > 0.5) and not _grey(pixels)


def looks_flat(image: Image) -> bool:
    """Few colours, as segments have."""
    import numpy as np

    return len(np.unique(_sample(image), axis=0)) <= 64


@dataclass(frozen=True)
class Kind:
    """A kind of control: how its pictures are known, what draws them, and by which model."""

    is_drawn: Callable[[Image], bool]
    runner: Runner
    model: str
    library: str = "transformers"


_DEPTH = "depth-anything/Depth-Anything-V2-Small-hf"
KINDS: Mapping[str, Kind] = {
    "canny": Kind(looks_drawn, control.canny_control, "opencv/canny", "opencv"),
    "hed": Kind(looks_soft, annotators.hed_control, annotators.HED, "controlnet_aux"),
    "mlsd": Kind(looks_drawn, annotators.mlsd_control, annotators.MLSD, "controlnet_aux"),
    "openpose": Kind(
        looks_like_figures, pose.openpose_control, "usyd-community/vitpose-base-simple"
    ),
    "normal": Kind(looks_like_normals, control.normal_control, _DEPTH),
    "depth": Kind(looks_grey, control.depth_control, _DEPTH),
    "seg": Kind(looks_flat, control.seg_control, "nvidia/segformer-b0-finetuned-ade-512-512"),
    "scribble": Kind(looks_drawn, control.scribble_control, "opencv/scribble", "opencv"),
}


def _guided(kind: str, checkpoint: Checkpoint) -> Run:
    """The runner of ``KIND-text-to-image``."""
    name = str(index(checkpoint).get("_class_name", ""))
    if "ControlNet" not in name:
        raise ModelLoadError(
            f"'{checkpoint.card.id}' is a {name or 'model of another library'}, not a ControlNet.",
            "Choose another model.",
        )
    net = load(checkpoint, name)
    usual = BASES.get(getattr(net.config, "cross_attention_dim", 0) or 0, "")
    base = base_checkpoint(checkpoint, usual)
    pipeline = Pipeline(base, load(base, "AutoPipelineForText2Image", controlnet=net))
    draw = _drawer(kind, checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        guide = draw(args["image"])
        text = args.get("text", "")
        if not text:
            return picture_output(guide, f"the {kind} control picture, since no text was given")
        fitting = fitted(guide, pipeline.side)
        picture = pipeline.picture(
            args,
            prompt=text,
            image=fitting,
            control_image=fitting,
            width=fitting.width,
            height=fitting.height,
        )
        return picture_output(picture)

    return run


def _drawer(kind: str, checkpoint: Checkpoint) -> Callable[[Image], Image]:
    """A function from a picture to its control picture; what draws it is loaded when needed."""
    known = KINDS[kind]
    made: list[Run] = []

    def draw(image: Image) -> Image:
        if known.is_drawn(image):
            return image
        if not made:
            made.append(known.runner(_annotator(kind, checkpoint)))
        return decode_png(made[0]({"image": image}).media[0].data)

    return draw


def _annotator(kind: str, checkpoint: Checkpoint) -> Checkpoint:
    known = KINDS[kind]
    card = ModelCard(id=known.model, task=f"{kind}-control", library=known.library, description="")
    folder = cached_snapshot(known.model)
    if known.library not in WITHOUT_FILES and (folder is None or missing_parts(folder)):
        raise NoModelError(
            f"{checkpoint.card.task} takes a {kind} control picture, which this is not, and no "
            "model that would draw one is on this machine.",
            f"Run {kind}-control first, or fetch its model: {way_to_get(card)}.",
        )
    return replace(checkpoint, card=card, location=str(folder or ""))


canny_text_to_image = partial(_guided, "canny")
hed_text_to_image = partial(_guided, "hed")
mlsd_text_to_image = partial(_guided, "mlsd")
openpose_text_to_image = partial(_guided, "openpose")
normal_text_to_image = partial(_guided, "normal")
depth_text_to_image = partial(_guided, "depth")
seg_text_to_image = partial(_guided, "seg")
scribble_text_to_image = partial(_guided, "scribble")
