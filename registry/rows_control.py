"""Rows of the table: control pictures, and pictures made from them.

The two rows of a kind come from one line of ``_KINDS``.
"""

from __future__ import annotations

from collections.abc import Mapping

from .rows_making import SEED, WHAT
from .slots import IMAGE
from .tasks import TaskType

_HERE = "hugginggraph.tools.control"
_MODELS_OF = {
    "depth": "depth-estimation",
    "normal": "depth-estimation",
    "seg": "image-segmentation",
}
"""Control pictures that models of another task make."""
_KINDS: tuple[tuple[str, str, str, str, Mapping[str, str]], ...] = (
    (
        "canny",
        "draw the edges of a picture as white lines on black (a Canny edge map)",
        "The edges of {image} are drawn.",
        "edge picture",
        {"opencv": f"{_HERE}:canny_control"},
    ),
    (
        "hed",
        "draw the soft edges of a picture, white on black (HED)",
        "The soft edges of {image} are drawn.",
        "soft edge picture",
        {"controlnet_aux": "hugginggraph.tools.annotators:hed_control"},
    ),
    (
        "mlsd",
        "draw the straight lines of a picture, white on black (M-LSD)",
        "The straight lines of {image} are drawn.",
        "picture of lines",
        {"controlnet_aux": "hugginggraph.tools.annotators:mlsd_control"},
    ),
    (
        "openpose",
        "draw the people of a picture as stick figures that show their pose",
        "The poses in {image} are drawn: {value}.",
        "pose picture",
        {"transformers": "hugginggraph.tools.pose:openpose_control"},
    ),
    (
        "normal",
        "draw the directions that the surfaces of a picture face (a normal map)",
        "The directions of the surfaces of {image} are drawn.",
        "normal map",
        {"transformers": f"{_HERE}:normal_control"},
    ),
    (
        "depth",
        "draw the depth of a picture in grey, near is light, to guide a new picture",
        "The depth of {image} is drawn.",
        "depth picture",
        {"transformers": f"{_HERE}:depth_control"},
    ),
    (
        "seg",
        "draw the segments of a picture in one colour for each class, to guide a new picture",
        "The segments of {image} are drawn: {value}.",
        "segment picture",
        {"transformers": f"{_HERE}:seg_control"},
    ),
    (
        "scribble",
        "draw a picture as if it were scribbled by hand, white on black",
        "A scribble of {image} is drawn.",
        "scribble",
        {"opencv": f"{_HERE}:scribble_control"},
    ),
)

CONTROLS: tuple[TaskType, ...] = tuple(
    TaskType(
        f"{kind}-control",
        does,
        (IMAGE,),
        "image",
        runners,
        says=says,
        noun=noun,
        models_of=_MODELS_OF.get(kind, ""),
    )
    for kind, does, says, noun, runners in _KINDS
)

GUIDED: tuple[TaskType, ...] = tuple(
    TaskType(
        f"{kind}-text-to-image",
        f"make a picture of what a text says, guided by the {noun} of a picture",
        (IMAGE, WHAT, SEED),
        "image",
        {"diffusers": f"hugginggraph.tools.controlnet:{kind}_text_to_image"},
        says="A picture was made along {image}: {value}.",
        noun="new picture",
    )
    for kind, _, _, noun, _ in _KINDS
)

ROWS: tuple[TaskType, ...] = (*CONTROLS, *GUIDED)
