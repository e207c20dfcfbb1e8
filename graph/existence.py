"""Yes or no to "is there a red circle in scene.png?", where what a detector found bears it.

Not covered: what the detector has no label for ("a red car", "an animal"), as it may be there all
the same; models whose labels do not lie in a folder of an installed package.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from hugginggraph.registry import model_cards
from hugginggraph.tools import plural

from .builtin_planner import NOUNS
from .state import State

_ASKED = re.compile(
    r"\W*(?:is|are) there (?:an? |any |some )?(?P<thing>\w+(?:-\w+)*(?: \w+(?:-\w+)*){0,2}?)"
    rf"(?: (?:in|on) (?:it|here|(?:(?:the|this|that|my) )?(?:{NOUNS['image']}|\S+\.\w{{3,4}})))?"
    r"\W*",
    re.I,
)


def yes_or_no(state: State) -> str:
    """ "Yes." or "No." to a request that only asks whether one picture has a thing, else empty."""
    asked = _ASKED.fullmatch(state["request"])
    results = list(state["results"].values())
    if not asked or len(results) != 1 or results[0]["kind"] != "boxes":
        return ""
    (result,) = results
    meant = _meant(asked["thing"].lower(), known_labels(result.get("model", "")))
    if not meant:
        return ""
    return "Yes." if meant & {box["label"].lower() for box in result["value"]} else "No."


def _meant(thing: str, labels: frozenset[str]) -> set[str]:
    """The labels that a thing goes by: its own, else longer ones of the same last word."""
    if own := {label for label in labels if thing in (label, plural(label))}:
        return own
    words = thing.split()
    return {
        label
        for label in labels
        for last in [label.split()[-1]]
        if words[-1] in (last, plural(last)) and {*words[:-1]} <= {*label.split()[:-1]}
    }


@cache
def known_labels(model: str) -> frozenset[str]:
    """What a model of an installed package can name, in lower case; empty where not known."""
    folders = (card.path for card in model_cards() if card.id == model and card.path)
    for config in (Path(folder) / "config.json" for folder in folders):
        if config.is_file():
            named = json.loads(config.read_text("utf-8")).get("id2label", {})
            return frozenset(str(label).lower() for label in named.values())
    return frozenset()
