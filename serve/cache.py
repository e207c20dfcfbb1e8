"""The commands ``hugginggraph cache …``: results that are kept, so that asking again is free."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

cache = typer.Typer(help="List and clear the results that are kept.", no_args_is_help=True)


@cache.command("list")
def list_(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the kept results, the one last used first, and how much room they take."""
    from rich.table import Table

    from hugginggraph.graph import ResultCache
    from hugginggraph.registry import readable_size

    from .cli import print_json, settings_for

    settings = settings_for()
    folder = settings.cache_dir / "results"
    entries = ResultCache(folder, settings.cache_bytes).entries()
    total = sum(entry["bytes"] for entry in entries)
    if json_:
        print_json({"folder": str(folder), "bytes": total, "max_bytes": settings.cache_bytes,
                    "entries": entries})  # fmt: skip
        return
    console = Console(highlight=False)
    if entries:
        table = Table(box=None, pad_edge=False)
        for heading in ("task", "model", "size", "last used"):
            table.add_column(heading, header_style="bold", overflow="fold")
        for entry in entries:
            used = entry["used"].replace("T", " ")
            table.add_row(entry["task"], entry["model"], readable_size(entry["bytes"]), used)
        console.print(table)
    bound = readable_size(settings.cache_bytes) if settings.cache_bytes else "0: none are kept"
    console.print(
        f"{len(entries)} results, {readable_size(total)} (at most {bound}) in {folder}.",
        soft_wrap=True,
    )


@cache.command()
def clear() -> None:
    """Remove every kept result."""
    from hugginggraph.graph import ResultCache

    from .cli import settings_for

    settings = settings_for()
    count = ResultCache(settings.cache_dir / "results", settings.cache_bytes).clear()
    Console().print(f"{count} results removed.")
