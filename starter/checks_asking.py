"""How the models that answer questions are measured: about scenes, and about printed documents."""

from __future__ import annotations

import numpy as np

from .asking import SIZES, Ask, Figures, shares
from .documents import draw_document, forms_of
from .questions import ASKED, NOTHING, OUTSIDE, UNKNOWN, hard_question, question
from .strangers import draw_stranger
from .world import draw_scene, seeds


def answerer(ask: Ask, seed: int, count: int) -> Figures:
    """`right` is the share of all questions that have an answer, then that of each kind.

    Apart from them: what is not in the scene, what no scene has, and any question about a picture
    from outside the world (`stranger`), where only "unknown" is right.
    """
    right: dict[str, list[bool]] = {kind: [] for kind in ASKED}
    hard: dict[str, list[bool]] = {NOTHING: [], OUTSIDE: [], "stranger": []}
    for each in seeds("measure", seed, count):
        scene = draw_scene(each, size=SIZES[each % len(SIZES)])
        asked = question(each, scene)
        others = [hard_question(each, scene, kind) for kind in (NOTHING, OUTSIDE)]
        for it in (asked, *others):
            said = ask("shapes-answerer", {"image": scene.image, "question": it.text}).value
            (right if it is asked else hard)[it.kind].append(said == it.answer)
        stranger = draw_stranger(each, size=SIZES[each % len(SIZES)])
        said = ask("shapes-answerer", {"image": stranger, "question": asked.text}).value
        hard["stranger"].append(said == UNKNOWN)
    return {**shares("right", right), **shares("", hard)}


def reader(ask: Ask, seed: int, count: int) -> Figures:
    """The share of answers that are right letter by letter, one question a document."""
    right: dict[str, list[bool]] = {"receipt": [], "label": [], "form": []}
    for each in seeds("measure", seed, count):
        rng = np.random.default_rng((each, 15))
        document = draw_document(each, size=SIZES[each % len(SIZES)])
        key = str(rng.choice(list(document.values)))
        args = {"image": document.image, "question": str(rng.choice(forms_of(key)))}
        right[document.kind].append(ask("world-reader", args).value == document.values[key])
    return shares("right", right)
