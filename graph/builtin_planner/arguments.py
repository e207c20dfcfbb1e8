"""What goes into a task's text slots: a text, a language, a seed, an instruction."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hugginggraph.registry import Slot, TaskType

from ..references import whole_reference
from .cues import LANGUAGE, NOUNS, POLITE
from .inputs import Input, bridge, find_texts, media_named, points_back, turned_to_text
from .labels import Labels
from .mentions import MARKER
from .rows import BRIDGES, trait
from .sketch import Sketch
from .written import SCRIPTS, language_of

_EMPTY_WORDS = re.compile(
    r"\b(?:it|its|this|that|these|those|them|they|the|a|an|my|our|your|following|text|texts"
    r"|article|document|sentence|sentences|paragraph|passage|please|for|me|of|in|on|to|with|from"
    r"|by|into|and|or|then|below|above|attached|given|provided|file|content|contents|is|are|as|at"
    r"|brief(?:ly)?|short|quick(?:ly)?|thanks?|you|now|also|aloud|out loud|loud|version|each|all"
    r"|both|sentiment|summary|language|result|output|about|general|positive|negative|neutral"
    r"|whether|another|again|there|what|which|how|people|names|places|image|picture|photo|audio"
    r"|so|i|can"
    rf"|{LANGUAGE})\b",
    re.I,
)
_BARE_WORDS = (
    r"\s+(?!(?:it|them|this|that|these|those|the|my|your|our|his|her|its|their|what|which"
    r"|how|whatever|everything|anything|something|all|each|every|any|some|both|again|out|aloud|\d+)\b)"
)
_ALOUD = re.compile(
    rf"\b(?:read|say){_BARE_WORDS}([^«»]+?)\s+(?:aloud|out loud)\b"
    rf"|^\W*(?:and |then |please )*say{_BARE_WORDS}([^«»:]+?)\W*$",
    re.I,
)
"""Words to be read that stand bare between "read" and "aloud", or after "say"."""
_BARE = re.compile(
    r"\b(?:translat(?:e|ing)|say)\s+(?!(?:it|its|this|that|these|those|them|the|my|your|our|his|her"
    r"|their|an?|what|which|how|whatever|everything|all|each|every|any|some|both|from|in|into|to)\b)"
    rf"([^«»?]+?)\s+(?:in|into|to)\s+{LANGUAGE}\b",
    re.I,
)
"""Words to be translated that stand bare between "translate" and the language."""
_NO_TEXT = re.compile(rf"^(?:{LANGUAGE}|{NOUNS['text']}|words?)s?$|\bfrom {LANGUAGE}\b", re.I)
"""What only says that a text, or from which language, is translated."""
_APART = re.compile(r"\b(?:each|every|separately|individually|one by one)\b", re.I)


@dataclass(frozen=True)
class Wish:
    """A task or family that clause ``at`` asks for, with the words that belong to it."""

    task: str
    at: int
    window: str
    weight: float
    after: str = ""
    labels: Labels | None = None
    fed: bool = False


def role(slot: Slot) -> str:
    """What a text slot is for."""
    names = {slot.name, *slot.names}
    if slot.many and names & {"candidate_labels", "labels", "classes"}:
        return "labels"
    if "question" in names:
        return "question"
    if slot.name == "seed":
        return "seed"
    if any("lang" in name for name in names):
        return "from" if any(n.startswith(("src", "source")) for n in names) else "language"
    if slot.name in ("prompt", "instruction"):
        return "instruction"
    return "text"


def bound_text(sketch: Sketch, wish: Wish, row: TaskType, skip: frozenset[int]) -> Input:
    """The texts a task works on: named, earlier, turned from a picture, or the words themselves."""
    own = trait(row.id)
    last = sketch.steps[-1] if wish.fed and sketch.steps else None
    if last and last.row.output == "text" and last.clause == wish.at and own.chains:
        return Input(sketch.results_of(last))
    asked = any(role(slot) == "question" for slot in row.inputs)
    found = find_texts(sketch, wish.at, wish.window, own, skip, asked=asked)
    words = remainder(wish.after)
    said = len(words.split()) >= 2 or bool(words and own.brief)
    aloud = _ALOUD.search(wish.window) if row.id == "text-to-speech" else None
    if aloud and (aloud[2] or not said):
        return Input(((aloud[1] or aloud[2]).strip(),), 0.8)
    own_words = said and not asked and not points_back(wish.window)
    if found.values and not (own_words and _of_before(sketch, found)):
        apart = _APART.search(sketch.mentions.restore(wish.window))
        return joined(found) if own.gathers and _results(found) and not apart else found
    if len(words.split()) < 2 and (media := turned_to_text(sketch, wish.at, wish.window)).values:
        return media
    if row.id == "translation" and not said and (bare := _bare_text(wish.window)):
        sketch.note(f"Taken as the text to translate: '{bare}'.")
        return Input((bare,), 0.7)
    return Input((words,), 0.8) if said else Input()


def _bare_text(window: str) -> str:
    """The words that stand bare where a text to translate is looked for, and name no text."""
    bare = _BARE.search(window)
    return bare[1].strip() if bare and not _NO_TEXT.search(bare[1]) else ""


def _of_before(sketch: Sketch, found: Input) -> bool:
    """Whether these are results of earlier turns."""
    sources = [whole_reference(value) for value in found.values]
    return all(source is not None and sketch.steps[source].clause < 0 for source in sources)


def _results(found: Input) -> bool:
    return all(whole_reference(value) is not None for value in found.values)


def joined(found: Input) -> Input:
    """Several texts as one."""
    return Input(("\n".join(found.values),), found.sure) if len(found.values) > 1 else found


def remainder(text: str) -> str:
    """The words of a request that can only be the text itself ("embed hello world")."""
    text = MARKER.sub("", text)
    text = re.sub(
        r"^\W*(?:(?:of|for|in|from|the|this|following|sentence|text|phrase|words?|about|a|an"
        r"|whether|if)\b\W*)+",
        "",
        text,
        flags=re.I,
    )
    text = re.sub(rf"\s*\b(?:in)?to {LANGUAGE}\b.*$", "", text, flags=re.I)
    text = re.sub(r"\s+(?:instead|(?:this|next) time)\W*$", "", text, flags=re.I)
    return text.strip(" .,;:?!\"'") if _EMPTY_WORDS.sub("", text).strip(" .,;:?!\"'") else ""


def bound_language(wish: Wish, part: str) -> Input:
    """The language that a clause names."""
    name = rf"{LANGUAGE}\b"
    if part == "from":
        found = re.search(
            rf"\bfrom ({name})|\b(?:the|this|that) ({name}) (?:\w+ )?«", wish.window, re.I
        )
        return Input(((found[1] or found[2]).capitalize(),)) if found else Input()
    several = rf"({name}(?:(?:,|,? and| as well as|,? then|) (?:(?:(?:in)?to|in) )?{name})*)"
    found = re.search(rf"\b(?:(?:in)?to|in) (?:both )?{several}", wish.window, re.I)
    found = found or re.search(
        rf"\b(?:an?|the(?= \w+ (?:one|version|translation)\b)) ({name})", wish.window, re.I
    )
    found = found or re.fullmatch(rf"\W*({name})\W*(?:please\W*)?", wish.window, re.I)
    named = re.findall(name, found[1], re.I) if found else []
    return Input(tuple(dict.fromkeys(each.capitalize() for each in named)))


def written_in(text: str, target: str, request: str) -> str:
    """The language that a given text is plainly in, empty where nothing tells.

    A ``request`` in another script than the text's tells that this is English, and one in another
    language that wants English (``target``) that the text is in its own.
    """
    if whole_reference(text) is not None:
        return ""
    if (found := language_of(text)) not in ("", "English"):
        return found
    if request in SCRIPTS and text.isascii():
        return "English"
    return request if target == "English" else ""


def bound_seed(wish: Wish) -> Input:
    """The number after the word "seed"; a seed is never made up."""
    said = re.search(r"\bseed\b(?: number| value)?(?: of| is|:| ?=)? ?(\d+)\b", wish.window, re.I)
    return Input((said[1],)) if said else Input()


def bound_instruction(sketch: Sketch, wish: Wish) -> Input:
    """What to do with a picture: a quoted text, an earlier result, or the clause's own words."""
    texts = [m for m in sketch.mentions.within(wish.window) if m.kind in ("text", "labels")]
    if texts:
        sketch.used.update(m.number for m in texts)
        return Input((texts[-1].values[0],))
    if re.search(
        r"\b(?:based on|according to|to match|accordingly|following|as described|using"
        r"|use (?:it|this|that|the \w+) (?:to|for|as))\b",
        wish.window,
        re.I,
    ):
        waiting = [m for m in sketch.named() if m.kind == "text" and m.number not in sketch.used]
        spoken = media_named(sketch, "audio", wish.window)
        if spoken:
            return bridge(sketch, BRIDGES["audio", "text"], Input(spoken), wish.at)
        result = next(
            (s for s in reversed(sketch.steps) if s.row.output in ("text", "labels")), None
        )
        if result:
            return Input(sketch.results_of(result)[:1], 0.85)
        if waiting:
            sketch.used.add(waiting[0].number)
            return Input((waiting[0].values[0],), 0.85)
    words = sketch.mentions.restore(POLITE.sub("", wish.window)).strip(" .,;:")
    return Input((words,)) if words else Input()
