"""The node ``respond``: the answer, from what really came out."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)
from langgraph.graph.message import push_message

from hugginggraph.prompts import fill
from hugginggraph.registry import LLMError, task_types

from .answer import compose, finding, replanned, shown_path
from .attachments import with_links
from .budget import llm_allowed
from .ground import Grounding
from .llm import LLM
from .parts import Parts, run_context
from .plan import plan_request, spend
from .planner import Draft
from .state import Context, State


def make_respond(parts: Parts) -> Any:
    """The node: an LLM writes the answer where one is set, else it is composed."""

    async def respond(state: State) -> dict[str, Any]:
        status = _status(state)
        answer, cost = state.get("answer") or "", Draft(None)
        ran, name = bool(state.get("results")), f"answer-{uuid.uuid4()}"
        if not answer:
            llm = await asyncio.to_thread(_llm, parts, run_context(), state)
            talk = not ran and _nothing_to_run(state)
            try:
                if llm and (ran or talk):
                    write = _from_results if ran else _small_talk
                    answer, cost = await write(llm, state, _teller(name))
            except LLMError as exc:
                if talk:
                    answer = f"{exc.message} {exc.hint}".strip()
            if not answer:  # under an id of its own, as pieces of another may have gone out
                answer, name = await asyncio.to_thread(compose, state), f"answer-{uuid.uuid4()}"
        said = await with_links(answer, state.get("resources") or {}, parts.artifacts)
        usage = spend(state, cost)
        usage["seconds"] = round(time.time() - state["started"], 4)
        return {
            "answer": answer, "status": status, "usage": usage,
            "messages": [AIMessage(said, id=name)],
        }  # fmt: skip

    return respond


def _llm(parts: Parts, context: Context, state: State) -> LLM | None:
    if not llm_allowed(parts.settings, context, state["usage"]):
        return None
    try:
        return parts.llm(context)
    except LLMError:
        return None


def _nothing_to_run(state: State) -> bool:
    """Whether the planner said that no model has to run, as for a greeting."""
    if state.get("error"):
        return False
    return state["plan"]["tasks"] == [] and not state["plan"]["errors"]


def _status(state: State) -> Literal["done", "partial", "failed"]:
    if state.get("error"):
        return "failed"
    if not state["plan"]["valid"]:
        return "done" if _nothing_to_run(state) else "failed"
    done = [result["status"] == "done" for result in state["results"].values()]
    return "done" if all(done) else "partial" if any(done) else "failed"


def _teller(name: str) -> Callable[[str], None]:
    """Sends a piece of the answer to who listens with ``stream_mode="messages"``."""

    def tell(piece: str) -> None:
        if piece:
            push_message(AIMessageChunk(content=piece, id=name), state_key=None)

    return tell


async def _from_results(llm: LLM, state: State, tell: Callable[[str], None]) -> tuple[str, Draft]:
    """The LLM's answer as far as it is tied to results, empty where nothing of it is."""
    messages = await asyncio.to_thread(_about_results, state)
    grounding = await asyncio.to_thread(lambda: Grounding(facts(state), known_paths(state)))
    said: list[str] = []

    def take(piece: str) -> None:
        said.append(grounding.take(piece))
        tell(said[-1])

    reply = await llm.write(messages, take)
    said.append(grounding.finish())
    tell(said[-1])
    cost = Draft(None, llm_calls=reply.calls, tokens=reply.tokens)
    return "".join(said).strip(), cost


async def _small_talk(llm: LLM, state: State, tell: Callable[[str], None]) -> tuple[str, Draft]:
    reply = await llm.write(await asyncio.to_thread(_about_nothing, state), tell)
    return reply.text, Draft(None, llm_calls=reply.calls, tokens=reply.tokens)


def facts(state: State) -> dict[int, str]:
    """What may be said of each task: its finding in words, its model, or why it failed."""
    results = state["results"]
    return {
        task["id"]: f"{task['task']} {result.get('model', '')} {result.get('error', '')} "
        + (finding(task, state) if result["status"] == "done" else result["status"])
        for task in state["plan"]["tasks"]
        for result in [results[str(task["id"])]]
    }


def _about_results(state: State) -> list[BaseMessage]:
    resources = state.get("resources") or {}
    shown = [
        {
            **task,
            **{k: v for k, v in state["results"][str(task["id"])].items() if k != "attempts"},
            "files": [
                shown_path(resources[key]["path"])
                for key in state["results"][str(task["id"])]["files"]
            ],
        }
        for task in state["plan"]["tasks"]
    ]
    told = [*state["plan"]["notes"], *replanned(state)]
    text = json.dumps({"tasks": shown, "notes": told}, ensure_ascii=False)[:60_000]
    return [
        SystemMessage(fill("respond")),
        HumanMessage(fill("results", request=state["request"], results=text)),
    ]


def _about_nothing(state: State) -> list[BaseMessage]:
    rows = "\n".join(f"- {row.id}: {row.description}" for row in task_types().values())
    history = plan_request(state).history[-6:]
    earlier = "\n".join(f"{role}: {text}" for role, text in history)
    asked = f"{earlier}\n\n{state['request']}".strip()
    return [SystemMessage(fill("chat", tasks=rows)), HumanMessage(asked)]


def known_paths(state: State) -> set[str]:
    """Every spelling of a path that an answer may use: files at hand that are still there."""
    out: set[str] = set()
    for resource in (state.get("resources") or {}).values():
        if Path(resource["path"]).is_file():
            out |= {resource["path"], resource["name"], shown_path(resource["path"])}
    return out
