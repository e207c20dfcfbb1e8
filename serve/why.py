"""How a choice of a model is told: for a person in 80 columns, and as JSON."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.padding import Padding

if TYPE_CHECKING:
    from rich.console import Console

    from hugginggraph.registry import Candidate, CardStore, Ranking, Rejected, Settings

    Step = tuple[str, dict[str, Any]]

SMALLEST = 0.0005
"""Addends of a score below this are not shown to a person."""


def planned_for(settings: Settings, request: str, files: list[str]) -> tuple[list[Step], str]:
    """The task and arguments of each step that is planned for a request.

    A request that names nothing to work on is planned for a file that stands in; then its kind
    comes too, else "".

    Raises:
        HuggingGraphError: there is no plan; the planner says why.
    """
    from hugginggraph.registry import HuggingGraphError, NotUnderstoodError

    from .session import Session

    session = Session(settings, show=False)
    state = session.plan(request, files)
    session._runner.close()  # nothing runs after a plan
    if not state.get("error"):
        tasks = (state.get("plan") or {}).get("tasks", [])
        return [(step["task"], step["args"]) for step in tasks], ""
    error = HuggingGraphError.from_json(state["error"])
    if isinstance(error, NotUnderstoodError) and not files:
        steps, kind = asyncio.run(_with_a_stand_in(request))
        if steps:
            return steps, kind
    raise error


async def _with_a_stand_in(request: str) -> tuple[list[Step], str]:
    """The surest plan for a file of one kind; of plans as sure, that of a kind which is named."""
    from hugginggraph.graph import NOUNS, BuiltinPlanner, PlanRequest
    from hugginggraph.registry import NotUnderstoodError

    best, surest, found = "", (0.0, False), list[Any]()
    for kind, nouns in reversed([*NOUNS.items()]):  # a text first, where nothing is named
        given: Any = {"r1": {"kind": kind, "path": kind, "name": f"the {kind}"}}
        try:
            draft = await BuiltinPlanner().plan(PlanRequest(request, given))
        except NotUnderstoodError:
            continue
        sure = (draft.confidence, bool(re.search(rf"\b(?:{nouns})s?\b", request, re.I)))
        if sure > surest:
            steps = [(task["task"], task["args"]) for task in draft.tasks]
            best, surest, found = kind, sure, steps
    return found, best


def obstacle_of(store: CardStore, pin: str, task: str, settings: Settings) -> str:
    """Why a pinned model cannot run its task, with the way out; empty where it can."""
    from hugginggraph.registry import HuggingGraphError, pinned

    try:
        pinned(store, pin, task, settings=settings)
    except HuggingGraphError as exc:
        return str(exc)
    return ""


def show(
    console: Console,
    task: str,
    ranking: Ranking,
    pin: str = "",
    obstacle: str = "",
    *,
    k: int = 5,
    read_by_llm: int = 0,
) -> None:
    """Print the choice for one task: the first k models in full, then what was left out and why.

    ``read_by_llm`` is how many candidates an LLM is shown where none is a clear winner, 0 where
    there is no LLM. ``obstacle`` is why the pinned model ``pin`` cannot run.
    """
    console.print(f"[bold]{task}[/]: {_verdict(ranking, pin, obstacle)}")
    if obstacle:
        console.print(Padding(escape(obstacle), (0, 0, 0, 4)))
    if read_by_llm and not pin and not _is_clear(ranking):
        few = min(read_by_llm, len(ranking.candidates))
        console.print(f"    No clear winner: when it runs, the LLM chooses among the first {few}.")
    for fused, candidate in enumerate(ranking.candidates[:k], 1):
        name = f"{fused:>3} {escape(candidate.card.id)}"
        route = "" if candidate.route == "local" else f" [dim]{candidate.route}[/]"
        console.print(f"[bold]{name}[/]{route}  {candidate.score:.3f}", soft_wrap=True)
        words = f"#{candidate.lexical_rank}" if candidate.lexical_rank else "–"
        console.print(f"    [dim]by meaning #{candidate.dense_rank}, by words {words}[/]")
        console.print(Padding(_sum(candidate), (0, 0, 0, 4)))
    if len(ranking.candidates) > k:
        console.print(f"    [dim]and {len(ranking.candidates) - k} more that could run[/]")
    for group, some in _groups(ranking).items():
        ids = ", ".join(rejected.card_id for rejected in some[:3])
        more_ids = ", …" if some[3:] else ""
        line = f"[yellow]left out[/] {len(some)} {escape(group)}: {escape(ids)}{more_ids}"
        console.print(Padding(line, (0, 0, 0, 4)))
    console.print()


def as_json(
    task: str, ranking: Ranking, pin: str = "", obstacle: str = "", *, k: int = 5
) -> dict[str, Any]:
    """The same with every number; of the models left out those of other tasks are only counted.

    A pinned model that cannot run is no winner, and nothing else is.
    """
    others = sum(rejected.group == "another task" for rejected in ranking.rejected)
    best = pin or (ranking.candidates[0].card.id if ranking.candidates else None)
    return {
        "task": task,
        "winner": None if obstacle else best,
        "pinned": bool(pin),
        **({"pinned_model": pin, "obstacle": obstacle} if obstacle else {}),
        "clear_winner": bool(pin) or _is_clear(ranking),
        "candidates": [
            {
                "model": candidate.card.id,
                "route": candidate.route,
                "score": round(candidate.score, 4),
                "ranks": {
                    "dense": candidate.dense_rank,
                    "lexical": candidate.lexical_rank or None,
                    "fused": fused,
                },
                "parts": {name: round(value, 5) for name, value in candidate.parts.items()},
                "reason": candidate.reason,
            }
            for fused, candidate in enumerate(ranking.candidates[:k], 1)
        ],
        "rejected": [
            {"model": r.card_id, "filter": r.group, "reason": r.reason}
            for r in ranking.rejected
            if r.group != "another task"
        ],
        "of_other_tasks": others,
    }


def _is_clear(ranking: Ranking) -> bool:
    """Whether no LLM is asked about a choice: nothing can run, or the first leads by enough."""
    from hugginggraph.registry import clear_winner

    return not ranking.candidates or clear_winner(list(ranking.candidates))


def _verdict(ranking: Ranking, pin: str, obstacle: str) -> str:
    if obstacle:
        return f"[red]{escape(pin)}[/], pinned by HUGGINGGRAPH_PINNED_MODELS, cannot run"
    if pin:
        return f"[green]{escape(pin)}[/], pinned by HUGGINGGRAPH_PINNED_MODELS"
    if not ranking.candidates:
        return "[red]no model can run it here[/]"
    best = ranking.candidates[0]
    return f"[green]{escape(best.card.id)}[/] ({best.route})"


def _sum(candidate: Candidate) -> str:
    """The addends, the first plain, the others with their sign: ``.61 meaning + .20 words``."""
    shown = {name: v for name, v in candidate.parts.items() if abs(v) >= SMALLEST}
    terms = [f"{'-' if v < 0 else '+'} {abs(v):.3f} {name}" for name, v in shown.items()]
    return " ".join(terms).removeprefix("+ ")


def _groups(ranking: Ranking) -> dict[str, list[Rejected]]:
    """What was left out by the filter that it failed, other tasks last."""
    groups: dict[str, list[Rejected]] = {}
    for rejected in ranking.rejected:
        groups.setdefault(rejected.group, []).append(rejected)
    return dict(sorted(groups.items(), key=lambda pair: pair[0] == "another task"))
