"""One task, run: on its chosen model, and on the runners-up where that fails.

A task goes through its candidates in their order, each on its own route: on this machine, remotely,
by the LLM. What may pass (a service that is busy or fails, a connection that breaks off) is tried
again on the same candidate, with growing waits that are never shorter than the service asks for; a
service that wants a longer wait than `LONGEST_WAIT` is left for the next candidate. A result that
is of no use to anybody (a silent sound, a picture of one colour, no text) counts as a failure.
Everything that was tried stands in the result's attempts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool

from hugginggraph.prompts import fill
from hugginggraph.registry import (
    Attempt,
    CancelledRunError,
    HuggingGraphError,
    LLMError,
    ModelCard,
    ModelRunError,
    Observations,
    RemoteAccountError,
    RemoteBusyError,
    TaskTimeoutError,
    TaskType,
    memory_used,
    task_type,
    to_fetch,
    write_soon,
)
from hugginggraph.tools import Progress, cancel_scope, degenerate, progress_to

from .arguments import resolve
from .budget import Budget
from .parts import Parts
from .result_cache import ResultCache, result_key
from .state import Choice, Context, Resource, Result, Task

log = logging.getLogger("hugginggraph")

LONGEST_WAIT = 10.0
"""Seconds that a task waits at most for a remote service before it asks again."""
ASKED_AGAIN = 2
"""How often a candidate is tried again where its failure may pass."""
JITTER = 0.25
"""The share by which a wait is made longer at random, so that many do not come back at once."""


class TaskFailed(Exception):
    """A task's last error, and what was tried before it."""

    def __init__(self, error: HuggingGraphError, attempts: list[dict[str, Any]]) -> None:
        super().__init__(str(error))
        self.error = error
        self.attempts = attempts

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.error, self.attempts))


@dataclass
class Work:
    """What the tasks of one run share. ``tell`` hears of a task's progress, from any thread.

    ``observed`` are attempts that are still to be written down; ``memory`` is what the process
    held when it was last looked at.
    """

    parts: Parts
    context: Context
    budget: Budget
    tell: Callable[[int, Progress], None]
    observed: deque[Attempt] = field(default_factory=deque)
    memory: int = 0

    async def tool(self, task: str) -> BaseTool:
        """The LangChain tool of a task type."""
        self.memory = self.memory or memory_used()
        return (await self.parts.get_tools())[task]

    def observe(self, attempt: Attempt) -> None:
        """Keep how an attempt went; all are written together, in a moment."""
        self.observed.append(attempt)
        if len(self.observed) == 1:
            write_soon(self._write_observed)

    def _write_observed(self) -> None:
        before, self.memory = self.memory, memory_used()
        waiting = []
        with suppress(IndexError):
            while True:
                waiting.append(self.observed.popleft())
        grown = self.memory - before
        Observations(self.parts.settings.observed_path).record_all(
            each._replace(memory_bytes=grown) for each in waiting
        )


async def attempt(
    work: Work,
    task: Task,
    choice: Choice,
    resources: Mapping[str, Resource],
    results: Mapping[int, Result],
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
        args = await _resolved(row, task["args"], resources, results)
    except HuggingGraphError as exc:
        raise TaskFailed(exc, attempts) from exc
    ways = [(choice["model"], choice["route"])]
    ways += [(c["model"], c.get("route", choice["route"])) for c in choice["candidates"]]
    last: HuggingGraphError = ModelRunError("No model was tried.")
    queue, closed = deque(dict.fromkeys(ways)), False
    tries = 0
    while queue:
        model, route = queue.popleft()
        if route == "remote" and closed:
            continue
        began = time.monotonic()
        try:
            made = await _kept_or_made(work, task, args, model, route)
        except HuggingGraphError as exc:
            last = exc
            log.debug("task %s failed on %s (%s)", task["id"], model, route, exc_info=exc)
            attempts.append(_attempt(model, route, began, exc))
            _observe(work, task, attempts[-1], exc)
            if exc.exit_code != 1 or isinstance(exc, CancelledRunError):
                break  # the input is at fault, so another model will not help
            closed = closed or isinstance(exc, RemoteAccountError)
            wait = _wait_before_again(exc, tries)
            if wait is not None and wait < work.budget.left:
                tries += 1
                queue.appendleft((model, route))
                await asyncio.sleep(wait)
            else:
                tries = 0
            continue
        attempts.append(
            _attempt(model, route, began, None)
            | {name: made[name] for name in ("usage", "reused") if name in made}
        )
        _observe(work, task, attempts[-1], None)
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


def _observe(
    work: Work, task: Task, tried: dict[str, Any], error: HuggingGraphError | None
) -> None:
    """Keep, beside the run, how an attempt went; a fault of the input or an account is no model's.

    Of no account either are the LLM's attempts, kept results, and a run that was stopped.
    """
    not_its = error and (
        error.exit_code != 1 or isinstance(error, RemoteAccountError | CancelledRunError)
    )
    if tried["route"] == "llm" or "reused" in tried or not_its:
        return
    ok, seconds, route = error is None, tried["seconds"], tried["route"]
    work.observe(Attempt(task["task"], tried["model"], ok, seconds, route=route))


async def _resolved(
    row: TaskType,
    args: Mapping[str, Any],
    resources: Mapping[str, Resource],
    results: Mapping[int, Result],
) -> dict[str, Any]:
    """The arguments; in a thread only where there are files to look at."""
    given = [
        item for value in args.values() for item in (value if type(value) is list else [value])
    ]
    if any(item in resources for item in given):
        return await asyncio.to_thread(resolve, row, args, resources, results)
    return resolve(row, args, resources, results)


def _wait_before_again(error: HuggingGraphError, tries: int) -> float | None:
    """Seconds to wait before the same candidate is tried again, None where it is left."""
    if tries >= ASKED_AGAIN or not isinstance(error, RemoteBusyError):
        return None
    if error.retry_after > LONGEST_WAIT:
        return None
    return float(error.retry_after * 2**tries * random.uniform(1, 1 + JITTER))


async def _kept_or_made(
    work: Work, task: Task, args: dict[str, Any], model: str, route: str
) -> dict[str, Any]:
    """The result of the same model on the same input where one is kept, else a new one."""
    work.budget.check_time()
    cache, row = work.parts.result_cache, task_type(task["task"])
    card: ModelCard | None = None
    key, kept = "", None

    def look_up() -> None:
        nonlocal card, key, kept
        card = _card(work.parts, task, model, args)
        if card and cache and (key := result_key(row, card, route, args)):
            kept = cache.get(key, work.parts.artifacts)

    if route != "llm" and (cache or work.budget.limits("download_bytes")):
        await asyncio.to_thread(look_up)
    if kept:
        return {**kept, "reused": True}
    _pay(work.budget, card, route)
    made = await _call(work, task, args, model, route)
    wrong = await asyncio.to_thread(degenerate, row, made["files"]) if made["files"] else ""
    if wrong:
        raise ModelRunError(f"The model '{model}' gave no usable result: {wrong}.", "Try another.")
    if card and cache:
        await asyncio.to_thread(_keep, cache, key, row, card, route, args, made)
    return made


def _keep(
    cache: ResultCache, key: str, row: TaskType, card: ModelCard, route: str,
    args: Mapping[str, Any], made: Mapping[str, Any],
) -> None:  # fmt: skip
    """``key`` is empty where the model's files were still to be fetched."""
    if key := key or result_key(row, card, route, args):
        cache.put(key, row.id, made)


def _card(parts: Parts, task: Task, model: str, args: Mapping[str, Any]) -> ModelCard | None:
    try:
        return parts.find_card(task["task"], model, args)
    except HuggingGraphError:
        return None  # the tool names what is wrong


def _pay(budget: Budget, card: ModelCard | None, route: str) -> None:
    """Count what an attempt is about to use.

    Raises:
        BudgetError: it is more than what is left.
    """
    if route == "llm":
        budget.ask_llm()
    elif route == "remote":
        budget.take("remote_requests")
    elif card and (size := to_fetch(card)):
        budget.take("download_bytes", size)


async def _call(
    work: Work, task: Task, args: dict[str, Any], model: str, route: str
) -> dict[str, Any]:
    limit = work.parts.settings.task_timeout
    with cancel_scope() as stop, progress_to(lambda progress: work.tell(task["id"], progress)):
        try:
            async with asyncio.timeout(min(limit, work.budget.left)):
                if route == "llm":
                    return await _by_llm(work, task, args, model)
                call = {
                    "type": "tool_call", "name": task["task"], "id": str(task["id"]),
                    "args": {**args, "model": model, "route": route},
                }  # fmt: skip
                message = await (await work.tool(task["task"])).ainvoke(call)
                if message.status == "error":  # of a tool that tells its errors, for an agent
                    told = message.artifact or {"message": message.text}
                    raise HuggingGraphError.from_json(told)
        except TimeoutError as exc:
            work.budget.check_time()
            raise TaskTimeoutError(
                f"{model} did not finish within {limit:g} s.", "Raise HUGGINGGRAPH_TASK_TIMEOUT."
            ) from exc
        except HuggingGraphError:
            raise
        except Exception as exc:  # a model's own code may raise anything; it ends this task only
            raise ModelRunError(
                f"{model} failed: {exc!s:.300}", "See the cause with --debug, or pin another model."
            ) from exc
        finally:
            stop.set()  # a thread that is still at work, for nobody now, ends soon
    assert isinstance(message, ToolMessage)
    made: dict[str, Any] = message.artifact
    return made


async def _by_llm(work: Work, task: Task, args: dict[str, Any], model: str) -> dict[str, Any]:
    """What the controller LLM makes of a text task, in the shape of a tool's result."""
    llm = await asyncio.to_thread(work.parts.llm, work.context)
    if llm is None:
        raise LLMError(f"The LLM '{model}' is not set in this run.", "Set HUGGINGGRAPH_LLM.")
    row = task_type(task["task"])
    given = {s.name: {"is": s.description, "value": args[s.name]} for s in row.inputs
             if s.name in args}  # fmt: skip
    rules = await asyncio.to_thread(fill, "do_task", task=row.id, description=row.description)
    material = json.dumps(given, ensure_ascii=False)
    try:
        reply = await llm.write([SystemMessage(rules), HumanMessage(material)])
    except LLMError as exc:
        work.budget.add("tokens", exc.tokens)
        raise
    work.budget.add("tokens", reply.tokens)
    usage = {"llm_calls": reply.llm_calls, "tokens": reply.tokens}
    return {"kind": "text", "value": reply.text, "files": [], "model": model, "usage": usage}


def _attempt(
    model: str, route: str, began: float, error: HuggingGraphError | None
) -> dict[str, Any]:
    entry = {"model": model, "route": route, "seconds": round(time.monotonic() - began, 4)}
    if isinstance(error, LLMError) and error.llm_calls:
        entry["usage"] = {"llm_calls": error.llm_calls, "tokens": error.tokens}
    return entry if error is None else {**entry, "error": error.as_json()}
