"""Every error a person can meet, as one tree.

    HuggingGraphError
    ├── RequestError              what was asked
    │   ├── EmptyRequestError
    │   └── RequestTooLongError
    ├── ResourceError             a file that was named or given
    │   ├── FileMissingError
    │   ├── EmptyFileError
    │   ├── UnreadableFileError
    │   └── UnsupportedFileError
    ├── PlanError                 a plan, or one task of it (``task`` is its id)
    │   ├── UnreadablePlanError
    │   ├── EmptyPlanError
    │   ├── UnknownTaskError
    │   ├── DuplicateIdError
    │   ├── MissingDependencyError
    │   ├── CycleError
    │   ├── UnknownArgumentError
    │   ├── MissingArgumentError
    │   ├── WrongKindError
    │   └── PlanFileError
    ├── NotUnderstoodError        the built-in planner found nothing it can do
    ├── ApprovalError             a person's decision about a plan
    ├── ModelError                a model, before or while it runs
    │   ├── UnknownModelError
    │   ├── NoModelError
    │   │   └── PolicyError       a model could run, and the settings forbid it
    │   ├── MissingExtraError
    │   ├── ModelLoadError
    │   │   └── DownloadError     its files could not be fetched whole
    │   ├── ModelRunError
    │   ├── OutOfMemoryError      it does not fit beside what else is loaded, or at all
    │   ├── TaskTimeoutError
    │   └── RemoteError           a model that another machine runs
    │       ├── RemoteBusyError   it may pass: ask again (``retry_after``)
    │       └── RemoteAccountError
    ├── CancelledRunError         someone stopped it
    ├── BudgetError               the run has used up what it may
    ├── RegistryError             the store of model cards
    ├── LLMError                  the controller LLM
    └── SettingsError

Each message says what was wrong and each hint says what to do. Errors of other libraries are
caught at a room's door and mapped to one of these, with the original as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HuggingGraphError(Exception):
    """An error with a message in plain words and, where there is one, a way out."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, task: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.task = task

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.task), vars(self))

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> HuggingGraphError:
        """The error that ``as_json`` wrote, as its own class again."""
        kind = _by_name(HuggingGraphError, str(data.get("error")))
        return kind(data.get("message", ""), data.get("hint", ""), task=data.get("task"))

    def as_json(self) -> dict[str, Any]:
        """The error as state and replies carry it: ``error``, ``message``, ``hint``, ``task``."""
        name = type(self).__name__
        return {"error": name, "message": self.message, "hint": self.hint, "task": self.task}


def _by_name(kind: type[HuggingGraphError], name: str) -> type[HuggingGraphError]:
    found = (k for sub in kind.__subclasses__() if (k := _by_name(sub, name)).__name__ == name)
    return next(found, kind)


def _rebuild(
    kind: type[HuggingGraphError], message: str, hint: str, task: int | None
) -> HuggingGraphError:
    return kind(message, hint, task=task)


class RequestError(HuggingGraphError):
    """The request itself cannot be worked on."""

    exit_code = 2


class EmptyRequestError(RequestError):
    """Nothing was asked."""


class RequestTooLongError(RequestError):
    """The request is longer than the limit."""


class ResourceError(HuggingGraphError):
    """A file that was named or given cannot be used."""

    exit_code = 2


class FileMissingError(ResourceError):
    """There is no such file."""


class EmptyFileError(ResourceError):
    """The file has no bytes."""


class UnreadableFileError(ResourceError):
    """The file's content is not what its name says, or is damaged."""


class UnsupportedFileError(ResourceError):
    """The file is sound, but of a type that no task here reads."""


class PlanError(HuggingGraphError):
    """A plan, or one task of it, is not valid."""


class UnreadablePlanError(PlanError):
    """What should be a plan is not one."""


class EmptyPlanError(PlanError):
    """The plan holds no task although one was needed."""


class UnknownTaskError(PlanError):
    """No task type has this id."""


class DuplicateIdError(PlanError):
    """Two tasks share an id."""


class MissingDependencyError(PlanError):
    """A task depends on, or refers to, a task that is not in the plan."""


class CycleError(PlanError):
    """Tasks wait for each other in a circle."""


class UnknownArgumentError(PlanError):
    """The task type has no argument of this name."""


class MissingArgumentError(PlanError):
    """A required argument is not there."""


class WrongKindError(PlanError):
    """An argument is of another kind than its task reads."""


class PlanFileError(PlanError):
    """An argument names a file that does not exist."""


class NotUnderstoodError(HuggingGraphError):
    """The built-in planner found nothing in the request that it can do."""


class ApprovalError(HuggingGraphError):
    """A plan was rejected and there is no other, or the decision about it cannot be followed."""


class ModelError(HuggingGraphError):
    """A model could not be found, loaded or run."""


class UnknownModelError(ModelError):
    """The registry has no card of this id."""


class NoModelError(ModelError):
    """No model in the registry can run the task here."""


class PolicyError(NoModelError):
    """What could run a task is forbidden by the policy that is set."""


class MissingExtraError(ModelError):
    """A library that this task needs is not installed."""


class ModelLoadError(ModelError):
    """The model's files could not be loaded."""


class DownloadError(ModelLoadError):
    """The model's files could not be fetched, or are not what the Hub said."""


class ModelRunError(ModelError):
    """The model raised while it ran."""


class OutOfMemoryError(ModelError):
    """The model, or what it works on, is more than the memory that it may have."""


class TaskTimeoutError(ModelError):
    """The task took longer than it may."""


class RemoteError(ModelError):
    """The remote service refused, failed, or gave a reply that cannot be used."""


class RemoteBusyError(RemoteError):
    """The remote service cannot answer now, and may after ``retry_after`` seconds."""

    def __init__(
        self, message: str, hint: str = "", *, task: int | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(message, hint, task=task)
        self.retry_after = retry_after


class RemoteAccountError(RemoteError):
    """The token or its credit is not enough, so that no other model of the service will help."""


class CancelledRunError(HuggingGraphError):
    """The run was stopped by who asked for it."""


class BudgetError(HuggingGraphError):
    """The run has used up its time, its requests, its tokens or its downloads."""


class RegistryError(HuggingGraphError):
    """The store of model cards could not be opened, built or read."""


class LLMError(HuggingGraphError):
    """The controller LLM could not be reached, or its reply could not be used.

    ``llm_calls`` and ``tokens`` are what asking it has cost.
    """

    llm_calls = 0
    tokens = 0


class SettingsError(HuggingGraphError):
    """A setting has a value that cannot be used."""

    exit_code = 2
