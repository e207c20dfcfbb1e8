"""What goes into a task's text slots: a text, a question, a language, an instruction, labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hugginggraph.registry import Slot, TaskType, reads_as

from ..references import whole_reference
from .cues import LANGUAGES
from .labels import Labels
from .mentions import MARKER
from .rows import BRIDGES, trait
from .sketch import Input, Sketch

POLITE = re.compile(
    r"^(?:\W|(?:please|pls|hi|hello|hey|ok(?:ay)?|so|and|also|then|now|just|kindly|first|finally"
    r"|can you|could you|"
    r"would you|will you|i(?:'d| would) like (?:you )?to(?! know)|i want (?:you )?to(?! know)|i"
    r" need (?:you )?to|help me|"
    r"i(?:'d| would) like|i want|i need|let's|go ahead and|be so kind (?:as )?to|you)\b)+",
    re.I,
)
ASKS = re.compile(
    r"\b(?:what|who|whom|whose|when|where|why|how|which)\b|^(?:is|are|was|were|does|do (?:you"
    r"|they|we|the|these|those|any)|did|can|could|has|have|will)\b",
    re.I,
)
WONDERS = re.compile(
    r"\b(?:know|tell me|find(?: out)?|determine|figure out|understand|learn|curious|wonder(?:ing)?"
    r"|identify|give me|need|information|details?|ask|recogni[sz]e|check|see|say|inquire|name)\s+"
    r"(?:more |me |for |out )?(?:(?:about|on|regarding|for) )?(?=(?:the|its|any|if|whether|an?)\b)",
    re.I,
)
_ASK_LEAD = re.compile(
    r"^.*?\b(?:tell me|know|find out|answer|figure out|determine|ask)\b\s+(?=(?:what|who|whom"
    r"|whose|when|where|why|"
    r"how|which|if|whether)\b)",
    re.I,
)
_RELATIVE = re.compile(
    r"which (?:might|may|can|could|will|would|should|also|contains?|has|have|is|are|shows?)\b", re.I
)
_EMPTY_WORDS = re.compile(
    r"\b(?:it|its|this|that|these|those|them|they|the|a|an|my|our|your|following|text|texts"
    r"|article|document|sentence|"
    r"sentences|paragraph|passage|please|for|me|of|in|on|to|with|from|by|into|and|or|then|below"
    r"|above|attached|given|"
    r"provided|file|content|contents|is|are|as|at|brief(?:ly)?|short|quick(?:ly)?|thanks?|you|now"
    r"|also|aloud|out loud|"
    r"loud|version|each|all|both|sentiment|summary|language|result|output|about|general|positive"
    r"|negative|neutral|whether|"
    r"there|what|which|how|people|names|places|image|picture|photo|audio|so|i|can|"
    + "|".join(LANGUAGES)
    + r")\b",
    re.I,
)
_FRAGMENT = re.compile(r"\b(?:complete|continue|finish|extend|prompt)\b", re.I)
_DRAW = re.compile(r"^.*?\b(?:draw|paint)\b\s*(?:me\s+)?", re.I)
_OF = re.compile(
    r"^.*?\b(?:image|picture|photo|illustration|drawing|painting|video|clip|animation|artwork"
    r"|logo|poster)s?\b"
    r"\s*(?:me\s+)?(?:example\s+)?(?:of|showing|that (?:shows|represents|depicts)|about|with|from"
    r"|based on|for|:)?\s*",
    re.I,
)

_SHOWN = re.compile(
    r"\b(?:(?:image|picture|photo|illustration|drawing|painting)s? (?:of|showing)|draw|paint)\s+"
    r"((?:an?|the|some|one|two|three)\s[^«]+?)"
    r"\s*\b(?:from|based on|guided by|along|using|with|out of)\s*(?=«)",
    re.I,
)


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
    asked = any(role(slot) == "question" for slot in row.inputs)
    found = sketch.text(wish.at, wish.window, own, skip, asked=asked)
    if found.values:
        return _joined(found) if own.gathers and _results(found) else found
    words = _remainder(sketch, wish.after)
    media = sketch.turned_to_text(wish.at, wish.window) if len(words.split()) < 2 else Input()
    if media.values:
        return media
    if len(words.split()) >= 2 or (words and own.brief):
        return Input((words,), 0.8)
    return Input()


def _results(found: Input) -> bool:
    return all(whole_reference(value) is not None for value in found.values)


def _joined(found: Input) -> Input:
    return Input(("\n".join(found.values),), found.sure) if len(found.values) > 1 else found


def _prompt(sketch: Sketch, wish: Wish, row: TaskType, skip: frozenset[int]) -> Input:
    """The text of a task that makes something new: the request's words and what they speak of."""
    if row.inputs[0].kind == "image" and (shown := _SHOWN.search(wish.window)):
        return Input((shown[1],), 0.9)
    generates = row.output == "text"
    named = sketch.mentions.within(wish.window)
    skip |= {m.number for m in named if m.file and m.kind == row.output}
    said = sketch.mentions.restore(POLITE.sub("", wish.window)).strip(" .,;:")
    here = [
        m
        for m in sketch.mentions.within(wish.window)
        if m.kind in ("text", "question", "labels", "boxes") and m.number not in skip
    ]
    if here and whole_reference(here[-1].values[0]) is None:
        sketch.used.update(m.number for m in here)
        whole = generates and trait(row.id).told and not _FRAGMENT.search(wish.window)
        return Input((said,)) if whole else Input((here[-1].values[0],))
    source = sketch.text(wish.at, wish.window, trait(row.id), skip)
    words = _remainder(sketch, _DRAW.sub("", _OF.sub("", wish.window)))
    refers = bool(here) or sketch.points(wish.window) or sketch.clauses[wish.at].then
    if not source.values or (not refers and len(words.split()) >= 2 and not sketch.steps):
        if (not source.values and refers) or (
            any(m.kind in ("image", "audio") for m in sketch.mentions.within(wish.window))
        ):
            source = sketch.turned_to_text(wish.at, wish.window)
        elif len(words.split()) >= 1:
            return Input((said if generates else words,), 0.9)
    if not source.values:
        return Input((said,), 0.6) if words else Input()
    joined = _joined(source)
    if generates and trait(row.id).told:
        return Input((f"{said}\n\n{joined.values[0]}",), joined.sure)
    return joined


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
    return text.strip(" .,;:?!\"'") if _EMPTY_WORDS.sub("", text).strip(" .,;:?!\"'") else ""


def bound_question(sketch: Sketch, wish: Wish, *, use: bool = True) -> Input:
    """The question that is meant: quoted, in the clause itself, quoted elsewhere, or spoken."""
    here = [m for m in sketch.mentions.within(wish.window) if m.kind == "question"]
    if here:
        sketch.used.update(m.number for m in here if use)
        return Input(tuple(_as_translated(sketch, m.values[0]) for m in here))
    spoken = sketch.media_named("audio", wish.window)
    if spoken and use and re.search(r"\bquestions?\b", wish.window, re.I):
        return sketch.bridge(BRIDGES["audio", "text"], Input(spoken[:1]), wish.at)
    own = _inline_question(sketch, wish)
    if own:
        return Input((own,), 0.9)
    everywhere = sketch.named(range(len(sketch.clauses)))
    waiting = [m for m in everywhere if m.kind == "question" and m.number not in sketch.used]
    if waiting:
        sketch.used.update([waiting[0].number] if use else [])
        return Input((_as_translated(sketch, waiting[0].values[0]),), 0.9)
    heard = [s for s in sketch.steps if s.row.inputs[0].kind == "audio" and s.row.output == "text"]
    if heard:
        return Input(sketch.results_of(heard[-1])[:1], 0.8)
    if asked := [m for m in everywhere if m.kind == "question"]:
        return Input((_as_translated(sketch, asked[-1].values[0]),), 0.8)
    return Input()


def _as_translated(sketch: Sketch, question: str) -> str:
    """The result of an earlier step that put the question into other words, or the question."""
    made = [s for s in sketch.steps if s.row.output == "text" and s.args.get("text") == question]
    return sketch.results_of(made[-1])[0] if made else question


def _inline_question(sketch: Sketch, wish: Wish) -> str:
    text = _ASK_LEAD.sub("", POLITE.sub("", wish.window))
    asks = ASKS.search(text) or WONDERS.search(text)
    if not asks or (_RELATIVE.match(text) and "?" not in text):
        return ""
    text = text[asks.start() if asks.re is ASKS else asks.end() :]
    text = re.sub(
        r"[\s,]*\b(?:(?:in|on|from|of|at|using|for|according to|based on)\s+)(?:(?:the|this|that"
        r"|my|following|given)\s+)*"
        r"(?:\w+\s+)?(?:called |named |file )?:?\s*[(]?«(?!question)[a-z]+\d+»[)]?",
        "",
        text,
        flags=re.I,
    )
    text = re.sub(
        r"[\s,:]*(?:according to|from|in|using) (?:the|this) \w+ ?:?\s*«text\d+»"
        r"|[\s,:]+«text\d+»\W*$",
        "",
        text,
        flags=re.I,
    )
    text = sketch.mentions.restore(text).strip(" ,:;.")
    return text if len(text.split()) > 1 else ""


def bound_language(wish: Wish, part: str) -> Input:
    """The language that a clause names."""
    word = "from" if part == "from" else r"(?:in)?to|in"
    found = re.search(rf"\b(?:{word}) ({'|'.join(LANGUAGES)})\b", wish.window, re.I)
    if not found and part == "language":
        found = re.search(rf"\b(?:a|an) ({'|'.join(LANGUAGES)})\b", wish.window, re.I)
    return Input((found[1].capitalize(),)) if found else Input()


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
        r"\b(?:based on|according to|to match|accordingly|following|as described|using)\b",
        wish.window,
        re.I,
    ):
        waiting = [
            m
            for m in sketch.named(range(len(sketch.clauses)))
            if m.kind == "text" and m.number not in sketch.used
        ]
        spoken = sketch.media_named("audio", wish.window)
        if spoken:
            return sketch.bridge(BRIDGES["audio", "text"], Input(spoken), wish.at)
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
    values = [v for m in here for v in m.values]
    if len(values) < 2:
        everywhere = sketch.named(range(len(sketch.clauses)))
        others = [m for m in everywhere if m.kind in ("text", "question") and m not in here]
        results = [s for s in sketch.steps if s.row.output == "text" and s.clause <= wish.at]
        made = [v for s in results[-1:] for v in sketch.results_of(s) if v not in values]
        if len(made) > 1 and not values:
            values = made
        elif results and not (len(others) > 1 and not sketch.points(wish.window)):
            values = [*made[-1:], *values] if values else made[-1:]
            if len(values) < 2 and others:
                values += [others[-1].values[0]]
            elif len(values) < 2 and len(results) > 1:
                values = [v for s in results[-2:] for v in sketch.results_of(s)[:1]]
        else:
            here = [*here, *others]
            values += [v for m in others for v in m.values]
    sketch.used.update(m.number for m in here)
    if len(values) < 2 and (shown := sketch.media_named("image", wish.window)):
        captions = sketch.bridge(BRIDGES["image", "text"], Input(shown), wish.at)
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
