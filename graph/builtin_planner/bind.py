"""From a wish (a cue found in a clause) to steps with their arguments bound by kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hugginggraph.registry import Slot, TaskType

from ..references import reference, references
from .cues import LANGUAGES, NOUNS, cues, match_cues
from .labels import Labels
from .mentions import MARKER
from .rows import BRIDGES, FAMILIES, trait
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
_ASK_LEAD = re.compile(
    r"^.*?\b(?:tell me|know|find out|answer|figure out|determine|ask)\b\s+(?=(?:what|who|whom"
    r"|whose|when|where|why|"
    r"how|which|if|whether)\b)",
    re.I,
)
_SCAN = re.compile(
    r"\b(?:documents?|scan(?:ned|s)?|invoices?|receipts?|forms?|contracts?|certificates?|bills?)\b",
    re.I,
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
_OF = re.compile(
    r"^.*?\b(?:image|picture|photo|illustration|drawing|painting|video|clip|animation|artwork"
    r"|logo|poster|draw|paint)s?\b"
    r"\s*(?:me\s+)?(?:example\s+)?(?:of|showing|that (?:shows|represents|depicts)|about|with|from"
    r"|based on|for|:)?\s*",
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
    inner: bool = False


def grant(sketch: Sketch, wish: Wish) -> None:
    """Add the steps that a wish comes to."""
    task = settle(sketch, wish)
    if task not in sketch.available and _instead(sketch, wish, task):
        return
    if task in sketch.rows:
        sketch.groups += 1
        _bind(sketch, wish, sketch.rows[task], sketch.groups)


def settle(sketch: Sketch, wish: Wish) -> str:
    """The task type that a family means here; any other task as it is."""
    family = FAMILIES.get(wish.task)
    if family is None:
        return wish.task
    kind = _subject(sketch, wish, family.keys())
    if kind == "image" and wish.task == "question":
        holding = [
            at for at in range(wish.at + 1) if any(m.kind == "image" for m in sketch.named([at]))
        ]
        words = " ".join(sketch.clauses[at].text for at in {wish.at, *holding[-1:]})
        questions = " ".join(_question(sketch, wish, use=False).values)
        kind = "scan" if _SCAN.search(f"{MARKER.sub('', words)} {questions}") else "image"
    return family[kind]


def _subject(sketch: Sketch, wish: Wish, kinds: Collection[str]) -> str:
    """The kind of thing that a wish is about."""
    can = [kind for kind in ("image", "audio", "video", "table", "text") if kind in kinds]
    skip = wish.labels.used if wish.labels else frozenset()
    for mention in sketch.mentions.within(wish.window):
        kind = mention.kind if mention.kind != "labels" and mention.kind != "boxes" else "text"
        if kind in can and mention.number not in skip:
            return kind
    present = [kind for kind in can if _present(sketch, kind, wish.at)]
    words = MARKER.sub("", wish.window)
    if wish.task == "question":
        words = " ".join((words, *_question(sketch, wish, use=False).values))
        texts = any(m.kind == "text" for m in sketch.named(range(len(sketch.clauses))))
        if "image" in present and _SCAN.search(words) and not texts:
            return "image"
    for kind in can:
        if kind in present and re.search(rf"\b(?:{NOUNS[kind]})s?\b", words, re.I):
            return kind
    if wish.task in ("count", "describe", "people", "enhance") and can[0] in present:
        return can[0]
    recent = _recent(sketch, wish.at, can)
    if recent:
        return recent
    return present[0] if present else "text" if "text" in can else can[0]


def _present(sketch: Sketch, kind: str, at: int) -> bool:
    everything = sketch.named(range(len(sketch.clauses)))
    return (
        any(m.kind == kind for m in everything)
        or any(resource["kind"] == kind for resource in sketch.resources.values())
        or any(step.row.output == kind and step.clause <= at for step in sketch.steps)
    )


def _recent(sketch: Sketch, at: int, can: list[str]) -> str:
    """The kind of what was spoken of last: back from a clause, then ahead, then the files."""
    for back in range(at, -1, -1):
        made = [s.row.output for s in sketch.steps if s.clause == back and s.trait.renews]
        if made and made[-1] in can and back < at:
            return made[-1]
        named = [m.kind for m in sketch.named([back]) if m.kind in can]
        if named:
            return named[-1]
    ahead = [m.kind for m in sketch.named(range(at + 1, len(sketch.clauses))) if m.kind in can]
    if ahead:
        return ahead[0]
    given = [r["kind"] for r in sketch.resources.values() if r["kind"] in can]
    if given:
        return given[-1]
    answers = [s.row.output for s in sketch.steps if s.row.output in can]
    return answers[-1] if answers else ""


def _instead(sketch: Sketch, wish: Wish, task: str) -> bool:
    """Add what comes nearest to a task that the table lacks; whether there was anything."""
    names = trait(task).instead
    if not names or not all(name in sketch.available for name in names):
        return False
    if all(slot.kind == "text" for slot in sketch.rows[task].inputs):
        for name in names:
            sketch.groups += 1
            _bind(sketch, wish, sketch.rows[name], sketch.groups)
        return True
    pictures = sketch.media("image", wish.at, wish.window).values
    questions = _question(sketch, wish).values
    if questions and "question-answering" not in names:
        near = {"count": "object-detection"}
        asked = [near.get(m.task, m.task) for m in match_cues(questions[0], cues())]
        names = tuple(name for name in names if name in asked) or names
    sketch.note(
        f"{trait(task).name} ({task}) is not available here; nearest: {' and '.join(names)}."
    )
    sketch.groups += 1
    group = sketch.groups
    for name in names:
        first, *others = sketch.rows[name].inputs
        if not others:
            found: list[dict[str, Any]] = [{first.name: value} for value in pictures]
            for args in found or [{}]:
                sketch.add(name, wish.at, 0.55, args, group)
            continue
        for seen in [step for step in sketch.steps if step.group == group and step.row.id != name]:
            for question in questions:
                sketch.add(
                    name, wish.at, 0.55, {"question": question, "context": reference(seen.id)}
                )
    return True


def _bind(sketch: Sketch, wish: Wish, row: TaskType, group: int) -> None:
    """Fill the row's slots; several values of a slot that takes one make several steps."""
    variants: list[dict[str, object]] = [{}]
    sure = wish.weight
    asking = any(_role(slot) == "question" for slot in row.inputs)
    texts_taken: frozenset[int] = wish.labels.used if wish.labels else frozenset()
    if row.id == "sentence-similarity":
        filled = _compared(sketch, wish, row)
        sketch.add(row.id, wish.at, sure if len(filled) == 2 else 0.3, filled, group)
        return
    for slot in row.inputs:
        found = _fill(sketch, wish, row, slot, texts_taken)
        if not found.values:
            sure = min(sure, 0.3) if slot.required else sure
            continue
        sure = min(sure, found.sure)
        if slot.many:
            variants = [{**args, slot.name: list(found.values)} for args in variants]
        else:
            variants = [{**args, slot.name: v} for args in variants for v in found.values]
    if asking and len(variants[0]) < len(row.required):
        if "question" in variants[0] and "conversational" in sketch.available:
            said = sketch.rows["conversational"].inputs[0].name
            sketch.add("conversational", wish.at, 0.6, {said: variants[0]["question"]}, group)
        else:
            sketch.note("A question needs a text or a picture that holds the answer.")
        return
    for args in variants:
        if not _repeats(sketch, wish, row, args):
            sketch.add(row.id, wish.at, sure, dict(args), group)


def _repeats(sketch: Sketch, wish: Wish, row: TaskType, args: Mapping[str, object]) -> bool:
    """Whether this would only do again to a result what made it ("enhance it, reducing noise")."""
    before = {s.id: s for s in sketch.steps if s.row.id == row.id}
    inputs = [before.get(n) for n in references(list(args.values()))]
    near = [s for s in inputs if s and wish.at - s.clause <= (2 if len(args) == 1 else 0)]
    return bool(near) and not sketch.clauses[wish.at].then


def _role(slot: Slot) -> str:
    """What a text slot is for."""
    names = {slot.name, *slot.names}
    if slot.many and names & {"candidate_labels", "labels", "classes"}:
        return "labels"
    if "question" in names:
        return "question"
    if any("lang" in name for name in names):
        return "from" if any(n.startswith(("src", "source")) for n in names) else "language"
    if slot.name in ("prompt", "instruction"):
        return "instruction"
    return "text"


def _fill(sketch: Sketch, wish: Wish, row: TaskType, slot: Slot, skip: frozenset[int]) -> Input:
    if slot.kind != "text":
        found = sketch.media(slot.kind, wish.at, wish.window)
        if found.values:
            return found
        task = BRIDGES.get(("text", slot.kind))
        text = (
            sketch.text(wish.at, wish.window, trait("summarization"), skip)
            if task and task != row.id
            else Input()
        )
        return sketch.bridge(task, text, wish.at) if task and text.values else Input()
    role = _role(slot)
    if role == "labels":
        return Input(wish.labels.names) if wish.labels else Input()
    if role == "question":
        return _question(sketch, wish)
    if role in ("language", "from"):
        return _language(wish, role)
    if role == "instruction":
        return _instruction(sketch, wish)
    return _text(sketch, wish, row, skip)


def _text(sketch: Sketch, wish: Wish, row: TaskType, skip: frozenset[int]) -> Input:
    own = trait(row.id)
    if own.prompted:
        return _prompt(sketch, wish, row, skip)
    asked = any(_role(slot) == "question" for slot in row.inputs)
    found = sketch.text(wish.at, wish.window, own, skip, asked=asked)
    if found.values:
        return _joined(found) if own.gathers and _results(found) else found
    words = _remainder(sketch, wish.after)
    media = sketch.turned_to_text(wish.at) if len(words.split()) < 2 else Input()
    if media.values:
        return media
    if len(words.split()) >= 2 or (
        words and row.id in ("translation", "feature-extraction", "text-to-speech")
    ):
        return Input((words,), 0.8)
    return Input()


def _results(found: Input) -> bool:
    return all(value.startswith("<") for value in found.values)


def _joined(found: Input) -> Input:
    return Input(("\n".join(found.values),), found.sure) if len(found.values) > 1 else found


def _prompt(sketch: Sketch, wish: Wish, row: TaskType, skip: frozenset[int]) -> Input:
    """The text of a task that makes something new: the request's words and what they speak of."""
    generates = row.output == "text"
    named = sketch.mentions.within(wish.window)
    skip |= {m.number for m in named if m.file and m.kind == row.output}
    said = sketch.mentions.restore(POLITE.sub("", wish.window)).strip(" .,;:")
    here = [
        m
        for m in sketch.mentions.within(wish.window)
        if m.kind in ("text", "question", "labels", "boxes") and m.number not in skip
    ]
    if here and not here[-1].values[0].startswith("<"):
        sketch.used.update(m.number for m in here)
        whole = generates and row.id == "text-generation" and not _FRAGMENT.search(wish.window)
        return Input((said,)) if whole else Input((here[-1].values[0],))
    source = sketch.text(wish.at, wish.window, trait(row.id), skip)
    words = _remainder(sketch, _OF.sub("", wish.window))
    refers = bool(here) or sketch.points(wish.window) or sketch.clauses[wish.at].then
    if not source.values or (not refers and len(words.split()) >= 2 and not sketch.steps):
        if (not source.values and refers) or (
            any(m.kind in ("image", "audio") for m in sketch.mentions.within(wish.window))
        ):
            source = sketch.turned_to_text(wish.at)
        elif len(words.split()) >= 1:
            return Input((said if generates else words,), 0.9)
    if not source.values:
        return Input((said,), 0.6) if words else Input()
    joined = _joined(source)
    if generates and row.id == "text-generation":
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


def _question(sketch: Sketch, wish: Wish, *, use: bool = True) -> Input:
    """The question that is meant: quoted, in the clause itself, quoted elsewhere, or spoken."""
    here = [m for m in sketch.mentions.within(wish.window) if m.kind == "question"]
    if here:
        sketch.used.update(m.number for m in here if use)
        return Input(tuple(m.values[0] for m in here))
    own = _inline_question(sketch, wish)
    if own:
        return Input((own,), 0.9)
    everywhere = sketch.named(range(len(sketch.clauses)))
    waiting = [m for m in everywhere if m.kind == "question" and m.number not in sketch.used]
    if waiting:
        sketch.used.update([waiting[0].number] if use else [])
        return Input((waiting[0].values[0],), 0.9)
    heard = [s for s in sketch.steps if s.row.id == "automatic-speech-recognition"]
    if heard:
        return Input(sketch.results_of(heard[-1])[:1], 0.8)
    if asked := [m for m in everywhere if m.kind == "question"]:
        return Input((asked[-1].values[0],), 0.8)
    return Input()


def _inline_question(sketch: Sketch, wish: Wish) -> str:
    text = _ASK_LEAD.sub("", POLITE.sub("", wish.window))
    asks = ASKS.search(text)
    if not asks:
        return ""
    text = text[asks.start() :]
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


def _language(wish: Wish, role: str) -> Input:
    word = "from" if role == "from" else r"(?:in)?to|in"
    found = re.search(rf"\b(?:{word}) ({'|'.join(LANGUAGES)})\b", wish.window, re.I)
    if not found and role == "language":
        found = re.search(rf"\b(?:a|an) ({'|'.join(LANGUAGES)})\b", wish.window, re.I)
    return Input((found[1].capitalize(),)) if found else Input()


def _instruction(sketch: Sketch, wish: Wish) -> Input:
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


def _compared(sketch: Sketch, wish: Wish, row: TaskType) -> dict[str, object]:
    """A sentence and those it is compared with: named, or results, oldest first."""
    here = [
        m for m in sketch.mentions.within(wish.window) if m.kind in ("text", "question", "labels")
    ]
    values = [v for m in here for v in m.values]
    if len(values) < 2:
        everywhere = sketch.named(range(len(sketch.clauses)))
        others = [m for m in everywhere if m.kind in ("text", "question") and m not in here]
        results = [s for s in sketch.steps if s.row.output == "text" and s.clause <= wish.at]
        made = [v for s in results[-1:] for v in sketch.results_of(s)]
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
