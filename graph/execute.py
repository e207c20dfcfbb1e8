"""The node ``execute``: every task of the plan, each as soon as its own dependencies are done.

Each task is its own LangGraph ``@task``, so that it is durable and visible by itself. All of them
are called at once, in plan order, and each waits for the tasks it depends on: the order of the
calls, which LangGraph's resume goes by, is then the same in every run of the plan. A failed or
skipped task raises, so that a resumed run tries it again.

A task goes through its candidates in their order, each on its own route: on this machine, remotely,
by the LLM. A remote service that is busy is asked again, not sooner than it says; one that wants a
longer wait than `LONGEST_WAIT` is left for the next candidate.

Not covered: retries of a local model, budgets and cancelling inside a running model.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langgraph.config import get_stream_writer
from langgraph.func import task as durable_task

from hugginggraph.prompts import fill
from hugginggraph.registry import (
    HuggingGraphError,
    Kind,
    LLMError,
    ModelRunError,
    RemoteAccountError,
    RemoteBusyError,
    TaskTimeoutError,
    task_type,
)

from .arguments import resolve
from .parts import Parts, run_context
from .plan import spend
from .planner import Draft
from .state import Choice, Context, Resource, Result, State, Task

log = logging.getLogger("hugginggraph")
FILE_KINDS: Mapping[str, Kind] = {
    ".png": "image",
    ".wav": "audio",
    ".mp4": "video",
    ".csv": "table",
}
"""What a file that a task made is: a sound's second file is a picture of it."""

LONGEST_WAIT = 10.0
"""Seconds that a task waits at most for a remote service before it asks again."""
ASKED_AGAIN = 2
"""How often a busy remote service is asked again."""

Future: TypeAlias = "asyncio.Future[Result]"


class TaskFailed(Exception):
    """A task's last error, and what was tried before it."""

    def __init__(self, error: HuggingGraphError, attempts: list[dict[str, Any]]) -> None:
        super().__init__(str(error))
        self.error = error
        self.attempts = attempts

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.error, self.attempts))


class TaskSkipped(Exception):
    """A task that could not start because another failed."""


class Gate:
    """Lets ``width`` tasks in at a time, the one with the longest path behind it first."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    async def enter(self, rank: int) -> None:
        """Wait for a place."""
        if self._free > 0:
            self._free -= 1
            return
        self._count += 1
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-rank, self._count, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next."""
        while self._waiting:
            place = heapq.heappop(self._waiting)[2]
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


def make_execute(parts: Parts) -> Any:
    """The node ``execute``."""

    async def execute(state: State) -> dict[str, Any]:
        resources, settled = state.get("resources") or {}, state.get("results") or {}
        tasks = [task for task in state["plan"]["tasks"] if str(task["id"]) not in settled]
        ready = {int(key): _with_paths(result, resources) for key, result in settled.items()}
        settings, context = await asyncio.to_thread(lambda: parts.settings), run_context()
        emit, gate = get_stream_writer(), Gate(settings.max_parallel)
        ranks, futures = path_lengths(tasks), dict[int, Future]()

        async def body(task: Task) -> Result:
            began = {d: futures[d] for d in task["dep"] if d in futures}
            results = {**ready, **await _wait(task, began)}
            await gate.enter(ranks[task["id"]])
            try:
                choice = state["choices"][str(task["id"])]
                emit({"task": task["id"], "state": "running", "model": choice["model"]})
                return await attempt(parts, task, choice, resources, results, context)
            finally:
                gate.leave()

        for task in tasks:  # no await and no branch between the calls: call i is always plan[i]
            futures[task["id"]] = _start(task, body)
        for number, future in futures.items():
            future.add_done_callback(partial(_tell, emit, number))
        await asyncio.gather(*futures.values(), return_exceptions=True)
        made = collect(tasks, futures, resources)
        spent = _spent(state, made["results"])
        return {**made, "results": {**settled, **made["results"]}, **spent}

    return execute


def _with_paths(result: Result, resources: Mapping[str, Resource]) -> Result:
    """A result of an earlier pass (before a replan) with paths for its files, as tasks read it."""
    return {**result, "files": [resources[key]["path"] for key in result["files"]]}


def _spent(state: State, results: Mapping[str, Result]) -> dict[str, Any]:
    """The usage with what the LLM cost as a route."""
    calls = [a["usage"] for result in results.values() for a in result["attempts"] if "usage" in a]
    if not calls:
        return {}
    tokens = sum(call["tokens"] for call in calls)
    return {"usage": spend(state, Draft(None, llm_calls=len(calls), tokens=tokens))}


def _start(task: Task, body: Callable[[Task], Coroutine[Any, Any, Result]]) -> Future:
    """Call the task's durable function; it works in async and in sync runs of the graph."""
    loop = asyncio.get_running_loop()

    async def run(task: Task) -> Result:
        return await body(task)

    def run_in_thread(task: Task) -> Result:
        return asyncio.run_coroutine_threadsafe(body(task), loop).result()

    def call(function: Any) -> Any:
        durable: Any = durable_task(name=f"{task['id']}: {task['task']}")
        return durable(function)(task)

    try:
        future = call(run)
    except RuntimeError:  # a sync run takes plain functions only, and gives another future
        future = call(run_in_thread)
    return future if isinstance(future, asyncio.Future) else asyncio.wrap_future(future)


async def _wait(task: Task, futures: Mapping[int, Future]) -> dict[int, Result]:
    results: dict[int, Result] = {}
    for number, future in futures.items():
        try:
            results[number] = await asyncio.shield(future)
        except (Exception, asyncio.CancelledError) as exc:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise TaskSkipped(f"task {number} did not finish") from exc
    return results


def path_lengths(tasks: list[Task]) -> dict[int, int]:
    """For each task the number of tasks on the longest path that starts with it."""
    lengths: dict[int, int] = {}
    for task in reversed(tasks):
        after = [lengths[t["id"]] for t in tasks if task["id"] in t["dep"]]
        lengths[task["id"]] = 1 + max(after, default=0)
    return lengths


async def attempt(
    parts: Parts,
    task: Task,
    choice: Choice,
    resources: Mapping[str, Resource],
    results: Mapping[int, Result],
    context: Context | None = None,
) -> Result:
    """Run a task on its chosen model, and on the runners-up where that fails.

    Raises:
        TaskFailed: none of them gave a result.
    """
    start, attempts = time.monotonic(), list[dict[str, Any]]()
    try:
        if "error" in choice:
            raise HuggingGraphError.from_json(choice["error"])
        row = task_type(task["task"])
        args = await asyncio.to_thread(resolve, row, task["args"], resources, results)
    except HuggingGraphError as exc:
        raise TaskFailed(exc, attempts) from exc
    ways = [(choice["model"], choice["route"])]
    ways += [(c["model"], c.get("route", choice["route"])) for c in choice["candidates"]]
    last: HuggingGraphError = ModelRunError("No model was tried.")
    queue, closed = deque(dict.fromkeys(ways)), False
    again = ASKED_AGAIN
    while queue:
        model, route = queue.popleft()
        if route == "remote" and closed:
            continue
        began = time.monotonic()
        try:
            made = await _call(parts, task, args, model, route, context or Context())
        except HuggingGraphError as exc:
            last = exc
            log.debug("task %s failed on %s (%s)", task["id"], model, route, exc_info=exc)
            attempts.append(_attempt(model, route, began, exc))
            if exc.exit_code != 1:
                break  # the input is at fault, so another model will not help
            closed = closed or isinstance(exc, RemoteAccountError)
            if isinstance(exc, RemoteBusyError) and again and exc.retry_after <= LONGEST_WAIT:
                again -= 1
                queue.appendleft((model, route))
                await asyncio.sleep(exc.retry_after)
            else:
                again = ASKED_AGAIN
            continue
        usage = {"usage": made["usage"]} if "usage" in made else {}
        attempts.append({**_attempt(model, route, began, None), **usage})
        return Result(
            status="done",
            kind=made["kind"],
            value=made["value"],
            files=[file["path"] for file in made["files"]],
            seconds=round(time.monotonic() - start, 4),
            attempts=attempts,
            model=model,
        )
    raise TaskFailed(last, attempts) from last


async def _call(
    parts: Parts, task: Task, args: dict[str, Any], model: str, route: str, context: Context
) -> dict[str, Any]:
    limit = parts.settings.task_timeout
    try:
        async with asyncio.timeout(limit):
            if route == "llm":
                return await _by_llm(parts, task, args, model, context)
            call = {
                "type": "tool_call", "name": task["task"], "id": str(task["id"]),
                "args": {**args, "model": model, "route": route},
            }  # fmt: skip
            tools = await asyncio.to_thread(lambda: parts.tools)
            message = await tools[task["task"]].ainvoke(call)
    except TimeoutError as exc:
        raise TaskTimeoutError(
            f"{model} did not finish within {limit:g} s.", "Raise HUGGINGGRAPH_TASK_TIMEOUT."
        ) from exc
    except HuggingGraphError:
        raise
    except Exception as exc:  # a model's own code may raise anything; it ends this task only
        raise ModelRunError(
            f"{model} failed: {exc!s:.300}", "See the cause with --debug, or pin another model."
        ) from exc
    assert isinstance(message, ToolMessage)
    made: dict[str, Any] = message.artifact
    return made


async def _by_llm(
    parts: Parts, task: Task, args: dict[str, Any], model: str, context: Context
) -> dict[str, Any]:
    """What the controller LLM makes of a text task, in the shape of a tool's result."""
    llm = await asyncio.to_thread(parts.llm, context)
    if llm is None:
        raise LLMError(f"The LLM '{model}' is not set in this run.", "Set HUGGINGGRAPH_LLM.")
    row = task_type(task["task"])
    given = {s.name: {"is": s.description, "value": args[s.name]} for s in row.inputs
             if s.name in args}  # fmt: skip
    rules = await asyncio.to_thread(fill, "do_task", task=row.id, description=row.description)
    material = json.dumps(given, ensure_ascii=False)
    reply = await llm.write([SystemMessage(rules), HumanMessage(material)])
    usage = {"llm_calls": reply.calls, "tokens": reply.tokens}
    return {"kind": "text", "value": reply.text, "files": [], "model": model, "usage": usage}


def _attempt(
    model: str, route: str, began: float, error: HuggingGraphError | None
) -> dict[str, Any]:
    entry = {"model": model, "route": route, "seconds": round(time.monotonic() - began, 4)}
    return entry if error is None else {**entry, "error": error.as_json()}


def _tell(emit: Callable[[Any], None], number: int, future: Future) -> None:
    emit({"task": number, **_outcome(future)})


def _outcome(future: Future) -> dict[str, Any]:
    if future.cancelled():
        return {"state": "cancelled"}
    error = future.exception()
    if isinstance(error, TaskSkipped):
        return {"state": "skipped"}
    if error is not None:
        return {"state": "failed", "error": str(error)}
    result = future.result()
    return {"state": "done", "seconds": result["seconds"], "model": result["model"]}


def collect(
    tasks: list[Task], futures: Mapping[int, Future], resources: Mapping[str, Resource]
) -> dict[str, Any]:
    """The results by task id, and the files made as resources, counted on in plan order."""
    results: dict[str, Result] = {}
    made: dict[str, Resource] = {}
    for task in tasks:
        result = _settled(task, futures[task["id"]])
        keys = []
        for path in result["files"]:
            key = f"r{len(resources) + len(made) + 1}"
            kind = FILE_KINDS.get(Path(path).suffix, result["kind"])
            made[key] = Resource(kind=kind, path=path, name=path, task=task["id"])
            if kind != result["kind"]:
                made[key]["drawn"] = result["kind"]
            keys.append(key)
        results[str(task["id"])] = {**result, "files": keys}
    return {"results": results, "resources": made}


def _settled(task: Task, future: Future) -> Result:
    error = future.exception()
    if error is None:
        return future.result()
    kind = task_type(task["task"]).output
    failed = Result(status="failed", kind=kind, value=None, files=[], seconds=0.0, attempts=[])
    if isinstance(error, TaskFailed):
        spent = sum(tried["seconds"] for tried in error.attempts)
        return {
            **failed,
            "seconds": round(spent, 4),
            "attempts": error.attempts,
            "error": error.error.as_json(),
        }
    if isinstance(error, TaskSkipped):
        skipped = ModelRunError(f"It was not started, because {error}.")
        return {**failed, "status": "skipped", "error": skipped.as_json()}
    wrong = ModelRunError(f"The task stopped: {error!s:.300}", "Please report this.")
    return {**failed, "error": wrong.as_json()}
