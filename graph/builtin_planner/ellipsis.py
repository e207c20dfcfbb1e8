"""What is left unsaid where the same is to be done with several things.

"Describe a.png. And b.png?", "translate a.txt to French and b.txt to German", "describe:" over a
list of files: the clauses are written out in full, so that the planner reads every one alike.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from .clauses import Clause
from .cues import LANGUAGE
from .mentions import MARKER
from .others import AND
from .swaps import swapped

_THINGS = rf"«\w+»(?:{AND}«\w+»)*"
_NAMES = re.compile(
    r"(?P<lead>(?:(?:and|but|also|then|now|next|please|finally|likewise|ditto)\b\W*)*"
    r"(?:(?:what|how) about\s|as for\s|(?:do |try )?(?:(?:exactly )?the )?same"
    r"(?: (?:thing|question|task))?\s"
    r"|(?:repeat|redo)(?: (?:it|that|this))?\s"
    r"|(?:who|whom|what|where|when|why|which|how(?: many| much)?)\s(?=[a-z]))?)"
    r"(?:for |with |to |on |of |in |from |according to )?"
    rf"(?P<named>{_THINGS})"
    r"(?P<tail>\s*,?\s*(?:too|as well|also|likewise)\b)?(?:\W+(?:please|pls|thanks|thx))?\W*",
    re.I,
)
_PAIR = re.compile(
    rf"(?P<named>{_THINGS})(?P<aloud> aloud| out loud)? (?P<how>to|into|in|as|with) "
    rf"(?P<what>«\w+»|[^«»,.;:?!]{{1,40}}?)(?=\W*$|{AND}«|{AND}please|[,.;:?!])",
    re.I,
)
_EACH_ITS_OWN = re.compile(
    rf"(?P<named>{_THINGS})(?P<how> (?:in)?to | in | as | with )"
    r"(?P<whats>[^.;:?!]{1,200}?),? respectively\b",
    re.I,
)


_LANGUAGE = re.compile(rf"\b{LANGUAGE}\b", re.I)
_LANGUAGE_TOO = re.compile(
    rf"(?:(?:and|also|then|what about|how about)\b\W*)+(?:in|to|into)?\s*({LANGUAGE})"
    r"(?: too| as well| also)?\W*",
    re.I,
)


def fill_ellipses(clauses: list[Clause]) -> list[Clause]:
    """The clauses, with those of the sentence before in place of one that only names things.

    What it names takes the place of the first thing of its kind that the sentence named; where that
    named none of the kind, the clause is left as it is. Names on lines of their own go on with the
    line before.
    """
    filled: list[Clause] = []
    start = 0  # of what is to be done again
    for clause in clauses:
        if filled and _goes_on(filled[-1], clause):
            filled[-1] = replace(filled[-1], text=f"{filled[-1].text}, {clause.text}")
            continue
        again = _again(filled[start:], clause) or _again(_last_named(filled), clause)
        again = again or _of_something_else(filled[-1:], clause)
        start = len(filled) if again or clause.opens else start
        filled += again or _apart(clause)
    return filled


def _goes_on(last: Clause, clause: Clause) -> bool:
    """Whether a clause is only names that go on with a list."""
    ended = last.text.rstrip().endswith((".", "!", "?"))
    names = re.fullmatch(rf"\W*{_THINGS}\W*", clause.text)
    return bool(names) and not (ended or clause.then)


def _again(before: list[Clause], clause: Clause) -> list[Clause]:
    said = _NAMES.fullmatch(clause.text)
    if not said or not (said["lead"] or said["tail"] or clause.then):
        return []
    kind, *others = {kind for kind, _ in MARKER.findall(said["named"])}
    own = re.compile(rf"«{kind}\d+»(?:{AND}«{kind}\d+»)*")
    at = next((at for at, c in enumerate(before) if own.search(c.text)), None)
    if at is None or others:
        return []
    swap = partial(own.sub, lambda _: said["named"], count=1)
    return [
        replace(c, text=swap(c.text) if n == at else c.text, opens=clause.opens and not n)
        for n, c in enumerate(before)
    ]


def _of_something_else(last: list[Clause], clause: Clause) -> list[Clause]:
    """The clause before with what this one names: "count the hearts. And the circles?"."""
    if not last or not clause.opens or MARKER.search(clause.text):
        return []
    own = {match[0] for match in MARKER.finditer(last[0].text)}
    plain = MARKER.sub(lambda m: f"[{m[1]}{m[2]}]", last[0].text)  # quotes are never exchanged
    new = swapped(plain, clause.text)
    if language := _LANGUAGE_TOO.fullmatch(clause.text):
        new = _LANGUAGE.sub(language[1], plain, count=1)
    if new in (plain, clause.text):
        return []

    def as_before(match: re.Match[str]) -> str:
        return marker if (marker := f"«{match[1]}»") in own else match[0]

    return [replace(clause, text=re.sub(r"\[([a-z]+\d+)\]", as_before, new))]


def _last_named(filled: list[Clause]) -> list[Clause]:
    """The clauses from the last sentence on that begins with naming something."""
    named = (at for at, each in enumerate(filled) if each.opens and MARKER.search(each.text))
    return filled[max(named, default=0) :]


def _apart(clause: Clause) -> list[Clause]:
    """A clause for each thing, where each has its own: "a.txt to French and b.txt to German"."""
    if said := _EACH_ITS_OWN.search(clause.text):
        things, whats = (re.split(AND, said[part]) for part in ("named", "whats"))
        if len(things) == len(whats):
            pairs = [f"{t}{said['how']}{w}" for t, w in zip(things, whats, strict=True)]
            return _with_each(clause, said.start(), pairs, said.end())
    found: list[re.Match[str]] = []
    for pair in _PAIR.finditer(clause.text):
        gap = clause.text[found[-1].end() : pair.start()] if found else ""
        if found and (not re.fullmatch(AND, gap) or pair["how"] != found[0]["how"]):
            if len(found) > 1:
                break
            found = []
        found.append(pair)
    if len(found) < 2:
        return [clause]
    aloud = next((pair["aloud"] for pair in found if pair["aloud"]), "")
    pairs = [f"{p['named']}{aloud} {p['how']} {p['what']}" for p in found]
    return _with_each(clause, found[0].start(), pairs, found[-1].end())


def _with_each(clause: Clause, start: int, pairs: list[str], end: int) -> list[Clause]:
    head, tail = clause.text[:start], clause.text[end:]
    return [
        replace(clause, text=f"{head}{pair}{tail}", opens=clause.opens and not n)
        for n, pair in enumerate(pairs)
    ]
