"""Trains `shapes-filmer`: a tiny text-to-video diffusion model, from random weights.

As AnimateDiff is made: first the autoencoder (pictures of 32 × 32 to 4 × 4 latents), then text
encoder and UNet on single pictures, of which a step holds far more texts, then motion modules in
it on whole films. It is made for four steps without guidance: its films are nearly decided by
their text. About half an hour on one CPU core.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    DDIMScheduler,
    MotionAdapter,
    UNet2DConditionModel,
    UNetMotionModel,
)
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from .films import PICTURES, WAYS, ShapeFilm, draw_plain_film
from .train_painter import latents_of, new_reader, new_scheduler, rebuilding
from .training import Run, fit, follow, of_seeds, say
from .words import words_tokenizer
from .world import BACKGROUNDS, COLOURS, SHAPES

SIDE, LATENT, CHANNELS, LONGEST, STEPS = 32, 4, 8, 16, 4
FORMS = (
    "{a} {colour} {shape} moves {way} on a {ground} background",
    "{a} {colour} {shape} moving {way} on a {ground} background",
    "a video of {a} {colour} {shape} moving {way} on a {ground} background",
    "{colour} {shape} moving {way} on a {ground} background",
    "{colour} {shape} moves {way}, {ground} background",
)
"""What it understands."""
SHARES = (0.7, 0.15, 0.1, 0.05)
"""How often each step is trained: in the first, from noise alone, the text decides the film."""
DECAY = 0.99
VAE_SHARE, IMAGE_SHARE, FILM_SHARE = 0.25, 0.15, 0.6
"""Of the minutes, which each part of the training gets."""


def order(form: str, film: ShapeFilm) -> str:
    """The text of a form that asks for the film."""
    article = "an" if film.colour[0] in "aeiou" else "a"
    return form.format(
        a=article, colour=film.colour, shape=film.shape, way=film.way, ground=film.background
    )


def new_tokenizer() -> PreTrainedTokenizerFast:
    """The words of the forms."""
    words = " ".join((*FORMS, *COLOURS, *SHAPES, *WAYS, *BACKGROUNDS, "an"))
    return words_tokenizer([re.sub(r"[{},]", " ", words)], LONGEST)


def new_autoencoder() -> AutoencoderKL:
    """Pictures (3, 32, 32) to latents (8, 4, 4) and back."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 48, 64),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
        mid_block_add_attention=False,
    )


def new_unet() -> UNet2DConditionModel:
    """A UNet of one level for single latents, that the text enters in the middle."""
    return UNet2DConditionModel(
        sample_size=LATENT,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=(96,),
        layers_per_block=1,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        cross_attention_dim=64,
        attention_head_dim=4,  # by this name the number of heads
        norm_num_groups=16,
    )


def with_motion(unet: UNet2DConditionModel) -> UNetMotionModel:
    """The UNet with motion modules, which add nothing yet."""
    adapter = MotionAdapter(
        block_out_channels=unet.config.block_out_channels,
        motion_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=16,
        motion_max_seq_length=PICTURES,
        use_motion_mid_block=False,
    )
    for name, weight in adapter.named_parameters():
        if ".proj_out." in name:
            nn.init.zeros_(weight)
    return UNetMotionModel.from_unet2d(unet, adapter)


def film(seed: int) -> tuple[np.ndarray, list[str]]:
    """The pictures (16, 32, 32, 3), uint8, of a seed's film, and its text in each form."""
    drawn = draw_plain_film(seed)
    small = [each.resize((SIDE, SIDE), Image.Resampling.BOX) for each in drawn.pictures]
    return np.stack([np.asarray(each) for each in small]), [order(each, drawn) for each in FORMS]


Batch = Callable[[], tuple[Tensor, Tensor]]
"""Draws latents (n, 8, 4, 4), or of films (n, 8, 16, 4, 4), and the words (n, 16) for them."""


def denoise(
    run: Run,
    parts: tuple[nn.Module, CLIPTextModel],
    draw: Batch,
    scheduler: DDIMScheduler,
    steps: int,
    share: float,
    keep: Callable[[nn.ModuleList], None] = lambda smooth: None,
) -> nn.ModuleList:
    """Trains a UNet and a text encoder for a share of the minutes; their smoothed copies."""
    unet, reader = parts
    unet.set_attn_processor(AttnProcessor())  # so few tokens are quicker without the fused kernel
    trained = nn.ModuleList(parts).train()
    smooth = deepcopy(trained).eval().requires_grad_(False)
    scheduler.set_timesteps(STEPS)
    shares = torch.tensor(SHARES)

    def loss_at(progress: float) -> Tensor:
        follow(smooth, trained, DECAY, progress)
        clean, words = draw()
        noise = torch.randn_like(clean)
        times = scheduler.timesteps[torch.multinomial(shares, len(clean), replacement=True)]
        times = times.to(run.device)
        states = reader(words.to(run.device)).last_hidden_state
        if clean.ndim == 5:
            states = states.repeat_interleave(clean.shape[2], dim=0)
        noisy = scheduler.add_noise(clean, noise, times)
        said = unet(noisy, times, encoder_hidden_states=states).sample
        return functional.mse_loss(said, scheduler.get_velocity(clean, noise, times))

    fit(
        [trained],
        torch.autocast(run.device, torch.bfloat16)(loss_at),  # up to twice as fast
        steps=run.steps or steps,
        lr=1e-3 if run.start else 1.5e-3,
        minutes=run.minutes and share * run.minutes,
        keep=lambda: keep(smooth),
    )
    return smooth


def train(run: Run) -> None:
    """Trains and saves the pipeline into `run.out`; `run.start` is a film maker to go on from."""
    torch.manual_seed(run.seed)
    filmed = of_seeds(film, "train", run.seed, run.scenes or 3_000)
    pixels = torch.from_numpy(np.stack([each[0] for each in filmed])).permute(0, 1, 4, 2, 3)
    say(f"drew {len(filmed)} films")
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    if run.start:
        known = AnimateDiffPipeline.from_pretrained(run.start, dtype=torch.float32)
        vae, unet, reader = known.vae, known.unet, known.text_encoder
    else:
        vae, unet, reader = new_autoencoder(), new_unet(), new_reader(tokenizer)
    for part in (vae, unet, reader):
        say(f"{type(part).__name__} {sum(each.numel() for each in part.parameters()):,}")
        part.to(run.device)
    frames = pixels.flatten(0, 1)

    def scaled(chosen: Tensor) -> Tensor:
        return frames[chosen].to(run.device).float() / 127.5 - 1

    rebuilt = rebuilding(vae, scaled, len(frames), 0.1)

    if run.start:  # its latents stay as they are
        for part in (vae.encoder, vae.quant_conv):
            part.requires_grad_(False)
    fit(
        [vae],
        torch.autocast(run.device, torch.bfloat16)(rebuilt),
        steps=3_000,
        lr=2e-3,
        minutes=run.minutes and VAE_SHARE * run.minutes,
    )
    latents = latents_of(vae, scaled, len(frames), new=not run.start)
    latents = latents.unflatten(0, (len(filmed), PICTURES)).transpose(1, 2).contiguous()
    ids = tokenizer(
        [text for _, texts in filmed for text in texts], padding="max_length", return_tensors="pt"
    )["input_ids"].view(len(filmed), len(FORMS), LONGEST)

    def films(count: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(latents), (count,))
        return latents[chosen], ids[chosen, torch.randint(len(FORMS), (count,))]

    def pictures(count: int) -> tuple[Tensor, Tensor]:
        drawn, words = films(count)
        return drawn[torch.arange(count), :, torch.randint(PICTURES, (count,))], words

    def save(smooth: nn.ModuleList) -> None:
        AnimateDiffPipeline(
            vae=deepcopy(vae).half(),
            unet=deepcopy(smooth[0]).half(),
            text_encoder=deepcopy(smooth[1]).half(),
            tokenizer=tokenizer,
            motion_adapter=None,
            scheduler=scheduler,
        ).save_pretrained(Path(run.out), safe_serialization=True)

    if not run.start:
        single = denoise(
            run, (unet, reader), lambda: pictures(64), scheduler, 3_000, IMAGE_SHARE
        ).requires_grad_(True)
        unet, reader = with_motion(single[0]).to(run.device), single[1]
    save(denoise(run, (unet, reader), lambda: films(8), scheduler, 6_000, FILM_SHARE, save))
