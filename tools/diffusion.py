"""Runners that make pictures with Diffusers: from a text, from a picture, in a hole, from nothing.

Steps, guidance and the size that a model was trained for come from one table and the checkpoint.
Every run is seeded, so that the same call gives the same picture. A checkpoint's safety checker is
used where it has one.

Not covered: adapters (LoRA, IP-Adapter), several pictures at once, negative prompts.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import (
    ModelLoadError,
    ModelRunError,
    WrongKindError,
)

from .diffusion_loading import load, load_for
from .picture import picture_output
from .runner import Checkpoint, Output, Run
from .watch import watch

if TYPE_CHECKING:
    from PIL.Image import Image

SEED = 0
"""The seed where none is given: the same call gives the same picture."""

STRENGTH = 0.7
"""How far a picture may move from the one it is made of, 0..1; less where no text says whither."""

STRENGTH_WITHOUT_TEXT = 0.5

MULTIPLE = 16
"""Widths and heights that every family takes: a VAE's factor of eight, times a patch of two."""


@dataclass(frozen=True)
class Preset:
    """Steps on a processor and on a GPU, and guidance (None: the pipeline's own)."""

    steps_cpu: int
    steps_gpu: int
    guidance: float | None = None


PRESETS: tuple[tuple[str, Preset], ...] = (
    ("latentconsistency", Preset(4, 4)),
    ("turbo|lightning|schnell|hyper-sd|lcm|few-step|one-step", Preset(4, 4, 0.0)),
    ("ddpm|ddim|ldmpipeline|pndm", Preset(50, 100)),
    ("shapes-(?:painter|filler|changer)", Preset(8, 8, 3.0)),  # more guidance makes them glow
    ("", Preset(20, 30)),
)
"""The first whose pattern is found in the pipeline's class, or in the model's id or tags."""


def preset(checkpoint: Checkpoint, pipeline: str) -> Preset:
    """The row of the table for a model and the name of its pipeline's class."""
    words = " ".join((pipeline, checkpoint.card.id, *checkpoint.card.tags)).lower()
    return next(found for pattern, found in PRESETS if re.search(pattern, words))


def seed_of(args: Mapping[str, Any]) -> int:
    """The seed that was given, or the fixed one.

    Raises:
        WrongKindError: it is no whole number.
    """
    given = str(args.get("seed", SEED)).strip()
    if not re.fullmatch(r"\d{1,18}", given):
        raise WrongKindError(
            f"'seed' takes a whole number, not '{given:.40}'.", "Leave it out, or give one like 7."
        )
    return int(given)


class Pipeline:
    """A loaded pipeline with its settings; calling it gives what it made as arrays in 0..1."""

    def __init__(self, checkpoint: Checkpoint, pipeline: Any) -> None:
        self.checkpoint = checkpoint
        self.pipeline = pipeline
        self.name = type(pipeline).__name__
        self.takes = set(inspect.signature(pipeline.__call__).parameters)
        self.preset = preset(checkpoint, self.name)

    @property
    def side(self) -> int:
        """The side in pixels of the pictures that the model was trained on."""
        core = getattr(self.pipeline, "unet", None) or getattr(self.pipeline, "transformer", None)
        sample = getattr(core.config, "sample_size", None) if core is not None else None
        sample = max(sample) if isinstance(sample, list | tuple) else sample or 64
        if "Upscale" in self.name:  # made larger from a picture of the latents' size
            return int(sample)
        return int(sample) * int(getattr(self.pipeline, "vae_scale_factor", 8))

    def __call__(self, args: Mapping[str, Any], **options: Any) -> Any:
        """The pipeline's output for these options, of which it gets those that it takes.

        Raises:
            ModelRunError: its safety checker withheld what it made.
        """
        import torch

        on_gpu = self.checkpoint.device != "cpu"
        settings = {
            "num_inference_steps": self.preset.steps_gpu if on_gpu else self.preset.steps_cpu,
            "guidance_scale": self.preset.guidance,
            "generator": torch.Generator().manual_seed(seed_of(args)),
            "output_type": "np",
            "use_resolution_binning": False,  # PixArt: the model's own size is asked for as it is
            **options,
        }
        given = {k: v for k, v in settings.items() if k in self.takes and v is not None}
        output = self.pipeline(**given)
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise ModelRunError(
                f"The safety checker of '{self.checkpoint.card.id}' withheld the picture.",
                "Ask for something else, or give another seed.",
            )
        return output

    def picture(self, args: Mapping[str, Any], **options: Any) -> Image:
        """The one picture that the pipeline makes.

        Raises:
            ModelRunError: as above, or the picture is unusable.
        """
        return to_picture(self.checkpoint, self(args, **options).images[0])


def to_picture(checkpoint: Checkpoint, array: Any) -> Image:
    """A picture of an array (height, width, 3) in 0..1.

    Raises:
        ModelRunError: it holds no numbers, or one colour only.
    """
    import numpy as np
    from PIL import Image

    check_values(checkpoint, array)
    return Image.fromarray((np.clip(array, 0, 1) * 255).round().astype(np.uint8)).convert("RGB")


def check_values(checkpoint: Checkpoint, array: Any) -> None:
    """Raises ModelRunError where an array of a picture or a film is unusable."""
    import numpy as np

    wrong = ""
    if not np.isfinite(array).all():
        wrong = "values that are no numbers"
    elif (array.max(axis=(-3, -2)) - array.min(axis=(-3, -2))).max() < 2 / 255:
        wrong = "a picture of one colour"
    if wrong:
        raise ModelRunError(
            f"The model '{checkpoint.card.id}' gave {wrong}.", "Try another seed or another model."
        )


def fitted(image: Image, side: int, multiple: int = MULTIPLE) -> Image:
    """The picture at about ``side`` squared pixels, in its shape, both sides a whole multiple."""
    from PIL import Image as Pictures

    scale = side / (image.width * image.height) ** 0.5
    width, height = (
        max(multiple, round(each * scale / multiple) * multiple) for each in image.size
    )
    return image.resize((width, height), Pictures.Resampling.LANCZOS)


def text_to_image(checkpoint: Checkpoint) -> Run:
    """A picture of what the text says (Stable Diffusion, SDXL, diffusion transformers, …)."""
    pipeline = Pipeline(checkpoint, load_for(checkpoint, "TEXT2IMAGE", "prompt"))

    def run(args: Mapping[str, Any]) -> Output:
        return picture_output(pipeline.picture(args, prompt=args["text"]))

    return run


def image_to_image(checkpoint: Checkpoint) -> Run:
    """The picture changed as the text says; a variation of it where there is no text.

    Models that follow instructions (InstructPix2Pix, Kontext), that vary (Image Variation) and
    that enlarge (Upscale) run as what they are; makers of pictures start from the given one.
    """
    pipeline = Pipeline(checkpoint, load_for(checkpoint, "IMAGE2IMAGE", "image"))

    def run(args: Mapping[str, Any]) -> Output:
        text = args.get("prompt", "")
        picture = pipeline.picture(
            args,
            prompt=text,
            image=fitted(args["image"], pipeline.side),
            strength=STRENGTH if text else STRENGTH_WITHOUT_TEXT,
        )
        return picture_output(picture)

    return run


def inpainting(checkpoint: Checkpoint) -> Run:
    """The picture with what the text says where the mask is light; the rest stays as it was."""
    pipeline = Pipeline(checkpoint, load_for(checkpoint, "INPAINT", "mask_image"))

    def run(args: Mapping[str, Any]) -> Output:
        from PIL import Image as Pictures

        image: Image = args["image"]
        mask = read_mask(args["mask"], image.size)
        working = fitted(image, pipeline.side)
        made = pipeline.picture(
            args,
            prompt=args.get("text", ""),
            image=working,
            mask_image=mask.resize(working.size, Pictures.Resampling.NEAREST),
            width=working.width,
            height=working.height,
            strength=1.0,
        )
        new = made.resize(image.size, Pictures.Resampling.LANCZOS)
        return picture_output(Pictures.composite(new, image, mask))

    return run


def read_mask(mask: Image, size: tuple[int, int]) -> Image:
    """A mask in black and white ("L") of a size; light is where to paint.

    Raises:
        ModelRunError: nothing in it is light.
    """
    from PIL import Image as Pictures

    grey = mask.convert("L").resize(size, Pictures.Resampling.BILINEAR)
    white = grey.point([255 if value > 127 else 0 for value in range(256)])
    if white.getbbox() is None:
        raise ModelRunError(
            "Nothing in the mask is light, so there is nothing to paint.",
            "Give a mask that is white where the picture shall change.",
        )
    return white


def unconditional_image_generation(checkpoint: Checkpoint) -> Run:
    """A picture like those that the model was trained on; DDPM runs in fewer steps, as DDIM."""
    loaded = load(checkpoint, "DiffusionPipeline")
    if type(loaded).__name__ == "DDPMPipeline":
        from diffusers import DDIMPipeline

        loaded = watch(DDIMPipeline(unet=loaded.unet, scheduler=loaded.scheduler))
    pipeline = Pipeline(checkpoint, loaded)
    if "prompt" in pipeline.takes:
        raise ModelLoadError(
            f"'{checkpoint.card.id}' makes pictures from a text.", "Use it for text-to-image."
        )

    def run(args: Mapping[str, Any]) -> Output:
        return picture_output(pipeline.picture(args))

    return run
