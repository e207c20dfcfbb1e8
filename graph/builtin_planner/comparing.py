"""What is compared: a sentence and others, named, found, or read from pictures."""

from __future__ import annotations

import re

from hugginggraph.registry import TaskType, reads_as

from .arguments import Wish, remainder
from .inputs import Input, answers, bridge, given, media_named, points_back
from .rows import BRIDGES
from .sketch import Sketch

_LIKE = re.compile(
    r"\b(?:most (?:like|similar to|related to)|similarity (?:to|with)"
    r"|(?:closest|nearest|close|near)(?: in meaning)? to)"
    r"\s+(?:the \w+ |this \w+ )?«[a-z]+(\d+)»",
    re.I,
)


def compared(sketch: Sketch, wish: Wish, row: TaskType) -> dict[str, object]:
    """A sentence and those it is compared with: named, or results, oldest first."""
    values = _texts(sketch, wish)
    if len(values) < 2:
        values = [*_captions(sketch, wish, alone=not values), *values]
    values = list(dict.fromkeys(values))
    if len(values) == 1:
        read = [s for s in sketch.steps if reads_as(s.row.output, "text") and s.clause <= wish.at]
        latest = [v for s in read[-1:] for v in sketch.results_of(s)[:1] if v not in values]
        values = [*latest, *values]
    if not values:
        parts = re.split(r"\s+(?:and|to|with|vs\.?)\s+", remainder(wish.after), maxsplit=1)
        values = parts if len(parts) == 2 else []
    single, many = row.inputs[0].name, row.inputs[1]
    filled: dict[str, object] = {}
    if values:
        filled[single] = values[0]
    if len(values) > 1:
        filled[many.name] = values[1:] if many.many else values[1]
    return filled


def _texts(sketch: Sketch, wish: Wish) -> list[str]:
    """The texts that the clause names; where it names fewer than two, results and others too."""
    here = [
        m for m in sketch.mentions.within(wish.window) if m.kind in ("text", "question", "labels")
    ]
    if anchor := _LIKE.search(wish.window):
        here.sort(key=lambda m: m.number != int(anchor[1]))
    values = [v for m in here for v in m.values]
    if len(values) < 2 and len(values) + len(media_named(sketch, "image", wish.window)) < 2:
        everywhere = sketch.named()
        others = [m for m in everywhere if m.kind in ("text", "question") and m not in here]
        results = [s for s in sketch.steps if s.row.output == "text" and s.clause <= wish.at]
        results = [s for s in results if s.clause >= 0 or not answers(s.row)]
        made = [v for s in results[-1:] for v in sketch.results_of(s) if v not in values]
        if len(made) > 1 and not values:
            values = made
        elif results and (len(others) < 2 or points_back(wish.window)):
            values = [*made[-1:], *values]
            if len(values) < 2 and others:
                values += [others[-1].values[0]]
            elif len(values) < 2 and len(results) > 1:
                values = [v for s in results[-2:] for v in sketch.results_of(s)[:1]]
        else:
            here = [*here, *others]
            values += [v for m in others for v in m.values]
    sketch.used.update(m.number for m in here)
    return values


def _captions(sketch: Sketch, wish: Wish, *, alone: bool) -> tuple[str, ...]:
    """The named pictures in words; ``alone``, without a text, also several that were given."""
    shown = media_named(sketch, "image", wish.window)
    if alone and not shown and (pictures := given(sketch, "image", "them")):
        shown = pictures.values if len(pictures.values) > 1 else ()
    return bridge(sketch, BRIDGES["image", "text"], Input(shown), wish.at).values if shown else ()
