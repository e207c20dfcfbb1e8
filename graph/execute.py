"""The node ``execute``: every task of the plan, each as soon as its own dependencies are done.

Each task is its own LangGraph ``@task``, so that it is durable and visible by itself. All of them
are called at once, in plan order, and each waits for the tasks it depends on: the order of the
calls, which LangGraph's resume goes by, is then the same in every run of the plan. A failed or
skipped task raises, so that a resumed run tries it again.

How one task goes through its candidates stands in ``attempts.py``. A run that is cancelled takes
its tasks with it, and each tells the threads that work for it to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from langgraph.config import get_stream_writer
from langgraph.func import task as durable_task

from hugginggraph.registry import BudgetError, Kind, ModelRunError, task_type
from hugginggraph.tools import Progress

from .attempts import TaskFailed, Work, attempt
from .budget import Budget
from .gate import Gate, path_lengths
from .parts import Parts, run_context
from .plan import spend
from .planner import Draft
from .state import Resource, Result, State, Task

FILE_KINDS: Mapping[str, Kind] = {
    ".png": "image",
    ".wav": "audio",
    ".mp4": "video",
    ".csv": "table",
}
"""What a file that a task made is: a sound's second file is a picture of it."""

Future: TypeAlias = "asyncio.Future[Result]"


class TaskSkipped(Exception):
    """A task that could not start because another failed."""


def make_execute(parts: Parts) -> Any:
    """The node ``execute``."""

    async def execute(state: State) -> dict[str, Any]:
        resources, settled = state.get("resources") or {}, state.get("results") or {}
        tasks = [task for task in state["plan"]["tasks"] if str(task["id"]) not in settled]
        ready = {int(key): _with_paths(result, resources) for key, result in settled.items()}
        settings, context = await parts.ready(), run_context()
        emit, gate = get_stream_writer(), Gate(settings.max_parallel)
        budget = Budget(settings, context, state.get("usage"))
        work = Work(parts, context, budget, _teller(emit))
        ranks, futures = path_lengths(tasks), dict[int, Future]()
        bodies = set[asyncio.Task[Any]]()

        async def body(task: Task) -> Result:
            bodies.add(_this_task())
            began = {d: futures[d] for d in task["dep"] if d in futures}
            results = {**ready, **await _wait(began)}
            if gate.full:
                emit({"task": task["id"], "state": "queued"})
            await gate.enter(ranks[task["id"]])
            try:
                choice = state["choices"][str(task["id"])]
                emit({"task": task["id"], "state": "running", "model": choice["model"]})
                return await attempt(work, task, choice, resources, results)
            finally:
                gate.leave()

        for task in tasks:  # no await and no branch between the calls: call i is always plan[i]
            futures[task["id"]] = _start(task, body)
        for number, future in futures.items():
            future.add_done_callback(partial(_tell, emit, number))
        try:
            await asyncio.gather(*futures.values(), return_exceptions=True)
        except asyncio.CancelledError:
            for running in bodies:  # in a sync run nobody else does
                running.cancel()
            raise
        made = collect(tasks, futures, resources)
        spent = _spent(state, made["results"], budget.seconds)
        return {**made, "results": {**settled, **made["results"]}, **spent}

    return execute


def _this_task() -> asyncio.Task[Any]:
    current = asyncio.current_task()
    assert current is not None
    return current


def _teller(emit: Callable[[Any], None]) -> Callable[[int, Progress], None]:
    """Tells of a task's progress; it may be called in any thread."""
    loop = asyncio.get_running_loop()

    def tell(number: int, progress: Progress) -> None:
        loop.call_soon_threadsafe(emit, {"task": number, **progress})

    return tell


def _with_paths(result: Result, resources: Mapping[str, Resource]) -> Result:
    """A result of an earlier pass (before a replan) with paths for its files, as tasks read it."""
    return {**result, "files": [resources[key]["path"] for key in result["files"]]}


def _spent(state: State, results: Mapping[str, Result], seconds: float) -> dict[str, Any]:
    """The usage with what the LLM cost as a route, and the seconds that the tasks took."""
    if "usage" not in state:
        return {}
    calls = [a["usage"] for result in results.values() for a in result["attempts"] if "usage" in a]
    made = sum(call["llm_calls"] for call in calls)
    cost = Draft(None, llm_calls=made, tokens=sum(call["tokens"] for call in calls))
    return {"usage": {**spend(state, cost), "seconds": round(seconds, 4)}}


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


async def _wait(futures: Mapping[int, Future]) -> dict[int, Result]:
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
        over = isinstance(error.error, BudgetError)
        spent = sum(tried["seconds"] for tried in error.attempts)
        return {
            **failed,
            "status": "skipped" if over else "failed",  # another plan would not help
            "seconds": round(spent, 4),
            "attempts": error.attempts,
            "error": error.error.as_json(),
        }
    if isinstance(error, TaskSkipped):
        skipped = ModelRunError(f"It was not started, because {error}.")
        return {**failed, "status": "skipped", "error": skipped.as_json()}
    wrong = ModelRunError(f"The task stopped: {error!s:.300}", "Please report this.")
    return {**failed, "error": wrong.as_json()}
