"""The seam between the graph and its planners: a request goes in, a draft of a plan comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .state import Finding, Resource, Task


@dataclass(frozen=True)
class PlanRequest:
    """What a planner may look at.

    ``resources`` are the usable files by id, oldest first. ``history`` holds earlier messages as
    (role, text), oldest first, and ``earlier`` what tasks of earlier turns found, oldest first.
    """

    text: str
    resources: Mapping[str, Resource] = field(default_factory=dict)
    history: tuple[tuple[str, str], ...] = ()
    earlier: tuple[Finding, ...] = ()


class Cost(Protocol):
    """What asking an LLM has cost: its reply, a draft from it, or the error that it ended in."""

    @property
    def llm_calls(self) -> int:
        """How often it was asked."""
        ...

    @property
    def tokens(self) -> int:
        """What it counted, of the requests and the replies."""
        ...


@dataclass(frozen=True)
class Draft:
    """A plan as a planner gives it, not yet checked.

    ``tasks`` is whatever the planner produced (a list of task objects where it went well).
    ``confidence`` is in 0..1. ``notes`` say in plain words what was not understood or was assumed.
    ``reply`` answers a request that has nothing to run.
    """

    tasks: Any
    confidence: float = 1.0
    notes: tuple[str, ...] = ()
    reply: str = ""
    llm_calls: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Setback:
    """Why a plan has to be made anew: a person rejected it for ``reason``, or tasks of it failed.

    ``done`` holds what finished tasks gave, as text, and ``failed`` the errors, by task id.
    """

    tasks: list[Task]
    reason: str = ""
    done: Mapping[int, str] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)


class Planner(Protocol):
    """Turns a request into a draft; ``mend`` gets a draft's errors and tries again."""

    name: str

    async def plan(self, request: PlanRequest) -> Draft:
        """A draft for the request.

        Raises:
            NotUnderstoodError: nothing in the request can be planned.
            UnsupportedFileError: it names a file or an address that no task reads.
            LLMError: the LLM could not be asked.
        """
        ...

    async def mend(self, request: PlanRequest, tasks: Any, errors: list[str]) -> Draft | None:
        """A better draft, given what is wrong with this one; None where it cannot."""
        ...

    async def replan(self, request: PlanRequest, setback: Setback) -> Draft | None:
        """A draft of what is left after a setback; it may refer to what is done. None for no idea.

        Raises:
            NotUnderstoodError, LLMError: as ``plan``.
        """
        ...
