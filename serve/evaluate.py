"""The commands ``hugginggraph eval …``: how good it is, measured."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from hugginggraph.evals import Scores
    from hugginggraph.graph import Planner
    from hugginggraph.registry import TaskType

evaluate = typer.Typer(help="Measure how good it is on labelled requests.", no_args_is_help=True)


@evaluate.callback()
def _group() -> None:
    """Measure how good it is on labelled requests."""


@evaluate.command("plan")
def plan(
    file: Annotated[
        Path | None,
        typer.Argument(help="Labelled requests, one JSON object a line. Default: our own set."),
    ] = None,
    llm: Annotated[str | None, typer.Option(help="Plan with this LLM: provider:model.")] = None,
    planner: Annotated[str, typer.Option(help="builtin or llm. Default: by --llm.")] = "",
    predictions: Annotated[
        Path | None,
        typer.Option(help="Write each plan here; those already in it are not asked again."),
    ] = None,
    score: Annotated[
        Path | None, typer.Option(help="Plan nothing; score these predictions.")
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, help="Requests to an LLM at a time.")] = 4,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Score a planner, or plans made elsewhere, on labelled requests."""
    import asyncio

    from rich.console import Console

    from hugginggraph.evals import (
        OWN_REQUESTS,
        predict_all,
        read_labelled,
        read_predictions,
        report,
        rows_for,
    )

    from .cli import print_json
    from .terminal import counting

    labelled = read_labelled(file or OWN_REQUESTS)
    rows, standing_in = rows_for(labelled)
    if score is not None:
        outcomes = read_predictions(score)
    else:
        one = _planner(llm, planner, rows, debug)
        width = parallel if one.name == "llm" else 1
        with counting("Planning") as progress:
            work = predict_all(
                one, labelled, rows, save=predictions, parallel=width, progress=progress
            )
            outcomes = asyncio.run(work)
    found = {
        "file": str(file or OWN_REQUESTS.name),
        **report(labelled, outcomes, rows),
        "standing_in": standing_in,
    }
    if json_:
        print_json(found)
        return
    console = Console(highlight=False)
    console.print(_scores(found["scores"]), _paper(found["paper"]))
    if found["confidence"]:
        console.print(_confidence(found["confidence"]))
    cost = found["cost"]
    console.print(
        f"{cost['calls_per_request']} LLM calls and {cost['tokens_per_request']} tokens a request; "
        f"p50 {cost['p50_ms']} ms, p99 {cost['p99_ms']} ms."
    )
    if standing_in:
        console.print(f"Not in the table yet, stood in for here: {', '.join(standing_in)}.")


def _planner(llm: str | None, planner: str, rows: dict[str, TaskType], debug: bool) -> Planner:
    from hugginggraph.graph import BuiltinPlanner, Demonstrations, LLMPlanner, Parts
    from hugginggraph.registry import SettingsError

    from .cli import settings_for

    settings = settings_for(llm=llm, debug=debug)
    if planner not in ("", "builtin", "llm"):
        raise SettingsError(f"No planner '{planner}'.", "Give --planner builtin or llm.")
    if planner == "builtin" or not (planner or llm):
        return BuiltinPlanner(lambda: rows)
    asked = Parts(settings).llm({})
    if asked is None:
        raise SettingsError("No LLM is set.", "Give --llm provider:model.")
    return LLMPlanner(asked, Demonstrations(settings.data_dir), rows)


def _table(title: str, first: str, columns: dict[str, str], values: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(first, *columns.values(), title=title, title_justify="left", box=None)
    for name, row in values.items():
        cells = ["–" if row[key] is None else str(row[key]) for key in columns]
        table.add_row(name, *cells)
    return table


def _scores(scores: dict[str, Any]) -> Table:
    columns = {
        "requests": "requests", "n_f1": "n-F1", "e_f1": "e-F1", "t_f1": "t-F1", "v_f1": "v-F1",
        "exact": "exact %", "valid_before": "valid %", "valid": "mended %",
        "without_plan": "no plan %",
    }  # fmt: skip
    return _table("Tasks, links and arguments", "type", columns, scores)


def _paper(scores: dict[str, Any]) -> Table:
    columns = {
        "accuracy": "exact %", "precision": "precision", "recall": "recall", "f1": "F1",
        "edit_distance": "edit distance",
    }  # fmt: skip
    return _table("The paper's measures", "kind", columns, scores)


def _confidence(rows: list[dict[str, float]]) -> Table:
    columns = {"plans": "plans %", "exact": "of these exact %"}
    return _table("How sure it was", "at least", columns, {str(r["least"]): r for r in rows})


@evaluate.command("retrieval")
def retrieval(
    queries: Annotated[Path, typer.Argument(help="Labelled queries, one JSON object a line.")],
    cards: Annotated[Path, typer.Option(help="The cards they are labelled with, JSON lines.")],
    task_given: Annotated[
        bool, typer.Option("--task-given", help="Keep only cards of the labelled task.")
    ] = False,
    planned: Annotated[
        bool, typer.Option("--planned", help="Tell it the tasks of the built-in planner's plan.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score the choice of models on labelled queries, beside the baselines."""
    from rich.console import Console

    from hugginggraph.evals import read_cards, read_queries, retrieval_report

    from .cli import print_json
    from .terminal import counting

    labelled, known = read_queries(queries), read_cards(cards)
    with counting("Retrieving") as progress:
        found = retrieval_report(
            labelled, known, task_given=task_given, planned=planned, progress=progress
        )
    if json_:
        print_json(
            {
                "queries": len(labelled),
                "cards": len(known),
                "task": "given" if task_given else "planned" if planned else "not given",
                "rankings": {name: asdict(scores) for name, scores in found.items()},
            }
        )
    else:
        Console().print(_retrieval_table(found))


@evaluate.command("scale")
def scale(
    cards: Annotated[int, typer.Option(min=1, help="How many cards to make.")] = 100_000,
    chroma: Annotated[
        str, typer.Option(help="A Chroma server to load them onto; what it holds is lost.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure load rate, disk, memory and query time of a store of many made cards."""
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from hugginggraph.evals import OWN_REQUESTS, read_labelled, scale_report

    from .cli import print_json
    from .terminal import counting

    asked = [
        (labelled.request.text, min(labelled.shape.tools))
        for labelled in read_labelled(OWN_REQUESTS)
        if labelled.shape.tools
    ][:200]
    with (
        TemporaryDirectory(prefix="hugginggraph-scale-", ignore_cleanup_errors=True) as folder,
        counting("Loading") as progress,
    ):
        found = scale_report(cards, Path(folder), asked, chroma_url=chroma, progress=progress)
    if json_:
        print_json({"cards": cards, **found})
    else:
        for name, value in found.items():
            Console(highlight=False).print(f"{name:<24} {value:>18,.2f}")


def _retrieval_table(found: dict[str, Scores]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("ranking", "R@1", "R@5", "R@10", "MRR", "twins@5", "R@5 by half", "unwanted"):
        table.add_column(heading, justify="left" if heading == "ranking" else "right")
    for name, s in found.items():
        halves = " ".join(f"{half:.3f}" for half in s.halves)
        figures = (f"{x:.3f}" for x in (s.at_1, s.at_5, s.at_10, s.mrr, s.twins_at_5))
        table.add_row(name, *figures, halves, str(s.unwanted))
    return table
