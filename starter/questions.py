"""Seeded questions about scenes with their one right answer: how many, what color, where, is there,
which digit; and such that a scene has no answer to.

Where is asked only where a person would not hesitate: the object's centre is at least a twentieth
of the picture away from both middle lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from .world import COLOURS, COUNTS, SHAPES, Scene, SceneObject

ASKED = ("count", "color", "shape", "place", "existence", "digit")
NOTHING, OUTSIDE = "nothing", "outside"
"""Kinds of questions without an answer: about what is not in the scene, or not in the world."""
NONE, NOWHERE, UNKNOWN = "none", "nowhere", "unknown"
CLEAR = 0.05
TRIES = 8
"""How often a kind is tried on a scene before another kind's turn."""

FORMS: Mapping[str, tuple[str, ...]] = {
    "count": (
        "how many {} are there?",
        "how many {} are in the picture?",
        "how many {} do you see?",
        "how many {} can you see?",
        "count the {}.",
    ),
    "color": (
        "what color is the {}?",
        "what colour is the {}?",
        "which color is the {} in the picture?",
        "what is the color of the {}?",
    ),
    "shape": (
        "which shape is {}?",
        "what shape is the {} object?",
        "what is {}?",
    ),
    "place": (
        "where is the {}?",
        "where is the {} in the picture?",
        "in which corner is the {}?",
        "which corner is the {}?",
    ),
    "existence": (
        "is there {}?",
        "is there {} in the picture?",
        "do you see {}?",
        "can you see {}?",
        "does the picture show {}?",
    ),
    "digit": (
        "which digit is there?",
        "which digit is in the picture?",
        "which number do you see?",
        "what number is it?",
        "which digit is?",
    ),
}
"""How each kind is asked; the first way in more than half of the questions."""
PICTURES = ("picture", "image", "scene", "drawing")
STRANGERS = (
    "dog", "cat", "house", "tree", "woman", "man", "car", "phone", "rose", "table", "person",
    "river", "mountain", "sky", "coffee",
)  # fmt: skip
"""A few of the things that no scene has; to the answerer every word that it lacks is the same."""
STRANGE = (
    "who is the {}?",
    "what is the {} doing?",
    "why is the {} {}?",
    "when was the {} {}?",
    "which {} is this?",
    "what is this?",
)


Things = tuple[SceneObject, ...]
Size = tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A question in English, its answer, what kind it is, and the objects that it is about."""

    text: str
    answer: str
    kind: str
    about: Things = ()


def question(seed: int, scene: Scene) -> Question:
    """The question of a seed about a scene, of one of the kinds in `ASKED`."""
    return ask(np.random.default_rng((seed, 9)), scene.objects, scene.image.size, ASKED)


def hard_question(seed: int, scene: Scene, kind: str) -> Question:
    """The question of a seed that has no answer: of the kind `NOTHING` or `OUTSIDE`."""
    return ask(np.random.default_rng((seed, 10)), scene.objects, scene.image.size, (kind,))


def ask(rng: np.random.Generator, things: Things, size: Size, kinds: tuple[str, ...]) -> Question:
    """A question of one of these kinds about what is in a picture of this width and height.

    Each kind is as likely as another where the scene has it.
    """
    for kind in cycle(rng.permutation(kinds).tolist()):
        for _ in range(TRIES):
            if found := _ASKS[kind](rng, things, size):
                return Question(found[0], found[1], kind, tuple(found[2]))
    raise ValueError("There are no kinds of questions to choose from.")


Found = tuple[str, str, list[SceneObject]] | None
"""A text, its answer, and what it is about; None where the scene has no such question."""


def _asked(rng: np.random.Generator, kind: str, what: str) -> str:
    forms = FORMS[kind]
    text = forms[int(rng.integers(len(forms))) if rng.random() < 0.5 else 0].format(what)
    return text.replace("picture", PICTURES[int(rng.integers(len(PICTURES)))])


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _listed(seen: set[str], order: Iterable[str]) -> str:
    names = [name for name in order if name in seen]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _either(rng: np.random.Generator, things: Things) -> tuple[str, str]:
    """A colour and a shape, more often one that is there."""
    seen = [each for each in things if each.shape in SHAPES]
    if seen and rng.random() < 0.6:
        it = seen[int(rng.integers(len(seen)))]
        return it.colour, it.shape
    return str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))


def _count(rng: np.random.Generator, things: Things, size: Size) -> Found:
    colour, shape = _either(rng, things)
    shapes = [each for each in things if each.shape in SHAPES]
    what, about = (
        (f"{shape}s", [each for each in shapes if each.shape == shape]),
        (f"{colour} {shape}s", [each for each in shapes if each.label == f"{colour} {shape}"]),
        (f"{colour} shapes", [each for each in shapes if each.colour == colour]),
        (("shapes", shapes), ("objects", list(things)))[int(rng.integers(2))],
    )[int(rng.choice(4, p=(0.4, 0.35, 0.15, 0.1)))]
    return _asked(rng, "count", what), ("zero", *COUNTS[1:])[len(about)], about


def _color(rng: np.random.Generator, things: Things, size: Size) -> Found:
    """Of several colours all are told, in the order of `COLOURS`."""
    shape = _either(rng, things)[1]
    about = [each for each in things if each.shape == shape]
    if not about:
        return None
    return _asked(rng, "color", shape), _listed({each.colour for each in about}, COLOURS), about


def _shape(rng: np.random.Generator, things: Things, size: Size) -> Found:
    """Which shapes have a colour, in the order of `SHAPES`."""
    colour = _either(rng, things)[0]
    about = [each for each in things if each.colour == colour and each.shape in SHAPES]
    if not about:
        return None
    return _asked(rng, "shape", colour), _listed({each.shape for each in about}, SHAPES), about


def _place(rng: np.random.Generator, things: Things, size: Size) -> Found:
    """Of what there is once: by its label, or by its shape where that is enough."""
    names = Counter(each.label for each in things)
    names.update(each.shape for each in things if each.shape in SHAPES)
    it = things[int(rng.integers(len(things)))]
    name = it.shape if rng.random() < 0.3 else it.label
    across = (it.box[0] + it.box[2]) / 2 / size[0] - 0.5
    down = (it.box[1] + it.box[3]) / 2 / size[1] - 0.5
    if names[name] != 1 or min(abs(across), abs(down)) < CLEAR:
        return None
    place = f"{'top' if down < 0 else 'bottom'} {'left' if across < 0 else 'right'}"
    return _asked(rng, "place", name), place, [it]


def _existence(rng: np.random.Generator, things: Things, size: Size) -> Found:
    """Is there a star, is there a red star; of a shape that is there, whether it has a colour."""
    colour, shape = _either(rng, things)
    shaped = [each for each in things if each.shape == shape]
    both = rng.random() < 0.8
    text = _asked(rng, "existence", _article(f"{colour} {shape}" if both else shape))
    if shaped and rng.random() < 0.2:
        seen = sorted({each.colour for each in shaped})
        colour = str(rng.choice(seen)) if rng.random() < 0.5 else colour
        text, both = f"is the {shape} {colour}?", True
    about = [each for each in shaped if each.colour == colour] if both else shaped
    return text, "yes" if about else "no", about


def _digit(rng: np.random.Generator, things: Things, size: Size) -> Found:
    about = [each for each in things if each.shape not in SHAPES]
    return (_asked(rng, "digit", ""), about[0].shape, about) if len(about) == 1 else None


def _nothing(rng: np.random.Generator, things: Things, size: Size) -> Found:
    """What color, which shape, where, which digit: of what is not there."""
    kind = ("color", "shape", "place", "digit")[int(rng.integers(4))]
    colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))
    name = f"{colour} {shape}" if kind == "place" and rng.random() < 0.7 else shape
    there, asked = {
        "digit": (any(each.shape not in SHAPES for each in things), ""),
        "shape": (any(each.colour == colour for each in things), colour),
    }.get(kind, (any(name in (each.label, each.shape) for each in things), name))
    answer = NOWHERE if kind == "place" else NONE
    return None if there else (_asked(rng, kind, asked), answer, [])


def _outside(rng: np.random.Generator, things: Things, size: Size) -> Found:
    thing, other = (str(each) for each in rng.permutation(STRANGERS)[:2])
    if rng.random() < 0.4:
        return str(rng.choice(STRANGE)).format(thing, other), UNKNOWN, []
    named = thing if rng.random() < 0.7 else f"{rng.choice(list(COLOURS))} {thing}"
    kind = ("count", "color", "place", "existence")[int(rng.integers(4))]
    what = {"count": f"{named}s", "existence": _article(named)}.get(kind, named)
    return _asked(rng, kind, what), UNKNOWN, []


_ASKS: Mapping[str, Callable[[np.random.Generator, Things, Size], Found]] = {
    "count": _count,
    "color": _color,
    "shape": _shape,
    "place": _place,
    "existence": _existence,
    "digit": _digit,
    NOTHING: _nothing,
    OUTSIDE: _outside,
}
