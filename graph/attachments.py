"""Files that come inside a message, as chat clients send them: base64 in content blocks.

They are written to the artifacts folder and leave the message, so that checkpoints stay small.
Not covered: blocks that only name an address; nothing is fetched for a message.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage

from hugginggraph.registry import UnreadableFileError, UnsupportedFileError
from hugginggraph.tools import Artifacts, Media

_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_TEXT = ("text", "text-plain", "reasoning", "non_standard")


def without_files(message: AnyMessage) -> HumanMessage:
    """A person's message with nothing but its text, to stand in its place."""
    return HumanMessage(str(message.text), id=message.id)


def has_files(message: AnyMessage) -> bool:
    """Whether there is more than text in a message."""
    return not isinstance(message.content, str) and any(_files(message))


def spool(message: AnyMessage, artifacts: Artifacts) -> dict[str, str]:
    """Writes the files in a message to disk and gives the name to show for each path.

    Raises:
        UnreadableFileError: a block is not base64.
        UnsupportedFileError: a block holds no data, but an address or an id.
        ResourceError: the artifacts folder cannot be written.
    """
    found: dict[str, str] = {}
    for number, block in enumerate(_files(message), 1):
        kind, mime = str(block["type"]), str(block.get("mime_type") or "")
        name = _name(block) or f"{kind} {number}"
        given = block.get("base64")
        if not isinstance(given, str):
            raise UnsupportedFileError(
                f"'{name}' came without its data.", "Attach the file itself, not its address."
            )
        try:
            data = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise UnreadableFileError(f"'{name}' is not base64.", "Attach it again.") from exc
        suffix = PurePath(name).suffix.lower()
        if not _SUFFIX.fullmatch(suffix):
            suffix = mimetypes.guess_extension(mime) or ""
        found[str(artifacts.save(Media("image", data, suffix)))] = name
    return found


def _files(message: AnyMessage) -> Iterator[Mapping[str, Any]]:
    return (block for block in message.content_blocks if block["type"] not in _TEXT)


def _name(block: Mapping[str, Any]) -> str:
    """The file's name as the client knows it, empty where it says none."""
    extras = block.get("extras") or {}
    about = {**extras, **(extras.get("metadata") or {})}
    return PurePath(str(about.get("filename") or about.get("name") or "")).name[:80]
