"""Rows of the table: pictures and videos that are made or changed."""

from __future__ import annotations

from .slots import IMAGE, PROMPT
from .tasks import Slot, TaskType

SEED = Slot(
    "seed",
    "text",
    "a whole number; each gives another result",
    required=False,
    names=("random_seed",),
)
INSTRUCTION = Slot(
    "prompt",
    "text",
    "how to change it",
    required=False,
    names=("text", "instruction", "description", "caption"),
)
MASK = Slot(
    "mask",
    "masks",
    "a picture that is white where to paint, or segments, of which the largest is painted",
    names=("mask_image", "masks", "hole", "region"),
)
WHAT = Slot(PROMPT.name, PROMPT.kind, "what to make", required=False, names=PROMPT.names)

ROWS: tuple[TaskType, ...] = (
    TaskType(
        "text-to-image",
        "make a picture of what a text says",
        (PROMPT, SEED),
        "image",
        {"diffusers": "hugginggraph.tools.diffusion:text_to_image"},
        says="A picture was made: {value}.",
        noun="new picture",
        remote="hugginggraph.tools.remote:text_to_image",
    ),
    TaskType(
        "image-to-image",
        "change, restyle, enhance or vary a picture, as a text says where there is one",
        (IMAGE, INSTRUCTION, SEED),
        "image",
        {
            "diffusers": "hugginggraph.tools.diffusion:image_to_image",
            "transformers": "hugginggraph.tools.enlarge:enlarge",
        },
        says="{image} was changed: {value}.",
        noun="changed picture",
        remote="hugginggraph.tools.remote:image_to_image",
    ),
    TaskType(
        "inpainting",
        "paint over the part of a picture that a mask marks, as a text says where there is one",
        (IMAGE, MASK, WHAT, SEED),
        "image",
        {"diffusers": "hugginggraph.tools.diffusion:inpainting"},
        says="The marked part of {image} was painted anew: {value}.",
        noun="repainted picture",
    ),
    TaskType(
        "unconditional-image-generation",
        "make a picture of the one subject that a model knows (faces, cats, …) from nothing",
        (SEED,),
        "image",
        {"diffusers": "hugginggraph.tools.diffusion:unconditional_image_generation"},
        says="A picture was made: {value}.",
        noun="new picture",
        converts=False,
    ),
    TaskType(
        "text-to-video",
        "make a short video of what a text says",
        (PROMPT, SEED),
        "video",
        {"diffusers": "hugginggraph.tools.diffusion_video:text_to_video"},
        says="A video was made: {value}.",
        noun="new video",
        converts=False,
        remote="hugginggraph.tools.remote:text_to_video",
    ),
    TaskType(
        "image-to-video",
        "make a picture move: a short video that begins with it, as a text says where there is one",
        (IMAGE, WHAT, SEED),
        "video",
        {"diffusers": "hugginggraph.tools.diffusion_video:image_to_video"},
        says="{image} was made to move: {value}.",
        noun="new video",
        converts=False,
        remote="hugginggraph.tools.remote:image_to_video",
    ),
)
