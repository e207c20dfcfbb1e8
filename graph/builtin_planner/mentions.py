"""What a request names: the data that the reading of it leaves behind.

A ``Mention`` is one such thing, and ``Mentions`` holds the request with a marker such as
``«image1»`` for each. What is inside a mention is data: no cue ever looks at it, so words in a
quoted or pasted text plan nothing. ``find_mentions.py`` makes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

MentionKind: TypeAlias = str
"""A kind of the table, or ``question``, or ``unread`` for files and addresses no task reads."""

MARKER = re.compile(r"«([a-z]+)(\d+)»")


@dataclass(frozen=True)
class Mention:
    """One thing that the request names.

    ``values`` are resource ids, paths or literal texts; several where the request names a group
    ("all three pictures"). ``raw`` is how the request wrote it.
    """

    number: int
    kind: MentionKind
    values: tuple[str, ...]
    raw: str
    file: bool = False

    @property
    def marker(self) -> str:
        """What stands for it in the request."""
        return f"«{self.kind}{self.number}»"


@dataclass
class Mentions:
    """The request with markers in it, and what each marker stands for.

    ``absent`` are pointers at one of more files of a kind than were given ("the second picture"),
    and ``left_out`` the files that no task is to work on ("all except b.png").
    """

    text: str = ""
    found: list[Mention] = field(default_factory=list)
    absent: list[tuple[MentionKind, str]] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    def add(
        self, kind: MentionKind, values: tuple[str, ...], raw: str, *, file: bool = False
    ) -> str:
        """Note a mention and return its marker, with spaces where words would touch it."""
        self.found.append(Mention(len(self.found), kind, values, raw, file))
        return self.found[-1].marker

    def within(self, text: str) -> list[Mention]:
        """The mentions whose markers stand in a piece of the request, in order."""
        return [self.found[int(number)] for _, number in MARKER.findall(text)]

    def restore(self, text: str) -> str:
        """The piece as the request wrote it."""
        return MARKER.sub(lambda match: self.found[int(match[2])].raw, text)
