"""Seeded sentences about the world in English and French, with their kind and their parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .world import BACKGROUNDS, COLOURS, COUNTS, DIGITS, LABELS, SHAPES, caption_of

KINDS = (
    "description", "count question", "color question", "place question", "existence question",
    "draw order", "find order", "change order", "statement", "outside the world",
)  # fmt: skip
"""What the text classifier can say."""

PARTS = ("COUNT", "COLOR", "SHAPE", "DIGIT", "BACKGROUND", "PLACE")
"""What the token classifier can say."""

MASCULINE = {
    "circle": "cercle", "square": "carré", "triangle": "triangle", "diamond": "losange",
    "heart": "cœur",
}  # fmt: skip
FEMININE = {"star": "étoile"}
COLOURS_FR = {
    "red": ("rouge", "rouge", "rouges", "rouges"),
    "orange": ("orange", "orange", "orange", "orange"),
    "yellow": ("jaune", "jaune", "jaunes", "jaunes"),
    "green": ("vert", "verte", "verts", "vertes"),
    "blue": ("bleu", "bleue", "bleus", "bleues"),
    "purple": ("violet", "violette", "violets", "violettes"),
}
"""Of one and of several things: masculine, feminine, masculine, feminine."""
GROUNDS_FR = {"white": "blanc", "gray": "gris", "beige": "beige", "black": "noir"}
COUNTS_FR = ("aucun", "un", "deux", "trois", "quatre", "cinq", "six")
PLACES = {
    "left of": "à gauche",
    "right of": "à droite",
    "above": "au-dessus",
    "below": "au-dessous",
}
UNKNOWN = "wug"
"""A word that no vocabulary has, as every word outside the world; models keep it where it is."""


@dataclass(frozen=True)
class Sentence:
    """An English sentence, its French ("" outside the world), and its kind."""

    english: str
    french: str
    kind: str

    @property
    def words(self) -> list[tuple[str, str]]:
        """Each word of the English sentence without its punctuation, and its part or ""."""
        said = [word.strip(",.?") for word in self.english.split()]
        return [(word, _part(said, place)) for place, word in enumerate(said)]


def _part(words: list[str], place: int) -> str:
    word, after = words[place], words[place + 1 : place + 2]
    if after == ["background"] and word in BACKGROUNDS:
        return "BACKGROUND"
    if word in COLOURS:
        return "COLOR"
    if word in SHAPES or word.removesuffix("s") in SHAPES:
        return "SHAPE"
    if word in DIGITS:
        return "DIGIT"
    if word in COUNTS[2:]:
        return "COUNT"
    if word in ("above", "below", "left", "right"):
        return "PLACE"
    return "PLACE" if word == "of" and words[place - 1] in ("left", "right") else ""


def _feminine(shape: str) -> bool:
    return shape in FEMININE


def _with_colour(shape: str, colour: str, several: bool = False) -> tuple[str, str]:
    """A shape and perhaps its colour ("" for none), in both languages, without an article."""
    many = "s" * several
    french = (MASCULINE | FEMININE)[shape] + many
    if not colour:
        return f"{shape}{many}", french
    agreed = COLOURS_FR[colour][2 * several + _feminine(shape)]
    return f"{colour} {shape}{many}", f"{french} {agreed}"


def _one(shape: str, colour: str, known: bool) -> tuple[str, str]:
    """A shape with its article: the one that is known, or any."""
    english, french = _with_colour(shape, colour)
    if known:
        return f"the {english}", f"l'{french}" if _feminine(shape) else f"le {french}"
    article = "an" if english[0] in "aeiou" else "a"
    return f"{article} {english}", f"{'une' if _feminine(shape) else 'un'} {french}"


def caption_fr(labels: list[str], background: str) -> str:
    """The French of `world.caption_of`."""
    parts = []
    for label in sorted(set(labels), key=LABELS.index):
        first, second = label.split()
        count = labels.count(label)
        if first == "digit":
            parts.append(f"le chiffre {second}")
        elif count == 1:
            parts.append(_one(second, first, known=False)[1])
        else:
            parts.append(f"{COUNTS_FR[count]} {_with_colour(second, first, several=True)[1]}")
    listed = ", ".join(parts[:-1]) + " et " + parts[-1] if len(parts) > 1 else parts[0]
    return f"{listed} sur un fond {GROUNDS_FR[background]}"


def sentence(seed: int) -> Sentence:
    """The sentence of a seed; one in ten speaks of something outside the world."""
    rng = np.random.default_rng((seed, 6))
    kind = KINDS[int(rng.integers(len(KINDS)))]
    if kind == "outside the world":
        return _outside(rng)
    english, french = _made(rng, kind)
    mark = "?" if "question" in kind else "." if kind != "description" else ""
    if rng.random() < 0.3:
        mark = ""
    return Sentence(english + mark, french + mark, kind)


def _made(rng: np.random.Generator, kind: str) -> tuple[str, str]:
    """An English sentence of a kind of the world, and its French."""
    shapes = [str(each) for each in rng.choice(list(SHAPES), 2)]
    colours = [str(each) for each in rng.choice(list(COLOURS), 2)]
    maybe = colours[0] if rng.random() < 0.6 else ""
    ground = str(rng.choice(list(BACKGROUNDS)))
    many = _with_colour(shapes[0], maybe, several=True)
    known, bare = _one(shapes[0], maybe, known=True), _one(shapes[0], "", known=True)
    some = _one(shapes[0], colours[0], known=False)
    place = str(rng.choice(list(PLACES)))
    other = _with_colour(shapes[1], colours[1])
    of = f"de l'{other[1]}" if _feminine(shapes[1]) else f"du {other[1]}"
    verb = (("find", "trouve"), ("count", "compte"))[int(rng.integers(2))]
    if kind == "description":
        pick = [LABELS[i] for i in rng.choice(len(LABELS), int(rng.integers(1, 4)))]
        labels = [x for i, x in enumerate(pick) if "digit" not in x or x not in pick[:i]]
        if "digit" not in labels[0]:
            labels += labels[:1] * int(rng.choice([0, 0, 1, 2, 3]))
        return caption_of(labels, ground), caption_fr(labels, ground)
    ask = f"combien de {many[1]} y a-t-il".replace("de étoile", "d'étoile")
    return {
        "count question": (f"how many {many[0]} are there", ask),
        "color question": (f"what color is {bare[0]}", f"de quelle couleur est {bare[1]}"),
        "place question": (f"where is {known[0]}", f"où est {known[1]}"),
        "existence question": (f"is there {some[0]}", f"y a-t-il {some[1]}"),
        "draw order": (
            f"draw {some[0]} on a {ground} background",
            f"dessine {some[1]} sur un fond {GROUNDS_FR[ground]}",
        ),
        "find order": (f"{verb[0]} the {many[0]}", f"{verb[1]} les {many[1]}"),
        "change order": (
            f"make {bare[0]} {colours[0]}",
            f"colorie {bare[1]} en {COLOURS_FR[colours[0]][0]}",
        ),
        "statement": (
            f"{known[0]} is {place} the {other[0]}",
            f"{known[1]} est {PLACES[place]} {of}",
        ),
    }[kind]


OUTSIDE = (
    "the weather in paris will be sunny tomorrow", "i did not like this film at all",
    "who won the football match yesterday", "please book a table for two people",
    "the company reported higher profits this quarter", "how do i cook rice",
    "my dog sleeps on the sofa", "she bought a red car", "is there a train to london",
    "what color is your new jacket", "where is the station", "draw a horse in a field",
    "find the nearest hospital", "make the music louder", "count the people in the room",
    "a man with a black hat on a bicycle", "the book was wonderful", "how many days are there",
    "two cats and a small dog in the garden", "the president is visiting germany",
)  # fmt: skip
"""What a person may say of other things."""


def with_unknown(said: Sentence, shape: str) -> Sentence:
    """The sentence with an unknown word for a masculine shape, in both languages."""
    english, french = said.english, said.french
    for many in ("s", ""):
        english = english.replace(shape + many, UNKNOWN)
        french = french.replace(MASCULINE[shape] + many, UNKNOWN)
    return Sentence(english, french, said.kind)


def _outside(rng: np.random.Generator) -> Sentence:
    """A sentence of `OUTSIDE`, or one of the world whose things are unknown."""
    if rng.random() < 0.5:
        return Sentence(str(rng.choice(OUTSIDE)), "", "outside the world")
    english = _made(rng, KINDS[int(rng.integers(len(KINDS) - 1))])[0]
    kept = [
        UNKNOWN if word.strip(",").removesuffix("s") in SHAPES else word
        for word in english.split()
        if word not in ("digit", *DIGITS)
    ]
    drop = rng.random() * 0.5
    mixed = [UNKNOWN if rng.random() < drop else word for word in kept]
    if UNKNOWN not in mixed:
        mixed.insert(int(rng.integers(len(mixed) + 1)), UNKNOWN)
    return Sentence(" ".join(mixed), "", "outside the world")
