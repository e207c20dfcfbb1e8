"""The pages of the docs that are made from the code: ``python -m hugginggraph.serve.docs docs``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from hugginggraph.graph import build_graph
from hugginggraph.registry import Settings, model_cards, task_types

_MADE = "<!-- Made by `make docs`. Do not edit. -->"


def pages() -> Mapping[str, str]:
    """File name to text, for every page that is made."""
    return {"graph.md": _graph(), "tasks.md": _tasks(), "settings.md": _settings()}


def _graph() -> str:
    drawn = build_graph().get_graph().draw_mermaid()
    return (
        f"{_MADE}\n# The graph\n\nA request's way. Dotted lines are taken where the state asks for "
        f"it: an error of the request and a request with nothing to run go straight to `respond`, "
        f"and a plan with faults goes round through `repair_plan` at most three times.\n\n"
        f"```mermaid\n{drawn.strip()}\n```\n"
    )


def _tasks() -> str:
    cards = model_cards()
    lines = [
        _MADE,
        "# Task types",
        "",
        "`?` marks an optional input, `[]` a list. The last column counts the model cards of the",
        "packaged sources; those of the starter pack run on any machine.",
        "",
        "| row | what it does | local: libraries | other routes | models (starter) |",
        "|---|---|---|---|---|",
    ]
    for row in task_types().values():
        mine = [
            card for card in cards if card.task in row.served_by and card.library in row.runners
        ]
        routes = [{"llm": "LLM"}.get(name, name) for name in row.routes if name != "local"]
        starters = sum(card.source == "starter" for card in mine)
        lines.append(
            f"| `{row.signature}` | {row.description} | {', '.join(row.runners)} | "
            f"{', '.join(routes) or '–'} | {len(mine)} ({starters}) |"
        )
    return "\n".join(lines) + "\n"


def _settings() -> str:
    lines = [
        _MADE,
        "# Settings",
        "",
        "Environment variables, or lines of a `.env` file.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "a folder of the user's" if field.default_factory else f"`{field.default}`"
        if str(field.default) in ("", "None", "()"):
            default = "not set"
        lines.append(f"| `HUGGINGGRAPH_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write every page into the folder that is named."""
    for name, text in pages().items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
