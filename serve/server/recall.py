"""What was said before a request, where the caller brings it: nothing of it has to be true.

Messages become the history of the graph's chat. Files that they name come along if they are the
caller's own; what they name besides is left out without a word, as no error of an old message may
stop a new one, and nothing is fetched for it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from hugginggraph.graph import Finding
from hugginggraph.registry import task_types

from .files import LINK, Files
from .refusals import Refusal
from .shapes import MOST_GIVEN, Conversation, Turn

MOST_TURNS = 40
"""Messages that are read, the latest ones."""
MOST_FILES = 16
"""Files of these messages that a run can use, the latest ones."""
MOST_READ = 20_000
"""Characters of an answer in which is looked for what its tasks found."""


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
) -> tuple[list[BaseMessage], list[Path], list[Finding]]:
    """The messages of an earlier conversation, and its files and findings, oldest first.

    A file's link stands in them as its name, as in a request. Texts are cut at ``longest``
    characters.
    """
    messages: list[BaseMessage] = []
    findings: list[Finding] = []
    paths: dict[Path, None] = {}
    for turn in before[-MOST_TURNS:]:
        text, older = turn.text[:longest], len(paths)
        for name in [*turn.files, *(match[0] for match in LINK.finditer(text))]:
            link = LINK.search(name)
            file_id = link[1] if link else fetched.file_id(owner, name)
            try:
                path = files.find(owner, file_id)
            except Refusal:
                continue
            if path in paths:  # what was found before is not of a file that is given again
                del paths[path]
                older = min(older, len(paths))
            paths[path] = None
            if link:
                text = text.replace(name, path.name)
        known_when(findings, older)
        if text.strip():
            messages.append(HumanMessage(text) if turn.role == "user" else AIMessage(text))
        if turn.role == "assistant":
            findings += [Finding(task=task, text=found, resources=len(paths))
                         for task, found in found_in(text)]  # fmt: skip
    left_out = max(0, len(paths) - MOST_FILES)
    for finding in findings:
        finding["resources"] = max(0, finding["resources"] - left_out)
    return messages, list(paths)[-MOST_FILES:], findings


def known_when(findings: list[Finding], most: int) -> None:
    """Let no finding count more files than there were before one of them was given again."""
    for finding in findings:
        finding["resources"] = min(finding["resources"], most)


def found_in(answer: str) -> list[tuple[str, str]]:
    """What an answer says that its tasks found, texts and labels, each with its task type.

    Read back by the sentences of the table of task types, of the tasks that the line at the end
    names; a text may go over several lines. Nothing is found in an answer in other words, or in one
    of more than ``MOST_READ`` characters.
    """
    said, _, models = answer.rpartition("Models: ")
    if len(said) > MOST_READ:
        return []
    rows = [(len("".join(_sentence(row.says)[0])), row) for row in task_types().values()
            if f"{row.id} by " in models]  # fmt: skip
    rows.sort(key=lambda pair: pair[0], reverse=True)
    found: list[tuple[str, list[str]]] = []
    for line in said.strip().splitlines():
        for words, row in rows:
            if words >= len(line) or (not words and found[-1:] and found[-1][0] == row.id):
                continue
            if value := _value(row.says, line):
                found.append((row.id, [value]))
                break
        else:
            if found:
                found[-1][1].append(line)
    kinds = {row.id: row.output for _, row in rows}
    return [(task, "\n".join(lines)) for task, lines in found if kinds[task] in ("text", "labels")]


def _value(says: str, line: str) -> str:
    """What a line says in the words of a task type: its value, or all of it; empty if it is none.

    The fixed words are looked for from left to right, each once: an answer that a caller made up
    costs no more to read than a true one.
    """
    (first, *between), slots = _sentence(says)
    if not line.startswith(first):
        return ""
    start, last = len(first), between.pop()
    for slot, words in zip(slots, between, strict=False):
        end = line.find(words, start) if slot in _SAID else _argument_end(line, start, words)
        if end < 0:
            return ""
        start = end + len(words)
    end = len(line) - len(last)
    if start > end or not line.endswith(last):
        return ""
    if slots[-1] == "value":
        return line[start:end]
    argument = slots[-1] not in _SAID
    return line if not argument or _argument_end(line, start, last) == end else ""


_SAID = frozenset(("value", "best", "rest", "score"))
"""The parts of a sentence that are of a result; the others are what the task worked on."""
_SUFFIX = re.compile(r"\.\w{1,5}\Z")


def _argument_end(line: str, start: int, words: str) -> int:
    """Where that ends which a task worked on and the words follow, -1 where it is not there.

    It is a quoted text, an earlier result, or a file.
    """
    if line.startswith("“", start):
        end = line.find(f"”{words}", start)
        return end + (end >= 0)
    end = line.find(words, start)
    if line.startswith(("the ", "The "), start):
        return end if end < 0 else line.find(words, start + 4)
    while end >= 0 and not _SUFFIX.search(line, max(start, end - 6), end):
        end = line.find(words, end + 1)
    return end


@cache
def _sentence(says: str) -> tuple[list[str], list[str]]:
    """The fixed words of what a task type says of its result, and the slots between them."""
    parts = re.split(r"\{(\w+)\}", says)
    return parts[::2], parts[1::2]
