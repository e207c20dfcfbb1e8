"""Requests with nothing to run: small talk, other languages, and what can be asked here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hugginggraph.registry import TaskType

from .cues import words

_GREETING = r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|howdy|yo)(?: there| all)?"
_THANKS = (
    r"(?:thanks?(?: you)?(?: (?:so|very) much| a lot)?|thx|cheers|great|perfect|nice(?: work)?"
    r"|well done|cool|awesome|ok(?:ay)?|that was (?:\w+ ){0,2}\w+)"
)
_TAIL = (
    r"(?:[\s,.!?]+(?:please|friend|everyone|again|here|there|for (?:me|that|your help)))*"
    r"[\s,.!?:;()\-]*"
)
_KINDS: Mapping[str, str] = {
    "ability": r"(?:what (?:can|do) you do|what can i (?:ask|do)(?: you)?"
    r"|how (?:does this|do you) work|what can you help(?: me)?(?: with)?"
    r"|what are you(?: able to do)?|who are you|help(?: me)?|how are you(?: doing)?(?: today)?)",
    "greeting": _GREETING,
    "thanks": _THANKS,
    "bye": r"(?:good ?bye|bye(?: bye)?|see you(?: later)?|good night)",
}
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?:(?:{_GREETING}|{_THANKS})[\s,.!]+)*{pattern}{_TAIL}", re.I)
    for name, pattern in _KINDS.items()
}
_FOREIGN: Mapping[str, tuple[str, ...]] = {
    "German": words(
        "der die das und ist ein eine einen den dem was wie viele auf im bild zu mir bitte von mit "
        "beschreibe diesen diese übersetze fasse zusammen welche"
    ),
    "French": words(
        "le la les des est une un du dans que quoi combien et cette ce image sur pour s'il vous "
        "plaît décris décrivez traduis résume moi quelle quel"
    ),
    "Spanish": words(
        "el la los las es una un del en que qué cuántos cuántas y esta este imagen por favor "
        "describe para resume traduce con hay cuál"
    ),
    "Italian": words(
        "il lo gli è una un del della dell nella che cosa quanti quante e questa questo immagine "
        "per favore descrivi con ci sono riassumi traduci l'immagine di"
    ),
    "Portuguese": words(
        "o os as é uma um do da na que quantos quantas e esta este imagem por favor descreva com "
        "há resuma traduza para"
    ),
}
_ENGLISH = words(
    "the is of and to in what how many this that a are it please with for from on describe count i"
)
_SCRIPTS: Mapping[str, str] = {
    "Japanese": r"[\u3040-\u30ff]", "Chinese": r"[\u4e00-\u9fff]", "Korean": r"[\uac00-\ud7af]",
    "Russian": r"[\u0400-\u04ff]", "Arabic": r"[\u0600-\u06ff]", "Greek": r"[\u0370-\u03ff]",
    "Hebrew": r"[\u0590-\u05ff]", "Hindi": r"[\u0900-\u097f]", "Thai": r"[\u0e00-\u0e7f]",
}  # fmt: skip

_EXAMPLES: Mapping[str, str] = {
    "image-to-text": "'Describe scene.png'",
    "object-detection": "'How many objects are in scene.png?'",
    "summarization": "'Summarize notes.txt'",
    "zero-shot-classification": "'Is this about sport or politics: …'",
    "text-classification": "'What is the sentiment of \"…\"?'",
    "question-answering": "'Answer \"Who won?\" from report.txt'",
    "sentence-similarity": '\'How similar are "…" and "…"?\'',
    "text-generation": "'Write a poem about the sea'",
}


def small_talk(text: str, rows: Mapping[str, TaskType]) -> str:
    """A reply to a greeting, thanks, a good-bye or "what can you do?"; empty for anything else."""
    text = text.strip()
    if not text or len(text) > 120:
        return ""
    kind = next((name for name, pattern in _PATTERNS.items() if pattern.fullmatch(text)), "")
    if kind == "bye":
        return "Good-bye."
    if kind == "thanks":
        return "You are welcome. Ask for something else whenever you like."
    if kind == "ability":
        return abilities(rows)
    return f"Hello. {abilities(rows)}" if kind else ""


def abilities(rows: Mapping[str, TaskType]) -> str:
    """One paragraph on what can be done, made from the table."""
    if not rows:
        return "No task types are available here, so nothing can be run."
    parts = [row.description.split(":")[0].split(" (")[0] or row.id for row in rows.values()]
    listed = "; ".join(parts)
    return f"Here is what I can do with models: {listed}. {examples(rows)}"


def examples(rows: Mapping[str, TaskType]) -> str:
    """A few things that can be asked with these rows."""
    known = [_EXAMPLES[task] for task in rows if task in _EXAMPLES][:4]
    return (
        f"You can ask, for example: {', '.join(known)}."
        if known
        else "`hugginggraph tasks` lists all."
    )


def foreign_language(text: str) -> str:
    """The language that a request seems to be in where it is not English, else empty."""
    letters = re.findall(r"[^\W\d_]", text)
    for language, script in _SCRIPTS.items():
        if letters and len(re.findall(script, text)) > 0.2 * len(letters):
            return language
    said = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    english = sum(word in _ENGLISH for word in said)
    counts = {name: sum(word in own for word in said) for name, own in _FOREIGN.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= 2 and counts[best] > english else ""
