"""Runners that make films with Diffusers: from a text, and from a picture.

Films are H.264 in mp4, which browsers play, without sound. Their length and rate are what the
family of models was trained for; on a processor they are shorter and smaller.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import SD15, ModelLoadError

from .diffusion import Pipeline, check_values
from .diffusion_loading import base_checkpoint, index, load, load_for
from .film import film_output
from .runner import Checkpoint, Output, Run

if TYPE_CHECKING:
    from PIL.Image import Image

MULTIPLE = 64
"""Widths and heights that every family takes."""

SMALLER = 2
"""How many times smaller than its model's own size a film is on a processor, a side."""


@dataclass(frozen=True)
class Length:
    """Pictures on a processor and on a GPU (None: the pipeline's own), and pictures a second."""

    frames_cpu: int | None
    frames_gpu: int | None
    rate: float


LENGTHS: tuple[tuple[str, Length], ...] = (
    ("ltx", Length(25, 97, 24)),
    ("wan", Length(17, 81, 16)),
    ("cogvideo", Length(9, 49, 8)),
    ("mochi", Length(7, 61, 30)),
    ("hunyuan", Length(9, 61, 15)),
    ("stablevideo", Length(None, None, 7)),
    ("", Length(16, 16, 8)),
)
"""The first whose pattern is found in the pipeline's class."""


class FilmMaker:
    """A loaded pipeline for films, with its length and its rate."""

    def __init__(self, checkpoint: Checkpoint, pipeline: Any) -> None:
        self.pipeline = Pipeline(checkpoint, pipeline)
        name = self.pipeline.name
        if "num_frames" not in self.pipeline.takes:
            raise ModelLoadError(
                f"'{checkpoint.card.id}' is a {name}, which makes no films.",
                "Choose another model.",
            )
        self.length = next(
            length for pattern, length in LENGTHS if re.search(pattern, name.lower())
        )

    def size(self, image: Image | None) -> tuple[int, int] | tuple[None, None]:
        """Width and height: the model's own, in the picture's shape; smaller on a processor."""
        on_gpu = self.pipeline.checkpoint.device != "cpu"
        parameters = inspect.signature(self.pipeline.pipeline.__call__).parameters
        own = [
            parameters[name].default if name in parameters else None for name in ("width", "height")
        ]
        if image is None and (on_gpu or None in own):
            return None, None
        width, height = (each or self.pipeline.side for each in own)
        if image is not None:
            shape = (image.width / image.height) ** 0.5
            side = (width * height) ** 0.5
            width, height = side * shape, side / shape
        smaller = 1 if on_gpu else SMALLER
        width, height = (
            max(MULTIPLE, round(each / smaller / MULTIPLE) * MULTIPLE) for each in (width, height)
        )
        return width, height

    def __call__(self, args: Mapping[str, Any], image: Image | None = None) -> Output:
        """The film for a text, a picture, or both.

        Raises:
            ModelRunError: what the model made is unusable.
        """
        import numpy as np
        from PIL import Image as Pictures

        on_gpu = self.pipeline.checkpoint.device != "cpu"
        width, height = self.size(image)
        if image is not None and width and height:
            image = image.resize((width, height), Pictures.Resampling.LANCZOS)
        made = self.pipeline(
            args,
            prompt=args.get("text", ""),
            image=image,
            width=width,
            height=height,
            num_frames=self.length.frames_gpu if on_gpu else self.length.frames_cpu,
            decode_chunk_size=4,
        ).frames[0]
        frames = np.asarray(made, dtype=np.float32)
        check_values(self.pipeline.checkpoint, frames)
        film = (frames.clip(0, 1) * 255).round().astype(np.uint8)
        pictures = [Pictures.fromarray(frame) for frame in film]
        return film_output(self.pipeline.checkpoint.card.id, pictures, self.length.rate)


def text_to_video(checkpoint: Checkpoint) -> Run:
    """A short film of what the text says; a motion module moves an image model (AnimateDiff)."""
    if index(checkpoint).get("_class_name") == "MotionAdapter":
        make = FilmMaker(checkpoint, _animated(checkpoint))
    else:
        make = FilmMaker(checkpoint, load_for(checkpoint, "TEXT2VIDEO", "prompt"))
    if "image" in make.pipeline.takes:
        raise ModelLoadError(
            f"'{checkpoint.card.id}' moves a picture.", "Use it for image-to-video."
        )
    return make


def _animated(checkpoint: Checkpoint) -> Any:
    from diffusers import DDIMScheduler

    base = base_checkpoint(checkpoint, SD15.id)
    adapter = load(checkpoint, "MotionAdapter")
    pipeline = load(base, "AnimateDiffPipeline", motion_adapter=adapter)
    pipeline.scheduler = DDIMScheduler.from_config(  # as the motion modules were trained
        pipeline.scheduler.config,
        beta_schedule="linear",
        clip_sample=False,
        timestep_spacing="linspace",
        steps_offset=1,
    )
    return pipeline


def image_to_video(checkpoint: Checkpoint) -> Run:
    """A short film that begins with the picture; the text is for models that read one."""
    make = FilmMaker(checkpoint, load_for(checkpoint, "IMAGE2VIDEO", "image"))

    def run(args: Mapping[str, Any]) -> Output:
        return make(args, args["image"])

    return run
