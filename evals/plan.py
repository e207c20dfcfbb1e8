"""Running a planner over labelled requests, and the report on what it planned."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hugginggraph.graph import (
    LATER,
    LLM_TURNS,
    Draft,
    Planner,
    PlanRequest,
    Task,
    check_plan,
    read_tasks,
    repair,
)
from hugginggraph.registry import (
    HuggingGraphError,
    LLMError,
    NotUnderstoodError,
    SettingsError,
    TaskType,
    task_types,
)

from .plan_scores import (
    EDITING,
    Labelled,
    Shape,
    benchmark_rows,
    exact,
    f1_scores,
    node_shape,
    paper_scores,
    plan_shape,
    read_lines,
)

THRESHOLDS = (0.0, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95)
PAPER_TYPES: Mapping[str, str] = {"single": "single", "chain": "sequential", "dag": "graph"}


@dataclass
class Outcome:
    """What a planner made of one request. ``seconds`` is planning and repair together.

    ``valid_before`` is None where the plan was made elsewhere.
    """

    id: str
    tasks: list[Task] = field(default_factory=list)
    valid_before: bool | None = None
    valid: bool | None = None
    repairs: list[str] = field(default_factory=list)
    confidence: float = 0.0
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    error: str = ""
    elsewhere: Shape | None = None


def rows_for(labelled: Sequence[Labelled]) -> tuple[dict[str, TaskType], list[str]]:
    """The task types to measure with, and those of them that the table does not have yet."""
    named = {tool for item in labelled for tool in item.shape.tools} - {EDITING}
    rows = {**LATER, **task_types()}
    if any(item.benchmark for item in labelled):
        rows |= benchmark_rows()
        named |= {"image-to-image"}
    wanted = {task: row for task, row in rows.items() if task in named or task in task_types()}
    return wanted, sorted(set(wanted) - set(task_types()))


async def predict(planner: Planner, item: Labelled, rows: Mapping[str, TaskType]) -> Outcome:
    """One plan, checked, repaired where needed, with what it cost.

    Raises:
        LLMError: the LLM could not be asked.
    """
    began, out = time.perf_counter(), Outcome(item.id)
    try:
        draft = await planner.plan(item.request)
        out.confidence = draft.confidence
        _count(out, draft)
        raw: Any = draft.tasks
        for turn in range(LLM_TURNS + 1):
            errors = _judge(out, raw, item.request, rows)
            if not errors or turn == LLM_TURNS:
                break
            again = await planner.mend(item.request, raw, errors)
            if again is None:
                break
            _count(out, again)
            raw = again.tasks
    except NotUnderstoodError as exc:
        out.error, out.valid_before, out.valid = exc.message, None, None
    out.seconds = round(time.perf_counter() - began, 5)
    return out


def _count(out: Outcome, draft: Draft) -> None:
    out.calls += draft.llm_calls
    out.tokens += draft.tokens


def _judge(out: Outcome, raw: Any, request: PlanRequest, rows: Mapping[str, TaskType]) -> list[str]:
    """Note the plan, repaired where that is needed; returns what is still wrong with it."""
    try:
        tasks = read_tasks(raw)
        faults = check_plan(tasks, request.resources, rows) if tasks else []
        if out.valid_before is None:
            out.valid_before = not faults
        if faults:
            tasks, notes = repair(tasks, request.resources, rows)
            out.repairs += notes
            faults = check_plan(tasks, request.resources, rows)
        out.tasks, out.valid = tasks, not faults
        return [f"{error.message} {error.hint}" for error in faults]
    except HuggingGraphError as exc:
        out.valid, out.valid_before = False, bool(out.valid_before)
        return [exc.message]


async def predict_all(
    planner: Planner,
    labelled: Sequence[Labelled],
    rows: Mapping[str, TaskType],
    *,
    save: Path | None = None,
    parallel: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """An outcome for each request, in their order.

    With ``save``, each is written there when it is there, and those already in it are not asked
    again; a request whose LLM could not be asked is not written, so that a later run asks it.
    ``progress`` is told (done, total).
    """
    done = {o.id: o for o in (read_predictions(save) if save and save.exists() else [])}
    known = {item.id for item in labelled}
    done = {key: outcome for key, outcome in done.items() if key in known}
    gate = asyncio.Semaphore(parallel)

    async def work(item: Labelled) -> None:
        async with gate:
            try:
                outcome, asked = await predict(planner, item, rows), True
            except LLMError as exc:
                outcome, asked = Outcome(item.id, error=exc.message), False
        done[item.id] = outcome
        if save and asked:
            with save.open("a", encoding="utf-8") as file:
                kept = {k: v for k, v in asdict(outcome).items() if k != "elsewhere"}
                file.write(json.dumps(kept, ensure_ascii=False) + "\n")
        if progress:
            progress(len(done), len(labelled))

    await asyncio.gather(*(work(item) for item in labelled if item.id not in done))
    return [done[item.id] for item in labelled]


def read_predictions(path: Path) -> list[Outcome]:
    """Outcomes of an earlier run, or plans made elsewhere (``tasks``, or TaskBench's own shape).

    Raises:
        SettingsError: the file cannot be read, or a line is neither.
    """
    try:
        return [_outcome(row) for row in read_lines(path)]
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise SettingsError(
            f"'{path}' does not hold predictions ({exc!r:.80}).",
            "Each line has `id` and `tasks`, or `id`, `task_nodes` and `task_links`.",
        ) from exc


def _outcome(row: Mapping[str, Any]) -> Outcome:
    result = row.get("result") or row
    if "task_nodes" in result:
        shape = node_shape(result["task_nodes"], result.get("task_links") or [])
        return Outcome(str(row["id"]), elsewhere=shape)
    known = {key: value for key, value in row.items() if key in Outcome.__dataclass_fields__}
    return Outcome(**{**known, "id": str(row["id"]), "tasks": read_tasks(row["tasks"])})


def report(
    labelled: Sequence[Labelled], outcomes: Sequence[Outcome], rows: Mapping[str, TaskType]
) -> dict[str, Any]:
    """Every measure, over all and by group; a request without an outcome counts as empty."""
    found = {outcome.id: outcome for outcome in outcomes}
    pairs = [(item, found.get(item.id) or Outcome(item.id)) for item in labelled]
    groups: dict[str, list[tuple[Labelled, Outcome]]] = {"all": pairs}
    groups |= {t: [] for t in PAPER_TYPES if any(t in item.groups for item in labelled)}
    for item, outcome in pairs:
        for name in item.groups:
            groups.setdefault(name, []).append((item, outcome))
    shapes = {name: [_shapes(i, o, rows) for i, o in group] for name, group in groups.items()}
    return {
        "scores": {
            name: {"requests": len(group), **f1_scores(shapes[name]), **_validity(group)}
            for name, group in groups.items()
        },
        "paper": {
            PAPER_TYPES[name]: paper_scores(shapes[name]) for name in PAPER_TYPES if name in groups
        },
        "confidence": _by_confidence(
            [(o.confidence, exact(*_shapes(i, o, rows))) for i, o in pairs if o.tasks]
        ),
        "cost": _cost([outcome for _, outcome in pairs if outcome.id in found]),
    }


def _shapes(item: Labelled, outcome: Outcome, rows: Mapping[str, TaskType]) -> tuple[Shape, Shape]:
    made = outcome.elsewhere or plan_shape(
        outcome.tasks, item.request.resources, rows, benchmark=item.benchmark
    )
    return made, item.shape


def _validity(group: Sequence[tuple[Labelled, Outcome]]) -> dict[str, float | None]:
    """Shares of the plans that were valid at first and after repair, and of requests refused."""

    def share(values: list[bool | None]) -> float | None:
        judged = [value for value in values if value is not None]
        return round(100 * sum(judged) / len(judged), 1) if judged else None

    return {
        "valid_before": share([outcome.valid_before for _, outcome in group]),
        "valid": share([outcome.valid for _, outcome in group]),
        "without_plan": round(100 * sum(bool(o.error) for _, o in group) / len(group), 1),
    }


def _by_confidence(planned: Sequence[tuple[float, bool]]) -> list[dict[str, float]]:
    """For each threshold the share of plans at or above it, and of these the share exactly right.

    Empty where the planner is always equally sure.
    """
    if len({sure for sure, _ in planned}) < 2:
        return []
    out = []
    for least in THRESHOLDS:
        above = [right for sure, right in planned if sure >= least]
        share, right = len(above) / len(planned), sum(above) / max(1, len(above))
        out.append({"least": least, "plans": round(100 * share, 1), "exact": round(100 * right, 1)})
    return out


def _cost(outcomes: Sequence[Outcome]) -> dict[str, float]:
    seconds = sorted(outcome.seconds for outcome in outcomes) or [0.0]
    many = max(1, len(outcomes))

    def rank(share: float) -> float:
        return round(1000 * seconds[max(0, math.ceil(share * len(seconds)) - 1)], 2)

    return {
        "calls_per_request": round(sum(o.calls for o in outcomes) / many, 2),
        "tokens_per_request": round(sum(o.tokens for o in outcomes) / many, 1),
        "p50_ms": rank(0.5),
        "p99_ms": rank(0.99),
    }
