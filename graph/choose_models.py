"""The node ``choose_models``: a model for every task, by meaning, and why."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage
from pydantic import BaseModel, Field

from hugginggraph.prompts import fill
from hugginggraph.registry import HuggingGraphError, LLMError, Lookups, clear_winner, retrieve

from .budget import llm_allowed
from .llm import LLM, Reply
from .parts import Parts, run_context
from .plan import spend
from .planner import Cost
from .references import references
from .state import Choice, Context, State, Task

if TYPE_CHECKING:
    from hugginggraph.registry import Candidate


class ChosenModel(BaseModel):
    """The model chosen for one task."""

    task: int = Field(description="the id of the task")
    model: str = Field(description="the id of a candidate of this task")
    reason: str = Field(description="why, in one sentence")


class ModelChoices(BaseModel):
    """The chosen model of each task."""

    choices: list[ChosenModel]


def make_choose_models(parts: Parts) -> Any:
    """The node: ranks for every task, then one LLM call for all tasks without a clear winner."""

    async def choose_models(state: State) -> dict[str, Any]:
        context, settled = run_context(), state.get("results") or {}
        tasks = [task for task in state["plan"]["tasks"] if str(task["id"]) not in settled]
        request, ahead = state["request"], await parts.ahead.taken(state["request"])
        plan = state["plan"]["tasks"]
        found = await asyncio.to_thread(_candidates, parts, request, tasks, context, ahead, plan)
        pins = {**parts.settings.pinned_models, **(context.get("models") or {})}
        choices = {key: _choice(value, pins) for key, value in found.items()}
        spent = list[Cost]()
        unclear = {
            key: value
            for key, value in found.items()
            if isinstance(value, list) and choices[key]["by"] == "rank" and not clear_winner(value)
        }
        try:
            ask = (
                unclear
                and not state.get("llm_lost")
                and llm_allowed(parts.settings, context, state["usage"])
            )
            llm = await parts.get_llm(context) if ask else None
            if llm:
                spent.append(await _ask(llm, state["request"], tasks, unclear, choices))
        except LLMError as exc:
            spent.append(exc)
            for key in unclear:
                choices[key]["reason"] += f" (The LLM could not be asked: {exc.message})"
        known = {k: v for k, v in (state.get("choices") or {}).items() if k in settled}
        return {"choices": {**known, **choices}, "usage": spend(state, *spent)}

    return choose_models


def choose(parts: Parts, request: str, task: Task, context: Context, model: str = "") -> Choice:
    """The choice for one task: the model that is named, else the best by rank."""
    pins = {task["task"]: model} if model else context.get("models") or {}
    found = _candidates(parts, request, [task], Context(**{**context, "models": pins}))
    return _choice(found[str(task["id"])], pins)


def _candidates(
    parts: Parts,
    request: str,
    tasks: list[Task],
    context: Context,
    lookups: Lookups | None = None,
    plan: list[Task] | None = None,
) -> dict[str, list[Candidate] | HuggingGraphError]:
    llm, pin = parts.llm_name(context), cache(parts.pin)
    pins = {**parts.settings.pinned_models, **(context.get("models") or {})}
    out: dict[str, list[Candidate] | HuggingGraphError] = {}
    for task in tasks:
        try:
            if task["task"] in pins:
                out[str(task["id"])] = [pin(task["task"], pins[task["task"]])]
            else:
                lookups = lookups or Lookups(parts.store)
                out[str(task["id"])] = retrieve(
                    lookups,
                    request,
                    task["task"],
                    {**task["args"], **_language_read(task, plan or tasks)},
                    settings=parts.settings,
                    k=parts.settings.candidates,
                    llm=llm,
                )
        except HuggingGraphError as exc:
            out[str(task["id"])] = exc
    return out


def _language_read(task: Task, plan: list[Task]) -> dict[str, str]:
    """The language of a translation that a task reads, whatever language the request is in."""
    read = set(references([*task["args"].values()]))
    args = [t["args"] for t in plan if t["id"] in read]
    target = next((a["target_language"] for a in args if a.get("target_language")), None)
    return {"language": str(target)} if target else {}


def _choice(found: list[Candidate] | HuggingGraphError, pins: dict[str, str]) -> Choice:
    if isinstance(found, HuggingGraphError):
        return Choice(
            model="", route="", score=0.0, reason=str(found), by="rank", candidates=[],
            error=found.as_json(),
        )  # fmt: skip
    best = found[0]
    return Choice(
        model=best.card.id,
        route=best.route,
        score=round(best.score, 4),
        reason=best.reason,
        by="pin" if best.card.id in pins.values() and len(found) == 1 else "rank",
        candidates=[
            {
                "model": c.card.id,
                "route": c.route,
                "score": round(c.score, 4),
                "local": c.local,
                "reason": c.reason,
            }
            for c in found
        ],
    )


async def _ask(
    llm: LLM,
    request: str,
    tasks: list[Task],
    unclear: dict[str, list[Candidate]],
    choices: dict[str, Choice],
) -> Reply:
    """Let the LLM choose for all unclear tasks at once; what it invents is not taken."""
    shown = [_shown(task, unclear[str(task["id"])]) for task in tasks if str(task["id"]) in unclear]
    listed = "\n".join(shown)
    prompt = await asyncio.to_thread(fill, "choose", request=request, tasks=listed)
    reply = await llm.fill(ModelChoices, [HumanMessage(prompt)])
    value = reply.value
    picks = value.get("choices") if isinstance(value, dict) else value
    for pick in picks if isinstance(picks, list) else []:
        key = str(pick.get("task")) if isinstance(pick, dict) else ""
        candidate = _offered(unclear.get(key, [])).get(str(pick.get("model"))) if key else None
        if candidate:
            reason = str(pick.get("reason") or candidate.reason)[:300]
            choices[key] |= Choice(
                model=candidate.card.id, route=candidate.route,
                score=round(candidate.score, 4), reason=reason, by="llm",
                candidates=choices[key]["candidates"],
            )  # fmt: skip
    return reply


def _offered(candidates: list[Candidate]) -> dict[str, Candidate]:
    """What an LLM may choose from, by id: of two routes to one model the first, never itself."""
    out: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.route != "llm":
            out.setdefault(candidate.card.id, candidate)
    return out


def _shown(task: Task, candidates: list[Candidate]) -> str:
    cards = [
        {
            "id": c.card.id, "on this machine": c.local, "runs": c.route,
            "languages": list(c.card.languages), "description": c.card.description[:300],
        }
        for c in _offered(candidates).values()
    ]  # fmt: skip
    entry = {"task": task["id"], "type": task["task"], "args": task["args"], "candidates": cards}
    return json.dumps(entry, ensure_ascii=False)
