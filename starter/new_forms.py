"""Forms of sentences that no training held, of the words that training did hold.

They tell whether a model of the world's sentences knows its words or only its dozen forms.
"""

from __future__ import annotations

import numpy as np

from .sentences import (
    BAD,
    GOOD,
    HATES,
    LIKES,
    SIDES,
    VERBS,
    Form,
    Generator,
    Mood,
    Names,
    Pair,
    Phrase,
    after_de,
    capital,
    ground_of,
    how_many,
    is_there,
    unmark,
)

IN_THE_PICTURE = " in the picture", " dans l'image"


def _lives(rng: Generator, names: Names) -> Pair:
    one, place = names.person(), names.place()
    return f"[PER {one}] lives in [LOC {place[0]}].", f"{one} habite à {place[1]}."


def _has(rng: Generator, names: Names) -> Pair:
    one, said = names.person(), Phrase(rng).some()
    return f"[PER {one}] has {said[0]}.", f"{one} a {said[1]}."


def _there_beside(rng: Generator, names: Names) -> Pair:
    a, b = Phrase(rng, most=1).some(), Phrase(rng, most=1).the()
    side = str(rng.choice(list(SIDES)))
    return f"There is {a[0]} {side} {b[0]}.", f"Il y a {a[1]} {SIDES[side]} {after_de(b[1])}."


def _gives_somewhere(rng: Generator, names: Names) -> Pair:
    one, other, place, said = names.person(), names.person(), names.place(), Phrase(rng).some()
    return (
        f"[PER {one}] gives {said[0]} to [PER {other}] in [LOC {place[0]}].",
        f"{one} donne {said[1]} à {other} à {place[1]}.",
    )


def _acts_on_ground(rng: Generator, names: Names) -> Pair:
    one, verb, said = names.person(), str(rng.choice(list(VERBS))), Phrase(rng).some()
    ground = ground_of(rng)
    return (
        f"[PER {one}] {verb} {said[0]} {ground[0]}.",
        f"{one} {VERBS[verb]} {said[1]} {ground[1]}.",
    )


def _lives_and_acts(rng: Generator, names: Names) -> Pair:
    one, place, said = names.person(), names.place(), Phrase(rng).the()
    verb = str(rng.choice(list(VERBS)))
    return (
        f"[PER {one}] lives in [LOC {place[0]}] and {verb} {said[0]}.",
        f"{one} habite à {place[1]} et {VERBS[verb]} {said[1]}.",
    )


def _how_many_here(rng: Generator, names: Names) -> Pair:
    return how_many(rng, names, IN_THE_PICTURE)


def _is_there_here(rng: Generator, names: Names) -> Pair:
    return is_there(rng, names, IN_THE_PICTURE)


NEW_FORMS: tuple[Form, ...] = (
    _lives, _has, _there_beside, _gives_somewhere, _acts_on_ground, _lives_and_acts,
    _how_many_here, _is_there_here,
)  # fmt: skip


def new_opinion(seed: int) -> tuple[str, Mood]:
    """A sentence of a new form and its mood; neutral ones are of `NEW_FORMS`."""
    rng = np.random.default_rng((seed, 4))
    mood: Mood = ("positive", "negative", "neutral")[int(rng.integers(3))]
    names = Names(rng, held_out=True)
    if mood == "neutral":
        form = NEW_FORMS[int(rng.integers(len(NEW_FORMS)))]
        return capital(unmark(form(rng, names)[0])[0]), mood
    good = mood == "positive"
    adjectives = rng.permutation(GOOD if good else BAD)
    verb, no_verb = (str(rng.choice(each)) for each in ((LIKES, HATES) if good else (HATES, LIKES)))
    thing, name = unmark(Phrase(rng, most=1).the()[0])[0], names.person()
    forms = (
        f"{thing} is {adjectives[0]} and {adjectives[1]}.",
        f"I really {verb} {thing}, I do not {no_verb} it.",
        f"{name} and I {verb} {thing}.",
        f"The picture is so {adjectives[0]}!",
        f"I think I {verb} {thing}.",
    )
    return capital(forms[int(rng.integers(len(forms)))]), mood
