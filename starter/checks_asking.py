"""How the models that answer questions are measured: about scenes, and about printed documents."""

from __future__ import annotations

import numpy as np
from PIL import Image

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
    """The share of answers that are right letter by letter, one question a document.

    Apart from them: what the document lacks, and any question about a picture from outside the
    world (`stranger`), where only "UNKNOWN" is right.
    """
    from .train_reader import KEYS, UNKNOWN as NONE

    right: dict[str, list[bool]] = {"receipt": [], "label": [], "form": []}
    hard: dict[str, list[bool]] = {"absent": [], "stranger": []}
    for each in seeds("measure", seed, count):
        rng = np.random.default_rng((each, 15))
        size = SIZES[each % len(SIZES)]
        document = draw_document(each, size=size)

        def said(key: str, image: Image.Image, rng: np.random.Generator = rng) -> str:
            given = {"image": image, "question": str(rng.choice(forms_of(key)))}
            return str(ask("world-reader", given).value)

        key = str(rng.choice(list(document.values)))
        right[document.kind].append(said(key, document.image) == document.values[key])
        absent = str(rng.choice([key for key in KEYS if key not in document.values]))
        hard["absent"].append(said(absent, document.image) == NONE)
        stranger = draw_stranger(each, size=size, documents=False)
        hard["stranger"].append(said(key, stranger) == NONE)
    return {**shares("right", right), **shares("", hard)}
