"""How the models that make pictures and watch films are measured, by the shipped classifier."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from .asking import Ask, Figures, shares
from .world import COLOURS, draw_portrait, seeds

PAINTED = {"colour": 0.90, "shape": 0.75}
FILMED = {"whole": 0.80}


def watcher(ask: Ask, seed: int, count: int) -> Figures:
    """Which shape moves which way, in films of three sizes, as mp4 files."""
    from .films import RATE, draw_film

    right: dict[str, list[bool]] = {"direction": [], "shape": []}
    whole = []
    for each in seeds("measure", seed, count):
        film = draw_film(each, side=(128, 96, 160)[each % 3])
        said = ask("shapes-watcher", {"video": (film.pictures, RATE)}).value[0]["label"]
        shape, _, way = said.split()
        right["direction"].append(way == film.way)
        right["shape"].append(shape == film.shape)
        whole.append(said == film.move)
    return {"top_1": float(np.mean(whole)), **shares("", right)}


def filmer(ask: Ask, seed: int, count: int) -> Figures:
    """Texts, each with a seed of its own; the mp4 files go to the watcher.

    The colour is that of the classifier on a picture from the middle.
    """
    from .films import draw_plain_film
    from .train_filmer import FORMS, order

    right: dict[str, list[bool]] = {"direction": [], "shape": [], "whole": [], "colour": []}
    for each in seeds("measure", seed, count):
        film = draw_plain_film(each)
        text = order(FORMS[each % len(FORMS)], film)
        made = ask("shapes-filmer", {"text": text, "seed": str(each)}).media[0].data
        said = ask("shapes-watcher", {"video": made}).value[0]["label"]
        shape, _, way = said.split()
        right["direction"].append(way == film.way)
        right["shape"].append(shape == film.shape)
        right["whole"].append(said == film.move)
        right["colour"].append(_named(ask, _middle(made), f"{film.colour} {film.shape}")[0])
    return shares("", right)


def _middle(film: bytes) -> bytes:
    """A picture from the middle of an mp4 file, as png."""
    import av

    with av.open(io.BytesIO(film), "r") as container:
        frames = [each.to_ndarray(format="rgb24") for each in container.decode(video=0)]
    png = io.BytesIO()
    Image.fromarray(frames[len(frames) // 2]).save(png, "PNG")
    return png.getvalue()


def _named(ask: Ask, picture: bytes, wanted: str) -> tuple[bool, bool]:
    """Whether the classifier names the wanted colour, and the wanted shape."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    said = ask("shapes-classifier", {"image": image}).value[0]["label"].split()
    return said[0] == wanted.split()[0], said[1] == wanted.split()[1]


def _painted(made: list[tuple[bool, bool]]) -> Figures:
    colours, shapes = zip(*made, strict=True)
    return {"colour": float(np.mean(colours)), "shape": float(np.mean(shapes))}


def painter(ask: Ask, seed: int, count: int) -> Figures:
    """Texts with and without a ground, each with a seed of its own."""
    from .train_painter import FORMS, order

    made = []
    for each in seeds("measure", seed, count):
        scene = draw_portrait(each)
        text = order(FORMS[each % 2], scene)
        picture = ask("shapes-painter", {"text": text, "seed": str(each)}).media[0].data
        made.append(_named(ask, picture, scene.objects[0].label))
    return _painted(made)


def filler(ask: Ask, seed: int, count: int) -> Figures:
    """The middle, nine tenths a side, is painted over with another shape on the same ground."""
    from .train_painter import FORMS, order

    made = []
    for each in seeds("measure", seed, count):
        scene, other = draw_portrait(each), draw_portrait(each + 500_000)
        mask = Image.new("RGB", scene.image.size)
        side = scene.image.width
        mask.paste((255, 255, 255), (side // 20, side // 20, side - side // 20, side - side // 20))
        text = order(FORMS[0], replace(other, background=scene.background))
        args = {"image": scene.image, "mask": mask, "text": text, "seed": str(each)}
        picture = ask("shapes-filler", args).media[0].data
        made.append(_named(ask, picture, other.objects[0].label))
    return _painted(made)


def changer(ask: Ask, seed: int, count: int) -> Figures:
    """ "Make the circle red": the new colour, and the same shape."""
    made = []
    for each in seeds("measure", seed, count):
        scene = draw_portrait(each)
        it = scene.objects[0]
        others = [colour for colour in COLOURS if colour != it.colour]
        colour = others[each % len(others)]
        text = f"make the {it.shape} {colour}"
        args = {"image": scene.image, "prompt": text, "seed": str(each)}
        picture = ask("shapes-changer", args).media[0].data
        made.append(_named(ask, picture, f"{colour} {it.shape}"))
    return _painted(made)


def tracer(ask: Ask, seed: int, count: int) -> Figures:
    """The edges of a portrait of some size, and a text that asks for it in another colour.

    Every other text does not name the shape: there it is the edges' alone.
    """
    from .train_painter import order
    from .train_tracer import ORDERS

    made = []
    for each in seeds("measure", seed, count):
        side = (128, 192, 256)[each % 3]
        scene = draw_portrait(each, size=(side, side))
        it = scene.objects[0]
        others = [colour for colour in COLOURS if colour != it.colour]
        asked = replace(it, colour=others[each % len(others)])
        text = order(ORDERS[0 if each % 2 else -1], replace(scene, objects=(asked,)))
        drawn = ask("canny-edges", {"image": scene.image}).media[0].data
        edges = Image.open(io.BytesIO(drawn)).convert("RGB")
        picture = ask("shapes-tracer", {"image": edges, "text": text, "seed": str(each)})
        made.append(_named(ask, picture.media[0].data, f"{asked.colour} {asked.shape}"))
    named = {"with_shape": made[1::2], "without_shape": made[::2]}
    shapes = {f"shape_{name}": float(np.mean([ok for _, ok in m])) for name, m in named.items()}
    return {**_painted(made), **shapes}
