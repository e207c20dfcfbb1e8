"""A request that goes on from the one before: "and the second one?", "the same in French".

``complete`` writes it out in full, so that the planner reads every request alike. What names its
own work ("translate that") is left as it is: earlier results are among the resources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from pathlib import PurePath

from ..planner import PlanRequest
from ..state import Resource
from .cues import COLOUR, LANGUAGE, NOUNS
from .files import names_of, take_files
from .languages import IsText, in_english, language_asked
from .mentions import Mentions
from .others import OTHERS, others_named
from .pointers import ORDER, take_pointers
from .swaps import swapped
from .talk import talk_kind

_LEAD = re.compile(
    r"^(?:(?:and|but|ok(?:ay)?|now|so|then|next|again|please|also|what about|how about"
    r"|(?:do |try )?(?:it|that|the same(?: thing)?|same(?: thing)?)(?: again)?|do|this time"
    r"|i (?:mean|meant|want|wanted|said)|sorry|actually|rather"
    r"|for|with|on|in|to|of|as well|too|no|use)\b[\s,:]*)+",
    re.I,
)
_LANGUAGE = re.compile(rf"\b{LANGUAGE}\b", re.I)
_THING = "|".join((*NOUNS.values(), "file", "one"))
_POINTER = re.compile(rf"\b(?:the )?(?:{ORDER.pattern}|\dth) (?:{_THING})s?\b", re.I)
_SPOKEN_OF = re.compile(rf"\b(?:this|the|that|my|attached) (?:{_THING})s?\b(?! (?:of|in)\b)", re.I)
_IT = re.compile(r"\b(?:it|that)\b", re.I)
_OTHER = re.compile(rf"\bthe other(?: (?:{_THING})\b|(?=\W*(?:please\W*)?$))", re.I)
_FILLER = re.compile(
    r"\b(?:and|or|please|pls|too|also|as well|instead|again|thanks?|the|an?|ones?)\b", re.I
)
_ALOUD = re.compile(r"\bread (it|this|that|(?:your|the) \w+) (?=aloud\b|out loud\b)", re.I)
_HERE = re.compile(rf"\b(?:this|that) (?:{_THING})\b", re.I)
_NO = re.compile(r"\W*(?:no|nope|sorry|actually|i (?:mean|meant|said))\b", re.I)
_THERE = re.compile(r"^(?:here|over here|in here)\b", re.I)
_BARE_ORDER = re.compile(rf"(?:the )?{ORDER.pattern}\W*$", re.I)
_BARE_POINTER = re.compile(
    rf"\bthe {ORDER.pattern}"
    r"(?=\W*$|\s*[,.;:?!]| (?:and|or|in|into|to|as)\b)",
    re.I,
)
_COLOUR = re.compile(rf"\b{COLOUR}\b", re.I)
_TEXT = re.compile(
    r"(?:this|that|these|it)?(?: (?:one|text|sentence))?\s*"
    r"(?::\s*(?P<pasted>\S.*)|(?P<quoted>\"[^\"]+\"|“[^“”]+”))[\s?.!]*",
    re.I | re.S,
)
_QUOTED = re.compile(r"\"[^\"]+\"|“[^“”]+”")
_PASTED = re.compile(r"(?<=:)\s+\S.*", re.S)
_AGAIN = re.compile(
    r"(?:(?:please|ok(?:ay)?|and|now)\W+)*(?:(?:do|try|run|draw|make|write|create|generate|paint"
    r"|give|show|tell|i want|i need)(?: me)? )?"
    r"(?:(?:(?:it|that|this|the same(?: thing)?) )?(?:again|once more|one more time)"
    r"|(?P<other>another(?: one)?|(?:a )?(?:new|different) one|one more))(?P<about> about [^.?!]+)?"
    r"(?:\W+(?:please|thanks?))?\W*",
    re.I,
)
_DATA = re.compile(r"\"[^\"]*\"|“[^“”]*”|«[^«»]*»|(?<!\w)'[^'\n]*(?:(?<=\w)'(?=\w)[^'\n]*)*'(?!\w)")
"""What stands in quotes, which no later request means to change."""
_LISTING = (",", " and", " or")
_ABOUT = re.compile(r" about [^.?!]+", re.I)
_MAKES = re.compile(
    r"\b(?:draw|paint|write|compose|tell|make|create|generate)(?: me)?"
    r" (?:an?|some|one|two|three)\b",
    re.I,
)
_MOST_BEFORE = 40
"""How many messages before a request are put into English."""
_MOST_SPOKEN = 5000
"""How many characters of the requests before are read for the files that they name."""
_MORE = re.compile(
    r"(?:(?:please|ok(?:ay)?|and|now|can you|could you|also)\W+)*(?:add|put in)(?: in)?"
    r" ((?:an?|one|two|three|some)(?: (?!to\b|on\b|in\b|into\b)[\w-]+){1,6}?)"
    r"(?: (?:too|as well|also|please))*\W*",
    re.I,
)
_DRAWS = re.compile(r"^\W*(?:please |now |can you |could you )*(?:draw|paint)\b", re.I)
_ASKED_BACK = re.compile(
    r"(?:(?:and|so|sorry|wait|ok(?:ay)?)\W+)*(?:what did you (?:just )?(?:find|say|see|answer|get)"
    r"(?: out)?|what was (?:that|it|your answer|the (?:answer|result))|(?:say|tell me) (?:that|it)"
    r"(?= again)|(?:repeat|show me) (?:that|it|your (?:last )?answer))(?: again)?(?: please)?\W*",
    re.I,
)


def put_in_english(request: PlanRequest, is_text: IsText) -> tuple[PlanRequest, str]:
    """The request and those before it in English, and the language that it was in.

    The language is empty for an English one, and for one in a language without a glossary. Of those
    before it the latest are put into English.
    """
    recent = request.history[-_MOST_BEFORE:]
    history = list(request.history[: -len(recent)] if recent else ())
    older: list[str] = []
    for role, text in recent:
        put = text
        if role in ("human", "user"):
            put = in_english(text, language_asked(text, older), is_text) or text
            older.insert(0, text)
        history.append((role, put))
    language = language_asked(request.text, older)
    english = in_english(request.text, language, is_text)
    full = replace(request, text=english or request.text, history=tuple(history))
    return full, language if english else ""


def said_before(request: PlanRequest) -> str:
    """The last answer, where that is what is asked for; empty for anything else."""
    answers = [text for role, text in request.history if role in ("ai", "assistant")]
    return answers[-1] if answers and _ASKED_BACK.fullmatch(request.text.strip()) else ""


def complete(request: PlanRequest) -> str:
    """The request's text, written out in full where it only makes sense after an earlier one."""
    said = [text for role, text in request.history if role in ("human", "user")]
    said = [text for text in said if not talk_kind(text) and not _ASKED_BACK.fullmatch(text)]
    if not said:
        return request.text
    full: list[str] = []
    for text in [*said, request.text]:
        new = _other(text, full, request.resources)
        last = full[-1] if full else ""
        found = bool(request.earlier) and len(full) == len(said)
        again = _again(full, new) or _added(last, new)
        full.append(again or _filled(last, new, request.resources, found=found))
    return full[-1]


def _again(before: list[str], text: str) -> str:
    """The request that is to be done once more, with what it is to be about this time.

    "Another one" means the last that made something: "draw a star", "write a poem".
    """
    again = _AGAIN.fullmatch(text.strip())
    if not again or not before:
        return ""
    made = [old for old in before if _MAKES.search(old)]
    last = (made or before)[-1] if again["other"] else before[-1]
    if not (about := again["about"]):
        return last
    return _swap(_ABOUT, about, last) or f"{last.rstrip(' .?!')}{about}"


def _other(text: str, said: list[str], resources: Mapping[str, Resource]) -> str:
    """The request with the names of those files for "the others" that no earlier request named."""
    spoken = " ".join(said)
    names = [PurePath(r["name"]).name for r in resources.values() if "task" not in r]
    left = [name for name in names if name not in spoken] if len(names) > 1 else []
    if not left and len(names) == 2:  # both were named: the one that was not named last
        left = sorted(names, key=spoken.rfind)[:1]
    text = _OTHER.sub(lambda _: left[0], text) if len(left) == 1 else text
    if not OTHERS.search(text):
        return text
    mentions, known = Mentions(), names_of(resources)
    spoken = re.sub(r"[«»]", '"', spoken[-_MOST_SPOKEN:])  # they mark what was found
    mine = {rid: resource for rid, resource in resources.items() if "task" not in resource}
    named = take_pointers(take_files(spoken, mentions, mine, known), mentions, mine)
    before = [value for m in mentions.within(named) for value in m.values if value in mine]
    return others_named(text, before, mine)


def _added(last: str, text: str) -> str:
    """The last request to draw, with a thing that is to be drawn too; empty for anything else."""
    more = _MORE.fullmatch(text.strip())
    return f"{last.rstrip(' .?!')} and {more[1]}" if more and _DRAWS.search(last) else ""


def _filled(last: str, text: str, resources: Mapping[str, Resource], *, found: bool) -> str:
    """The last request with what this one names in place of what that one named.

    A language alone is asked of what was ``found``, so that the last request need not run again.
    """
    lead = _LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    colon = ":" if lead and ":" in lead[0] else ""
    if new := _TEXT.fullmatch(colon + rest):
        return _with_text(last, new) or text
    rest = _THERE.sub("this one", rest)
    if _BARE_ORDER.fullmatch(rest):
        rest = f"{rest.rstrip(' .?!')} one"
    names = [name for r in resources.values() for name in (r["name"], PurePath(r["name"]).name)]
    files = re.compile("|".join(map(re.escape, names)) or r"(?!)", re.I)
    things = files.findall(rest) or _POINTER.findall(rest)
    new_file = bool(things)
    things = things or _HERE.findall(rest)
    languages, colours = _LANGUAGE.findall(rest), _COLOUR.findall(rest)
    parts = (files, _POINTER, _HERE, _LANGUAGE, _COLOUR, _FILLER)
    bare = reduce(lambda left, part: part.sub("", left), parts, rest)
    if re.search(r"\w", bare) or not (things or languages or colours):
        return swapped(last, text)
    if colours and not (things or languages):
        corrects = bool(_NO.match(text))
        return _recoloured(last, colours, rest, corrects=corrects) or swapped(last, text)
    if languages:
        wanted = " and ".join(languages)
        if found and not (things or _LANGUAGE.search(last) or _ALOUD.search(last)):
            return f"translate it to {wanted}"
        last = _swap(_LANGUAGE, wanted, last) or _in_language(last.rstrip(" .?!"), wanted)
    if things:
        wanted = " and ".join(things)
        last = _of_things(last, wanted, files) or (
            f"{last.rstrip(' .?!')}: {wanted}" if new_file else last
        )
    return last


def _of_things(last: str, wanted: str, files: re.Pattern[str]) -> str:
    """The last request with other things in place of its own; empty where it named none."""
    if named := _swap(files, wanted, last, quoted=True):
        return named
    for pattern in (_POINTER, _BARE_POINTER, _SPOKEN_OF, _IT):
        if pointed := _swap(pattern, wanted, last):
            return pointed
    before, *after = _QUOTED.split(last, maxsplit=1)
    return f"{before}{wanted}{after[0]}" if after else ""


def _in_language(last: str, language: str) -> str:
    """The last request with a language, which goes before what is read aloud."""
    spoken = _ALOUD.sub(lambda m: f"translate {m[1]} to {language} and read it ", last)
    return spoken if spoken != last else f"{last} and translate it to {language}"


def _with_text(last: str, new: re.Match[str]) -> str:
    """The last request with another text in place of its own; empty where it gave none."""
    if (quoted := _QUOTED.search(last)) is not None:
        text, old = new["quoted"] or f'"{new["pasted"]}"', quoted
    elif (pasted := _PASTED.search(last)) is not None:
        text, old = f" {new['quoted'] or new['pasted']}", pasted
    else:
        return ""
    return f"{last[: old.start()]}{text}{last[old.end() :]}"


def _recoloured(last: str, colours: list[str], rest: str, *, corrects: bool) -> str:
    """The last request to make something, with another colour; empty where it named none."""
    new = re.search(rf"\b(?:ones?|instead)\b|\ban? (?:{_COLOUR.pattern})\W*$", rest, re.I)
    if not (new or corrects):
        return ""
    return _swap(_COLOUR, " and ".join(colours), last, quoted=True)


def _swap(pattern: re.Pattern[str], new: str, text: str, *, quoted: bool = False) -> str:
    """The text with the first match replaced and later ones left out; empty without a match.

    ``quoted`` says that one in quotes counts too, as a file's name and what is to be drawn do.
    """
    own = text if quoted else _DATA.sub(lambda data: "·" * len(data[0]), text)
    found = list(pattern.finditer(own))
    if not found:
        return ""
    kept, at = [text[: found[0].start()], new], found[0].end()
    for match in found[1:]:
        kept.append(_without_listing(text[at : match.start()]))
        at = match.end()
    return "".join((*kept, text[at:]))


def _without_listing(words: str) -> str:
    """Words that come before a thing of a list, without the comma, "and" and "or" before it."""
    end = len(words.rstrip())
    while found := [w for w in _LISTING if words[max(0, end - len(w)) : end].lower() == w]:
        end -= len(found[0])
    return words[:end]
