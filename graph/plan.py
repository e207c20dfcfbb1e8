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

from .check import check_plan as check, read_tasks
from .parts import Parts, run_context
from .planner import Draft, Planner, PlanRequest
from .repair import repair
from .state import Plan, State, Usage

log = logging.getLogger("hugginggraph")

LLM_TURNS = 2
"""How often the LLM is shown what is wrong with its plan (after the mechanical repair)."""


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
        try:
            planner, draft, notes = await _draft(parts, plan_request(state))
        except HuggingGraphError as exc:
            log.debug("no plan", exc_info=exc)
            return {"error": exc.as_json()}
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
            "answer": draft.reply,
            "usage": spend(state, draft),
        }

    return plan


async def _draft(parts: Parts, request: PlanRequest) -> tuple[Planner, Draft, list[str]]:
    notes: list[str] = []
    planners = await parts.get_planners(run_context())
    if len(planners) > 1 and (draft := await _sure(planners[-1], parts, request)):
        return planners[-1], draft, notes
    for planner in planners:
        try:
            return planner, await planner.plan(request), notes
        except LLMError as exc:
            if planner is planners[-1]:
                raise
            notes.append(f"{exc.message} The built-in planner was used in its place.")
    raise LLMError("No planner is set.", "Set HUGGINGGRAPH_PLANNER to auto, llm or builtin.")


async def _sure(builtin: Planner, parts: Parts, request: PlanRequest) -> Draft | None:
    """The built-in planner's draft where it is sure enough to save the LLM's call."""
    if parts.settings.builtin_above >= 1:
        return None
    try:
        draft = await builtin.plan(request)
    except (NotUnderstoodError, UnsupportedFileError):
        return None
    return draft if draft.tasks and draft.confidence >= parts.settings.builtin_above else None


def spend(state: State, cost: Draft) -> Usage:
    """The usage so far with a draft's calls and tokens added."""
    usage = state["usage"]
    return Usage(
        llm_calls=usage["llm_calls"] + cost.llm_calls,
        tokens=usage["tokens"] + cost.tokens,
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
        cost, raw, notes = Draft(None), plan["tasks"], list(plan["repairs"])
        if turn > 0:
            draft = await _mend(parts, state)
            if draft is None:
                return {"mending": LLM_TURNS + 1}
            cost, raw = draft, draft.tasks
            notes.append(f"asked the LLM to mend the plan (turn {turn} of {LLM_TURNS})")
        try:
            tasks, resources = read_tasks(raw), state.get("resources") or {}
            raw, mended = await asyncio.to_thread(repair, tasks, resources)
            notes += mended
        except UnreadablePlanError:
            pass  # check_plan names it again, and the next turn shows it to the LLM
        return {
            "plan": {**plan, "tasks": raw, "repairs": notes},
            "mending": turn + 1,
            "usage": spend(state, cost),
        }

    return repair_plan


async def _mend(parts: Parts, state: State) -> Draft | None:
    plan = state["plan"]
    errors = [f"{error['message']} {error['hint']}" for error in plan["errors"]]
    try:
        for planner in await parts.get_planners(run_context()):
            if planner.name == plan["planner"]:
                return await planner.mend(plan_request(state), plan["tasks"], errors)
    except LLMError:
        pass  # the plan's own errors are what the person needs to hear
    return None


def after_plan(state: State) -> str:
    """``respond`` where planning failed or nothing has to run, else ``check_plan``."""
    if state.get("error") or state["plan"]["tasks"] == []:
        return "respond"
    return "check_plan"


def after_check(state: State) -> str:
    """``choose_models`` for a valid plan, ``repair_plan`` while there is hope, else ``respond``."""
    if state["plan"]["valid"]:
        return "choose_models"
    return "repair_plan" if state["mending"] <= LLM_TURNS else "respond"
