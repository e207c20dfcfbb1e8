"""Where a clause speaks of a result that an earlier clause brings: "the caption", "the results"."""

from __future__ import annotations

import re
from functools import partial

from ..references import reference
from .cues import NOUNS
from .mentions import MARKER
from .pointers import ORDER, at_order
from .rows import GIVEN
from .sketch import Sketch, Step

_DETERMINED = (
    r"(?:the|this|that|these|those|its|their|each|your|all|both|every|any|final|resulting|obtained)"
)
_RESULT = (
    r"\b(?:the |this |these |its |your )?"
    r"(?:(?:final |above |previous )?(?:results?|outputs?)\b|resulting \w+)(?! of\b)"
)
ORIGINAL = re.compile(r"\b(?:original|initial|input|given|provided|attached|first)\b", re.I)
"""Words for a thing as it was given, rather than for what was made of it."""
_YOURS = re.compile(r"\byour (?:last |previous )?(?:answer|reply|response)\b", re.I)
_ANEW = re.compile(
    r"\b(?:what(?:'s| is| are| was)|find|detect|determine|identify|classify"
    r"|(?:tell|give|show) me)\s+$",
    re.I,
)
"""Words that ask for a thing itself, and so for more than an earlier turn found: "what is the"."""
_ONLY_WHEN = re.compile(r"\b(?:after|before|once)\s+$", re.I)


_BARE = re.compile(r"(?:all|both|each)(?: of (?:them|these)| one)?(?: \w+)?", re.I)
"""Words for several things that may have been worked on before."""
_MANY = re.compile(r"\b(?:all|both|each|every)\b|[^s]s\b", re.I)


def mark_results(sketch: Sketch, at: int) -> None:
    """Put markers where a clause speaks of a result that an earlier clause brings."""
    clause = sketch.clauses[at]
    clause.text = MARKER.sub(partial(_worked_on, sketch, at), clause.text)
    if sketch.steps and sketch.steps[-1].clause < 0:
        mark = partial(_mark, sketch, sketch.steps[-1], at)
        clause.text = _YOURS.sub(mark, clause.text)
    for step in reversed(sketch.steps):
        result = step.trait.result
        names = (
            rf"\b{_DETERMINED}\s+(?:(?!of\b|in\b)[\w-]+\s+)?(?:{result})(?!\w)(?:'s?\b)?"
            rf"|(?<=\bof )(?:{result})(?!\w)|(?<=\busing )(?:{result})(?!\w)"
            rf"|\b(?:{result})(?<=ed )\w+"
        )
        clause.text = re.sub(names, partial(_mark, sketch, step, at), clause.text, flags=re.I)
    if sketch.steps:
        mark = partial(_mark, sketch, sketch.steps[-1], at)
        clause.text = re.sub(_RESULT, mark, clause.text, flags=re.I)


def _mark(sketch: Sketch, step: Step, at: int, match: re.Match[str]) -> str:
    results, order = _meant(sketch, step, match[0]), ORDER.search(match[0])
    chosen = at_order(order[0], results) if order and len(results) > 1 else ()
    given = ORIGINAL.search(match[0]) and step.row is not GIVEN and not chosen
    if "«" in match[0] or given:
        return match[0]
    if step.clause < 0 and _ANEW.search(match.string[: match.start()]):
        return match[0]
    if _ONLY_WHEN.search(match.string[: match.start()]):
        return "that"  # "after the translation" says when, not what
    bare = re.search(r"\b(?:text|words|description)s?$", match[0], re.I) and not re.search(
        r"\w+ed\b", match[0]
    )
    files = any(r["kind"] == "text" and "task" not in r for r in sketch.resources.values())
    if bare and any(m.kind == "text" for m in sketch.named(range(at + 1))):
        return match[0]
    if files and re.search(r"\btexts?$", match[0], re.I) and sketch.only_shows(step):
        return match[0]
    kind: str = step.row.output
    if kind in ("boxes", "masks") and re.search(NOUNS["image"], match[0], re.I):
        kind = "image"
    marker = sketch.mentions.add(kind, tuple(chosen or results), match[0])
    sketch.refers[len(sketch.mentions.found) - 1] = step.id
    return marker


def _worked_on(sketch: Sketch, at: int, match: re.Match[str]) -> str:
    """The word "them" for "both" where it means what steps have made of those things."""
    mention = sketch.mentions.found[int(match[2])]
    if not _BARE.fullmatch(mention.raw):
        return match[0]
    steps = [s for s in sketch.steps if s.clause >= 0 and s.clause < at]
    on = [s for s in steps if any(value in s.args.values() for value in mention.values)]
    told = mention.kind == "text" and sketch.clauses[at].then
    anew = all(s.trait.renews or (told and s.row.output == "text") for s in on)
    covered = all(any(value in s.args.values() for s in on) for value in mention.values)
    them = "each of them" if mention.raw.lower().startswith("each") else "them"
    return them if anew and covered else match[0]


def _meant(sketch: Sketch, step: Step, said: str) -> tuple[str, ...]:
    """A step's results; those of its like in other clauses too where a plural means texts."""
    like = [s for s in sketch.steps if s.row is step.row and not s.found]
    if step.found or step.row.output != "text" or not _MANY.search(said):
        return sketch.results_of(step)
    return tuple(reference(each.id) for each in like)


def guided(sketch: Sketch, window: str) -> str:
    """The task that makes a picture from the control picture that the words name, if any."""
    made = [sketch.refers.get(mention.number) for mention in sketch.mentions.within(window)]
    drawn = [sketch.steps[each].row.id for each in made if each is not None]
    kinds = [task.removesuffix("-control") for task in drawn if task.endswith("-control")]
    tasks = [f"{kind}-text-to-image" for kind in kinds]
    return next((task for task in tasks if task in sketch.available), "text-to-image")
