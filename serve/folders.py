"""Errors name no folder of this machine to who is not at it: files and models by their names.

A path is one that begins with a folder that is there, wherever it stands in the words; what is no
error's is left as it is. Not covered: paths as Windows writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_START = re.compile(r"(?<![\w./~-])(?:file://)?(/)(?=[^/\s])")
_PLAIN = re.compile(r"[^/\s'\"(),;]+/")
_QUOTED = re.compile(r"(?:[^/\n'\"]|'(?=\w))+/")
"""Further folders of a path, there or not, so that nothing tells which are."""


def folders_in(message: str) -> set[str]:
    """The folders of this machine that an error's message names."""
    return {message[start:end] for start, end in _spans(message)}


def without_folders(message: str) -> str:
    """An error's message with files and models by their last names."""
    for start, end in reversed(_spans(message)):
        message = message[:start] + message[end:]
    return message


def without_folders_of_errors(text: str, state: Mapping[str, Any]) -> str:
    """A text of a run without the folders that the run's errors name, above all of models."""
    faults = [state, *(state.get("results") or {}).values()]
    faults += [tried for fault in faults for tried in fault.get("attempts") or ()]
    errors = [fault["error"] for fault in faults if fault.get("error")]
    messages = [error.get(part) or "" for error in errors for part in ("message", "hint")]
    for folder in sorted(set().union(*map(folders_in, messages)), key=len, reverse=True):
        text = text.replace(folder, "")
    return text


def _spans(message: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for match in _START.finditer(message):
        start, end = match.span()
        if not found or start >= found[-1][1]:
            further = _QUOTED if message[max(0, start - 1) : start] in ("'", '"') else _PLAIN
            first = match.start(1)
            while (after := message.find("/", end) + 1) and _is_folder(message[first:after]):
                end = after
            if end > match.end():
                while again := further.match(message, end):
                    end = again.end()
                found.append((start, end))
    return found


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # the name is too long for one
        return False
