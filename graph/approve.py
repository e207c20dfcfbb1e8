"""The node ``approve_plan``: a person sees the plan with its models before anything runs.

It stops with LangGraph's ``interrupt`` in the shape of LangChain's human-in-the-loop middleware
that agent-chat-ui and LangSmith's inbox show: one action ``run_plan`` whose arguments are the tasks
and the model of each. It goes on with ``Command(resume={"decisions": [decision]})``: ``approve``;
``edit`` with ``edited_action`` (tasks, their arguments, models); ``reject`` with a ``message``, by
which ``replan`` plans anew. A decision that cannot be followed is told and asked for again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from langgraph.types import interrupt

from hugginggraph.registry import ApprovalError, HuggingGraphError

from .check import check_plan, read_tasks
from .choose_models import choose
from .parts import Parts, run_context
from .repair import repair
from .state import Choice, Resource, State, Task

ACTION = "run_plan"
DECISIONS = ("approve", "edit", "reject")


def make_approve_plan(parts: Parts) -> Any:
    """The node: it shows the plan and waits for a decision."""

    async def approve_plan(state: State) -> dict[str, Any]:
        problem = ""
        while True:
            answer = interrupt(review(state, problem))
            try:
                kind, given = read_decision(answer)
                if kind == "edit":
                    return await asyncio.to_thread(_edited, parts, state, given)
            except HuggingGraphError as exc:
                problem = str(exc)
                continue
            return {"rejected": given if kind == "reject" else None}

    return approve_plan


def review(state: State, problem: str = "") -> dict[str, Any]:
    """What is shown for approval; ``problem`` says why the last decision could not be followed."""
    tasks, choices = state["plan"]["tasks"], state.get("choices") or {}
    models = {key: choice["model"] for key, choice in choices.items()}
    listed = [
        f"{task['id']}. {task['task']} by {models.get(str(task['id'])) or 'no model'}"
        for task in tasks
    ]
    told = f"{problem}\n\n" if problem else ""
    request = {
        "name": ACTION,
        "args": {"tasks": tasks, "models": models},
        "description": f"{told}Run this plan?\n" + "\n".join(listed),
    }
    config = {"action_name": ACTION, "allowed_decisions": list(DECISIONS)}
    return {"action_requests": [request], "review_configs": [config]}


def read_decision(answer: Any) -> tuple[str, Any]:
    """The decision's type, and what came with it: the edited arguments, or the reason.

    Raises:
        ApprovalError: it is none of ``DECISIONS``, or an edit without arguments.
    """
    found = answer.get("decisions", answer) if isinstance(answer, Mapping) else answer
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    kind = found.get("type") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or kind not in DECISIONS:
        raise ApprovalError(
            f"That is no decision: {answer!r:.80}.",
            'Give {"decisions": [{"type": "approve"}]}, or "edit" or "reject".',
        )
    if kind == "edit":
        action = found.get("edited_action")
        args = action.get("args") if isinstance(action, Mapping) else None
        if not isinstance(args, Mapping):
            raise ApprovalError(
                "The edit names nothing.", "Give edited_action with args: tasks, models, or both."
            )
        return kind, args
    return kind, str(found.get("message") or "").strip()


def _edited(parts: Parts, state: State, args: Mapping[str, Any]) -> dict[str, Any]:
    """The plan and choices as edited.

    Raises:
        HuggingGraphError: they cannot run.
    """
    if unknown := set(args) - {"tasks", "models"}:
        raise ApprovalError(
            f"A plan has no '{min(unknown)}'.", "What can be edited is `tasks` and `models`."
        )
    plan, resources = state["plan"], state.get("resources") or {}
    tasks, notes = plan["tasks"], list[str]()
    if "tasks" in args:
        tasks, notes = _checked(read_tasks(_value(args["tasks"])), resources)
    models = _models(args.get("models"), tasks)
    old = {task["id"]: task for task in plan["tasks"]}
    choices: dict[str, Choice] = {}
    for task in tasks:
        key, was = str(task["id"]), state["choices"].get(str(task["id"]))
        same = was is not None and old[task["id"]]["task"] == task["task"]
        named = models.get(key, "")
        if was is not None and same and named in ("", was["model"]):
            choices[key] = was
            continue
        if was is not None and named == was["model"]:
            named = ""  # the model shown was for the task type that was edited away
        choices[key] = choose(parts, state["request"], task, run_context(), named)
        if error := choices[key].get("error"):
            raise HuggingGraphError.from_json(error)
    plan = {**plan, "tasks": tasks, "repairs": [*plan["repairs"], *notes, "edited by a person"]}
    return {"plan": plan, "choices": choices, "rejected": None}


def _checked(tasks: list[Task], resources: Mapping[str, Resource]) -> tuple[list[Task], list[str]]:
    notes: list[str] = []
    faults = check_plan(tasks, resources)
    if faults and tasks:
        tasks, notes = repair(tasks, resources)
        faults = check_plan(tasks, resources) and faults
    if faults:
        raise faults[0]
    return tasks, notes


def _models(given: Any, tasks: list[Task]) -> dict[str, str]:
    models = _value(given) if given is not None else {}
    known = {str(task["id"]) for task in tasks}
    if not isinstance(models, Mapping) or not all(isinstance(m, str) for m in models.values()):
        raise ApprovalError(
            "The edited models cannot be read.", 'Give {"0": "owner/name"}, by task id.'
        )
    return {str(key): model.strip() for key, model in models.items() if str(key) in known}


def _value(given: Any) -> Any:
    """A value that a form may have sent as JSON text.

    Raises:
        ApprovalError: it is text and no JSON.
    """
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as exc:
        raise ApprovalError("The edited text is no JSON.", f"It fails at: {exc}.") from exc
