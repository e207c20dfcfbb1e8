"""From a request to what it names: files, addresses, texts, questions, pointers at given files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..references import REFERENCE
from ..state import Resource
from .cues import active, plain
from .files import names_of, take_files
from .literals import take_literals, text_follows
from .mentions import Mentions
from .pasted import stands_below, take_pasted
from .pointers import take_pointers

_STRAIGHT = str.maketrans("“”„‘’‚", "\"\"\"'''")
_IN_PARENTHESES = re.compile(
    r"\b((?:text|sentence|phrase|passage|statement)) \(([A-Z][^()«».]{5,300}\.?)\)"
)


def text_given(
    head: str,
    gap: str,
    rest: str,
    resources: Mapping[str, Resource],
    asks_for_text: Callable[[str], bool],
) -> bool:
    """Whether what follows a colon or a line break, ``gap``, is a text for what ``head`` asks."""
    if gap.isspace():
        return stands_below(head, rest, asks_for_text)
    return text_follows(head, rest, names_of(resources), asks_for_text)


def find_mentions(
    request: str, resources: Mapping[str, Resource], asks_for_text: Callable[[str], bool]
) -> Mentions:
    """The request with its mentions taken out.

    ``asks_for_text`` says whether the words before a colon or a line break ask for something to be
    done with a text, so that what follows is that text.
    """
    request = REFERENCE.sub(r"resource \1", request.replace("\r\n", "\n").replace("\r", "\n"))
    request = re.sub(r"«\s?|\s?»", '"', request).translate(_STRAIGHT)
    request = request.strip()
    names = names_of(resources)
    mentions = Mentions()
    body = take_pasted(request, mentions, names, asks_for_text)
    text = take_literals(body, mentions, resources, names, asks_for_text)
    text = "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())
    text = _IN_PARENTHESES.sub(
        lambda match: f"{match[1]} {mentions.add('text', (match[2],), match[2])}", text
    )
    text = take_files(text, mentions, resources, names)
    mentions.text = active(take_pointers(plain(text), mentions, resources))
    return mentions
