"""The planner that asks a chat model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from hugginggraph.prompts import demonstrations, fill
from hugginggraph.registry import task_types

from .llm import LLM
from .planner import Draft, PlanRequest

_HISTORY_CHARS = 6_000


class PlannedTask(BaseModel):
    """One task of the plan."""

    id: int = Field(description="a whole number of its own, counting from 0")
    task: str = Field(description="the task type, spelled as listed")
    dep: list[int] = Field(description="ids of the tasks that must be done first; [] for none")
    args: dict[str, str | list[str]] = Field(description="the arguments by name")


class TaskPlan(BaseModel):
    """The plan for the request; no tasks where no model needs to run."""

    tasks: list[PlannedTask]


class LLMPlanner:
    """Plans with one LLM call, and mends with one for each turn."""

    name = "llm"

    def __init__(self, llm: LLM) -> None:
        self.llm = llm

    async def plan(self, request: PlanRequest) -> Draft:
        """A draft from the model. See ``Planner.plan``."""
        return await self._ask(await asyncio.to_thread(_messages, request))

    async def mend(self, request: PlanRequest, tasks: Any, errors: list[str]) -> Draft | None:
        """A draft from the model, which sees its last plan and what is wrong with it."""
        plan = json.dumps({"tasks": tasks}, ensure_ascii=False)[:20_000]
        lines = "\n".join(f"- {error}" for error in errors)
        messages = await asyncio.to_thread(_messages, request)
        again = HumanMessage(await asyncio.to_thread(fill, "mend", plan=plan, errors=lines))
        return await self._ask([*messages, again])

    async def _ask(self, messages: list[SystemMessage | HumanMessage]) -> Draft:
        reply = await self.llm.fill(TaskPlan, messages)
        value = reply.value
        tasks = value["tasks"] if isinstance(value, dict) and "tasks" in value else value
        return Draft(tasks=tasks, llm_calls=reply.calls, tokens=reply.tokens)


def _messages(request: PlanRequest) -> list[SystemMessage | HumanMessage]:
    rows = "\n".join(f"- `{row.signature}`: {row.description}" for row in task_types().values())
    files = "\n".join(
        f"- {key}: {res['kind']}, named {res['name']}" for key, res in request.resources.items()
    )
    history = "\n".join(f"{role}: {text}" for role, text in request.history)[-_HISTORY_CHARS:]
    system = fill("plan", tasks=rows, demonstrations=_shown())
    human = fill(
        "request", history=history or "nothing", resources=files or "none", request=request.text
    )
    return [SystemMessage(system), HumanMessage(human)]


def _shown() -> str:
    known = task_types()
    return "\n\n".join(
        f"Request: {demo['request']}\nFiles: {json.dumps(demo['resources'])}\n"
        f"Plan: {json.dumps({'tasks': demo['tasks']})}"
        for demo in demonstrations()
        if all(task["task"] in known for task in demo["tasks"])
    )
