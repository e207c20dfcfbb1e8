"""Trains `shapes-tracer`: a ControlNet that makes `shapes-painter` paint along canny edges.

The painter stays as it is; the ControlNet begins as a copy of its first half. About a quarter of
an hour on one CPU core.
"""

from __future__ import annotations

from copy import deepcopy
from inspect import signature

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .train_painter import DECAY, FORMS, LONGEST, SIDE, WITHOUT_TEXT, order
from .training import Run, fit, follow, of_seeds, say
from .world import CHECKPOINTS, draw_portrait

LOW, HIGH = 100, 200
"""The thresholds with which the task canny-control draws edges."""
BASE = CHECKPOINTS / "shapes-painter"
ORDERS = (
    *FORMS,
    "make a new picture of {a} {colour} {shape} from these canny edges",
    "{a} {colour} {shape} from these edges",
    "paint it {colour}",
    "{a} {colour} picture from these canny edges",
    "make it {colour} on a {ground} background",
)
"""What it understands; in the last ones only the edges say which shape. Most of the words after
the painter's own are strange to it."""


def edges_of(image: Image.Image) -> Image.Image:
    """The edges of a picture, white on black, as large as the painter's pictures."""
    import cv2

    drawn = Image.fromarray(cv2.Canny(np.asarray(image), LOW, HIGH))
    return drawn.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def trace(seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The picture (32, 32, 3) of a seed's portrait, its edges (32, 32), its text in each form."""
    side = int(np.random.default_rng((seed, 13)).integers(96, 385))
    scene = draw_portrait(seed, size=(side, side))
    small = scene.image.resize((SIDE, SIDE), Image.Resampling.BOX)
    texts = [order(form, scene) for form in ORDERS]
    return np.asarray(small), np.asarray(edges_of(scene.image)), texts


def new_controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """A copy of the painter's first half, which adds nothing yet."""
    taken = signature(ControlNetModel.__init__).parameters
    shared = {name: value for name, value in unet.config.items() if name in taken}
    net = ControlNetModel(**shared, conditioning_embedding_out_channels=(16, 32, 64))
    net.load_state_dict(unet.state_dict(), strict=False)
    return net


def train(run: Run) -> None:
    """Trains and saves the ControlNet into `run.out`; `run.start` is one to go on from."""
    torch.manual_seed(run.seed)
    traced = of_seeds(trace, "train", run.seed, run.scenes or 12_000)
    pixels = torch.from_numpy(np.stack([each[0] for each in traced])).permute(0, 3, 1, 2)
    edges = torch.from_numpy(np.stack([each[1] for each in traced])).unsqueeze(1)
    say(f"traced {len(traced)} pictures")
    painter = StableDiffusionPipeline.from_pretrained(BASE, dtype=torch.float32)
    tokenizer, scheduler = painter.tokenizer, painter.scheduler
    parts = (painter.vae, painter.unet, painter.text_encoder)
    vae, unet, reader = (each.to(run.device).eval().requires_grad_(False) for each in parts)
    net = (run.start and ControlNetModel.from_pretrained(run.start)) or new_controlnet(unet)
    net.to(run.device).train()
    say(f"{sum(each.numel() for each in net.parameters()):,} parameters")
    with torch.no_grad():
        images = (part.to(run.device).float() / 127.5 - 1 for part in pixels.split(256))
        latents = torch.cat([vae.encode(each).latent_dist.mean for each in images])
    latents = latents * vae.config.scaling_factor
    ids = tokenizer(
        [text for *_, texts in traced for text in texts],
        padding="max_length",
        truncation=True,
        return_tensors="pt",
    )["input_ids"].view(len(traced), len(ORDERS), LONGEST)
    nothing = tokenizer("", padding="max_length", return_tensors="pt")["input_ids"]
    smooth = deepcopy(net).eval().requires_grad_(False)

    def loss_at(progress: float) -> Tensor:
        follow(smooth, net, DECAY, progress)
        chosen = torch.randint(len(latents), (64,))
        clean, noise = latents[chosen], torch.randn(64, *latents.shape[1:], device=run.device)
        times = torch.randint(scheduler.config.num_train_timesteps, (64,), device=run.device)
        words = ids[chosen, torch.randint(len(ORDERS), (64,))].clone()
        words[torch.rand(64) < WITHOUT_TEXT] = nothing
        noisy = scheduler.add_noise(clean, noise, times)
        with torch.no_grad():
            states = reader(words.to(run.device)).last_hidden_state
        guide = edges[chosen].to(run.device).float().expand(-1, 3, -1, -1) / 255
        down, middle = net(noisy, times, states, guide, return_dict=False)
        said = unet(
            noisy,
            times,
            encoder_hidden_states=states,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return functional.mse_loss(said, scheduler.get_velocity(clean, noise, times))

    def save() -> None:
        deepcopy(smooth).half().save_pretrained(run.out)

    fit(
        [net],
        torch.autocast(run.device, torch.bfloat16)(loss_at),  # up to twice as fast
        steps=run.steps or 3_000,
        lr=1e-3,
        minutes=run.minutes,
        keep=save,
    )
    save()
