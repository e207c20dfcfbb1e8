"""The question that a request asks: quoted, in its own words, or spoken in a sound."""

from __future__ import annotations

import re

from .arguments import Wish
from .cues import POLITE
from .inputs import Input, bridge, media_named, present
from .rows import BRIDGES
from .sketch import Sketch

ASKS = re.compile(
    r"(?:^(?:in|on|at|from|for|to|by) )?\b(?:what|who|whom|whose|when|where|why|how|which)\b"
    r"|^(?:is|are|was|were|does|do (?:you|they|we|the(?! (?:same|following)\b)|these(?= \w)"
    r"|those(?= \w)|any|both|all|«)|did|can|could|has|have|will)\b",
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
_PAPER = r"(?:receipt|invoice|document|bill|scan)"
_WHERE = re.compile(
    rf"(?:\s+on (?:this|that|the|my) {_PAPER}|(?<=total|.date) of (?:this|that) {_PAPER})\W*$", re.I
)
"""Words that only say which paper a question is about: what it is asked of says so already."""
_HALF = re.compile(
    r"^(?:\W*\w+){0,2}\W*$|\b(?:is|are|was|were|there|do|does|be|part|kind)\W*$", re.I
)


def bound_question(sketch: Sketch, wish: Wish, *, use: bool = True) -> Input:
    """The question that is meant: quoted, in the clause itself, quoted elsewhere, or spoken."""
    here = [m for m in sketch.mentions.within(wish.window) if m.kind == "question"]
    if here:
        sketch.used.update(m.number for m in here if use)
        return Input(tuple(_as_translated(sketch, m.values[0]) for m in here))
    spoken = media_named(sketch, "audio", wish.window)
    if spoken and use and re.search(r"\bquestions?\b", wish.window, re.I):
        return bridge(sketch, BRIDGES["audio", "text"], Input(spoken[:1]), wish.at)
    own = _inline_question(sketch, wish)
    if own:
        return Input((own,), 0.9)
    everywhere = sketch.named()
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
    said = POLITE.sub("", wish.window)
    text = _ASK_LEAD.sub("", said)
    asks = ASKS.search(text) or WONDERS.search(text)
    relative = text == said and _RELATIVE.match(text) and "?" not in text and wish.at > 0
    if not asks or relative:
        return ""
    text = text[asks.start() if asks.re is ASKS else asks.end() :]
    text = re.sub(
        r"[\s,]*\b(?:(?:in|on|from|of|at|using|for|according to|based on)\s+)(?:(?:the|this|that"
        r"|my|following|given)\s+)*"
        r"(?:\w+\s+)?(?:called |named |file )?:?\s*[(]?«(?!question)[a-z]+\d+»[)]?"
        r"(?:\s*(?:,|,? and|,? or|&)\s*(?:(?:in|on|from|of|at|for)\s+)?«(?!question)[a-z]+\d+»)*",
        "",
        text,
        flags=re.I,
    )
    text = re.sub(
        r"[\s,:]*(?:according to|from|in|using) (?:the|this) \w+ ?:?\s*«text\d+»"
        r"|[\s,:]+«text\d+»\W*$|\s*\(«(?!question)[a-z]+\d+»\)",
        "",
        text,
        flags=re.I,
    )
    text = sketch.mentions.restore(text).strip(" ,:;.")
    short = _WHERE.sub("?", text)
    if present(sketch, "image", wish.at) and not _HALF.search(short):
        text = short if short != text else text
    return text if len(text.split()) > 1 else ""
