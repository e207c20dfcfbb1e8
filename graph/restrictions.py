"""What a request restricts and the results do not keep: a summary's length, boxes not to be drawn.

Not covered: restrictions of style or content, and lengths of anything but a lone summary.
"""

from __future__ import annotations

import re

from hugginggraph.tools import NUMBER_WORDS, plural, split_sentences

from .state import Result, State

_COUNTS = {word: n for n, word in enumerate(NUMBER_WORDS) if n} | {"a": 1, "single": 1}
_LENGTH = re.compile(
    r"\b(?:in|to|into) (?:(?:at most|no more than|up to|fewer than|under) )?"
    rf"(?:(?:a|just|only) )?(?P<many>\d{{1,9}}|{'|'.join(_COUNTS)}) (?P<what>sentence|word)s?\b"
    r"(?! or (?:two|three|four|more|so)\b)",
    re.I,
)
_SUMMARY = re.compile(
    r"(?<!not )(?<!n't )(?<!n’t )\b(?:summar|tl;?dr|shorten|sum )"
    r"(?:(?!\b(?:and|then|but)\b)[^:;?!\n])*",
    re.I,
)
"""The clause that asks for a summary, without the text that it may bring."""
_OPENS = re.compile(r"(?<!\w)['\"“‘]")
_CLOSES = re.compile(r"['\"”’](?!\w)")
_UNDRAWN = re.compile(
    r"\b(?:(?:do not|don['’]t|never) (?:draw|mark|paint)|without (?:drawing|marking|painting))"
    r" (?:(?:any|the) )?(?:boxes|box|them)\b",
    re.I,
)


def unkept(state: State) -> list[str]:
    """A sentence for each restriction of the request that its results do not keep."""
    results = [(t["task"], state["results"][str(t["id"])]) for t in state["plan"]["tasks"]]
    done = [(task, result) for task, result in results if result["status"] == "done"]
    summaries = [result for task, result in done if task == "summarization"]
    drawn = [result for _, result in done if result["kind"] == "boxes" and result["files"]]
    request = _unquoted(state["request"])
    lines = [_too_long(request, summaries[0])] if len(summaries) == 1 else []
    if drawn and _UNDRAWN.search(request):
        lines.append("The boxes are drawn all the same, in a picture of their own.")
    return [line for line in lines if line]


def _unquoted(request: str) -> str:
    """The request without what stands between its first quote mark and its last."""
    opened = _OPENS.search(request)
    ends = [mark.end() for mark in _CLOSES.finditer(request, opened.end())] if opened else []
    return request[: opened.start()] + request[ends[-1] :] if opened and ends else request


def _too_long(request: str, summary: Result) -> str:
    wish = _SUMMARY.search(request)
    asked = _LENGTH.search(wish[0] if wish else request)
    if not asked or not isinstance(summary["value"], str):
        return ""
    what, said = asked["what"].lower(), asked["many"].lower()
    wanted = int(said) if said.isdigit() else _COUNTS[said]
    pieces = split_sentences(summary["value"]) if what == "sentence" else summary["value"].split()
    if len(pieces) <= wanted:
        return ""
    has = f"{len(pieces)} {plural(what, len(pieces))}"
    return f"The summary has {has}, more than the {wanted} asked for."
