"""Asking a person at a terminal whether a plan may run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console

_QUESTION = "Run this plan?"


def ask(console: Console, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The person's decision about a plan; None where they left without one.

    ``y`` approves; ``n`` rejects, with a reason that leads to another plan; ``e`` opens the tasks
    and models as JSON in the person's editor, or takes JSON from the same line.
    """
    problem = str(request["description"]).partition(_QUESTION)[0].strip()
    if problem:
        console.print(f"[red]{escape(problem)}[/]")
    while True:
        console.print(
            f"[bold]{_QUESTION}[/] [dim](y)es, (e)dit, (n)o and why[/] [cyan]›[/] ", end=""
        )
        line = sys.stdin.readline()
        if not line:
            console.print()
            return None
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if word.lower() in ("y", "yes"):
            return {"type": "approve"}
        if word.lower() in ("n", "no"):
            return {"type": "reject", "message": rest}
        if word.lower() in ("e", "edit"):
            edited = _edited(console, request["args"], rest)
            if edited is not None:
                return _edit(request, edited)
        else:
            console.print("Answer y to run it, e to change it, or n with a reason.")


def _edited(console: Console, args: Mapping[str, Any], given: str) -> Any:
    import click

    shown = json.dumps(args, ensure_ascii=False, indent=2)
    text = given or (click.edit(shown, extension=".json") if sys.stdin.isatty() else "")
    try:
        return json.loads(text) if text else None
    except ValueError as exc:
        console.print(f"[red]That is no JSON: {escape(str(exc))}[/]")
        return None


def _edit(request: Mapping[str, Any], args: Any) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": request["name"], "args": args}}


def read_option(text: str) -> dict[str, Any]:
    """A decision from the command line: a word, or JSON.

    Raises:
        ApprovalError: it is neither.
    """
    from hugginggraph.registry import ApprovalError

    if text in ("approve", "reject"):
        return {"type": text}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApprovalError(
            f"'{text:.80}' is no decision.",
            'Give approve, reject, or JSON such as {"type": "reject", "message": "no caption"}.',
        )
    return found
