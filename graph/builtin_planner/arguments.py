"""What goes into a task's text slots: a text, a language, an instruction, texts to compare."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hugginggraph.registry import Slot, TaskType, reads_as

from ..references import REFERENCE, whole_reference
from .cues import LANGUAGES, NOUNS, POLITE
from .inputs import (
    MOST_READ,
    Input,
    answers,
    bridge,
    find_texts,
    given,
    media_named,
    points_back,
    several,
    turned_to_text,
    words_of,
)
from .labels import Labels
from .mentions import MARKER
from .others import LIST
from .rows import BRIDGES, trait
from .sketch import Sketch
from .written import SCRIPTS, language_of

_EMPTY_WORDS = re.compile(
    r"\b(?:it|its|this|that|these|those|them|they|the|a|an|my|our|your|following|text|texts"
    r"|article|document|sentence|"
    r"sentences|paragraph|passage|please|for|me|of|in|on|to|with|from|by|into|and|or|then|below"
    r"|above|attached|given|"
    r"provided|file|content|contents|is|are|as|at|brief(?:ly)?|short|quick(?:ly)?|thanks?|you|now"
    r"|also|aloud|out loud|"
    r"loud|version|each|all|both|sentiment|summary|language|result|output|about|general|positive"
    r"|negative|neutral|whether|"
    r"another|again|there|what|which|how|people|names|places|image|picture|photo|audio|so|i|can|"
    + "|".join(LANGUAGES)
    + r")\b",
    re.I,
)
_FRAGMENT = re.compile(r"\b(?:complete|continue|finish|extend|prompt)\b", re.I)
_DRAW = re.compile(r"^.*?\b(?:draw|paint|film|animate)\b\s*(?:me\s+)?", re.I)
_OF = re.compile(
    r"^.*?\b(?:image|picture|photo|illustration|drawing|painting|video|clip|animation|artwork"
    r"|logo|poster)s?\b"
    r"\s*(?:me\s+)?(?:example\s+)?(?:of|showing|that (?:shows|represents|depicts)|about|with|from"
    r"|based on|for|:)?\s*",
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
    rf"([^«»?]+?)\s+(?:in|into|to)\s+(?:{'|'.join(LANGUAGES)})\b",
    re.I,
)
"""Words to be translated that stand bare between "translate" and the language."""
_NO_TEXT = re.compile(
    rf"^(?:{'|'.join(LANGUAGES)}|{NOUNS['text']}|words?)s?$|\bfrom (?:{'|'.join(LANGUAGES)})\b",
    re.I,
)
"""What only says that a text, or from which language, is translated."""
_NUMBER = re.compile(r"(?:one|two|three|four|five|six|several|many|\d+)\b", re.I)
_WHICH = re.compile(r"(?<=\w) that(?= \w)")
"""What a noun does: "a circle that moves"."""
_HAPPENS = re.compile(r"\b(?:so that|such that|in which|where|showing)\s+(.{3,})", re.I | re.S)
_SHOWN = re.compile(
    r"\b(?:(?:image|picture|photo|illustration|drawing|painting)s? (?:of|showing)|draw|paint)\s+"
    r"((?:an?|the|some|one|two|three)\s[^«]+?)"
    r"\s*\b(?:from|based on|guided by|along|using|with|out of)\s*(?=«)",
    re.I,
)


_LIKE = re.compile(
    r"\b(?:most (?:like|similar to|related to)|similarity (?:to|with)"
    r"|(?:closest|nearest|close|near)(?: in meaning)? to)"
    r"\s+(?:the \w+ |this \w+ )?«[a-z]+(\d+)»",
    re.I,
)


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
    if own.prompted:
        return _prompt(sketch, wish, row, skip)
    last = sketch.steps[-1] if wish.fed and sketch.steps else None
    if last and last.row.output == "text" and last.clause == wish.at and own.chains:
        return Input(sketch.results_of(last))
    asked = any(role(slot) == "question" for slot in row.inputs)
    found = find_texts(sketch, wish.at, wish.window, own, skip, asked=asked)
    words = _remainder(sketch, wish.after)
    said = len(words.split()) >= 2 or bool(words and own.brief)
    aloud = _ALOUD.search(wish.window) if row.id == "text-to-speech" else None
    if aloud and (aloud[2] or not said):
        return Input(((aloud[1] or aloud[2]).strip(),), 0.8)
    own_words = said and not asked and not points_back(wish.window)
    if found.values and not (own_words and _of_before(sketch, found)):
        apart = _APART.search(sketch.mentions.restore(wish.window))
        joins = own.gathers and _results(found) and not apart
        return _joined(found) if joins else found
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


def _joined(found: Input) -> Input:
    return Input(("\n".join(found.values),), found.sure) if len(found.values) > 1 else found


def _prompt(sketch: Sketch, wish: Wish, row: TaskType, skip: frozenset[int]) -> Input:
    """The text of a task that makes something new: the request's words and what they speak of."""
    if row.inputs[0].kind == "image" and (shown := _SHOWN.search(wish.window)):
        return Input((shown[1],), 0.9)
    if row.inputs[0].kind == "image" and row.output == "video":
        return _told_to_move(sketch, wish, skip)
    generates = row.output == "text"
    named = sketch.mentions.within(wish.window)
    made = [m for m in named if m.file and m.kind == row.output]
    skip |= {m.number for m in made if m.values[0] not in sketch.resources}
    said = sketch.mentions.restore(POLITE.sub("", wish.window)).strip(" .,;:")
    here = [
        m
        for m in sketch.mentions.within(wish.window)
        if m.kind in ("text", "question", "labels", "boxes") and m.number not in skip
    ]
    if here and whole_reference(here[-1].values[0]) is None:
        sketch.used.update(m.number for m in here)
        whole = generates and trait(row.id).told and not _FRAGMENT.search(wish.window)
        if generates and here[-1].file and (content := _content(sketch, here[-1].values[0])):
            return Input((f"{said}\n\n{content}" if whole else content,))
        apart = several(row.output, wish.window)
        if not generates and (listed := LIST.search(wish.window)):
            things = [v for m in sketch.mentions.within(listed[0]) if m in here for v in m.values]
            if len(things) > 1:
                return Input(tuple(things) if apart else (" and ".join(things),))
        if whole or generates or len(here[-1].values) < 2:
            return Input((said if whole else here[-1].values[0],))
        return Input(here[-1].values if apart else (here[-1].raw,))
    source = find_texts(sketch, wish.at, wish.window, trait(row.id), skip)
    mends = trait(row.id).told and not trait(row.id).gathers  # a text that is there
    if mends and not source.values:
        source = given(sketch, "text", wish.window) or source
    words = _remainder(sketch, _DRAW.sub("", _OF.sub("", wish.window)))
    refers = bool(here) or points_back(_WHICH.sub("", wish.window))
    own = not (refers or mends) and _names_its_own(sketch, wish, words)
    refers = refers or sketch.clauses[wish.at].then
    if not source.values or own:
        if (not source.values and refers) or (
            any(m.kind in ("image", "audio") for m in sketch.mentions.within(wish.window))
        ):
            source = turned_to_text(sketch, wish.at, wish.window)
        elif len(words.split()) >= 1:
            return Input((said if generates else words,), 0.9)
    if not source.values:
        return Input((said,), 0.6) if words else Input()
    joined = _joined(source)
    text = _content(sketch, joined.values[0]) if generates else ""
    if generates and joined.values[0] in sketch.resources and not text:
        return Input()
    if generates and trait(row.id).told:
        return Input((f"{said}\n\n{text or joined.values[0]}",), joined.sure)
    return Input((text,), joined.sure) if text else joined


def _content(sketch: Sketch, value: str) -> str:
    """The words of a text file that stand in a prompt, as a prompt takes no file."""
    if value not in sketch.resources:
        return ""
    words = words_of(sketch, value)
    if len(words) >= MOST_READ:
        name = sketch.resources[value]["name"]
        sketch.note(f"Of {name} only the first {MOST_READ:,} characters were taken.")
    return REFERENCE.sub("", words).strip()


def _names_its_own(sketch: Sketch, wish: Wish, words: str) -> bool:
    """Whether words say what is to be made, and not how a result of before is to be shown.

    After other steps of the request only a thing that was not spoken of does: "a red circle".
    """
    if words and re.search(rf"\b(?:an?|some)\s+{re.escape(words)}", wish.window, re.I):
        return True
    first = not sketch.clauses[wish.at].then and all(step.clause < 0 for step in sketch.steps)
    return bool(_NUMBER.match(words)) or (first and len(words.split()) >= 2)


def _told_to_move(sketch: Sketch, wish: Wish, skip: frozenset[int]) -> Input:
    """What is to happen with a picture, where the words say more than that it is to move."""
    texts = [m for m in sketch.mentions.within(wish.window) if m.kind == "text"]
    if told := [m for m in texts if m.number not in skip]:
        sketch.used.update(m.number for m in told)
        return Input(told[-1].values[:1])
    said = _HAPPENS.search(sketch.mentions.restore(wish.window))
    return Input((said[1].strip(" .!?"),)) if said else Input()


def _remainder(sketch: Sketch, text: str) -> str:
    """The words of a request that can only be the text itself ("embed hello world")."""
    text = MARKER.sub("", text)
    text = re.sub(
        r"^\W*(?:(?:of|for|in|from|the|this|following|sentence|text|phrase|words?|about|a|an"
        r"|whether|if)\b\W*)+",
        "",
        text,
        flags=re.I,
    )
    text = re.sub(rf"\s*\b(?:in)?to (?:{'|'.join(LANGUAGES)})\b.*$", "", text, flags=re.I)
    text = re.sub(r"\s+(?:instead|(?:this|next) time)\W*$", "", text, flags=re.I)
    return text.strip(" .,;:?!\"'") if _EMPTY_WORDS.sub("", text).strip(" .,;:?!\"'") else ""


def bound_language(wish: Wish, part: str) -> Input:
    """The language that a clause names."""
    name = rf"(?:{'|'.join(LANGUAGES)})\b"
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


def bound_seed(sketch: Sketch, wish: Wish) -> Input:
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
        waiting = [
            m
            for m in sketch.named(range(len(sketch.clauses)))
            if m.kind == "text" and m.number not in sketch.used
        ]
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


def compared(sketch: Sketch, wish: Wish, row: TaskType) -> dict[str, object]:
    """A sentence and those it is compared with: named, or results, oldest first."""
    here = [
        m for m in sketch.mentions.within(wish.window) if m.kind in ("text", "question", "labels")
    ]
    if anchor := _LIKE.search(wish.window):
        here.sort(key=lambda m: m.number != int(anchor[1]))
    values = [v for m in here for v in m.values]
    shown = media_named(sketch, "image", wish.window)
    if len(values) < 2 and len(values) + len(shown) < 2:
        everywhere = sketch.named(range(len(sketch.clauses)))
        others = [m for m in everywhere if m.kind in ("text", "question") and m not in here]
        results = [s for s in sketch.steps if s.row.output == "text" and s.clause <= wish.at]
        results = [s for s in results if s.clause >= 0 or not answers(s.row)]
        made = [v for s in results[-1:] for v in sketch.results_of(s) if v not in values]
        if len(made) > 1 and not values:
            values = made
        elif results and not (len(others) > 1 and not points_back(wish.window)):
            values = [*made[-1:], *values] if values else made[-1:]
            if len(values) < 2 and others:
                values += [others[-1].values[0]]
            elif len(values) < 2 and len(results) > 1:
                values = [v for s in results[-2:] for v in sketch.results_of(s)[:1]]
        else:
            here = [*here, *others]
            values += [v for m in others for v in m.values]
    sketch.used.update(m.number for m in here)
    if not values and not shown and (pictures := given(sketch, "image", "them")):
        shown = pictures.values if len(pictures.values) > 1 else ()
    if len(values) < 2 and shown:
        captions = bridge(sketch, BRIDGES["image", "text"], Input(shown), wish.at)
        values = [*captions.values, *values]
    values = list(dict.fromkeys(values))
    if len(values) == 1:
        read = [s for s in sketch.steps if reads_as(s.row.output, "text") and s.clause <= wish.at]
        latest = [v for s in read[-1:] for v in sketch.results_of(s)[:1] if v not in values]
        values = [*latest, *values]
    if not values:
        parts = re.split(r"\s+(?:and|to|with|vs\.?)\s+", _remainder(sketch, wish.after), maxsplit=1)
        values = parts if len(parts) == 2 else []
    single, many = row.inputs[0].name, row.inputs[1]
    filled: dict[str, object] = {}
    if values:
        filled[single] = values[0]
    if len(values) > 1:
        filled[many.name] = values[1:] if many.many else values[1]
    return filled
