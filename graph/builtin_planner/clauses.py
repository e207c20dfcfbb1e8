"""A request cut into clauses, in the order in which they are to be done."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERB = (
    r"(?:(?:please|also|then|finally|next|now|maybe|to|could you|can you|i(?:'d| would) like"
    r" (?:you )?to|"
    r"i want (?:you )?to|i need (?:you )?to|have it|further|help me)\s+)*"
    r"(?:answer|analy[sz]e|apply|calculate|caption|categori[sz]e|chang|check|classif(?:y|i)|clean"
    r"|compar|"
    r"complet|compos|comput|condens|continu|convert|correct|count|creat|crop|describ|detect|determin"
    r"|discuss|"
    r"display|draft|draw|edit|embed|enhanc|estimat|explain|extract|fill|find|find out|fix|generat"
    r"|get|"
    r"give|highlight|how\s+(?:many|much)|identif(?:y|i)|improv|know|label|list|listen|locat|mak|mark|measur"
    r"|modif(?:y|i)|"
    r"name|outlin|paint|paraphras|perform|process|produc|pull|proof-?read|provid|put|rank|read|receiv|recogni[sz]"
    r"|record|remov|"
    r"rephras|replac|respond|reply|rewrit|say|segment|show|sketch|sort|speak|spot|sum\s+up"
    r"|summari[sz]|tag|"
    r"talk|tell|tl;?dr|trace|transcrib|transform|translat|turn|use|vectori[sz]e|what|where|which"
    r"|when\s+(?:did|was|were|is|does)"
    r"|whether|"
    r"who|writ)(?:e|ing|y)?\b"
)
_SAME = r"(?:(?:do|try)\s+(?:exactly\s+)?(?:the\s+)?same|repeat|redo|ditto|likewise)\b"
_LISTED = re.compile(r"»\s*(?::|->|→)")
_SPLIT = re.compile(
    rf"""
    (?P<end>(?<=[.!?])["')\]]*\s+(?=\S)|(?<=»)\s+(?=(?-i:[A-Z])[a-z]+\s))
    | (?P<line>\s*\n\s*)
    | (?P<else>\s*,?\s+(?=otherwise\b)|\s*,\s*(?=(?:or\s+)?else\b|if\s+not\b))
    | (?P<list>\s*,\s*(?=«\w+»\s*(?::|->|→)))
    | (?P<semi>(?<!\btl)\s*;\s*)
    | (?P<number>(?<![\w«])\(?\b\d{{1,2}}[.)]\s+(?=\D))
    | (?P<after>\s+(?:after|once)\s+(?=(?:\w+ing|you\s+have|you've|having)\b))
    | (?P<then>\s*,?\s*\b(?:and\s+)?(?:then|after\s+(?:that|this|which)|afterwards?|next|finally
        |lastly|subsequently|followed\s+by)\b,?\s+)
    | (?P<before>\s*,?\s+before\s+(?=\w+ing\b))
    | (?P<and>(?:\s*,\s*(?:and\s+|plus\s+|but\s+)?
        |\s+(?:and(?:\s+also)?|plus|as\s+well\s+as)\s+|\s*&\s*)(?={_VERB}|{_SAME}))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LEADING_BEFORE = re.compile(rf"^\W*before\s+(?:\w+ing\b|(?:you|we|i)\s+{_VERB})", re.IGNORECASE)


@dataclass
class Clause:
    """A piece of the request that asks for one thing, or for a few that share their words.

    ``then`` is true where it follows on what came before; ``opens`` where a sentence begins.
    """

    text: str
    then: bool = False
    opens: bool = True


def split_clauses(text: str) -> list[Clause]:
    """The clauses in the order of doing: "Y after X-ing" and "before Y-ing, X" give X, Y."""
    clauses: list[Clause] = []
    at, kind = 0, "end"
    swap = False
    for match in _SPLIT.finditer(text):
        if match["list"] and not _LISTED.search(text, at, match.start()):
            continue  # "a.png, b.wav: …": names of one list
        swap = _add(clauses, text[at : match.start()], kind, swap)
        at, kind = match.end(), match.lastgroup or "end"
    _add(clauses, text[at:], kind, swap)
    return clauses


def _add(clauses: list[Clause], text: str, kind: str, swap: bool) -> bool:
    """Put a clause in its place; returns whether the next one is to come before it."""
    if not re.search(r"\w", text):
        return swap
    clause = Clause(text.strip(), then=kind in ("then", "before"), opens=kind in ("end", "line"))
    if (kind == "after" or swap) and clauses:
        clauses[-1].then = True
        clauses.insert(len(clauses) - 1, clause)
        return False
    clauses.append(clause)
    return bool(_LEADING_BEFORE.match(text)) and kind in ("end", "line")
