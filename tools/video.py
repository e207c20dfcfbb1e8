"""Runners that watch: what happens in a video, and a video in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError

from .film import Clip
from .loading import greedy, load_image_processor, load_model, load_processor
from .runner import Checkpoint, Output, Run
from .vision import CAPTION_TOKENS, best_labels, caption_parts, is_told, told_in_chat

if TYPE_CHECKING:
    from PIL.Image import Image

CHAT_FRAMES = 6
CAPTIONED_FRAMES = 3
INSTRUCTION = "These pictures are from one video, in order. Describe what happens in one sentence."


def _pixels(processor: Any, model: Any, frames: list[Image]) -> Any:
    """The pixels (1, frames, channels, height, width) of pictures in order."""
    pixels = processor(images=frames, return_tensors="pt")["pixel_values"]
    pixels = pixels[None] if pixels.ndim == 4 else pixels
    return pixels.to(model.device, model.dtype)


def video_classification(checkpoint: Checkpoint) -> Run:
    """The five best classes for a video, seen in as many pictures as the model takes."""
    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForVideoClassification")

    def run(args: Mapping[str, Any]) -> Output:
        clip: Clip = args["video"]
        pixels = _pixels(processor, model, clip.frames(model.config.num_frames))
        logits = model(pixel_values=pixels).logits[0]
        if not logits.isfinite().all():
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave scores that are no numbers."
            )
        return Output(best_labels(model.config, logits))

    return run


def video_to_text(checkpoint: Checkpoint) -> Run:
    """A video in words.

    A captioner of videos (GIT with several pictures, TimeSformer with a writer) sees the whole;
    a model with a chat template gets six pictures and is asked; a captioner of single pictures
    says what is in three of them.
    """
    processor = load_processor(checkpoint)
    model = load_model(checkpoint, "AutoModelForImageTextToText")
    if is_told(processor):
        return _by_chat(processor, model)
    image_processor, tokenizer = caption_parts(checkpoint, processor)
    encoder = getattr(model.config, "encoder", None)
    count = getattr(model.config, "num_image_with_embedding", None)
    count = count or getattr(encoder, "num_frames", None)

    def describe(frames: list[Image]) -> str:
        pixels = _pixels(image_processor, model, frames)
        tokens = model.generate(
            pixel_values=pixels if count else pixels[0],
            generation_config=greedy(model, max_new_tokens=CAPTION_TOKENS),
        )
        return str(tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()

    def run(args: Mapping[str, Any]) -> Output:
        clip: Clip = args["video"]
        if count:
            return Output(describe(clip.frames(count)))
        captions = [describe([frame]) for frame in clip.frames(CAPTIONED_FRAMES)]
        return Output(", then ".join(dict.fromkeys(filter(None, captions))))

    return run


def _by_chat(processor: Any, model: Any) -> Run:
    def run(args: Mapping[str, Any]) -> Output:
        frames = args["video"].frames(CHAT_FRAMES)
        return Output(told_in_chat(processor, model, frames, INSTRUCTION))

    return run
