"""What goes into and comes out of the server, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_GIVEN = 64
"""Files that a request may come with."""
ThreadId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Budget(BaseModel):
    """What a run may use up at most."""

    model_config = ConfigDict(extra="forbid")

    seconds: float | None = Field(None, gt=0)
    remote_requests: int | None = Field(None, ge=0)
    llm_calls: int | None = Field(None, ge=0)
    tokens: int | None = Field(None, ge=0)


class RunOptions(BaseModel):
    """What a caller may set for one run. The controller LLM is the server's, as its key is."""

    model_config = ConfigDict(extra="forbid")

    planner: Literal["auto", "llm", "builtin"] | None = Field(None, description="Which planner.")
    models: dict[str, str] | None = Field(
        None, description="A model id for a task type, as far as the registry knows it."
    )
    approve: bool | None = Field(
        None, description="Stop with the plan for a decision before anything runs."
    )
    budget: Budget | None = Field(None, description="What the run may use up at most.")


class RunInput(BaseModel):
    """A request in plain words, and the files it is about."""

    request: str = Field(description="What you want, in plain words.")
    files: list[str] = Field(
        default=[],
        max_length=MOST_GIVEN,
        description="Ids that POST /files gave, or http(s) addresses.",
    )
    thread_id: ThreadId | None = Field(
        None, description="Go on with this thread, or start one of this name."
    )
    options: RunOptions = RunOptions.model_construct()


class Turn(BaseModel):
    """What one of the two said earlier, and the files with it: ids, or addresses fetched before."""

    role: Literal["user", "assistant"]
    text: str
    files: list[str] = []


class Conversation(RunInput):
    """A request that ends a conversation of which the caller brings what was said before."""

    before: list[Turn] = []


class ResumeInput(BaseModel):
    """The answer to what an interrupted run asked."""

    thread_id: ThreadId
    options: RunOptions = RunOptions.model_construct()
    answer: Any = Field(description="What the interrupt asked for.")


class RunOutput(BaseModel):
    """What came out. Files are links to GET /files/{id}; paths of the server are never named.

    ``models`` holds the choice for each task id, ``results`` what each task gave. ``interrupt`` is
    what an interrupted run asks: answer it at POST /agent/resume with the ``thread_id``.
    """

    status: Literal["done", "interrupted", "failed"]
    answer: str
    plan: dict[str, Any] | None
    models: dict[str, Any]
    results: dict[str, Any]
    resources: dict[str, Any]
    usage: dict[str, Any]
    thread_id: str  # empty where no thread was named and nothing is kept
    interrupt: Any = None
    error: dict[str, Any] | None = None


class Message(BaseModel):
    """One message of a conversation, in the original's shape."""

    role: str = Field(max_length=40)
    content: str
