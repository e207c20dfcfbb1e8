"""What needs no model, or what none does: telling a language or a length, exact edits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hugginggraph.tools import plural, split_sentences

from ..references import whole_reference
from .arguments import Wish
from .cues import cues, match_cues
from .inputs import Input, find_texts, given, words_of
from .languages import in_english, speaks, unquoted
from .rows import CLASSES, FAMILIES, GIVEN, trait
from .sketch import Sketch, Step
from .written import foreign_language, language_of, plain_language

_EXACT = re.compile(
    r"\b(?:blur|sharp|bright|dark|black[- ](?:and|&)[- ]white|gr[ae]yscale|monochrome|sepia"
    r"|contrast|saturat|invert)\w*",
    re.I,
)
_LENGTH = re.compile(r"\bhow many (word|sentence|character|letter)s?\b", re.I)
_REPAINTED = (
    "The picture is painted anew by a model: that is no exact edit, and details may change."
)
_NO_EDITOR = (
    "Cropping, turning and resizing, and changing a file's format, are exact edits, which no model "
    "does and which are not available here; a picture, sound or film editor does them."
)


def tell_language(sketch: Sketch, wish: Wish) -> None:
    """Tell the language of texts from their words, and leave to a model what they do not tell."""
    row = sketch.rows[FAMILIES["language"]["text"]]
    found = find_texts(sketch, wish.at, wish.window, trait(row.id), frozenset())
    for value in (_told_of(sketch, value) for value in found.values):
        called = _called(sketch, value)
        if language := plain_language(words_of(sketch, value)):
            sketch.told.append(f"{called} is in {language}, going by its words.")
        elif _asks_for_classes(sketch):
            sketch.told.append(f"What language {called} is in, its words do not say plainly.")
        else:
            sketch.add(row.id, wish.at, min(0.85, found.sure), {row.inputs[0].name: value})
    if not found.values:
        sketch.note("The question what language something is in needs a text.")


def _told_of(sketch: Sketch, value: str) -> str:
    """The text that was translated or summarized: the language of that is asked."""
    source = whole_reference(value)
    step = sketch.steps[source] if source is not None else None
    if step is not None and step.clause < 0 and step.row.id == "translation":
        own = [s for s in sketch.steps if s.row is GIVEN]
        there = Input(sketch.results_of(own[-1])) if own else given(sketch, "text", "")
        named = step.id in sketch.refers.values()
        return there.values[-1] if there and not named else value
    if step is None or step.clause < 0 or step.trait.prompted or not step.trait.chains:
        return value
    return _told_of(sketch, str(step.args.get("text", value)))


def _asks_for_classes(sketch: Sketch) -> bool:
    """Whether the same text is to be classified, so that one result would answer two questions."""
    return any(m.task in CLASSES for c in sketch.clauses for m in match_cues(c.text, cues()))


def tell_length(sketch: Sketch, wish: Wish) -> None:
    """Count the words, sentences or characters of texts that are there: no model counts well."""
    asked = _LENGTH.search(wish.window)
    found = find_texts(sketch, wish.at, wish.window, trait("text-classification"), frozenset())
    for value in found.values:
        text = words_of(sketch, value, None)
        if asked and text:
            what = asked[1].lower()
            letters = [sign for sign in text if sign.isalpha()]
            pieces = {"word": text.split(), "sentence": split_sentences(text), "letter": letters}
            many = len(pieces.get(what, text.strip()))
            sketch.told.append(f"{_called(sketch, value)} has {many:,} {plural(what, many)}.")
    if not sketch.told:
        sketch.note("Counting words, sentences or characters needs a text that is there already.")


def refuse_exact(sketch: Sketch, _: Wish) -> None:
    """Say that no model edits exactly."""
    sketch.refused.append(_NO_EDITOR)


def warn_of_repainting(sketch: Sketch, wish: Wish) -> None:
    """Note that a change which sounds exact ("blur it") is painted."""
    if _EXACT.search(wish.window):
        sketch.note(_REPAINTED)


def leave_be(sketch: Sketch, step: Step) -> None:
    """Let a text stand for its own translation where it plainly is in the wanted language.

    English is never so plain, as a few of its words stand in texts of any language, but in what an
    earlier turn saw in a picture.
    """
    text, target = (str(step.args.get(name, "")) for name in ("text", "target_language"))
    words = words_of(sketch, text)
    source = whole_reference(text)
    seen = source is not None and sketch.steps[source].clause < 0 and _seen(sketch.steps[source])
    english = target == "English" and seen and language_of(words) == "English"
    if english or (target not in ("", "English") and plain_language(words, 3) == target):
        step.found = text if whole_reference(text) is None else words
        name = _called(sketch, text)
        sketch.told.append(f"{name} is in {target} already: there is nothing to translate.")


def _seen(step: Step) -> bool:
    """Whether a step looked at a picture, and so wrote the words that its model knows."""
    return step.row.inputs[0].kind == "image" and step.row.output in ("text", "boxes", "labels")


def asks_language_only(request: str) -> bool:
    """Whether a request's own words ask for a text's language, and for no classes of a text."""
    said = unquoted(request)
    english = in_english(request, speaks(request) or foreign_language(said)) or request
    asked = {match.task for match in match_cues(unquoted(english, "«text0»"), cues())}
    return "language" in asked and not asked.intersection(CLASSES)


def _called(sketch: Sketch, value: str) -> str:
    """How a sentence calls a text: the name of its file, or the text itself in quotes."""
    if value in sketch.resources:
        return sketch.resources[value]["name"]
    if whole_reference(value) is not None:
        return "The text before"
    return f"'{value if len(value) <= 60 else value[:59].rstrip() + '…'}'"


UNMODELLED: Mapping[str, Callable[[Sketch, Wish], None]] = {
    "language": tell_language,
    "length": tell_length,
    "exact": refuse_exact,
}
"""The families of cues that are met here, as far as they are, and not by binding a task."""
