"""Which of the given files a plan means, however it spells the name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .ingest import full_path, named_files
from .state import Resource

_LINK = re.compile(r"!?\[([^\]]*)\]\(<?([^)>]*)>?\)")
_NAMED_ID = re.compile(r"(?:<?resource>?[-_ ])?(r\d+)(?:\s*[(:](.*))?", re.I | re.S)
_SCHEME = re.compile(r"^(?:file|https?)://", re.I)


class FileNames:
    """The given files by what they may be called: id, name, path."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._ids = frozenset(resources)
        self._known: dict[str, set[str]] = {}
        for key, resource in resources.items():
            for name in (resource["name"], resource["path"], Path(resource["name"]).name):
                self._known.setdefault(name.lower(), set()).add(key)
            self._known.setdefault(key.lower(), {key})

    def find(self, value: str, *, text: bool = False) -> str:
        """The id of the only file that a value can mean, else empty; see ``_spellings``."""
        if value in self._ids:
            return value
        spelled = _spellings(value, text=text)
        keys = next((self._known[s] for s in spelled if s in self._known), set[str]())
        if not keys and named_files(value) == [value]:
            keys = self._known.get(str(full_path(value)).lower(), set())
        return next(iter(keys)) if len(keys) == 1 else ""


def _spellings(value: str, *, text: bool = False) -> list[str]:
    """What a value may call a file that it names and says nothing else with, the surest first.

    A name may stand in brackets, in a link, behind an address or folders that do not exist, or
    behind the file's id. Where a ``text`` is wanted, other words behind an id are one.
    """
    bare = value.strip(" <>[]\"'`\n")
    out = [bare]
    if link := _LINK.fullmatch(value.strip()):
        out += [link[2].strip(), link[1].strip()]
    if named := _NAMED_ID.fullmatch(bare):
        words = (named[2] or "").rpartition("named ")[2].strip(" <>[]()\"'`.\n")
        out.append(words if words and text else named[1])
    for each in [part for part in out if "/" in part and not re.search(r"\s\S*/", part)]:
        path = _SCHEME.sub("", each)
        out += [path] if path.startswith("/") else []
        with suppress(OSError, ValueError, RuntimeError):  # a text that can be no path
            out += [] if full_path(path).exists() else [path.rsplit("/", 1)[-1]]
    return [spelled.lower() for spelled in out]
