"""Trains `shapes-painter`: a tiny Stable Diffusion that paints one shape, from random weights.

First the autoencoder, then text encoder and UNet together, in its latents of 8 × 8. Pictures are
32 × 32. The same checkpoint paints from a text, paints into a hole and changes a picture. About
half an hour on one CPU core.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from .training import Run, fit, follow, of_seeds, say
from .words import words_tokenizer
from .world import BACKGROUNDS, COLOURS, SHAPES, Scene, draw_portrait

SIDE, LATENT, LONGEST = 32, 8, 16
FORMS = (
    "{a} {colour} {shape} on a {ground} background",
    "{a} {colour} {shape}",
    "make the {shape} {colour}",
    "make the {shape} in ? ? ? {colour}",
    "{colour} {shape} on a {ground} background",
    "a picture of {a} {colour} {shape} on a {ground} background",
    "draw {a} {colour} {shape}.",
)
"""What it understands; where no ground is named it takes any. Marks stand for unknown words."""
SHARES = (0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.07)
WITHOUT_TEXT = 0.1
DECAY = 0.998


def order(form: str, scene: Scene) -> str:
    """The text of a form that asks for the scene."""
    it = scene.objects[0]
    article = "an" if it.colour[0] in "aeiou" else "a"
    return form.format(a=article, colour=it.colour, shape=it.shape, ground=scene.background)


def new_tokenizer() -> PreTrainedTokenizerFast:
    """The words of the forms."""
    words = " ".join((*FORMS, *COLOURS, *SHAPES, *BACKGROUNDS, "an"))
    return words_tokenizer([re.sub(r"[{}?.]", " ", words)], LONGEST)


def new_autoencoder() -> AutoencoderKL:
    """Pictures (3, 32, 32) to latents (4, 8, 8) and back."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 48),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIDE,
        mid_block_add_attention=False,
    )


def settle(vae: AutoencoderKL) -> None:
    """Makes an autoencoder give the mean of its latents, as it was trained.

    The pipelines that start from a picture draw from its latents' distribution, whose width the
    training leaves as it fell: as wide as the latents themselves.
    """
    channels = vae.config.latent_channels
    with torch.no_grad():
        vae.quant_conv.weight[channels:] = 0
        vae.quant_conv.bias[channels:] = -30


def new_unet() -> UNet2DConditionModel:
    """About 1.5 million parameters that know nothing yet.

    The text joins the time in every block and has no attention of its own: a third of the work.
    """
    return UNet2DConditionModel(
        sample_size=LATENT,
        block_out_channels=(64, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        mid_block_type="UNetMidBlock2D",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        cross_attention_dim=64,
        attention_head_dim=16,
        norm_num_groups=16,
    )


def new_reader(tokenizer: PreTrainedTokenizerFast) -> CLIPTextModel:
    """A text encoder of two layers."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            projection_dim=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LONGEST,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
        )
    )


def new_scheduler() -> DDIMScheduler:
    """Noise that ends without a trace of the picture, as v-prediction allows."""
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=False,
        steps_offset=1,
    )


def paint(seed: int) -> tuple[np.ndarray, list[str]]:
    """The picture (32, 32, 3), uint8, of a seed's portrait, and its text in each form."""
    scene = draw_portrait(seed)
    small = scene.image.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small), [order(form, scene) for form in FORMS]


def rebuilding(
    vae: AutoencoderKL, scaled: Callable[[Tensor], Tensor], count: int, noise: float
) -> Callable[[float], Tensor]:
    """The loss of an autoencoder that gives `count` pictures back, with noise on their latents.

    `scaled` gives the pictures of some numbers, from -1 to 1.
    """

    def loss_at(_: float) -> Tensor:
        images = scaled(torch.randint(count, (32,)))
        latents = vae.encode(images).latent_dist
        again = vae.decode(latents.mean + noise * torch.randn_like(latents.mean)).sample
        wrong: Tensor = functional.l1_loss(again, images) + 0.5 * functional.mse_loss(again, images)
        return wrong + 1e-3 * latents.mean.square().mean()

    return loss_at


def latents_of(
    vae: AutoencoderKL, scaled: Callable[[Tensor], Tensor], count: int, *, new: bool
) -> Tensor:
    """The latents of `count` pictures by an autoencoder that learns no more; scaled to 1 if new.

    `scaled` gives the pictures of some numbers, from -1 to 1.
    """
    settle(vae.eval().requires_grad_(False))
    with torch.no_grad():
        parts = torch.arange(count).split(256)
        latents = torch.cat([vae.encode(scaled(part)).latent_dist.mean for part in parts])
    if new:
        vae.register_to_config(scaling_factor=float(1 / latents.std()))
    return latents * float(vae.config.scaling_factor)


def train(run: Run) -> None:
    """Trains and saves the pipeline into `run.out`; `run.start` is a painter to go on from."""
    torch.manual_seed(run.seed)
    painted = of_seeds(paint, "train", run.seed, run.scenes or 12_000)
    pixels = torch.from_numpy(np.stack([each[0] for each in painted])).permute(0, 3, 1, 2)
    say(f"painted {len(painted)} pictures")
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    if run.start:
        known = StableDiffusionPipeline.from_pretrained(run.start, dtype=torch.float32)
        vae, unet, reader = known.vae, known.unet, known.text_encoder
    else:
        vae, unet, reader = new_autoencoder(), new_unet(), new_reader(tokenizer)
    for part in (vae, unet, reader):
        say(f"{type(part).__name__} {sum(each.numel() for each in part.parameters()):,}")
        part.to(run.device)

    def scaled(chosen: Tensor) -> Tensor:
        return pixels[chosen].to(run.device).float() / 127.5 - 1

    minutes = run.minutes
    if not run.start:
        share = 0.3
        fit(
            [vae],
            rebuilding(vae, scaled, len(pixels), 0.05),
            steps=1_500,
            lr=2e-3,
            minutes=minutes and share * minutes,
        )
        minutes = minutes and (1 - share) * minutes
    latents = latents_of(vae, scaled, len(pixels), new=not run.start)
    ids = tokenizer(
        [text for _, texts in painted for text in texts],
        padding="max_length",
        return_tensors="pt",
    )["input_ids"].view(len(painted), len(FORMS), LONGEST)
    nothing = tokenizer("", padding="max_length", return_tensors="pt")["input_ids"]
    shares = torch.tensor(SHARES)
    trained = nn.ModuleList([unet, reader])
    smooth = deepcopy(trained).eval().requires_grad_(False)

    def loss_at(progress: float) -> Tensor:
        follow(smooth, trained, DECAY, progress)
        chosen = torch.randint(len(latents), (64,))
        clean, noise = latents[chosen], torch.randn(64, *latents.shape[1:], device=run.device)
        times = torch.randint(scheduler.config.num_train_timesteps, (64,), device=run.device)
        words = ids[chosen, torch.multinomial(shares, 64, replacement=True)].clone()
        words[torch.rand(64) < WITHOUT_TEXT] = nothing
        said = unet(
            scheduler.add_noise(clean, noise, times),
            times,
            encoder_hidden_states=reader(words.to(run.device)).last_hidden_state,
        ).sample
        return functional.mse_loss(said, scheduler.get_velocity(clean, noise, times))

    def save() -> None:
        StableDiffusionPipeline(
            vae=deepcopy(vae).half(),
            unet=deepcopy(smooth[0]).half(),
            text_encoder=deepcopy(smooth[1]).half(),
            tokenizer=tokenizer,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(Path(run.out), safe_serialization=True)

    fit(
        [trained],
        torch.autocast(run.device, torch.bfloat16)(loss_at),  # up to twice as fast
        steps=run.steps or 6_000,
        lr=1e-3 if run.start else 1.5e-3,
        minutes=minutes,
        keep=save,
    )
    save()
