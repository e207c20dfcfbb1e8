"""The commands ``hugginggraph eval …``: how good it is, measured."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from hugginggraph.evals import Scores

evaluate = typer.Typer(help="Measure how good it is on labelled requests.", no_args_is_help=True)


@evaluate.callback()
def _group() -> None:
    """Measure how good it is on labelled requests."""


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
