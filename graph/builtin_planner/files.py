"""The files and addresses that a request names, and what kind of thing each is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hugginggraph.registry import UnsupportedFileError
from hugginggraph.tools import SUFFIXES

from ..state import Resource
from .mentions import MentionKind, Mentions

UNREAD = "pdf doc docx odt rtf ppt pptx epub xls xlsx ods parquet svg heic zip"
"""The endings of files that people name and no task reads; such a mention is ``unread``."""
_KIND_OF: dict[str, str] = {
    ext.strip("."): kind for kind, row in SUFFIXES.items() for ext in row.split()
}
_KIND_OF |= dict.fromkeys(UNREAD.split(), "unread")

_URL = re.compile(r"https?://[^\s«»<>\"')]+[^\s«»<>\"').,;:!?]", re.I)
_PATH = re.compile(r"(?<![\w~./\\:«-])[\w~./\\:-]*\w\.(" + "|".join(_KIND_OF) + r")(?![\w»])", re.I)
_SPACED = re.compile(r"[\w./\\~:()-]+(?: [\w./\\()-]+){0,3}\.\w{2,5}")
_TO_MAKE = re.compile(
    r"\b(?:save|store|write|export|call|name)\b[^.;,!?«]*(?:«\w+»[^.;,!?«]*)?\b(?:as|to|in|into|it)\s+$",
    re.I,
)


def kind_of_path(path: str) -> str:
    """The kind of file that a path's ending says, ``file`` where it says none."""
    return _KIND_OF.get(path.rpartition(".")[2].lower(), "file")


def unread(name: str) -> UnsupportedFileError:
    """The error of a file or address that a request names and no task reads."""
    if _URL.match(name):
        return UnsupportedFileError(
            f"Nothing is fetched from an address such as '{name}'.",
            "Give the file itself, or quote the text.",
        )
    last = re.split(r"[/\\]", name)[-1]
    return UnsupportedFileError(
        f"No task reads a file like '{last}'.",
        "Give a picture, a sound, a film, a text or a CSV table.",
    )


def _kind_of(name: str) -> MentionKind:
    """The kind of what a request names by path or address; nothing is fetched from an address."""
    return "unread" if _URL.match(name) else kind_of_path(name)


def file_named(text: str) -> MentionKind:
    """The kind of the file whose name is all of a text, such as "my notes.txt"; else empty."""
    kind = _kind_of(text)
    return kind if _SPACED.fullmatch(text) and kind != "file" and not _URL.fullmatch(text) else ""


def has_path(text: str) -> bool:
    """Whether a path of a known kind stands somewhere in a text."""
    return bool(_PATH.search(text))


def names_of(resources: Mapping[str, Resource]) -> dict[str, str]:
    """Resource ids by every way to write their name, lower case; a full name beats a last part."""
    names: dict[str, str] = {}
    for rid, resource in resources.items():
        for name in (resource["name"], resource["path"]):
            if name:
                names.setdefault(name.lower(), rid)
    for rid, resource in resources.items():
        if last := re.split(r"[/\\]", resource["name"])[-1]:
            names.setdefault(last.lower(), rid)
    return names


def file_at(text: str, names: Mapping[str, str]) -> bool:
    """Whether a text begins with the name of a file or with an address."""
    word = re.match(r"\S+", text)
    if word is None:
        return False
    first = word[0].rstrip(".,;!?)").lower()
    return bool(first in names or _PATH.fullmatch(first) or _URL.match(first))


def take_files(
    text: str, mentions: Mentions, resources: Mapping[str, Resource], names: Mapping[str, str]
) -> str:
    """Take out what names a file: resources by name, addresses, paths that are not resources."""

    def known(match: re.Match[str]) -> str:
        rid = names[match[0].lower()]
        return mentions.add(resources[rid]["kind"], (rid,), match[0], file=True)

    def other(match: re.Match[str]) -> str:
        made = _TO_MAKE.search(match.string[max(0, match.start() - 60) : match.start()])
        kind = "output" if made else _kind_of(match[0])
        return mentions.add(kind, (match[0],), match[0], file=True)

    if names:
        longest = sorted((re.escape(name) for name in names), key=len, reverse=True)
        text = re.sub(rf"(?<![\w/.«])(?:{'|'.join(longest)})(?![\w»])", known, text, flags=re.I)
    return _PATH.sub(other, _URL.sub(other, text))
