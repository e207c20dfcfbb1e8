"""The planning nodes: ``plan``, ``check_plan`` and ``repair_plan``."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from hugginggraph.registry import (
    HuggingGraphError,
    LLMError,
    NotUnderstoodError,
    PlanError,
    UnreadablePlanError,
    UnsupportedFileError,
)

from .budget import llm_allowed
from .check import check_plan as check, read_tasks
from .llm_errors import is_too_long
from .parts import Parts, run_context
from .planner import Cost, Draft, Planner, PlanRequest
from .repair import repair
from .state import Plan, State, Usage

log = logging.getLogger("hugginggraph")

LLM_TURNS = 2
"""How often the LLM is shown what is wrong with its plan (after the mechanical repair)."""

SURE = 0.9
"""How sure the built-in planner must be where the LLM sees nothing to do with a file at hand."""

_INSTEAD = "The built-in planner was used in its place."


def plan_request(state: State) -> PlanRequest:
    """What the planners see of the state."""
    messages = (state.get("messages") or [])[:-1]
    return PlanRequest(
        text=state["request"],
        resources=state.get("resources") or {},
        history=tuple((message.type, message.text) for message in messages),
        earlier=tuple(state.get("earlier") or ()),
    )


def make_plan(parts: Parts) -> Any:
    """The node ``plan``: a draft from the first planner that gives one."""

    async def plan(state: State) -> dict[str, Any]:
        spent = list[Cost]()
        try:
            planner, draft, notes, lost = await _draft(parts, state, spent)
        except HuggingGraphError as exc:
            log.debug("no plan", exc_info=exc)
            return {"error": exc.as_json(), "usage": spend(state, *spent)}
        log.debug("%s planned %s", planner.name, draft.tasks)
        return {
            "plan": Plan(
                tasks=draft.tasks,
                valid=False,
                repairs=[],
                confidence=draft.confidence,
                errors=[],
                planner=planner.name,
                notes=[*notes, *draft.notes],
            ),
            "answer": "\n".join(
                [draft.reply, *(f"Note: {note}" for note in notes)] if draft.reply else []
            ),
            "llm_lost": lost,
            "usage": spend(state, *spent),
        }

    return plan


async def _draft(
    parts: Parts, state: State, spent: list[Cost]
) -> tuple[Planner, Draft, list[str], bool]:
    """The first planner's draft; a note says where another one's was taken, and why.

    The last is whether the LLM is out of reach for this run. What was paid is added to ``spent``.
    """
    request, above = plan_request(state), parts.settings.builtin_above
    planners = await parts.get_planners(run_context())
    *llms, last = planners
    if llms and above < 1 and (draft := await _sure(last, request, above)):
        return last, draft, [], False
    why: LLMError | None = None
    for planner in llms:
        try:
            draft = await _paid(parts, state, planner, spent)
        except LLMError as exc:
            why = exc
            continue
        blind = draft.tasks == [] and request.resources and not request.history
        if blind and (found := await _sure(last, request, SURE)):
            return last, found, [f"The LLM planned nothing. {_INSTEAD}"], False
        return planner, draft, [], False
    try:
        draft = await _paid(parts, state, last, spent)
    except HuggingGraphError as exc:
        if why:
            exc.message = f"{why.message} {_INSTEAD} {exc.message}"
            exc.hint = f"{why.hint} {exc.hint}".strip()
        raise
    notes = [f"{why.message} {_INSTEAD}"] if why else []
    return last, draft, notes, why is not None and not is_too_long(why)


async def _paid(parts: Parts, state: State, planner: Planner, spent: list[Cost]) -> Draft:
    """A planner's draft, where the budget allows to ask it."""
    if planner.name == "llm" and not llm_allowed(parts.settings, run_context(), state["usage"]):
        raise LLMError("The run's budget for the LLM is used up.")
    try:
        draft = await planner.plan(plan_request(state))
    except LLMError as exc:
        spent.append(exc)
        raise
    spent.append(draft)
    return draft


async def _sure(builtin: Planner, request: PlanRequest, above: float) -> Draft | None:
    """The built-in planner's draft where it is at least so sure of it."""
    try:
        draft = await builtin.plan(request)
    except (NotUnderstoodError, UnsupportedFileError):
        return None
    return draft if draft.tasks and draft.confidence >= above else None


def spend(state: State, *costs: Cost) -> Usage:
    """The usage so far with these calls and tokens added."""
    usage = state["usage"]
    return Usage(
        llm_calls=usage["llm_calls"] + sum(cost.llm_calls for cost in costs),
        tokens=usage["tokens"] + sum(cost.tokens for cost in costs),
        seconds=usage["seconds"],
    )


def make_check_plan(parts: Parts) -> Any:
    """The node ``check_plan``: the plan in one form, and every fault of it."""

    async def check_plan(state: State) -> dict[str, Any]:
        await parts.ready()
        plan, resources = state["plan"], state.get("resources") or {}
        try:
            tasks = read_tasks(plan["tasks"])
            errors: list[PlanError] = check(tasks, resources)
        except UnreadablePlanError as exc:
            return {"plan": {**plan, "valid": False, "errors": [exc.as_json()]}}
        found = [error.as_json() for error in errors]
        return {"plan": {**plan, "tasks": tasks, "valid": not errors, "errors": found}}

    return check_plan


def make_repair_plan(parts: Parts) -> Any:
    """The node ``repair_plan``: mechanical fixes first, then turns of the planner that made it."""

    async def repair_plan(state: State) -> dict[str, Any]:
        plan, turn = state["plan"], state["mending"]
        raw, notes, spent = plan["tasks"], list(plan["repairs"]), list[Cost]()
        if turn > 0:
            draft = await _mend(parts, state, spent) if turn <= LLM_TURNS else None
            if draft is None:
                instead = await _instead(parts, state) or {"mending": LLM_TURNS + 2}
                return {**instead, "usage": spend(state, *spent)}
            raw = draft.tasks
            notes.append(f"asked the LLM to mend the plan (turn {turn} of {LLM_TURNS})")
        try:
            tasks, resources = read_tasks(raw), state.get("resources") or {}
            raw, mended = await asyncio.to_thread(repair, tasks, resources)
            notes += mended
        except UnreadablePlanError:
            raw = plan["tasks"]  # its faults say more than those of a reply that is no plan
        return {
            "plan": {**plan, "tasks": raw, "repairs": notes},
            "mending": turn + 1,
            "usage": spend(state, *spent),
        }

    return repair_plan


async def _mend(parts: Parts, state: State, spent: list[Cost]) -> Draft | None:
    plan = state["plan"]
    if not llm_allowed(parts.settings, run_context(), state["usage"]):
        return None
    errors = [f"{error['message']} {error['hint']}" for error in plan["errors"]]
    try:
        for planner in await parts.get_planners(run_context()):
            if planner.name == plan["planner"]:
                draft = await planner.mend(plan_request(state), plan["tasks"], errors)
                spent += [draft] if draft else []
                return draft
    except LLMError as exc:
        spent.append(exc)  # the plan's own errors are what the person needs to hear
    return None


async def _instead(parts: Parts, state: State) -> dict[str, Any] | None:
    """Another planner's plan, where the first one's cannot run and nothing of it has run yet."""
    plan = state["plan"]
    planners = await parts.get_planners(run_context())
    if len(planners) < 2 or plan["planner"] != planners[0].name or state.get("replans"):
        return None
    try:
        draft = await planners[-1].plan(plan_request(state))
    except HuggingGraphError as exc:
        log.debug("no plan by %s either", planners[-1].name, exc_info=exc)
        return None
    if not draft.tasks:
        return None
    why = " ".join(error["message"] for error in plan["errors"][:1])
    said = f"The LLM's plan could not run ({why:.200}). {_INSTEAD}"
    return {
        "plan": {
            **plan, "tasks": draft.tasks, "confidence": draft.confidence, "repairs": [],
            "planner": planners[-1].name, "notes": [said, *draft.notes],
        },
        "mending": 0, "llm_lost": True,
    }  # fmt: skip


def after_plan(state: State) -> str:
    """``respond`` where planning failed or nothing has to run, else ``check_plan``."""
    if state.get("error") or state["plan"]["tasks"] == []:
        return "respond"
    return "check_plan"


def after_check(state: State) -> str:
    """``choose_models`` for a valid plan, ``repair_plan`` while there is hope, else ``respond``."""
    if state["plan"]["valid"]:
        return "choose_models"
    return "repair_plan" if state["mending"] <= LLM_TURNS + 1 else "respond"
