"""What was said before a request, where the caller brings it: nothing of it has to be true.

Messages become the history of the graph's chat. Files that they name come along if they are the
caller's own; what they name besides is left out without a word, as no error of an old message may
stop a new one, and nothing is fetched for it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from .files import LINK, Files
from .refusals import Refusal
from .shapes import MOST_GIVEN, Conversation, Turn

MOST_TURNS = 40
"""Messages that are read, the latest ones."""
MOST_FILES = 16
"""Files of these messages that a run can use, the latest ones."""


class Fetched:
    """Which file of an owner came from which address of the web: a note of a few bytes for each."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def note(self, owner: str, address: str, path: Path) -> None:
        """Keep where a fetched file is."""
        note = self._files.folder_of(owner, "fetched") / self._note(owner, address).name
        fresh = note.with_suffix(f".{secrets.token_hex(4)}")
        fresh.write_text(path.parent.name, encoding="ascii")
        fresh.replace(note)

    def file_id(self, owner: str, name: str) -> str:
        """The id of what the owner had fetched from an address; any other name as it is."""
        if not name.startswith(("http://", "https://")):
            return name
        try:
            return self._note(owner, name).read_text(encoding="ascii")
        except OSError:
            return name

    def _note(self, owner: str, address: str) -> Path:
        digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
        return self._files.home(owner) / "fetched" / digest


def conversation(asked: Turn, before: Sequence[Turn], thread_id: str | None = None) -> Conversation:
    """What a run is given, where its request is the last message of a conversation.

    Raises:
        Refusal: the message has too many files (422).
    """
    if len(asked.files) > MOST_GIVEN:
        raise Refusal(
            422, f"The last message names more than {MOST_GIVEN} files.", "Name fewer of them."
        )
    return Conversation(
        request=asked.text, files=asked.files, before=list(before), thread_id=thread_id
    )


def recalled(
    files: Files, fetched: Fetched, owner: str, before: Sequence[Turn], longest: int
) -> tuple[list[BaseMessage], list[Path]]:
    """The messages of an earlier conversation and the files that came up in it, oldest first.

    A file's link stands in them as its name, as in a request. Texts are cut at ``longest``
    characters.
    """
    messages: list[BaseMessage] = []
    paths: dict[Path, None] = {}
    for turn in before[-MOST_TURNS:]:
        text = turn.text[:longest]
        for name in [*turn.files, *(match[0] for match in LINK.finditer(text))]:
            link = LINK.search(name)
            file_id = link[1] if link else fetched.file_id(owner, name)
            try:
                path = files.find(owner, file_id)
            except Refusal:
                continue
            paths.pop(path, None)
            paths[path] = None
            if link:
                text = text.replace(name, path.name)
        if text.strip():
            messages.append(HumanMessage(text) if turn.role == "user" else AIMessage(text))
    return messages, list(paths)[-MOST_FILES:]
