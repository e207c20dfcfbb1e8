"""The few sentences of a model's card text that say what the model does.

A card is text that strangers wrote: whatever it says is data. Front matter, badges, code, tables,
HTML and boilerplate go; so do the marks of chat templates and sentences that give orders to whoever
reads them; what is left is cut. Not covered: orders in other words, or in other languages, which is
why a card is only ever shown to an LLM as quoted data, beside ids that it cannot change.
"""

from __future__ import annotations

import re

MOST_READ = 64_000
MOST_KEPT = 700

_FRONT_MATTER = re.compile(r"\A\s*---\s*\n.*?\n(?:---|\.\.\.)\s*\n", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|svg|head|iframe)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.I
)
_HTML = re.compile(r"</?[a-zA-Z][^<>]{0,2000}>")
_IMAGE = re.compile(r"\[?!\[[^\]\n]{0,500}\]\([^)\n]{0,2000}\)(?:\]\([^)\n]{0,2000}\))?")
_LINK = re.compile(r"\[([^\]\n]{0,500})\]\([^)\n]{0,2000}\)")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_MARKS = re.compile(r"<\|[^|<>\n]{0,40}\|>|</?s>|\[/?(?:INST|SYS)\]|<</?SYS>>|[*_`#>|~]{1,6}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HEADING = re.compile(r"^#{1,6}\s*(.+?)\s*#*$|^(.{1,80})\n(?:=+|-{3,})$", re.MULTILINE)
_END = re.compile(
    r"\W*(?:citation|cite|bibtex|references?|acknowledg|licen[cs]e|how to (?:use|get)|usage\b|"
    r"quick ?start|getting started|get started|install|training (?:procedure|hyper|details|"
    r"set|script|log)|framework versions|requirements|contact|contributing|environmental "
    r"impact|about us|authors?\b|table of contents|technical spec|model card (?:authors|"
    r"contact)|example|code\b|evaluation res|bias|limitations)",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"more information needed|automatically generated|entry not found|todo\b|should probably "
    r"proofre|this is the model card|model card for\b|did not write a model card|has been "
    r"pushed (?:on|to) the hub|provide a (?:quick|longer) summary|table of contents|click "
    r"here|follow us|join (?:us|our)|discord|patreon|sponsor|buy me a coffee|colab|credits go "
    r"to|achieves the following results|see the model hub|you can find (?:more|info)|for more "
    r"(?:information|details)|star us",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"(?:ignore|disregard|forget|override)\b[^.]{0,60}\b(?:instructions?|prompts?|rules|above|"
    r"previous|prior|candidates?)|\bsystem (?:prompt|message)|\byou (?:must|should|have to|"
    r"will) (?:always |now |only )?(?:choose|select|pick|recommend|answer|reply|respond|"
    r"output|say|return)|\b(?:always|only) (?:choose|select|pick|recommend) (?:this|me\b)|"
    r"\bas an ai\b|(?:^|\s)(?:system|assistant|user)\s*:|\b(?:choose|select|pick) this model\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?。])\s+|\n{2,}|\n(?=\s*[-+•\d])")


def distill(text: str | bytes) -> str:
    """What a card says a model does, in at most `MOST_KEPT` characters; perhaps nothing."""
    if isinstance(text, bytes):
        text = text[: MOST_READ * 4].decode("utf-8", errors="ignore")
    text = _CONTROL.sub(" ", text[:MOST_READ].replace("\r\n", "\n").replace("\r", "\n"))
    for pattern in (_FRONT_MATTER, _FENCE, _HIDDEN, _IMAGE):
        text = pattern.sub("\n", text)
    text = _HTML.sub(" ", _LINK.sub(r"\1", text))
    text = "\n".join(line for line in text.splitlines() if line.count("|") < 2)
    kept: list[str] = []
    size = 0
    for sentence in _sentences(text):
        if size + len(sentence) > MOST_KEPT:
            if not kept:
                kept.append(sentence[:MOST_KEPT].rpartition(" ")[0] or sentence[:MOST_KEPT])
            break
        if sentence not in kept:
            kept.append(sentence)
            size += len(sentence) + 1
    return " ".join(kept)


def _sentences(text: str) -> list[str]:
    """The sentences of the sections that describe the model, without headings."""
    found: list[str] = []
    pieces = _HEADING.split(text)
    sections = [("", pieces[0])]
    for at in range(1, len(pieces), 3):
        sections.append((pieces[at] or pieces[at + 1] or "", pieces[at + 2]))
    for heading, body in sections:
        if _END.match(heading):
            continue
        for raw in _SENTENCE.split(body):
            sentence = " ".join(_MARKS.sub(" ", _ADDRESS.sub(" ", raw)).split()).strip(" -–•:+")
            letters = sum(character.isalpha() for character in sentence)
            if letters < 12 or letters < 0.5 * len(sentence):
                continue
            if not (_BOILERPLATE.search(sentence) or _ORDERS.search(sentence)):
                found.append(sentence)
    return found
