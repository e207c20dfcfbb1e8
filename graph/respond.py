"""The node ``respond``: the answer, from what really came out."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from hugginggraph.prompts import fill
from hugginggraph.registry import LLMError, task_types

from .answer import compose, shown_path
from .budget import llm_allowed
from .llm import LLM
from .parts import Parts, run_context
from .plan import plan_request, spend
from .planner import Draft
from .state import Context, State

_PATH = re.compile(r"(?<![\w:/])(?:[\w.~-]+)?(?:/[\w.~-]+)+\.\w{2,5}\b")
_GONE = "(no such file)"


def make_respond(parts: Parts) -> Any:
    """The node: an LLM writes the answer where one is set, else it is composed."""

    async def respond(state: State) -> dict[str, Any]:
        status = _status(state)
        answer, cost = state.get("answer") or "", Draft(None)
        ran = bool(state.get("results"))
        if not answer:
            llm = await asyncio.to_thread(_llm, parts, run_context(), state)
            talk = not ran and _nothing_to_run(state)
            try:
                if llm and (ran or talk):
                    ask = _about_results if ran else _small_talk
                    messages = await asyncio.to_thread(ask, state)
                    reply = await llm.write(messages)
                    cost = Draft(None, llm_calls=reply.calls, tokens=reply.tokens)
                    paths = await asyncio.to_thread(known_paths, state)
                    answer = grounded(reply.text, paths) if ran else reply.text
            except LLMError as exc:
                if talk:
                    answer = f"{exc.message} {exc.hint}".strip()
            answer = answer or await asyncio.to_thread(compose, state)
        usage = spend(state, cost)
        usage["seconds"] = round(time.time() - state["started"], 4)
        return {
            "answer": answer, "status": status, "usage": usage,
            "messages": [AIMessage(answer)],
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
    text = json.dumps(shown, ensure_ascii=False)[:60_000]
    return [
        SystemMessage(fill("respond")),
        HumanMessage(fill("results", request=state["request"], results=text)),
    ]


def _small_talk(state: State) -> list[BaseMessage]:
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


def grounded(answer: str, paths: set[str]) -> str:
    """The answer with every path that is not one of ``paths`` taken out."""
    return _PATH.sub(lambda m: m[0] if m[0] in paths else _GONE, answer)
