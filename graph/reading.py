"""The JSON that an LLM wrote, read as it was meant: whatever it is wrapped in or lacks."""

from __future__ import annotations

import itertools
import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .thoughts import without_thoughts

_MOST_VALUES = 100
_DEEPEST = 60
"""How many levels of lists and objects are read."""
_AHEAD = 200
"""How many characters after a quotation mark tell whether it ends a string."""
_DOUBLED = re.compile(r"\{\{\s*[\"'\w]")
_ESCAPED_WHOLE = re.compile(r"[{\[][\s{\[]*\\\"")
_FENCE = re.compile(r"\A```\w*\s*\n(.*?)\n?```\Z", re.DOTALL)
_STRICT = json.JSONDecoder()
_CLOSING = {'"': '"', "'": "'", "“": "”", "„": "“", "‘": "’", "`": "`"}
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"true": True, "false": False, "null": None, "none": None, "undefined": None}
_SPACE = re.compile(r"(?:\s|//[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_BARE = re.compile(r"[^\s,:{}\[\]\"]+")
_NEXT_LINE = re.compile(r"\s*\n\s*(?:\"[^\"\n]*\"|'[^'\n]*')\s*[:,\]}\n]")


def read_json(text: str) -> Any:
    """The JSON value in an LLM's reply, or None where there is none.

    Reads JSON that is fenced, inside prose, cut short, after thoughts, in Python's spelling, with
    comments, stray or missing commas, unquoted keys, doubled braces, escaped as if it stood in a
    text, or several objects after each other. Of several values it is the longest, of equally long
    ones the last. The value holds what JSON can hold and nothing else.
    """
    with suppress(ValueError, RecursionError):
        value = _bounded(json.loads(_FENCE.sub(r"\1", text.strip()[:200_000])))
        return _parsed(value)  # it may be JSON as a text
    text = _once_encoded(without_thoughts(text)[:200_000])
    found, at = list[tuple[int, int, Any]](), 0
    while (start := _next_bracket(text, at)) >= 0 and len(found) < _MOST_VALUES:
        try:
            value, at = _STRICT.raw_decode(text, start)
            _bounded(value)
        except (ValueError, RecursionError):
            value, at = _Lenient(text, start).read()
        found.append((start, at, value))
    objects = [each for each in found if _holds_objects(each[2])]
    if len(objects) > 1 and all(isinstance(v, dict) and not _nests(v) for _, _, v in objects):
        between = [text[a[1] : b[0]] for a, b in itertools.pairwise(objects)]
        if not any(gap.strip(" \t\r\n,;") for gap in between):
            return [value for _, _, value in objects]
    options = objects or [each for each in found if each[2] in ([], {})]
    return max(options, key=lambda each: (each[1] - each[0], each[0]), default=(0, 0, None))[2]


def _once_encoded(text: str) -> str:
    """The text without the escapes of a template or of a text that JSON was written into."""
    start = _next_bracket(text, 0)
    if start >= 0 and _DOUBLED.match(text, start):
        return text.replace("{{", "{").replace("}}", "}")
    if start >= 0 and _ESCAPED_WHOLE.match(text, start):
        end = max(text.rfind("}"), text.rfind("]")) + 1
        with suppress(ValueError):
            return str(json.loads(f'"{text[start:end]}"', strict=False))
        return text.replace('\\"', '"')
    return text


def _bounded(value: Any) -> Any:
    """The value.

    Raises:
        ValueError: it is nested too deep, or holds a number that a thread could not keep.
    """
    level = [value]
    for _ in range(_DEEPEST):
        numbers = [each for each in level if isinstance(each, int | float)]
        if any(not math.isfinite(n) or abs(n) >= 2**63 for n in numbers):
            raise ValueError("a number out of range")
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return value
    raise ValueError("nested too deep")


def _next_bracket(text: str, at: int) -> int:
    return min((i for i in (text.find("{", at), text.find("[", at)) if i >= 0), default=-1)


def _holds_objects(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(each, dict | list) and each for each in value) or (
            bool(value) and all(isinstance(each, int | float) for each in value)
        )
    return isinstance(value, dict) and bool(value)


def _nests(value: dict[str, Any]) -> bool:
    lists = (each for each in value.values() if isinstance(each, list))
    return any(isinstance(item, dict) for each in lists for item in each)


def in_shape(value: Any, field: str) -> Any:
    """The object that has ``field``, however it is wrapped, else the value as it is.

    Models wrap it in the call of a tool (``{"name": …, "arguments": {…}}``), in a name of their
    own, or give the field's list alone, or as JSON inside a text.
    """
    if isinstance(value, dict) and field not in value:
        inner = [_parsed(each) for each in value.values()]
        wrapped = [each for each in inner if isinstance(each, dict) and field in each]
        lists = [each for each in inner if isinstance(each, list) and _nests({field: each})]
        if len(wrapped) == 1:
            value = wrapped[0]
        elif len(lists) == 1 and len(value) == 1:
            value = {field: lists[0]}
    if isinstance(value, dict) and isinstance(value.get(field), str):
        return {**value, field: _parsed(value[field])}
    return value


def _parsed(value: Any) -> Any:
    found = (
        read_json(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else None
    )
    return value if found is None else found


def _past_space(text: str, at: int) -> int:
    """The place after the blanks and comments that begin at ``at``."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


@dataclass
class _Lenient:
    """Reads one object or list from ``at`` on, whatever is wrong with it."""

    text: str
    at: int
    depth: int = 0

    def read(self) -> tuple[Any, int]:
        value = self._value()
        return value, self.at

    def _peek(self) -> str:
        """The next character that means something, empty at the end."""
        self.at = _past_space(self.text, self.at)
        return self.text[self.at : self.at + 1]

    def _value(self) -> Any:
        char = self._peek()
        if char in ("{", "["):
            self.at += 1
            if self.depth >= _DEEPEST:
                return None
            self.depth += 1
            value = self._object() if char == "{" else self._list()
            self.depth -= 1
            return value
        return self._string(char) if char in _CLOSING else self._word()

    def _object(self) -> dict[str, Any] | None:
        out: dict[str, Any] = {}
        while char := self._peek():
            if char == "}":
                self.at += 1
                break
            if char in ("]", "{"):  # its own bracket is missing
                break
            start = self.at
            key = self._string(char) if char in _CLOSING else self._word()
            if self._peek() == ":" and isinstance(key, str | int | float):
                self.at += 1
                if not self._peek():
                    break
                out[str(key)] = self._value()
            elif self.at == start:
                self.at += 1
        return out

    def _list(self) -> list[Any] | None:
        out: list[Any] = []
        left_out = False
        while char := self._peek():
            if char == "]":
                self.at += 1
                break
            if char == "}":  # its own bracket is missing
                break
            start = self.at
            if char not in ",:":
                value = self._value()
                left_out |= value in ("...", "…") and isinstance(value, str)
                out += [] if value in ("...", "…") else [value]
            if self.at == start:
                self.at += 1
        return None if left_out and not out else out

    def _string(self, quote: str) -> str:
        """A string; a quotation mark inside it does not end it where nothing of JSON follows."""
        close, out = _CLOSING[quote], list[str]()
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == "\\" and self.at < len(self.text):
                out.append(self._escaped())
            elif char in (close, quote) and self._ends():
                break
            else:
                out.append(char)
        return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _escaped(self) -> str:
        char = self.text[self.at]
        self.at += 1
        if char == "u" and re.fullmatch(r"[\da-fA-F]{4}", self.text[self.at : self.at + 4]):
            self.at += 4
            return chr(int(self.text[self.at - 4 : self.at], 16))
        return _ESCAPED.get(char, char)

    def _ends(self) -> bool:
        ahead = self.text[self.at : self.at + _AHEAD]
        if _NEXT_LINE.match(ahead):  # the comma between them is missing
            return True
        after = _past_space(ahead, 0)
        return ahead[after : after + 1] in ("", ",", ":", "}", "]")

    def _word(self) -> Any:
        """A number, a constant, or a word without its quotation marks."""
        found = _BARE.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        word = found[0]
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        for number in (int, float):
            with suppress(ValueError):
                return _bounded(number(word))
        return word
