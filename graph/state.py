"""The state of a run, as JSON values only, and what a caller can set for one run.

Files live on disk; state names them as resources (``r1``, ``r2``, …). Checkpoints stay small and
any process can take a run up again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import Field
from typing_extensions import TypedDict

from hugginggraph.registry import Kind


class Resource(TypedDict):
    """A file that a task can read: given with the request, named in it, or made by a task.

    ``drawn`` is the kind of the result that a file only shows: boxes drawn into a picture.
    ``problem`` holds the error of a file that cannot be used (``HuggingGraphError.as_json``).
    """

    kind: Kind
    path: str
    name: str
    task: NotRequired[int]
    drawn: NotRequired[Kind]
    problem: NotRequired[dict[str, Any]]


class Task(TypedDict):
    """One task of a plan: ``dep`` holds the ids it waits for, ``args`` its inputs by slot name.

    An argument is a literal text, a resource id (``"r1"``), a reference to the result of another
    task (``"<resource>-0"``), or a list of these.
    """

    id: int
    task: str
    dep: list[int]
    args: dict[str, Any]


class Finding(TypedDict):
    """A text or labels that a task of an earlier turn found, when there were so many files."""

    task: str
    text: str
    resources: int


class Plan(TypedDict):
    """A plan as state and ``plan --json`` carry it.

    ``confidence`` is the planner's own, in 0..1. ``errors`` is empty where ``valid``.
    """

    tasks: list[Task]
    valid: bool
    repairs: list[str]
    confidence: float
    errors: list[dict[str, Any]]
    planner: str
    notes: list[str]


class Choice(TypedDict):
    """The model chosen for a task, why, and the runners-up; ``error`` where there is none.

    ``route`` is where it runs: ``local``, ``remote``, or ``llm``, the controller LLM itself, whose
    name is then the model. Each candidate has a route of its own.
    """

    model: str
    route: str
    score: float
    reason: str
    by: Literal["rank", "llm", "pin"]
    candidates: list[dict[str, Any]]
    error: NotRequired[dict[str, Any]]


class Result(TypedDict):
    """What came out of a task. ``files`` are resource ids; ``seconds`` is the whole task's time.

    Each of the ``attempts`` has ``model``, ``route`` and ``seconds``, ``error`` where it failed and
    ``usage`` where the LLM did it.
    """

    status: Literal["done", "failed", "skipped"]
    kind: Kind
    value: Any
    files: list[str]
    seconds: float
    attempts: list[dict[str, Any]]
    model: NotRequired[str]
    error: NotRequired[dict[str, Any]]


class Replan(TypedDict):
    """A time that a plan was made anew: why, by which planner, and the ids of the new tasks.

    ``failed`` holds ``id``, ``task``, ``error`` and ``attempts`` of each task that failed. ``by``
    is the planner's name, or ``table`` where one task type stood in for another.
    """

    cause: Literal["failed", "rejected"]
    reason: str
    by: str
    failed: list[dict[str, Any]]
    added: list[int]


class Usage(TypedDict):
    """What a run cost."""

    llm_calls: int
    tokens: int
    seconds: float


class Limits(TypedDict, total=False):
    """What a run may use up at most; what is not named follows the settings (``budget_…``)."""

    seconds: float
    remote_requests: int
    llm_calls: int
    tokens: int
    download_bytes: int


def _of(node: str, *nodes: str) -> Any:
    """Where Studio offers a field of the context: at these nodes."""
    return {"langgraph_nodes": [node, *nodes]}


class Context(TypedDict, total=False):
    """What a caller can set for one run; unset fields follow the settings."""

    planner: Annotated[
        Literal["auto", "llm", "builtin"],
        Field(description="Which planner makes the plan.", json_schema_extra=_of("plan")),
    ]
    llm: Annotated[
        str,
        Field(
            description="The controller LLM as provider:model.",
            json_schema_extra=_of("plan", "choose_models", "respond"),
        ),
    ]
    models: Annotated[
        dict[str, str],
        Field(
            description='A model id for a task type: {"object-detection": "facebook/detr-resnet-50"'
            "}.",
            json_schema_extra=_of("choose_models"),
        ),
    ]
    approve: Annotated[
        bool,
        Field(
            description="Stop for a person's decision on the plan before anything runs.",
            json_schema_extra=_of("approve_plan"),
        ),
    ]
    budget: Annotated[
        Limits,
        Field(
            description='What the run may use up: {"seconds": 60, "remote_requests": 5}.',
            json_schema_extra=_of("execute"),
        ),
    ]


def merge(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """Keep what is known and add what is new, the newest last; None clears."""
    if new is None:
        return {}
    return {key: value for key, value in (old or {}).items() if key not in new} | new


class Input(TypedDict, total=False):
    """What a caller gives: a request in words (or as the last message) and paths of files.

    ``earlier`` is for who brings earlier messages along, with ``files`` in the order they came up;
    of these findings the latest eight of up to 20,000 characters count.
    """

    request: str
    files: list[str]
    messages: Annotated[list[AnyMessage], add_messages]
    earlier: list[Finding]


class State(TypedDict, total=False):
    """Everything a run knows."""

    messages: Annotated[list[AnyMessage], add_messages]
    request: str
    files: list[str]
    resources: Annotated[dict[str, Resource], merge]
    plan: Plan
    choices: dict[str, Choice]
    results: dict[str, Result]
    answer: str
    status: Literal["done", "partial", "failed"]
    error: dict[str, Any] | None
    started: float
    mending: int
    llm_lost: bool
    approve: bool
    rejected: str | None
    replans: list[Replan]
    earlier: list[Finding]
    usage: Usage


class Output(TypedDict, total=False):
    """What a caller gets."""

    messages: Annotated[list[AnyMessage], add_messages]
    status: Literal["done", "partial", "failed"]
    answer: str
    plan: Plan
    choices: dict[str, Choice]
    results: dict[str, Result]
    resources: Annotated[dict[str, Resource], merge]
    replans: list[Replan]
    usage: Usage
    error: dict[str, Any] | None
