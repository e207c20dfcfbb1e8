"""Requests with nothing to run: small talk, and what can be asked here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hugginggraph.registry import Kind, TaskType

from .rows import traits

_GREETING = (
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|howdy|yo|hallo"
    r"|guten (?:tag|morgen|abend)|bonjour|salut|hola|buenos días|ciao|buongiorno|olá|goedemorgen"
    r"|你好|こんにちは)(?: there| all)?"
)
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
    r"|how (?:do|can) i (?:use|work with) (?:this|it|you)|who (?:made|built|wrote) you"
    r"|(?:what|which) (?:languages|models) (?:do|can) you (?:speak|understand|know|use|have|read)"
    r"|can you (?:see|read|hear|translate|draw|speak)"
    r"(?: (?:pictures|images|texts?|speech|sounds?))?(?=\?)"
    r"|what are you(?: able to do)?|who are you|help(?: me)?|how are you(?: doing)?(?: today)?)",
    "greeting": _GREETING,
    "thanks": _THANKS,
    "leave": r"(?:never ?mind|nvm|forget (?:it|that|about it)|stop(?: it)?|cancel|nothing)",
    "bye": r"(?:good ?bye|bye(?: bye)?|see you(?: later)?|good night)",
}
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?:(?:{_GREETING}|{_THANKS})[\s,.!]+)*{pattern}{_TAIL}", re.I)
    for name, pattern in _KINDS.items()
}
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

_GROUPS: Mapping[Kind, str] = {
    "text": "Text", "image": "Pictures", "audio": "Sound", "video": "Video", "table": "Tables",
}  # fmt: skip
_MADE: tuple[Kind, ...] = ("image", "audio", "video")


def small_talk(
    text: str, rows: Mapping[str, TaskType], can_run: Callable[[str], bool] = bool
) -> str:
    """A reply to a greeting, thanks, a good-bye or "what can you do?"; empty for anything else.

    ``can_run`` says whether a task has a model here; every task has by default.
    """
    kind = talk_kind(text)
    if kind == "bye":
        return "Good-bye."
    if kind == "thanks":
        return "You are welcome. Ask for something else whenever you like."
    if kind == "leave":
        return "All right."
    if not kind:
        return ""
    told = abilities({task: row for task, row in rows.items() if can_run(task)})
    return f"Hello. {told}" if kind == "greeting" else told


def talk_kind(text: str) -> str:
    """Which small talk a text is: ability, greeting, thanks or bye; empty for anything else."""
    text = text.strip()
    if not text or len(text) > 120:
        return ""
    return next((name for name, pattern in _PATTERNS.items() if pattern.fullmatch(text)), "")


def abilities(rows: Mapping[str, TaskType]) -> str:
    """What can be done with these rows, a line for each kind of thing it is done with."""
    if not rows:
        return "No model can run here. `hugginggraph doctor` says what is missing."
    known, groups = traits(), {kind: list[str]() for kind in _GROUPS}
    for task, row in rows.items():
        name = known[task].name if task in known else row.description.split(":")[0] or task
        groups[_about(row)].append(name[:1].lower() + name[1:])
    lines = [f"- {_GROUPS[kind]}: {', '.join(names)}." for kind, names in groups.items() if names]
    listed = "\n".join(lines)
    return (
        f"Here is what I can do with the models here:\n{listed}\n{examples(rows)}\n"
        "`hugginggraph tasks` lists all task types, and `hugginggraph doctor` what each needs."
    )


def _about(row: TaskType) -> Kind:
    """The kind of thing that a task makes or, where that is none to look at or hear, takes."""
    kinds = [row.output, *(slot.kind for slot in row.inputs)]
    made = kinds[0] if kinds[0] in _MADE else kinds[1] if row.inputs else "text"
    return made if made in _GROUPS else "text"


def examples(rows: Mapping[str, TaskType]) -> str:
    """A few things that can be asked with these rows."""
    known = [said for task, said in _EXAMPLES.items() if task in rows][:4]
    return (
        f"You can ask, for example: {', '.join(known)}."
        if known
        else "`hugginggraph tasks` lists all."
    )
