"""Reading prompts and filling their slots.

A slot is ``{{name}}``. All slots are filled in one pass, so that a ``{{name}}`` inside what a
person wrote stays what it is.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from typing_extensions import TypedDict

_SLOT = re.compile(r"\{\{(\w+)\}\}")


class Demonstration(TypedDict):
    """A request, the kinds of its files by id, and the plan that is right for it."""

    request: str
    resources: dict[str, str]
    tasks: list[dict[str, Any]]


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def fill(name: str, **slots: str) -> str:
    """The prompt ``name`` (a Markdown file of this room) with its slots filled.

    Raises:
        KeyError: a slot of the prompt was not given, or one was given that it does not have.
    """
    text = _read(f"{name}.md")
    if unknown := set(slots) - set(_SLOT.findall(text)):
        raise KeyError(f"the prompt '{name}' has no slot {sorted(unknown)}")
    return _SLOT.sub(lambda match: slots[match[1]], text)


@cache
def demonstrations() -> tuple[Demonstration, ...]:
    """The requests and plans that are shown to an LLM as examples, all valid plans."""
    return tuple(json.loads(_read("demonstrations.json")))
