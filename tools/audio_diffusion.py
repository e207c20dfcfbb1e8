"""A runner that makes sound by diffusion (Diffusers): Stable Audio, AudioLDM 2.

No test runs AudioLDM 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hugginggraph.registry import ModelLoadError

from .audio_making import MUSIC_SECONDS, SEED
from .loading import _ONE_AT_A_TIME, quiet
from .runner import Checkpoint, Output, Run
from .sound import sound_output
from .watch import watch

STEPS = 50
LENGTH = {"StableAudioPipeline": "audio_end_in_s", "AudioLDM2Pipeline": "audio_length_in_s"}
"""How each pipeline calls the seconds that are wanted."""


def text_to_audio(checkpoint: Checkpoint) -> Run:
    """Ten seconds of sound as described, or as much as the model makes at once."""
    quiet()
    import torch
    from diffusers import DiffusionPipeline

    with _ONE_AT_A_TIME:
        pipeline = DiffusionPipeline.from_pretrained(
            checkpoint.location,
            local_files_only=checkpoint.local_only,
            use_safetensors=True,
            trust_remote_code=False,
        )
    kind = type(pipeline).__name__
    if kind not in LENGTH:
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' ({kind}) makes no sound here.",
            f"Choose a model of {' or '.join(LENGTH)}.",
        )
    watch(pipeline.to(checkpoint.device))
    vae, vocoder = pipeline.vae, getattr(pipeline, "vocoder", None)
    rate = int(vocoder.config.sampling_rate if vocoder else vae.config.sampling_rate)
    seconds = MUSIC_SECONDS
    if vocoder is None:
        seconds = min(seconds, pipeline.transformer.config.sample_size * vae.hop_length / rate)

    def run(args: Mapping[str, Any]) -> Output:
        made = pipeline(
            args["text"],
            num_inference_steps=STEPS,
            generator=torch.Generator("cpu").manual_seed(SEED),
            **{LENGTH[kind]: seconds},
        ).audios[0]
        samples = torch.as_tensor(made).float().cpu().numpy()
        samples = samples.T if samples.ndim == 2 else samples  # (channels, n) to (n, channels)
        return sound_output(checkpoint.card.id, samples, rate)

    return run
