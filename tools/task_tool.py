"""One task, run: arguments in, a result as JSON out; and the LangChain tools made of the table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from typing_extensions import TypedDict

from hugginggraph.registry import (
    WITHOUT_FILES,
    CancelledRunError,
    HuggingGraphError,
    Kind,
    MissingArgumentError,
    ModelCard,
    Route,
    Settings,
    Slot,
    TaskType,
    UnknownArgumentError,
    WrongKindError,
    hub_token,
    load_settings,
    task_type,
    task_types,
)

from .checkpoint import locate
from .cluster import Cluster
from .film import open_film
from .inference import run_remotely
from .media import Artifacts, open_table
from .opened import shared_image
from .pool import ModelPool
from .sound import open_sound
from .values import as_text

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from hugginggraph.registry import CardStore

_OPENERS: Mapping[Kind, Callable[[str | Path], Any]] = {
    "image": shared_image,
    "masks": shared_image,
    "audio": open_sound,
    "video": open_film,
    "table": open_table,
}
"""What opens an argument that is a file's path (of a table: or the CSV itself), by kind."""

FindCard: TypeAlias = Callable[[str, str | None, Mapping[str, Any]], ModelCard]
"""Chooses a card from a task id, a model id or None, and the arguments."""


class ResultFile(TypedDict):
    """A file that a run made: its kind and its absolute path."""

    kind: Kind
    path: str


class TaskResult(TypedDict):
    """What a task gave, JSON values only; ``value`` has its kind's shape (``values.py``)."""

    kind: Kind
    value: Any
    files: list[ResultFile]
    model: str
    seconds: float


class TaskRunner:
    """Runs one task at a time for each caller; safe to share between threads."""

    def __init__(self, pool: ModelPool, artifacts: Artifacts, settings: Settings) -> None:
        self._pool = pool
        self._artifacts = artifacts
        self._settings = settings
        self._cluster = Cluster(settings) if settings.executor == "ray" else None

    def run(
        self,
        task: str,
        args: Mapping[str, Any],
        card: ModelCard,
        route: Route | None = None,
    ) -> TaskResult:
        """Runs a task on a card's model.

        Args:
            task: the id of a task type.
            args: by slot name: a text as ``str``, a ``many`` slot as ``list[str]``, a file by its
                path. None counts as not given.
            card: the model.
            route: where it runs, "local" or "remote"; None: where the settings let it.

        Raises:
            PlanError: an argument is missing, unknown or of the wrong kind.
            ResourceError: a file cannot be read, or the artifacts folder not be written.
            ModelError: the model could not be loaded or run; a ``RemoteError`` where it is remote.
        """
        began = time.perf_counter()
        row = task_type(task)
        values = _opened(row, args)
        if route is None:
            from hugginggraph.registry import route_of  # brings the store's libraries

            route = route_of(card, task, settings=self._settings)
        if route == "remote":
            output = run_remotely(row, card, _by_path(row, args, values), self._settings)
        elif self._cluster and card.library not in WITHOUT_FILES:
            output = self._cluster.run(row, card, values)
        else:
            checkpoint = locate(
                card,
                offline=self._settings.offline,
                device=self._settings.device,
                token=hub_token(self._settings) or None,
                trusted=self._settings.trusted_models,
            )
            output = self._pool.run(row, checkpoint, values)
        files: list[ResultFile] = [
            {"kind": media.kind, "path": str(self._artifacts.save(media))} for media in output.media
        ]
        return {
            "kind": row.output,
            "value": output.value,
            "files": files,
            "model": card.id,
            "seconds": round(time.perf_counter() - began, 3),
        }


def _opened(row: TaskType, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in memory, by slot name, each checked."""
    known = {slot.name: slot for slot in row.inputs}
    given = {name: value for name, value in args.items() if value is not None}
    for name in given:
        if name not in known:
            raise UnknownArgumentError(
                f"{row.id} has no argument '{name}'.", f"It is {row.signature}."
            )
    for slot in row.required:
        if slot.name not in given:
            raise MissingArgumentError(
                f"{row.id} needs '{slot.name}', {slot.description}.", f"It is {row.signature}."
            )
    return {name: _open(row, known[name], value) for name, value in given.items()}


def _by_path(row: TaskType, args: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as remote functions take them: files that are sent as they are by path."""
    paths = [s.name for s in row.inputs if s.kind in ("audio", "video", "table")]
    return {**values, **{name: args[name] for name in paths if name in values}}


def _open(row: TaskType, slot: Slot, value: Any) -> Any:
    if slot.many:
        if not isinstance(value, (list, tuple)):
            raise _wrong(row, slot, f"a list of {slot.kind}s", value)
        if not value:
            raise MissingArgumentError(f"'{slot.name}' of {row.id} is an empty list.")
        return [_open_one(row, slot, each) for each in value]
    return _open_one(row, slot, value)


def _open_one(row: TaskType, slot: Slot, value: Any) -> Any:
    if slot.kind in _OPENERS and isinstance(value, (str, Path)) and str(value).strip():
        return _OPENERS[slot.kind](value)
    if not isinstance(value, str):
        raise _wrong(row, slot, f"a {slot.kind}", value)
    if not value.strip():
        raise MissingArgumentError(f"'{slot.name}' of {row.id} is empty.")
    return value


def _wrong(row: TaskType, slot: Slot, wanted: str, value: Any) -> WrongKindError:
    return WrongKindError(
        f"'{slot.name}' of {row.id} takes {wanted}, not {type(value).__name__} {value!r:.60}.",
        f"It is {row.signature}.",
    )


def result_text(result: TaskResult) -> str:
    """A result for reading: its value in English, then the paths of its files."""
    lines = [as_text(result["kind"], result["value"])]
    lines += [f"{file['kind']} file: {file['path']}" for file in result["files"]]
    return "\n".join(lines)


def card_finder(open_store: Callable[[], CardStore], settings: Settings) -> FindCard:
    """What finds the card of a model that is named, else of the best model for the task.

    It raises `UnknownModelError` where no card has the id, and `NoModelError` where nothing can run
    the task here. The store is opened when it is first needed.
    """

    def find_card(task: str, model: str | None, args: Mapping[str, Any]) -> ModelCard:
        from hugginggraph.registry import retrieve  # a heavy import

        if model:
            return open_store().card(model)
        return retrieve(open_store(), "", task, args, settings=settings, k=1)[0].card

    return find_card


def hugginggraph_tools(
    names: Iterable[str] | None = None,
    *,
    settings: Settings | None = None,
    runner: TaskRunner | None = None,
    find_card: FindCard | None = None,
    handle_tool_error: bool = True,
) -> list[BaseTool]:
    """The LangChain tools of the table, all or those named, in the given order.

        agent = create_agent(llm, tools=hugginggraph_tools(["object-detection"]))

    ``settings`` default to the environment's; ``runner`` and ``find_card`` follow from them, unless
    they are given to share loaded models and a store.

    A tool's content is ``result_text``, its artifact the ``TaskResult``. Called directly it raises
    the named errors of ``TaskRunner.run``; arguments that do not fit its schema raise pydantic's.
    An agent's model is told a named error as the tool's reply, so that it can ask otherwise, unless
    ``handle_tool_error`` is False.

    Raises:
        UnknownTaskError: a name is not in the table.
    """
    names = [names] if isinstance(names, str) else names
    rows = task_types().values() if names is None else [task_type(name) for name in names]
    if runner is None or find_card is None:
        settings = settings or load_settings()
        pool, artifacts = ModelPool(max_memory=settings.max_memory), settings.artifacts_dir
        runner = runner or TaskRunner(pool, Artifacts(artifacts), settings)
        find_card = find_card or card_finder(_opened_once(settings), settings)
    tools = [_tool(row, runner, find_card) for row in rows]
    for tool in tools:
        tool.handle_tool_error = handle_tool_error
    return tools


def _opened_once(settings: Settings) -> Callable[[], CardStore]:
    lock = threading.Lock()

    @cache
    def opened() -> CardStore:
        from hugginggraph.registry import CardStore

        return CardStore.of(settings)

    def open_store() -> CardStore:
        with lock:
            return opened()

    return open_store


@cache
def _tool_class() -> Any:
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import BaseTool

    class TaskTool(BaseTool):
        """A row of the table. LangChain would evaluate annotations of ``_run`` at each call."""

        response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
        call: Callable[..., tuple[str, TaskResult]]

        def _run(self, **args):  # type: ignore[no-untyped-def]  # see above
            return self.call(**args)

        def run(self, *args: Any, tool_call_id: str | None = None, **given: Any) -> Any:
            try:
                return super().run(*args, tool_call_id=tool_call_id, **given)
            except HuggingGraphError as exc:
                return self.told(exc, tool_call_id)

        async def arun(self, *args: Any, tool_call_id: str | None = None, **given: Any) -> Any:
            try:
                return await super().arun(*args, tool_call_id=tool_call_id, **given)
            except HuggingGraphError as exc:
                return self.told(exc, tool_call_id)

        def told(self, exc: HuggingGraphError, call: str | None) -> ToolMessage:
            """The error as the reply to a model's call."""
            if call is None or not self.handle_tool_error or isinstance(exc, CancelledRunError):
                raise exc
            return ToolMessage(
                str(exc), name=self.name, tool_call_id=call, status="error", artifact=exc.as_json()
            )

    return TaskTool


def _tool(row: TaskType, runner: TaskRunner, find_card: FindCard) -> BaseTool:
    from langchain_core.tools import InjectedToolArg
    from pydantic import ConfigDict, Field, create_model

    def call(
        model: str | None = None, route: Route | None = None, **args: Any
    ) -> tuple[str, TaskResult]:
        given = {name: value for name, value in args.items() if value is not None}
        result = runner.run(row.id, given, find_card(row.id, model, given), route)
        return result_text(result), result

    fields: dict[str, Any] = {}
    for slot in row.inputs:
        files = "" if slot.kind in ("text", "table") else f" (the path of the {slot.kind} file)"
        of: Any = list[str] if slot.many else str
        described = slot.description + files
        required = (of, Field(description=described))
        fields[slot.name] = (
            required if slot.required else (of | None, Field(None, description=described))
        )
    fields["model"] = (
        str | None,
        Field(None, description="the id of a model to use instead of the one that is chosen"),
    )
    # the executor sets it; a model that calls the tool does not see it
    fields["route"] = (Annotated[Route | None, InjectedToolArg], None)
    schema = create_model(row.id.replace("-", "_"), __config__=ConfigDict(extra="forbid"), **fields)
    tool: BaseTool = _tool_class()(
        name=row.id, description=row.description, args_schema=schema, call=call
    )
    return tool
