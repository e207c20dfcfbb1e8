"""Requests in German, French, Spanish and Chinese, put into the English words that the cues know.

``in_english`` exchanges phrases from a small glossary; what stands in quotes or is given as a text,
file names and words that it does not know stay as they are. It covers plain requests ("beschreibe
foto.jpg und lies es vor"), not free talk: that takes an LLM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import islice
from typing import TypeAlias

from .cues import table_lines
from .written import english_words, foreign_language

_KEPT = re.compile(  # no span holds its own opening sign: reading stays linear in the text
    r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|“[^“”]*”|«[^«»]*»|「[^「」]*」|„[^„“”]*[“”]|https?://\S+"
    r"|(?<![A-Za-z0-9_./~-])[A-Za-z0-9_./~-]+\.[A-Za-z0-9]{2,4}\b"
)
_BREAK = re.compile(r"\s?：\s*|\s?:\s+|(?<!\s)\s*\n\s*")
_HELD = "\ua7fb"  # a letter that nobody writes, around the numbers of what is kept
_FIELDS = {
    "frage": "Question", "pregunta": "Question", "问题": "Question", "kontext": "Context",
    "contexte": "Context", "contexto": "Context", "上下文": "Context", "texte": "Text",
    "texto": "Text", "文本": "Text", "kategorien": "Categories", "catégories": "Categories",
    "categorías": "Categories", "类别": "Categories", "satz": "Sentence", "phrase": "Sentence",
    "frase": "Sentence",
}  # fmt: skip
_FIELD = re.compile(
    rf"(?:^|(?<=\n)|(?<=[.?!;]\s)|(?<=[。？！；]))({'|'.join(_FIELDS)})\s?[:：]\s*", re.I
)
_MOST_READ = 5000
_MOST_BREAKS = 20
_MOST_OPENING = 300
IsText: TypeAlias = Callable[[str, str, str], bool]
"""Whether a text is given: the words before it, a colon or a line break, and what follows."""


@cache
def _glossaries() -> Mapping[str, list[tuple[re.Pattern[str], str]]]:
    """For each language its patterns and their English, in order."""
    found: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for line in table_lines("glossary.txt"):
        if line.startswith("[") and line.endswith("]"):
            language = line[1:-1]
            found[language] = []
            continue
        source, _, english = line.partition(" => ")
        source, english = source.replace("GAP", r"([^.;?!,]{0,300}?)"), english.strip('"')
        if source.startswith("WORD "):
            edge = "" if language == "Chinese" else r"\b"
            source, english = f"{edge}(?:{source[5:]}){edge}", f" {english} "
        elif language == "Chinese":
            english = f" {english} ".replace(" ?", "?").replace(" .", ".")
        if language != "Chinese" and not _open(source):
            source = rf"(?<!\w)(?:{source})(?!\w)"
        found[language].append((re.compile(source, re.I), english))
    return found


def _open(source: str) -> bool:
    """Whether a pattern says itself where words end."""
    return source.startswith((r"\b", "qu(", "combien")) or source.endswith(" ")


def in_english(text: str, language: str, is_text: IsText = lambda *_: False) -> str:
    """The text with what the glossary knows of this language in English; empty for others.

    A text that is given, as ``is_text`` says, stays as it is, and a request that is English but
    for that text gives an empty one. Of the request's own words 5,000 characters are exchanged.
    """
    if language not in _glossaries():
        return ""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f" {_HELD}{len(kept) - 1}{_HELD} "

    text = _FIELD.sub(
        lambda match: f"\n{_FIELDS[match[1].lower()]}: ", text.replace(_HELD, "").strip()
    ).lstrip()
    text = _KEPT.sub(keep, text)
    most = _MOST_READ
    if text.count(_HELD, 0, most) % 2:
        most = text.rindex(_HELD, 0, most)
    own, given = text[:most], text[most:]
    for gap in islice(_BREAK.finditer(own), _MOST_BREAKS):
        rest = text[gap.end() :]
        mark = "\n\n" if gap[0].isspace() else ": "
        head, follows = own[: gap.start()], rest.replace(_HELD, '"')
        if gap[0].isspace():
            follows = _exchanged(follows[:_MOST_OPENING], language)
        english = _exchanged(head, language)
        if is_text(english, mark, follows):
            if english == _exchanged(head, ""):
                return ""
            own, given = head, mark + rest
            break
    given = re.sub(rf" {_HELD}(\d+){_HELD} ", lambda match: kept[int(match[1])], given)
    own = _exchanged(own, language)
    return re.sub(rf"{_HELD}(\d+){_HELD}", lambda match: kept[int(match[1])], own) + given


def _exchanged(text: str, language: str) -> str:
    for pattern, english in _glossaries().get(language, ()):
        text = pattern.sub(english, text)
    lines = (" ".join(line.split()) for line in re.sub(r"[¿¡]", "", text).splitlines())
    return re.sub(r"\s+(?=[?!.,;])", "", "\n".join(filter(None, lines)))


def language_asked(text: str, before: Iterable[str] = ()) -> str:
    """The language that a request is in where it is not English, else empty.

    One whose words do not tell ("kürzer") is in that of the last request ``before`` it that has
    one, where the glossary knows a word of it.
    """
    bare = unquoted(text)
    head = _BREAK.split(text, maxsplit=1)[0]  # behind it a text in any language may stand
    if found := _plainly(head) or _plainly(text):
        return found
    last = next((said for old in before if (said := language_asked(old))), "")
    known = bool(last) and not english_words(bare)
    return last if known and in_english(bare, last) not in ("", " ".join(bare.split())) else ""


def _plainly(text: str) -> str:
    return speaks(text) or foreign_language(unquoted(text))


def unquoted(text: str, instead: str = " ") -> str:
    """The text without quoted spans, names of files and addresses, with ``instead`` for each."""
    return _KEPT.sub(instead, text)


def speaks(text: str) -> str:
    """The language whose verbs a text uses, empty where none is sure."""
    bare = unquoted(text)
    if len(_ENGLISH.findall(bare)) > 2:
        return ""
    return next((name for name, verbs in _VERBS.items() if verbs.search(bare)), "")


_ENGLISH = re.compile(r"\b(?:the|is|of|and|this|what|please|with|you|me|my|i|it|to|in)\b", re.I)
_VERBS: Mapping[str, re.Pattern[str]] = {
    "German": re.compile(
        r"\b(?:beschreibe?|übersetze?|fasse?|zusammen|lies|zeichne|male mir|ein bild|zähle?"
        r"|transkribiere|erkenne|segmentiere|vergleiche|entferne|schätze|wie ?viele?|welche|bitte"
        r"|animiere|verfilme|mache?|drehe?|sage?|schneide"
        r"|sprache|kannst du|können sie)\b", re.I,
    ),
    "French": re.compile(
        r"\b(?:décris|décrivez|résume|traduis|traduisez|transcris|transcrivez|dessine|combien"
        r"|lis-|à voix haute|à haute voix|compte les|en français|en anglais|s'il|peux-tu"
        r"|pouvez-vous|recadre|pivote|quel(?:le)? est"
        r"|animez?(?= l'| les? | la | une? | ce | cette |-l[ea]\b))\b", re.I,
    ),
    "Spanish": re.compile(
        r"\b(?:resume (?=\w+\.)|traduce|tradúce\w*|dibuja|cuántos|cuántas|cuenta|qué|el audio"
        r"|anima|filma|escribe|en voz alta|por favor|recorta|gira|puedes|podrías|cuál)\b", re.I,
    ),
}  # fmt: skip
"""Words that a request in a language has and an English one has not."""
