"""What a request says and no plan keeps: conditions, and single sentences of a text.

A plan is made before anything is looked at. So what depends on a condition ("if it is a dog,
describe it, otherwise count the objects") is planned as if it held, the alternative is left out,
and a text is taken whole; the draft says so.
"""

from __future__ import annotations

import re

from .clauses import Clause
from .cues import POLITE
from .pointers import ORDER
from .sketch import Sketch

_IF = re.compile(
    r"\b(?:only )?(?:if|in case|provided(?: that)?|unless)\s+(?!possible|you\b|i\b|we\b|need"
    r"|necessary|any\b|at all|not\b"
    r"|there (?:is|are) (?:any|some|more)\b(?! (?!(?:in|at|of|here)\b)\w))[^.?!,;]+"
    r"|\bas long as (?:it|there|they|the \w+|this|that) (?:is|are|has|have|shows?|contains?)\b"
    r"[^.?!,;]*"
    r"|^should (?:it|there|the)\b[^.?!,;]+",
    re.I,
)
_ASKS_WHETHER = re.compile(
    r"\b(?:tell|know|see|check|say|determine|find|figure|ask|decide|wonder\w*|sure|whether|identify"
    r"|predict|detect|verify|confirm|show|classify|understand|curious|learn|let|answer|question"
    r"|analy[sz]e|evaluate|assess|as|even|what)\b[^,;]*$",
    re.I,
)
"""Words before an "if" that only asks something."""
_OTHERWISE = re.compile(
    r"\W*(?:and |but )?(?:otherwise|or else|else|if not|if it (?:is not|isn't))\b", re.I
)
_PART = re.compile(
    rf"\b(?:the |its )?(?:{ORDER.pattern}|\d+(?:st|nd|rd|th)) "
    r"(?:(?:two|three|four|five|few|\d+) )?(?:sentence|paragraph|line|page|chapter)s?\b",
    re.I,
)


def is_alternative(sketch: Sketch, clause: Clause) -> bool:
    """Whether a clause says what to do where a condition does not hold; it is noted then."""
    if not _OTHERWISE.match(clause.text) or not any(map(_condition, sketch.clauses)):
        return False
    sketch.note(f"Left out: '{sketch.mentions.restore(clause.text).strip(' .,!?')}'.")
    return True


def note_conditions(sketch: Sketch) -> bool:
    """Note what is done as if its condition held; whether there is any."""
    said = list(filter(None, map(_condition, sketch.clauses)))
    for each in said:
        told = sketch.mentions.restore(each)
        sketch.note(f"No condition is weighed: what depends on '{told}' is done in any case.")
    return bool(said)


def note_parts(sketch: Sketch) -> None:
    """Note that a given text is taken whole, where only a part of it is asked for."""
    for step in (step for step in sketch.steps if step.clause >= 0 and not step.missing):
        part = _PART.search(sketch.clauses[step.clause].text)
        read = any(slot.kind == "text" and step.args.get(slot.name) for slot in step.row.inputs)
        if part and read and not step.trait.prompted and "question" not in step.args:
            sketch.note(f"The whole text is taken, not only {part[0]}.")


def _condition(clause: Clause) -> str:
    """The condition that a clause sets, empty where it sets none."""
    text = POLITE.sub("", clause.text)
    found = _IF.search(text)
    return found[0].strip() if found and not _ASKS_WHETHER.search(text[: found.start()]) else ""
