"""The commands ``hugginggraph models …``: search, build and sync the registry, and why a choice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from hugginggraph.registry import CardStore, Settings

OnServer = Annotated[
    str | None,
    typer.Option("--chroma", metavar="URL", help="Vectors on a Chroma server (`chroma run`)."),
]
models = typer.Typer(help="Search and build the registry of model cards.", no_args_is_help=True)


@models.command()
def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="query", help="What the model should do, in plain words."),
    ],
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task type.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many.")] = 10,
    chroma: OnServer = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Find models by meaning."""
    from hugginggraph.registry import SettingsError, search as find

    from .cli import print_json, settings_for
    from .terminal import show_cards

    query = " ".join(words)
    if not query.strip():
        raise SettingsError("The query is empty.", "Say what the model should do.")
    settings = settings_for(chroma_url=chroma)
    found = find(open_store(settings), query, task=task, k=k, settings=settings)
    if json_:
        print_json(
            [
                {
                    **c.card.model_dump(mode="json", exclude={"path"}),
                    "score": round(c.score, 4),
                    "local": c.local,
                    "obstacle": c.obstacle,
                }
                for c in found
            ]
        )
    else:
        show_cards(Console(highlight=False), found)


@models.command()
def build(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Start from nothing.")] = False,
    chroma: OnServer = None,
) -> None:
    """Build the store of model cards; done already, it takes no time."""
    from .cli import settings_for

    store = open_store(settings_for(chroma_url=chroma), rebuild=rebuild, update=True)
    Console().print(f"The registry holds {len(store)} models.")


@models.command()
def sync(
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Only this task type of the Hub; repeatable."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many of each task, most downloaded first.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only what changed since this day."),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Import JSON lines instead of asking the Hub; `path` in one is your checkpoint.",
        ),
    ] = None,
    chroma: OnServer = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Bring the registry up to date with the Hub; broken off, it goes on where it was."""
    from dataclasses import asdict

    from hugginggraph.registry import RegistryError, hub_reachable, import_file, sync as fetch

    from .cli import print_json, settings_for
    from .terminal import sync_summary, syncing

    settings = settings_for(chroma_url=chroma)
    with syncing() as progress:
        if from_ is not None:
            report = import_file(settings.registry_dir, from_, progress=progress)
        elif not hub_reachable(settings.offline):
            raise RegistryError(
                "The Hub cannot be reached." if not settings.offline else "Offline is set.",
                "The packaged catalogue serves meanwhile; `--from FILE` imports cards from a file.",
            )
        else:
            day = since.date().isoformat() if since else ""
            report = fetch(
                settings.registry_dir, tasks=task or (), limit=limit, since=day, progress=progress
            )
    store = open_store(settings, update=True)
    if json_:
        print_json({**asdict(report), "models": len(store)})
    else:
        Console(highlight=False).print(sync_summary(report, len(store)), soft_wrap=True)


@models.command()
def convert(
    model: Annotated[str, typer.Argument(help="Which: controlnet_aux/hed or controlnet_aux/mlsd.")],
    from_: Annotated[
        Path | None, typer.Option("--from", help="The pickle, where it is here already.")
    ] = None,
) -> None:
    """Save a model that is published as a pickle as safetensors, once; nothing in it is run."""
    from hugginggraph.registry import hub_token
    from hugginggraph.tools import save_as_safetensors

    from .cli import settings_for

    folder = save_as_safetensors(model, from_, token=hub_token(settings_for()) or None)
    Console(highlight=False).print(f"{model} is ready, in {folder}.", soft_wrap=True)


@models.command()
def why(
    words: Annotated[
        list[str], typer.Argument(metavar="request", help="What you want, in plain words.")
    ],
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="For this task type, not for a plan.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="A file to work on; repeatable.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many models in full.")] = 5,
    chroma: OnServer = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what led to each choice of a model: ranks, scores, and what each filter left out."""
    from hugginggraph.registry import explain, task_type

    from .cli import print_json, settings_for
    from .why import as_json, obstacle_of, planned_for, show

    request, settings = " ".join(words), settings_for(chroma_url=chroma)
    planned: list[tuple[str, dict[str, Any]]] = [(task_type(task).id, {})] if task else []
    stand_in = ""
    if not task:
        planned, stand_in = planned_for(settings, request, [str(path) for path in file or []])
    store = open_store(settings)
    found = []
    for name, args in planned:
        ranking = explain(store, request, name, args, settings=settings)
        pin = settings.pinned_models.get(name, "")
        obstacle = obstacle_of(store, pin, name, settings) if pin else ""
        found.append((name, ranking, pin, obstacle))
    if json_:
        told = {"request": request, "tasks": [as_json(*one, k=k) for one in found]}
        print_json({**told, "stand_in": stand_in} if stand_in else told)
    else:
        console = Console(highlight=False)
        if stand_in:
            console.print(f"[dim]Nothing to work on is named: planned for any {stand_in} file.[/]")
        read = settings.candidates if settings.llm else 0
        for one in found:
            show(console, *one, k=k, read_by_llm=read)


def open_store(settings: Settings, *, rebuild: bool = False, update: bool = False) -> CardStore:
    """The registry's store, with a progress bar while it is built."""
    from hugginggraph.registry import CardStore

    from .terminal import building

    with building() as progress:
        return CardStore.of(settings, rebuild=rebuild, update=update, progress=progress)
