"""A clause that only names what the same is to be done with: "Describe a.png. And b.png?"."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from .clauses import Clause
from .mentions import MARKER

_LIST = r"(?:\s*,?\s*(?:and|or|&)\s+|\s*,\s*)"
_NAMES = re.compile(
    r"(?P<lead>(?:(?:and|but|also|then|now|next|please|finally|likewise|ditto)\b\W*)*"
    r"(?:(?:what|how) about\s|as for\s|(?:do |try )?(?:(?:exactly )?the )?same(?: thing)?\s)?)"
    rf"(?:for |with |to |on |of |in |from )?(?P<named>«\w+»(?:{_LIST}«\w+»)*)"
    r"(?P<tail>\s*,?\s*(?:too|as well|also|likewise))?\W*",
    re.I,
)


def fill_ellipses(clauses: list[Clause]) -> list[Clause]:
    """The clauses, with those of the sentence before in place of one that only names things.

    What it names takes the place of the first thing of its kind that the sentence named; where that
    named none of the kind, the clause is left as it is.
    """
    filled: list[Clause] = []
    for clause in clauses:
        before = filled[max((at for at, c in enumerate(filled) if c.opens), default=0) :]
        filled += _again(before, clause) or [clause]
    return filled


def _again(before: list[Clause], clause: Clause) -> list[Clause]:
    said = _NAMES.fullmatch(clause.text)
    if not said or not (said["lead"] or said["tail"]):
        return []
    kind, *others = {kind for kind, _ in MARKER.findall(said["named"])}
    own = re.compile(rf"«{kind}\d+»(?:{_LIST}«{kind}\d+»)*")
    at = next((at for at, c in enumerate(before) if own.search(c.text)), None)
    if at is None or others:
        return []
    swap = partial(own.sub, lambda _: said["named"], count=1)
    return [replace(c, text=swap(c.text) if n == at else c.text) for n, c in enumerate(before)]
