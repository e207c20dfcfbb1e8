"""Files of a chat: those inside its messages, and links to those that a run made.

Chat clients send files as base64 in content blocks. They are written to the artifacts folder and
leave the message, so that checkpoints stay small. Behind LangGraph Studio's server a message that
answers names files by links, which Studio's chat and agent-chat-ui show as Markdown.
Not covered: blocks that only name an address; nothing is fetched for a message.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import mimetypes
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.config import get_config

from hugginggraph.registry import UnreadableFileError, UnsupportedFileError
from hugginggraph.tools import Artifacts, Media

from .naming import shown_path
from .state import Resource

_ATTACH = "Attach the file itself, not its address."
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_HOST = re.compile(r"[\w.\-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?", re.IGNORECASE)
_TEXT = ("text", "text-plain", "reasoning", "non_standard")


def without_files(message: AnyMessage) -> HumanMessage:
    """A person's message with nothing but its text, to stand in its place."""
    return HumanMessage(str(message.text), id=message.id)


def has_files(message: AnyMessage) -> bool:
    """Whether there is more than text in a message."""
    return not isinstance(message.content, str) and any(_files(message))


class Attached(NamedTuple):
    """A file in a message: its name with a suffix, and its bytes or the address where it is."""

    name: str
    data: bytes = b""
    url: str = ""


def attached(message: AnyMessage) -> Iterator[Attached]:
    """The files in a message; those that have no name are numbered.

    Raises:
        UnreadableFileError: a block is not base64.
        UnsupportedFileError: a block holds neither data nor an address.
    """
    for number, block in enumerate(_files(message), 1):
        kind, mime = str(block["type"]), str(block.get("mime_type") or "")
        name = _name(block) or f"{kind} {number}"
        given = block.get("base64")
        if isinstance(given, str):
            try:
                data = base64.b64decode(given, validate=True)
            except (binascii.Error, ValueError) as exc:
                raise UnreadableFileError(f"'{name}' is not base64.", "Attach it again.") from exc
            if not _SUFFIX.fullmatch(PurePath(name).suffix.lower()):
                name += mimetypes.guess_extension(mime) or ""
            yield Attached(name, data)
        elif isinstance(url := block.get("url"), str):
            yield Attached(name, url=url)
        else:
            raise UnsupportedFileError(f"'{name}' came without its data.", _ATTACH)


def spool(message: AnyMessage, artifacts: Artifacts) -> dict[str, str]:
    """Writes the files in a message to disk and gives the name to show for each path.

    Raises:
        UnreadableFileError: a block is not base64.
        UnsupportedFileError: a block holds no data, but an address or an id.
        ResourceError: the artifacts folder cannot be written.
    """
    found: dict[str, str] = {}
    for file in attached(message):
        if file.url:
            raise UnsupportedFileError(f"'{file.name}' came without its data.", _ATTACH)
        suffix = PurePath(file.name).suffix.lower()
        found[str(artifacts.save(Media("image", file.data, suffix)))] = file.name
    return found


async def with_links(answer: str, resources: Mapping[str, Resource], artifacts: Artifacts) -> str:
    """The answer for a chat client of Studio's server: made files as links that a browser opens.

    Pictures become Markdown images. Where no server has told its host, as ``langgraph.json``
    lets Studio's do, the answer stays as it is.
    """
    told = get_config().get("configurable") or {}
    if not _HOST.fullmatch(host := str(told.get("host") or "")):
        return answer
    scheme = "https" if told.get("x-forwarded-proto") == "https" else "http"
    paths = [
        (Path(res["path"]), "!" if res["kind"] == "image" else "") for res in resources.values()
    ]
    base = f"{scheme}://{host}/artifacts"
    return await asyncio.to_thread(_linked, answer, paths, base, artifacts.folder)


def _linked(answer: str, paths: list[tuple[Path, str]], base: str, folder: Path) -> str:
    for path, mark in paths:
        if path.parent.resolve() != folder.resolve():
            continue
        url = f"{base}/{path.name}"
        link = f"{mark}[{path.name}]({url})"
        for spelled in dict.fromkeys((str(path), shown_path(str(path)))):
            named = re.escape(spelled)
            answer = re.sub(rf"(?<=\]\(){named}(?=\))", url, answer)
            answer = re.sub(rf"(?<![\w/(])`?{named}`?", link, answer)
    return answer


def _files(message: AnyMessage) -> Iterator[Mapping[str, Any]]:
    return (block for block in message.content_blocks if block["type"] not in _TEXT)


def _name(block: Mapping[str, Any]) -> str:
    """The file's name as the client knows it, empty where it says none."""
    extras = block.get("extras") or {}
    about = {**extras, **(extras.get("metadata") or {})}
    return PurePath(str(about.get("filename") or about.get("name") or "")).name[:80]
