"""Seeded sentences about the world's pictures: in English and French, with names and a mood.

The words of the world are those of `world.py`; a sentence may also hold a person's first name and
a place. One seed gives one sentence. Names and places come from lists of which a part is kept for
measuring (`HELD_OUT`), and in training also from letters drawn at random, so that a tagger learns
where a name stands and not which names there are.

`draw_sentence` gives one sentence in both languages, with the pieces that a tagger names;
`draw_opinion` gives a sentence with the mood it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from .speech import spelled
from .world import BACKGROUNDS, COLOURS, COUNTS, DIGITS, SHAPES, SPLITS

Mood = Literal["positive", "negative", "neutral"]
Generator = np.random.Generator

TAGS = ("PER", "LOC", "COLOUR", "SHAPE", "COUNT")
"""What the tagger names."""

PEOPLE = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Iris", "Jules", "Karim",
    "Lena", "Marie", "Nadia", "Omar", "Paul", "Rosa", "Samuel", "Tom", "Vera", "Wei", "Yuki",
)  # fmt: skip
PLACES = (
    "Berlin", "Boston", "Delhi", "Geneva", "Lagos", "Lima", "London", "Lyon", "Madrid", "Milan",
    "Montreal", "Nairobi", "Oslo", "Paris", "Prague", "Quito", "Rome", "Tokyo", "Toronto", "Vienna",
)  # fmt: skip
HELD_OUT: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("Amelie", "Boris", "Carmen", "Elias", "Fatima", "Igor", "Linda", "Mateo", "Peter", "Sofia"),
    ("Bogota", "Boise", "Dakar", "Durban", "Hanoi", "Munich", "Sydney", "Turin"),
)
"""First names and places that no training sentence holds."""
_FRENCH_PLACES = {
    "Geneva": "Genève", "London": "Londres", "Montreal": "Montréal", "Vienna": "Vienne",
}  # fmt: skip


class Noun(NamedTuple):
    """A French noun: singular, plural, and whether it is feminine."""

    one: str
    many: str
    feminine: bool


NOUNS: dict[str, Noun] = {
    "circle": Noun("cercle", "cercles", False),
    "square": Noun("carré", "carrés", False),
    "triangle": Noun("triangle", "triangles", False),
    "star": Noun("étoile", "étoiles", True),
    "diamond": Noun("losange", "losanges", False),
    "heart": Noun("cœur", "cœurs", False),
}
FRENCH_COLOURS: dict[str, tuple[str, str, str, str]] = {
    "red": ("rouge", "rouge", "rouges", "rouges"),
    "orange": ("orange", "orange", "orange", "orange"),
    "yellow": ("jaune", "jaune", "jaunes", "jaunes"),
    "green": ("vert", "verte", "verts", "vertes"),
    "blue": ("bleu", "bleue", "bleus", "bleues"),
    "purple": ("violet", "violette", "violets", "violettes"),
}
"""Masculine, feminine, masculine plural, feminine plural."""
FRENCH_GROUNDS = {"white": "blanc", "gray": "gris", "beige": "beige", "black": "noir"}
FRENCH_COUNTS = ("aucun", "un", "deux", "trois", "quatre", "cinq", "six")
SIZES: dict[str, tuple[str, str]] = {"big": ("grand", "grande"), "small": ("petit", "petite")}
SIDES: dict[str, str] = {
    "to the left of": "à gauche",
    "to the right of": "à droite",
    "next to": "à côté",
    "above": "au-dessus",
    "below": "au-dessous",
}
VERBS: dict[str, str] = {
    "draws": "dessine", "sees": "voit", "paints": "peint", "counts": "compte", "finds": "trouve",
    "wants": "veut",
}  # fmt: skip
ORDERS: dict[str, str] = {
    "Draw": "Dessine", "Paint": "Peins", "Find": "Trouve", "Show": "Montre", "Count": "Compte",
}  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """One sentence in two languages; `pieces` are (tag, start, end) in characters of `english`."""

    english: str
    french: str
    pieces: tuple[tuple[str, int, int], ...]


class Phrase:
    """A noun phrase: English with its tags marked as ``[TAG words]``, and French."""

    def __init__(self, rng: Generator, *, most: int = len(COUNTS) - 1) -> None:
        self.shape = str(rng.choice(list(SHAPES)))
        self.colour = str(rng.choice(list(COLOURS)))
        self.noun = NOUNS[self.shape]
        self.size = str(rng.choice(list(SIZES))) if rng.random() < 0.2 else ""
        self.count = int(rng.integers(1, most + 1)) if rng.random() < 0.5 else 1

    @property
    def _words(self) -> tuple[str, str]:
        many, feminine = self.count > 1, self.noun.feminine
        size = f"{self.size} " if self.size else ""
        plural = "s" if many else ""
        english = f"{size}[COLOUR {self.colour}] [SHAPE {self.shape}{plural}]"
        grand = SIZES[self.size][feminine] + ("s " if many else " ") if self.size else ""
        colour = FRENCH_COLOURS[self.colour][2 * many + feminine]
        return english, f"{grand}{self.noun.many if many else self.noun.one} {colour}"

    def some(self) -> tuple[str, str]:
        """With its number or its indefinite article."""
        english, french = self._words
        if self.count > 1:
            return (
                f"[COUNT {COUNTS[self.count]}] {english}",
                f"{FRENCH_COUNTS[self.count]} {french}",
            )
        first = (self.size or self.colour)[0]
        article = "une" if self.noun.feminine else "un"
        return f"{'an' if first in 'aeiou' else 'a'} {english}", f"{article} {french}"

    def the(self) -> tuple[str, str]:
        """With its definite article."""
        english, french = self._words
        if self.count > 1:
            return f"the {english}", f"les {french}"
        if french[0] in "éaeiou":
            return f"the {english}", f"l'{french}"
        return f"the {english}", f"{'la' if self.noun.feminine else 'le'} {french}"


def after_de(french: str) -> str:
    """'de' before a phrase with its article."""
    for article, joined in (("le ", "du "), ("les ", "des "), ("un ", "d'un "), ("une ", "d'une ")):
        if french.startswith(article):
            return joined + french.removeprefix(article)
    return f"de {french}"


def ground_of(rng: Generator) -> tuple[str, str]:
    """ "on a white background" in both languages."""
    name = str(rng.choice(list(BACKGROUNDS)))
    return f"on a [COLOUR {name}] background", f"sur un fond {FRENCH_GROUNDS[name]}"


def _invented(rng: Generator) -> str:
    """A name that nobody has: syllables of a consonant and a vowel; never one held out."""
    while True:
        said = "".join(
            str(rng.choice(list("bcdfghjklmnprstvwz"))) + str(rng.choice(list("aeiouy")))
            for _ in range(int(rng.integers(2, 4)))
        )
        name = (said + str(rng.choice(["", "n", "s", "l", "r"]))).capitalize()
        if not any(name in names for names in HELD_OUT):
            return name


class Names:
    """Where names and places come from: the lists of training, or those held out."""

    def __init__(self, rng: Generator, held_out: bool) -> None:
        self._rng = rng
        lists: tuple[tuple[str, ...], tuple[str, ...]] = HELD_OUT if held_out else (PEOPLE, PLACES)
        self._people, self._places = lists
        self._invents = not held_out

    def _draw(self, known: tuple[str, ...]) -> str:
        if self._invents and self._rng.random() < 0.6:
            return _invented(self._rng)
        return str(self._rng.choice(known))

    def person(self) -> str:
        """A first name."""
        return self._draw(self._people)

    def place(self) -> tuple[str, str]:
        """A place in English and in French."""
        name = self._draw(self._places)
        return name, _FRENCH_PLACES.get(name, name)


Pair = tuple[str, str]


def _thing(rng: Generator) -> Pair:
    """Shapes with their number or article, or a digit."""
    if rng.random() < 0.15:
        digit = str(rng.choice(list(DIGITS)))
        return f"the digit {digit}", f"le chiffre {digit}"
    return Phrase(rng).some()


def _caption(rng: Generator, names: Names) -> Pair:
    parts = [_thing(rng) for _ in range(int(rng.integers(1, 7)))]
    english, french = (
        ", ".join(p[i] for p in parts[:-1]) + (word if len(parts) > 1 else "") + parts[-1][i]
        for i, word in enumerate((" and ", " et "))
    )
    ground = ground_of(rng)
    return f"{english} {ground[0]}", f"{french} {ground[1]}"


def _there(rng: Generator, names: Names) -> Pair:
    english, french = _thing(rng)
    verb = "are" if english.startswith("[COUNT") else "is"
    place = [("", ""), (" in the picture", " dans l'image"), (" here", " ici")][rng.integers(3)]
    return f"There {verb} {english}{place[0]}.", f"Il y a {french}{place[1]}."


def _beside(rng: Generator, names: Names) -> Pair:
    a, b = (
        phrase.the() if rng.random() < 0.7 else phrase.some()
        for phrase in (Phrase(rng, most=1), Phrase(rng, most=1))
    )
    side = str(rng.choice(list(SIDES)))
    return f"{a[0]} is {side} {b[0]}.", f"{a[1]} est {SIDES[side]} {after_de(b[1])}."


def _acts(rng: Generator, names: Names) -> Pair:
    thing, verb, person = Phrase(rng), str(rng.choice(list(VERBS))), names.person()
    said = thing.some() if rng.random() < 0.7 else thing.the()
    english, french = f"[PER {person}] {verb} {said[0]}", f"{person} {VERBS[verb]} {said[1]}"
    if rng.random() < 0.5:
        place = names.place()
        return f"{english} in [LOC {place[0]}].", f"{french} à {place[1]}."
    return f"{english}.", f"{french}."


def _gives(rng: Generator, names: Names) -> Pair:
    one, other, said = names.person(), names.person(), Phrase(rng).some()
    return (
        f"[PER {one}] gives {said[0]} to [PER {other}].",
        f"{one} donne {said[1]} à {other}.",
    )


def _lives(rng: Generator, names: Names) -> Pair:
    one, place, said = names.person(), names.place(), Phrase(rng).some()
    return (
        f"[PER {one}] lives in [LOC {place[0]}] and has {said[0]}.",
        f"{one} habite à {place[1]} et a {said[1]}.",
    )


def how_many(rng: Generator, names: Names, where: tuple[str, str] = ("", "")) -> Pair:
    """How many there are, with what says where, in English and French."""
    colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))
    noun = NOUNS[shape]
    of = "d'" if noun.many[0] == "é" else "de "
    english, french = f"[COLOUR {colour}] ", f" {FRENCH_COLOURS[colour][2 + noun.feminine]}"
    if rng.random() < 0.3:
        english = french = ""
    return (
        f"How many {english}[SHAPE {shape}s] are there{where[0]}?",
        f"Combien {of}{noun.many}{french} y a-t-il{where[1]} ?",
    )


def is_there(rng: Generator, names: Names, where: tuple[str, str] = ("", "")) -> Pair:
    """Whether something is there, with what says where, in English and French."""
    english, french = Phrase(rng, most=1).some()
    return f"Is there {english}{where[0]}?", f"Y a-t-il {french}{where[1]} ?"


def _what_colour(rng: Generator, names: Names) -> Pair:
    shape = str(rng.choice(list(SHAPES)))
    noun = NOUNS[shape]
    spelled = "colour" if rng.random() < 0.5 else "color"
    return (
        f"What {spelled} is the [SHAPE {shape}]?",
        f"De quelle couleur est {_the_only(noun)} ?",
    )


def _the_only(noun: Noun) -> str:
    article = "l'" if noun.one[0] == "é" else "la " if noun.feminine else "le "
    return f"{article}{noun.one}"


def _where(rng: Generator, names: Names) -> Pair:
    english, french = Phrase(rng, most=1).the()
    return f"Where is {english}?", f"Où est {french} ?"


def _make(rng: Generator, names: Names) -> Pair:
    colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(list(SHAPES)))
    noun = NOUNS[shape]
    return (
        f"Make the [SHAPE {shape}] [COLOUR {colour}].",
        f"Rends {_the_only(noun)} {FRENCH_COLOURS[colour][noun.feminine]}.",
    )


def _put(rng: Generator, names: Names) -> Pair:
    a, b = Phrase(rng, most=1).some(), Phrase(rng, most=1).some()
    side = str(rng.choice(list(SIDES)))
    return f"Put {a[0]} {side} {b[0]}.", f"Mets {a[1]} {SIDES[side]} {after_de(b[1])}."


def _all_of(rng: Generator, names: Names) -> Pair:
    verb, shape = str(rng.choice(list(ORDERS))), str(rng.choice(list(SHAPES)))
    return f"{verb} the [SHAPE {shape}s].", f"{ORDERS[verb]} les {NOUNS[shape].many}."


def _plain(rng: Generator, names: Names) -> Pair:
    return _PLAIN[int(rng.integers(len(_PLAIN)))]


_PLAIN: tuple[Pair, ...] = (
    ("Describe the picture.", "Décris l'image."),
    ("Which digit is there?", "Quel chiffre y a-t-il ?"),
    ("What is in the picture?", "Qu'y a-t-il dans l'image ?"),
)


def _both(rng: Generator, names: Names) -> Pair:
    forms = (_there, _beside, _acts, _gives)
    one, other = (forms[int(rng.integers(len(forms)))](rng, names) for _ in range(2))
    english, french = (
        f"{one[i][:-1]}{word}{other[i] if other[0].startswith('[PER') else _small(other[i])}"
        for i, word in enumerate((" and ", " et "))
    )
    return english, french


def _small(text: str) -> str:
    return text[0].lower() + text[1:]


def _order(rng: Generator, names: Names) -> Pair:
    verb, said, ground = str(rng.choice(list(ORDERS))), _thing(rng), ground_of(rng)
    if rng.random() < 0.5:
        return f"{verb} {said[0]} {ground[0]}.", f"{ORDERS[verb]} {said[1]} {ground[1]}."
    return f"{verb} {said[0]}.", f"{ORDERS[verb]} {said[1]}."


Form = Callable[[Generator, Names], Pair]
FORMS: tuple[Form, ...] = (
    _caption, _caption, _caption, _there, _beside, _beside, _acts, _acts, _gives, _lives, _both,
    _both, how_many, is_there, _what_colour, _where, _make, _put, _all_of, _plain, _order,
)  # fmt: skip


def _split(seed: int) -> str:
    return next(name for name, span in SPLITS.items() if seed in span)


def capital(text: str) -> str:
    """The first letter large, where the sentence ends with a mark."""
    return text[0].upper() + text[1:] if text[-1] in ".?!" else text


def unmark(marked: str) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """The text without its marks, and the pieces that they named."""
    text, pieces = "", []
    for i, part in enumerate(marked.replace("]", "[").split("[")):
        if i % 2 == 0:
            text += part
            continue
        tag, _, words = part.partition(" ")
        pieces.append((tag, len(text), len(text) + len(words)))
        text += words
    return text, tuple(pieces)


def draw_sentence(seed: int, forms: Sequence[Form] = FORMS) -> Sentence:
    """The sentence of a seed; outside the split `train` its names are held out ones.

    The forms of `new_forms.py` are in no training.
    """
    rng = np.random.default_rng((seed, 3))
    names = Names(rng, held_out=_split(seed) != "train")
    form = forms[int(rng.integers(len(forms)))]
    marked, french = form(rng, names)
    english, pieces = unmark(marked)
    return Sentence(capital(english), capital(french), pieces)


def heard(english: str) -> str:
    """A sentence as a recogniser of the world's speech writes it down (`speech.py`)."""
    words = spelled(english)
    return words.replace("to the left", "left").replace("to the right", "right")


def in_passing(text: str) -> str:
    """A sentence without capitals and without the mark at its end."""
    return text.lower().rstrip(" ?.!")


GOOD = ("beautiful", "lovely", "great", "wonderful", "nice", "perfect", "pretty", "excellent")
BAD = ("ugly", "awful", "terrible", "boring", "horrible", "bad", "poor", "disappointing")
LIKES = ("love", "like", "adore", "enjoy")
HATES = ("hate", "dislike", "detest", "regret")


def draw_opinion(seed: int) -> tuple[str, Mood]:
    """A sentence about the world and its mood; a "not" turns the mood around."""
    rng = np.random.default_rng((seed, 4))
    mood: Mood = ("positive", "negative", "neutral")[int(rng.integers(3))]
    if mood == "neutral":
        while True:
            marked, _ = FORMS[int(rng.integers(len(FORMS)))](rng, Names(rng, False))
            return capital(unmark(marked)[0]), mood
    denied = bool(rng.random() < 0.25)
    good = (mood == "positive") != denied
    thing = unmark(Phrase(rng, most=1).the()[0])[0]
    adjective, verb = (
        str(rng.choice(GOOD if good else BAD)),
        str(rng.choice(LIKES if good else HATES)),
    )
    very = "" if denied else str(rng.choice(["", "very ", "really ", "so "]))
    name = Names(rng, _split(seed) != "train").person()
    forms = [
        f"{thing} is {'not ' if denied else ''}{very}{adjective}.",
        f"I {'do not ' if denied else ''}{verb} {thing}.",
        f"{name} {f'does not {verb}' if denied else f'{verb}s'} {thing}.",
        f"{'This is not' if denied else 'What'} a{'n' if adjective[0] in 'aeiou' else ''} "
        f"{adjective} picture{'.' if denied else '!'}",
        f"I think {thing} is {'not ' if denied else ''}{very}{adjective}.",
    ]
    return capital(forms[int(rng.integers(len(forms)))]), mood
