"""The commands ``hugginggraph starter …``: what works from the start, measured and retrained."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .demo import demo

if TYPE_CHECKING:
    from hugginggraph.registry import ModelCard
    from hugginggraph.starter import Ask
    from hugginggraph.tools import Output

starter = typer.Typer(help="The models that work without a network.", no_args_is_help=True)

starter.command("demo")(demo)

EXAMPLES = 200


@starter.callback()
def _group() -> None:
    """The models that work without a network."""


def _pack() -> dict[str, ModelCard]:
    """The cards of the pack by their short names."""
    from hugginggraph.registry import model_cards

    return {card.id.rpartition("/")[2]: card for card in model_cards() if card.source == "starter"}


def ask_with_runners() -> Ask:
    """Runs the starter's checkpoints as a request would, each loaded once."""
    from hugginggraph.registry import task_type
    from hugginggraph.tools import ModelPool, Recording, encode_film, locate, open_film

    known = _pack()
    pool = ModelPool()

    def ask(name: str, args: Mapping[str, Any]) -> Output:
        card = known[name]
        given = dict(args)
        if "audio" in given:
            samples, rate = given["audio"]
            given["audio"] = Recording(Path(f"{name}.wav"), samples, rate)
        with TemporaryDirectory() as folder:
            if "video" in given:
                film, made = Path(folder) / "film.mp4", given["video"]
                film.write_bytes(made if isinstance(made, bytes) else encode_film(*made))
                given["video"] = open_film(film)
            return pool.run(task_type(card.task), locate(card, offline=True, device="cpu"), given)

    return ask


@starter.command("list")
def listed() -> None:
    """The models of the pack, their tasks, sizes, and what they know."""
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "task", "MB", "knows")
    for name, card in _pack().items():
        size = f"{(card.size_bytes or 0) / 1e6:.1f}"
        table.add_row(name, card.task, size, card.world or "any input")
    Console().print(table)


@starter.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Only these models.")] = None,
    seed: Annotated[int, typer.Option(help="Which fresh examples: 0 to 9.")] = 0,
    count: Annotated[int, typer.Option(help="How many examples for each model.")] = EXAMPLES,
) -> None:
    """Measure the models again, on examples that no training saw. Exit code 1: a target missed."""
    from hugginggraph.starter import CHECKS

    here = _pack()
    missing = sorted({*(names or [])} - {each.name for each in CHECKS})
    if missing:
        known = ", ".join(each.name for each in CHECKS)
        raise typer.BadParameter(f"No check of {', '.join(missing)}. There are: {known}.")
    ask = ask_with_runners()
    good = True
    for each in CHECKS:
        if (names and each.name not in names) or each.name not in here:
            continue
        started = time.monotonic()
        figures = each.measure(ask, seed, count)
        reached = each.reached(figures)
        good = good and reached
        said = "  ".join(f"{key} {value:.3f}" for key, value in figures.items())
        typer.echo(
            f"{'reached' if reached else 'MISSED '}  {each.name:21} {each.bounds}:  {said}"
            f"  ({time.monotonic() - started:.0f} s)"
        )
    raise typer.Exit(0 if good else 1)


@starter.command(
    context_settings={
        "allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": [],
    },
    options_metavar="NAME --out FOLDER [OPTIONS]",
)  # fmt: skip
def train(context: typer.Context) -> None:
    """Train a model again, from random weights; `train --help` lists names and options."""
    from hugginggraph.starter import train_model

    sys.argv = ["hugginggraph starter train", *context.args]
    train_model()
