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
from hugginggraph.registry import LLMError, languages, task_types

from .answer import compose, finding, replanned
from .attachments import with_links
from .budget import llm_allowed
from .claims import Fact
from .ground import Grounding
from .llm import LLM, Reply
from .naming import shown_path
from .parts import Parts, run_context
from .plan import plan_request, spend
from .planner import Cost
from .spoken import asked_in, astray
from .state import Context, Plan, State

_UNKNOWN = "the language of the request"


def make_respond(parts: Parts) -> Any:
    """The node: an LLM writes the answer where one is set, else it is composed."""

    async def respond(state: State) -> dict[str, Any]:
        status = _status(state)
        answer, spent, notes = state.get("answer") or "", list[Cost](), list[str]()
        lost = list[str]()
        ran, name = bool(state.get("results")), _new_name()
        if not answer:
            llm = await _llm(parts, run_context(), state)
            talk = not ran and _nothing_to_run(state)
            try:
                if llm and ran:
                    answer, name, notes = await _from_results(parts, llm, state, spent)
                elif llm and talk:
                    answer, name = await _small_talk(llm, state, spent)
            except LLMError as exc:
                spent.append(exc)
                if talk:
                    answer = f"{exc.message} {exc.hint}".strip()
                else:
                    lost = [f"{exc.message} The answer was composed without it."]
                    state = {**state, "plan": _noted(state["plan"], lost)}
            if not answer:  # under an id of its own, as pieces of another may have gone out
                looks = bool(state.get("resources"))  # for the files that it tells of
                answer = await asyncio.to_thread(compose, state) if looks else compose(state)
                name = _new_name()
        said = await with_links(answer, state.get("resources") or {}, parts.artifacts)
        usage = spend(state, *spent)
        usage["seconds"] = round(time.time() - state["started"], 4)
        told: dict[str, Any] = {
            "answer": answer, "status": status, "usage": usage,
            "messages": [AIMessage(said, id=name)],
        }  # fmt: skip
        if notes or lost:
            told["plan"] = _noted(state["plan"], notes)
        return told

    return respond


def _noted(plan: Plan, notes: list[str]) -> Plan:
    return {**plan, "notes": [*plan["notes"], *notes]}


async def _llm(parts: Parts, context: Context, state: State) -> LLM | None:
    if state.get("llm_lost") or not llm_allowed(await parts.ready(), context, state["usage"]):
        return None
    try:
        return await parts.get_llm(context)
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


async def _from_results(
    parts: Parts, llm: LLM, state: State, spent: list[Cost]
) -> tuple[str, str, list[str]]:
    """The LLM's answer as far as it is true to the results, empty where nothing of it is.

    With it the name of its message, and a line for each sentence that was left out as false. An
    answer in the wrong language is asked for once more, under a name of its own. What was paid is
    added to ``spent``.
    """
    wanted = spoken(state)
    messages, known, paths, plain = await asyncio.to_thread(
        lambda: (_about_results(state, wanted), facts(state), known_paths(state), _findings(state))
    )
    results = " ".join(fact.whole for fact in known.values())

    def fresh() -> Grounding:
        return Grounding(known, paths, instead=plain, language=wanted)

    said, name, reply, left_out = await _grounded(llm, messages, fresh)
    spent.append(reply)
    lost = not languages.named(state["request"]) and astray(reply.text, wanted, results)
    if lost and llm_allowed(parts.settings, run_context(), spend(state, *spent)):
        again = [*messages, AIMessage(reply.text), HumanMessage(f"Answer in {wanted}.")]
        said, name, reply, left_out = await _grounded(llm, again, fresh)
        spent.append(reply)
    return said, name, left_out


async def _grounded(
    llm: LLM, messages: list[BaseMessage], fresh: Callable[[], Grounding]
) -> tuple[str, str, Reply, list[str]]:
    """What an LLM's reply comes to, told as it comes: with its message's name and its notes.

    What was told is taken back, by another name, where it turns out to be a thought.
    """
    grounding, name = fresh(), _new_name()
    pieces, said = list[str](), list[str]()

    def take(piece: str) -> None:
        pieces.append(piece)
        said.append(grounding.take(piece))
        _teller(name)(said[-1])

    reply = await llm.write(messages, take)
    if "".join(pieces).strip() != reply.text:
        grounding, name = fresh(), _new_name()
        said.clear()
        take(reply.text)
    said.append(grounding.finish(cut=reply.cut))
    _teller(name)(said[-1])
    notes = [
        f"Left out of the LLM's answer, as no result says so ({', '.join(wrong)}): '{text:.200}'"
        for text, wrong in grounding.left_out
    ]
    notes += ["The LLM's answer was cut short."] if reply.cut else []
    return "".join(said).strip(), name, reply, notes


async def _small_talk(llm: LLM, state: State, spent: list[Cost]) -> tuple[str, str]:
    name, pieces = _new_name(), list[str]()

    def take(piece: str) -> None:
        pieces.append(piece)
        _teller(name)(piece)

    reply = await llm.write(await asyncio.to_thread(_about_nothing, state), take)
    spent.append(reply)
    if "".join(pieces).strip() != reply.text:
        name = _new_name()
    return reply.text, name


def _new_name() -> str:
    return f"answer-{uuid.uuid4()}"


def spoken(state: State) -> str:
    """The language of the request, of what was said before it where it is too short to tell."""
    before = [text for role, text in plan_request(state).history if role in ("human", "user")]
    return asked_in([state["request"], *reversed(before)])


def facts(state: State) -> dict[int, Fact]:
    """What may be said of each task: its finding in words, its model, or why it failed.

    What the request and the task's arguments say may be said of every task too.
    """
    results, asked = state["results"], state["request"]
    return {
        task["id"]: Fact(
            f"{task['task']} {result.get('model', '')} {result.get('error', '')} "
            + (finding(task, state) if result["status"] == "done" else result["status"]),
            result["kind"], result["value"], f"{asked} {json.dumps(task['args'])}",
        )
        for task in state["plan"]["tasks"]
        for result in [results[str(task["id"])]]
    }  # fmt: skip


def _findings(state: State) -> dict[int, str]:
    tasks = [
        t for t in state["plan"]["tasks"] if state["results"][str(t["id"])]["status"] == "done"
    ]
    return {task["id"]: finding(task, state) for task in tasks}


def _about_results(state: State, language: str) -> list[BaseMessage]:
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
        SystemMessage(fill("respond", language=language or _UNKNOWN)),
        HumanMessage(fill("results", request=state["request"], results=text)),
    ]


def _about_nothing(state: State) -> list[BaseMessage]:
    rows = "\n".join(f"- {row.id}: {row.description}" for row in task_types().values())
    history = plan_request(state).history[-6:]
    earlier = "\n".join(f"{role}: {text}" for role, text in history)
    asked = f"{earlier}\n\n{state['request']}".strip()
    told = fill("chat", tasks=rows, language=spoken(state) or _UNKNOWN)
    return [SystemMessage(told), HumanMessage(asked)]


def known_paths(state: State) -> set[str]:
    """Every spelling of a path that an answer may use: files at hand that are still there."""
    out: set[str] = set()
    for resource in (state.get("resources") or {}).values():
        if Path(resource["path"]).is_file():
            out |= {resource["path"], resource["name"], shown_path(resource["path"])}
    return out
