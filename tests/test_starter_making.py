"""The starter's models that make pictures and films learn from what they are given."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image

from hugginggraph.serve.starter import ask_with_runners
from hugginggraph.starter.films import RATE, draw_plain_film
from hugginggraph.starter.train_painter import SIDE, new_autoencoder, settle
from hugginggraph.starter.train_tracer import edges_of
from hugginggraph.starter.world import draw_portrait, seeds
from hugginggraph.tools.diffusion import fitted


def test_the_tracer_learns_from_edges_as_the_task_draws_them() -> None:
    portrait = draw_portrait(12_000_031, size=(256, 256)).image
    drawn = ask_with_runners()("canny-edges", {"image": portrait}).media[0].data
    with Image.open(io.BytesIO(drawn)) as image:
        shown = fitted(image.convert("RGB"), SIDE)
    assert np.array_equal(np.asarray(shown)[..., 0], np.asarray(edges_of(portrait)))


def test_the_watcher_knows_the_films_that_the_film_maker_learns_from() -> None:
    ask, right = ask_with_runners(), []
    for seed in seeds("test", 5, 12):
        film = draw_plain_film(seed)
        said = ask("shapes-watcher", {"video": (film.pictures, RATE)}).value[0]["label"]
        right.append(said == film.move)
    assert np.mean(right) > 0.9


def test_a_settled_autoencoder_gives_one_and_the_same_latents() -> None:
    torch.manual_seed(0)
    vae, image = new_autoencoder().requires_grad_(False), torch.rand(1, 3, SIDE, SIDE)
    wide = vae.encode(image).latent_dist
    assert float(wide.std.mean()) > 0.1
    settle(vae)
    assert float((vae.encode(image).latent_dist.sample() - wide.mean).abs().max()) < 1e-4
