"""What the three training scripts share: rendered pools of scenes and one loop.

Everything fits two CPU cores: the scenes are rendered once into memory, the loop is plain.
"""

from __future__ import annotations

import io
import math
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor, nn

from .world import BACKGROUNDS, LABELS, Scene, draw_relief, draw_scene, draw_single, seeds

ASPECTS = ((1.0, 1.0), (1.33, 1.0), (1.5, 1.0), (1.0, 1.33))
Made = TypeVar("Made")


@dataclass(frozen=True)
class Run:
    """What the command line says about one training run."""

    seed: int
    out: Path
    device: str
    steps: int | None = None
    minutes: float | None = None
    scenes: int | None = None
    start: Path | None = None


@dataclass(frozen=True)
class Example:
    """A picture squeezed to the model's square, and its truth.

    `pixels` is uint8 (3, side, side); `labels` int64 (n,) index `LABELS`; `boxes` float32 (n, 4)
    are centre x, centre y, width, height as shares of the picture.
    """

    pixels: Tensor
    labels: Tensor
    boxes: Tensor
    caption: str
    background: int


Rendered = tuple[np.ndarray, list[int], list[list[float]], str, int]


def worn(seed: int, *, single: bool = False) -> Scene:
    """Draws the scene of a seed at some canvas size, sometimes blurred or saved as a JPEG."""
    rng = np.random.default_rng((seed, 2))
    short = math.exp(rng.uniform(math.log(96), math.log(384)))
    wide, high = ASPECTS[int(rng.integers(len(ASPECTS)))]
    size = (round(short * wide), round(short * high))
    scene = draw_single(seed, size=size) if single else draw_scene(seed, size=size)
    return replace(scene, image=wear(rng, scene.image, short))


def wear(rng: np.random.Generator, image: Image.Image, short: float) -> Image.Image:
    """The picture, sometimes blurred or saved as a JPEG; `short` is its short side."""
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.006 * short)))
    if rng.random() < 0.35:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(60, 96)))
        image = Image.open(buffer)
    return image


def render(seed: int, side: int, single: bool) -> Rendered:
    """A worn scene squeezed to `side`, and its truth."""
    scene = worn(seed, single=single)
    wide, high = scene.image.size
    image = scene.image.resize((side, side), Image.Resampling.BILINEAR)
    boxes = [
        [(a + c) / 2 / wide, (b + d) / 2 / high, (c - a) / wide, (d - b) / high]
        for a, b, c, d in (each.box for each in scene.objects)
    ]
    labels = [LABELS.index(each.label) for each in scene.objects]
    background = list(BACKGROUNDS).index(scene.background)
    return np.asarray(image), labels, boxes, scene.caption, background


def pool(split: str, run: int, count: int, side: int, *, single: bool = False) -> list[Example]:
    """Renders `count` examples of a split, on all cores, with a progress line."""
    started, examples = time.monotonic(), []
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 16)) as workers:
        draw = partial(render, side=side, single=single)
        for rendered in workers.map(draw, seeds(split, run, count), chunksize=64):
            pixels, labels, boxes, caption, background = rendered
            examples.append(
                Example(
                    torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous(),
                    torch.tensor(labels),
                    torch.tensor(boxes, dtype=torch.float32),
                    caption,
                    background,
                )
            )
    say(f"rendered {count} {split} pictures in {time.monotonic() - started:.0f} s")
    return examples


Map = tuple[np.ndarray, np.ndarray]


def render_map(seed: int, side: int, relief: bool) -> Map:
    """A picture (side, side, 3) and its truth (side, side): class numbers, or distances."""
    rng = np.random.default_rng((seed, 5))
    wide, high = ASPECTS[int(rng.integers(len(ASPECTS)))]
    short = rng.uniform(96, 256)
    size = (round(short * wide), round(short * high))
    scene = draw_relief(seed, size=size) if relief else draw_scene(seed, size=size)
    image = scene.image.resize((side, side), Image.Resampling.BILINEAR)
    classes = np.array([0, *(1 + LABELS.index(each.label) for each in scene.objects)], np.uint8)
    truth = scene.depth if relief else classes[scene.segments]
    nearest = Image.fromarray(truth).resize((side, side), Image.Resampling.NEAREST)
    return np.asarray(image), np.asarray(nearest)


def of_seeds(make: Callable[[int], Made], split: str, run: int, count: int) -> list[Made]:
    """What `make` gives of each of so many seeds of a split, in order, made by two processes."""
    with ProcessPoolExecutor(2) as workers:
        return list(workers.map(make, seeds(split, run, count), chunksize=32))


def maps(
    split: str, run: int, count: int, side: int, *, relief: bool
) -> list[tuple[Tensor, Tensor]]:
    """Pictures, uint8 (3, side, side), each with its truth (side, side)."""
    drawn = of_seeds(partial(render_map, side=side, relief=relief), split, run, count)
    say(f"rendered {count} {split} pictures")
    return [
        (torch.from_numpy(a.copy()).permute(2, 0, 1), torch.from_numpy(b.copy())) for a, b in drawn
    ]


def say(line: str) -> None:
    """Writes a progress line at once, also into a pipe."""
    os.write(1, f"{line}\n".encode())


class Batches:
    """Endless shuffled batches of a pool."""

    def __init__(self, examples: list[Example], size: int, seed: int, device: str) -> None:
        self.examples, self.size, self.device = examples, size, device
        self.generator = torch.Generator().manual_seed(seed)
        self.order: list[int] = []

    def next(self) -> list[Example]:
        """The next `size` examples; each comes once before any comes again."""
        if len(self.order) < self.size:
            self.order = torch.randperm(len(self.examples), generator=self.generator).tolist()
        taken, self.order = self.order[: self.size], self.order[self.size :]
        return [self.examples[i] for i in taken]

    def pixels(self, batch: list[Example]) -> Tensor:
        """Float32 (size, 3, side, side) from 0 to 1, each a little brighter or darker."""
        images = torch.stack([each.pixels for each in batch]).to(self.device).float() / 255
        gain = 1 + 0.12 * (torch.rand(len(batch), 1, 1, 1, generator=self.generator) - 0.5)
        worn = (images * gain.to(self.device)).clamp(0, 1)
        return worn.contiguous(memory_format=torch.channels_last)


def follow(smooth: nn.Module, trained: nn.Module, decay: float, progress: float) -> None:
    """Moves a smoothed copy's weights towards those in training: all the way in the beginning."""
    with torch.no_grad():
        for slow, fast in zip(smooth.parameters(), trained.parameters(), strict=True):
            slow.lerp_(fast, 1 - (decay if progress > 0.05 else 0))


KEEP = 4.0


def fit(
    modules: Iterable[nn.Module],
    loss_at: Callable[[float], Tensor],
    *,
    steps: int,
    lr: float,
    minutes: float | None = None,
    keep: Callable[[], None] = lambda: None,
) -> None:
    """Minimises `loss_at(progress)`, and says how far it is and how long it took.

    Progress runs from 0 to 1 and decides the learning rate: warm-up, constant, cosine from the
    half. It is the larger of steps done and of minutes used, so a time limit still ends in a
    cooled-down model. Ctrl-C ends the loop; the caller then saves what there is. `keep` is called
    every `KEEP` minutes, so that little is lost where a machine stops.
    """
    parameters = [each for module in modules for each in module.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.98), weight_decay=1e-4)
    started, recent, kept = time.monotonic(), 0.0, 0.0
    try:
        for step in range(steps):
            used = (time.monotonic() - started) / 60
            if used - kept > KEEP:
                keep()
                kept = used
            progress = max(step / steps, used / minutes if minutes else 0.0)
            if progress >= 1:
                break
            cooled = 0.5 + 0.5 * math.cos(math.pi * max(0.0, 2 * progress - 1))
            optimizer.param_groups[0]["lr"] = lr * min(1.0, (step + 1) / 150) * max(cooled, 0.005)
            loss = loss_at(progress)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            recent = loss.item() if step == 0 else 0.97 * recent + 0.03 * loss.item()
            if step % 50 == 0:
                say(f"step {step}/{steps}  {used:.1f} min  {progress:.0%}  loss {recent:.3f}")
    except KeyboardInterrupt:
        say("stopped by Ctrl-C; saving what there is")
    say(f"trained in {time.monotonic() - started:.0f} s")
