"""The planner that asks a chat model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from hugginggraph.prompts import fill
from hugginggraph.registry import TaskType, task_types

from .demonstrate import Demonstrations
from .llm import LLM
from .planner import Draft, PlanRequest, Setback

HISTORY_TOKENS = 2_000
EARLIER_TOKENS = 2_000
_CUT = "The LLM's plan was cut short at its limit of tokens: what it had still to say is missing."


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

    def __init__(
        self,
        llm: LLM,
        examples: Demonstrations,
        rows: Mapping[str, TaskType] | None = None,
        meanwhile: Callable[[str], None] | None = None,
    ) -> None:
        self.llm = llm
        self._examples = examples
        self._rows = rows
        self._meanwhile = meanwhile

    async def plan(self, request: PlanRequest) -> Draft:
        """A draft from the model. See ``Planner.plan``.

        ``meanwhile`` is called with the request's words as the LLM is asked.
        """
        messages = await asyncio.to_thread(self._messages, request)
        if self._meanwhile:
            self._meanwhile(request.text)
        return await self._ask(messages)

    async def mend(self, request: PlanRequest, tasks: Any, errors: list[str]) -> Draft | None:
        """A draft from the model, which sees its last plan and what is wrong with it."""
        plan = json.dumps({"tasks": tasks}, ensure_ascii=False)[:20_000]
        lines = "\n".join(f"- {error}" for error in errors)
        messages = await asyncio.to_thread(self._messages, request)
        again = HumanMessage(await asyncio.to_thread(fill, "mend", plan=plan, errors=lines))
        return await self._ask([*messages, again])

    async def replan(self, request: PlanRequest, setback: Setback) -> Draft | None:
        """A draft from the model, which sees its last plan, what it gave and what went wrong."""
        done = {number: text[:1_000] for number, text in setback.done.items()}
        why = [f"task {number} failed: {error}" for number, error in setback.failed.items()]
        if setback.reason:
            why.append(f"the person rejected the plan, with these words: {setback.reason}")
        again = await asyncio.to_thread(
            fill,
            "replan",
            plan=json.dumps({"tasks": setback.tasks}, ensure_ascii=False)[:20_000],
            done=json.dumps(done, ensure_ascii=False)[:20_000] if done else "nothing",
            reason="\n".join(f"- {line}" for line in why),
            next=str(1 + max((task["id"] for task in setback.tasks), default=-1)),
        )
        messages = await asyncio.to_thread(self._messages, request)
        return await self._ask([*messages, HumanMessage(again)])

    async def _ask(self, messages: list[SystemMessage | HumanMessage]) -> Draft:
        reply = await self.llm.fill(TaskPlan, messages)
        value = reply.value
        tasks = value["tasks"] if isinstance(value, dict) and "tasks" in value else value
        notes = (_CUT,) if reply.cut else ()
        return Draft(tasks=tasks, notes=notes, llm_calls=reply.llm_calls, tokens=reply.tokens)

    def _messages(self, request: PlanRequest) -> list[SystemMessage | HumanMessage]:
        known = task_types() if self._rows is None else self._rows
        rows = "\n".join(f"- `{row.signature}`: {row.description}" for row in known.values())
        files = "\n".join(
            f"- {key}: {res['kind']}, named {res['name']}" for key, res in request.resources.items()
        )
        history = recent(request.history, HISTORY_TOKENS)
        found = recent([(each["task"], each["text"]) for each in request.earlier], EARLIER_TOKENS)
        system = fill("plan", tasks=rows, demonstrations=self._examples.shown(request.text, known))
        human = fill(
            "request",
            history=history or "nothing",
            earlier=found or "nothing",
            resources=files or "none",
            request=request.text,
        )
        return [SystemMessage(system), HumanMessage(human)]


def recent(history: Sequence[tuple[str, str]], tokens: int) -> str:
    """The latest messages that fit into about so many tokens, oldest first.

    A long message is cut in its middle. Three bytes count as a token, which is more than most
    tokenizers need, so that there is room for the request, which is never cut.
    """
    lines: list[str] = []
    for role, text in reversed(history):
        line = f"{role}: {text}"
        if _tokens(line) > tokens // 2:
            keep = tokens // 2
            line = f"{line[:keep]} … {line[-keep // 2 :]}"
        tokens -= _tokens(line)
        if tokens < 0:
            break
        lines.append(line)
    return "\n".join(reversed(lines))


def _tokens(text: str) -> int:
    return len(text.encode()) // 3 + 1
