"""The node ``replan``: another plan, where a person rejected one or tasks of it failed for good.

What is finished stays: its tasks keep ids and results, and new tasks refer to them as ever. For
failed tasks a planner with an LLM is asked once; else, or where its plan cannot run, a task type
that gives the same from the same inputs stands in. After ``MOST`` such replans, or where there is
none, the request ends with what there is. Each replan is recorded in ``replans``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langgraph.types import Command

from hugginggraph.registry import (
    ApprovalError,
    HuggingGraphError,
    LLMError,
    ModelRunError,
    NotUnderstoodError,
    TaskType,
    UnsupportedFileError,
    can_serve,
    task_types,
)
from hugginggraph.tools import as_text

from .budget import llm_allowed
from .check import check_plan, read_tasks
from .parts import Parts, run_context
from .plan import plan_request, spend
from .planner import Cost, Draft, Setback
from .repair import repair
from .state import Replan, Resource, Result, State, Task

log = logging.getLogger("hugginggraph")

MOST = 2
"""How often what is left of a plan is planned anew because tasks of it failed."""

STAND_INS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "image-to-text": ("image-text-to-text", {"image": "{image}", "text": "Describe the picture."}),
    "image-text-to-text": (
        "visual-question-answering", {"image": "{image}", "question": "{text}"},
    ),
    "visual-question-answering": (
        "image-text-to-text", {"image": "{image}", "text": "{question}"},
    ),
    "document-question-answering": (
        "visual-question-answering", {"image": "{image}", "question": "{question}"},
    ),
    "depth-control": ("depth-estimation", {"image": "{image}"}),
    "depth-estimation": ("depth-control", {"image": "{image}"}),
    "text2text-generation": ("text-generation", {"text": "{text}"}),
    "conversational": ("text-generation", {"text": "{text}"}),
}  # fmt: skip
"""The task type that does another's work from the same inputs, and its arguments from theirs."""


def make_replan(parts: Parts) -> Any:
    """The node: it goes on to ``check_plan`` with another plan, else to ``respond``."""

    async def replan(state: State) -> Command[str]:
        again = _after_rejection if state.get("rejected") is not None else _after_failure
        return await again(parts, state)

    return replan


def after_approval(state: State) -> str:
    """``replan`` for a rejected plan, else ``execute``."""
    return "replan" if state.get("rejected") is not None else "execute"


def after_execute(state: State) -> str:
    """``replan`` where a task failed or gave what is no use, else ``respond``."""
    resources, results = state.get("resources") or {}, state["results"]
    bad = (
        results[key]["status"] != "done" or useless(row, results[key], resources)
        for task in state["plan"]["tasks"]
        for key, row in [(str(task["id"]), task_types()[task["task"]])]
    )  # fmt: skip
    return "replan" if any(bad) else "respond"


def useless(row: TaskType, result: Result, resources: Mapping[str, Resource]) -> str:
    """Why a finished result can be of no use to anybody; empty where it can.

    No labels at all are of use where the row has a sentence for that.
    """
    kind, value = result["kind"], result["value"]
    if kind in ("text", "labels"):
        sound = str(value or "").strip() or (value == [] and 0 in row.says_of)
        return "" if sound else f"It gave no {kind}."
    files = [Path(resources[key]["path"]) for key in result["files"] if key in resources]
    if kind in ("image", "audio", "video") and not any(
        path.is_file() and path.stat().st_size for path in files
    ):
        return f"It gave no {kind}."
    return ""


async def _after_rejection(parts: Parts, state: State) -> Command[str]:
    reason = state.get("rejected") or ""
    done = {key: r for key, r in (state.get("results") or {}).items() if r["status"] == "done"}
    setback = _setback(state, done, {}, reason)
    spent = list[Cost]()
    found = await _asked(parts, state, setback, spent) if reason else None
    if found is None:
        stopped = {**_stopped(state, reason), "usage": spend(state, *spent)}
        return Command(update=stopped, goto="respond")
    name, tasks, draft = found
    record = Replan(cause="rejected", reason=reason, by=name, failed=[], added=_ids(tasks, done))
    return Command(update=_next(state, tasks, draft, spent, record, done), goto="check_plan")


def _stopped(state: State, reason: str) -> dict[str, Any]:
    """The end after a rejection that leads to no other plan; what was finished is told."""
    ran = state.get("results") or {}
    why = f" ('{reason:.200}')" if reason else ""
    if ran:
        kept = [task for task in state["plan"]["tasks"] if str(task["id"]) in ran]
        note = f"The plan for the rest was rejected{why}, so nothing more was run."
        plan = {**state["plan"], "tasks": kept, "notes": [*state["plan"]["notes"], note]}
        return {"plan": plan, "rejected": None}
    error = ApprovalError(
        f"The plan was rejected{why}, so nothing was run.",
        "There is no other plan for this without more words: ask again and say it in full, or name "
        "an LLM with --llm." if reason else "Give a reason with it to get another plan.",
    )  # fmt: skip
    return {"error": error.as_json(), "rejected": None}


async def _after_failure(parts: Parts, state: State) -> Command[str]:
    results = _judged(state)
    failed = _worth_another(state, results)
    if not failed:
        return Command(update={"results": results}, goto="respond")
    settled = {key: result for key, result in results.items() if result["status"] == "done"}
    setback = _setback(state, settled, failed, "")
    spent = list[Cost]()
    found = await _asked(parts, state, setback, spent)
    if found is None:
        tasks, settled = await asyncio.to_thread(_stood_in, parts, state, results, set(failed))
        if tasks == state["plan"]["tasks"]:
            update = {"results": results, "usage": spend(state, *spent)}
            return Command(update=update, goto="respond")
        found = "table", tasks, Draft(tasks)
    name, tasks, draft = found
    record = Replan(
        cause="failed", by=name, added=_ids(tasks, settled),
        reason="; ".join(f"task {key}: {error.message}" for key, error in failed.items()),
        failed=[
            {"id": task["id"], "task": task["task"], **_of(results[str(task["id"])])}
            for task in state["plan"]["tasks"] if str(task["id"]) in failed
        ],
    )  # fmt: skip
    return Command(update=_next(state, tasks, draft, spent, record, settled), goto="check_plan")


def _worth_another(state: State, results: Mapping[str, Result]) -> dict[str, HuggingGraphError]:
    """The errors by task for which another plan may help; none after ``MOST`` of them.

    What fails by the input, or by a model that the person named, fails in any plan.
    """
    made = state.get("replans") or []
    if sum(entry["cause"] == "failed" for entry in made) >= MOST:
        return {}
    pinned = {key for key, choice in (state.get("choices") or {}).items() if choice["by"] == "pin"}
    errors = {
        key: HuggingGraphError.from_json(result["error"])
        for key, result in results.items()
        if result["status"] == "failed" and "error" in result and key not in pinned
    }
    return {key: error for key, error in errors.items() if error.exit_code == 1}


def _of(result: Result) -> dict[str, Any]:
    return {"error": result.get("error"), "attempts": result["attempts"]}


def _judged(state: State) -> dict[str, Result]:
    """The results; one that is of no use is failed, and so is what was made from it."""
    resources, out = state.get("resources") or {}, dict(state["results"])
    for task in state["plan"]["tasks"]:
        key = str(task["id"])
        result = out[key]
        if result["status"] != "done":
            continue
        why = useless(task_types()[task["task"]], result, resources)
        spoilt = [d for d in task["dep"] if out[str(d)]["status"] != "done"]
        if why:
            error = ModelRunError(f"{result.get('model', 'The model')} ended well. {why}")
            out[key] = {**result, "status": "failed", "error": error.as_json()}
        elif spoilt:
            error = ModelRunError(f"What it was made from (task {spoilt[0]}) is of no use.")
            out[key] = {**result, "status": "skipped", "error": error.as_json()}
    return out


def _setback(
    state: State,
    done: Mapping[str, Result],
    failed: Mapping[str, HuggingGraphError],
    reason: str,
) -> Setback:
    return Setback(
        tasks=state["plan"]["tasks"],
        reason=reason,
        done={int(key): as_text(r["kind"], r["value"]) for key, r in done.items()},
        failed={int(key): str(error) for key, error in failed.items()},
    )


async def _asked(
    parts: Parts, state: State, setback: Setback, spent: list[Cost]
) -> tuple[str, list[Task], Draft] | None:
    """The first usable plan that a planner gives: who made it, its tasks, the draft.

    What was paid is added to ``spent``, for a plan that is no use too.
    """
    try:
        planners = await parts.get_planners(run_context())
    except LLMError:
        return None
    for planner in planners:
        usage = spend(state, *spent)
        if planner.name == "llm" and not llm_allowed(parts.settings, run_context(), usage):
            continue
        try:
            draft = await planner.replan(plan_request(state), setback)
            spent += [draft] if draft else []
            tasks = draft and _joined(draft.tasks, setback, state.get("resources") or {})
        except (LLMError, NotUnderstoodError, UnsupportedFileError) as exc:
            spent += [exc] if isinstance(exc, LLMError) else []
            log.debug("no other plan by %s", planner.name, exc_info=exc)
            continue
        if draft and tasks:
            return planner.name, tasks, draft
    return None


def _joined(raw: Any, setback: Setback, resources: Mapping[str, Resource]) -> list[Task] | None:
    """The finished tasks as they are and the new ones; None where that cannot run or is no news."""
    old = {task["id"]: task for task in setback.tasks}
    kept = [task for task in setback.tasks if task["id"] in setback.done]
    try:
        new = read_tasks(raw)
        if any(t["id"] in setback.done and t["task"] != old[t["id"]]["task"] for t in new):
            return None
        new = [task for task in new if task["id"] not in setback.done]
        again = [old[number] for number in setback.failed]
        if not new or any(_same(task, other) for task in new for other in again):
            return None
        tasks = [*kept, *new]
        if setback.done and check_plan(tasks, resources):
            tasks, _ = repair(tasks, resources)
    except HuggingGraphError:
        return None
    if setback.done and (check_plan(tasks, resources) or tasks[: len(kept)] != kept):
        return None
    return tasks


def _same(task: Task, other: Task) -> bool:
    return (task["task"], task["args"]) == (other["task"], other["args"])


def _stood_in(
    parts: Parts, state: State, results: Mapping[str, Result], failed: set[str]
) -> tuple[list[Task], dict[str, Result]]:
    """The plan with another task type in a failed one's place, and the results that stay.

    Those of tasks that nothing stands in for stay too, so that they do not fail once more.
    """
    cards, before = parts.store.all_cards(), state.get("replans") or []
    tried = {entry["task"] for replan in before for entry in replan["failed"]}
    tasks, settled = list[Task](), dict[str, Result]()
    anew: set[int] = set()
    for task in state["plan"]["tasks"]:
        key = str(task["id"])
        row, given = STAND_INS.get(task["task"], ("", {}))
        if (
            key in failed and row and row not in tried
            and can_serve(row, cards, settings=parts.settings, llm=parts.llm_name(run_context()))
        ):  # fmt: skip
            args = {name: value.format_map(task["args"]) for name, value in given.items()}
            task = Task(id=task["id"], task=row, dep=task["dep"], args=args)
            anew.add(task["id"])
        elif results[key]["status"] == "skipped" and anew & set(task["dep"]):
            hopeless = [d for d in task["dep"] if d not in anew and not _done(settled, d)]
            anew |= set() if hopeless else {task["id"]}
        if task["id"] not in anew:
            settled[key] = results[key]
        tasks.append(task)
    return tasks, settled


def _done(settled: Mapping[str, Result], number: int) -> bool:
    return str(number) in settled and settled[str(number)]["status"] == "done"


def _ids(tasks: list[Task], settled: Mapping[str, Result]) -> list[int]:
    return [task["id"] for task in tasks if str(task["id"]) not in settled]


def _next(
    state: State,
    tasks: list[Task],
    draft: Draft,
    spent: list[Cost],
    record: Replan,
    settled: Mapping[str, Result],
) -> dict[str, Any]:
    plan = state["plan"]
    return {
        "plan": {**plan, "tasks": tasks, "valid": False, "notes": [*plan["notes"], *draft.notes]},
        "results": dict(settled),
        "replans": [*(state.get("replans") or []), record],
        "rejected": None,
        "mending": 0,
        "usage": spend(state, *spent),
    }
