"""What a terminal shows: plans as trees that fill in live, tables, progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from .stages import STAGES

if TYPE_CHECKING:
    from hugginggraph.registry import Candidate, SyncReport, TaskType

_MARKS = {
    "waiting": "[dim]·[/]",
    "queued": "[dim]·[/]",
    "fetching": "[cyan]↓[/]",
    "running": "[cyan]▸[/]",
    "done": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "skipped": "[yellow]–[/]",
    "cancelled": "[yellow]–[/]",
    "stopped": "[yellow]–[/]",
}
_AT_WORK = ("waiting", "fetching", "loading", "running")
_BAR = 10
"""Cells of a task's bar."""


def plan_tree(
    plan: Mapping[str, Any],
    resources: Mapping[str, Any],
    states: Mapping[int, Mapping[str, Any]] | None = None,
) -> Tree:
    """The plan as a tree: each task under the one it waits for, with its state and model.

    A task that waits for several stands under the last of them and names the others.
    """
    confidence = (
        f", confidence {plan['confidence']:.2f}" if plan.get("planner") == "builtin" else ""
    )
    mended = f", {len(plan['repairs'])} repairs" if plan["repairs"] else ""
    planner = f"{plan.get('planner', '')} planner{confidence}{mended}"
    tree = Tree(f"[bold]Plan[/] [dim]({planner})[/]", guide_style="dim")
    branches: dict[int, Tree] = {}
    for task in plan["tasks"]:
        above = branches.get(task["dep"][-1], tree) if task["dep"] else tree
        now = (states or {}).get(task["id"], {})
        branches[task["id"]] = above.add(_Line(task, resources, now))
    return tree


class _Line:
    """A task on one line: where the terminal is narrow, what it reads is cut, then the model."""

    def __init__(
        self, task: Mapping[str, Any], resources: Mapping[str, Any], now: Mapping[str, Any]
    ) -> None:
        self.task, self.resources, self.now = task, resources, now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        task, now = self.task, self.now
        mark = _MARKS.get(now.get("state", "waiting"), _MARKS["running"])
        head = Text.from_markup(f"{mark} [dim]{task['id']}[/] [bold]{escape(task['task'])}[/] ")
        args = ", ".join(f"{k}={_argument(v, self.resources)}" for k, v in task["args"].items())
        after = f" after {', '.join(map(str, task['dep'][:-1]))}" if task["dep"][1:] else ""
        tail = Text(after, "dim").append_text(_progress(now))
        room = options.max_width - head.cell_len - tail.cell_len
        model = Text(f" {_end(now['model'], room - 6)}" if now.get("model") else "", "magenta")
        read = Text(args)
        read.truncate(max(room - model.cell_len, 4), overflow="ellipsis")
        yield Text.assemble(head, read, model, tail)


def _end(text: str, room: int) -> str:
    """The end of a model's id, which tells it from others."""
    room = max(room, 12)
    return text if len(text) <= room else f"…{text[1 - room :]}"


def _progress(now: Mapping[str, Any]) -> Text:
    """How far a task is, as a bar where that is known; its seconds when it is done."""
    if "seconds" in now:
        return Text(f" {now['seconds']:.1f} s", "dim")
    state, done, total = now.get("state", ""), now.get("done", 0), now.get("total", 0)
    if state not in _AT_WORK or not total:
        return Text(f" {state} …", "dim") if state in ("fetching", "loading") else Text()
    full = min(_BAR, _BAR * done // total)
    said = _amount(done, total, now.get("unit", ""))
    bar = Text(" ").append("━" * full, "cyan").append("─" * (_BAR - full), "dim")
    return bar.append(f" {said}", "dim")


def _amount(done: int, total: int, unit: str) -> str:
    if unit == "bytes":
        from hugginggraph.registry import readable_size

        return f"{readable_size(done)} of {readable_size(total)}"
    return f"{done}/{total} {unit}".rstrip()


def _argument(value: Any, resources: Mapping[str, Any]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_argument(item, resources) for item in value) + "]"
    if value in resources:
        return str(resources[value]["name"])
    text = " ".join(str(value).split())
    return (
        text if text.startswith("<resource>") else repr(text if len(text) < 48 else text[:47] + "…")
    )


class LivePlan:
    """The state of a run on stderr, redrawn as events come; silent where ``show`` is false."""

    def __init__(self, show: bool) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.show = show
        self.stage = "Reading the request"
        self.answer = ""
        self.plan: dict[str, Any] | None = None
        self.resources: dict[str, Any] = {}
        self.states: dict[int, dict[str, Any]] = {}
        self.live = Live(self, console=self.console, refresh_per_second=12, transient=False)
        self.spinner = Spinner("dots")
        self.moving = False

    def __enter__(self) -> LivePlan:
        if self.show and self.console.is_terminal:
            self.live.start()
            self.moving = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.stage = self.answer = ""
        for now in self.states.values():
            if now.get("state") in (*_AT_WORK, "queued"):
                now["state"] = "stopped"
        if self.moving:
            self.live.stop()
        elif self.show and self.plan:
            self.console.print(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.plan:
            yield plan_tree(self.plan, self.resources, self.states)
        if self.answer and self.moving:
            yield Text(self.answer)
        if self.stage and self.moving:
            self.spinner.update(text=Text(f"{self.stage} …", style="dim"))
            yield self.spinner.render(time.monotonic())

    def update(self, mode: str, part: Any) -> None:
        """Take in one event of the graph's stream."""
        if mode == "messages":
            self.answer += part[0].text if part[0].type == "AIMessageChunk" else ""
            return
        if mode == "custom":
            if "task" in part:
                self.states.setdefault(part["task"], {}).update(part)
            return
        for node, change in part.items():
            if node == "__interrupt__":
                continue
            for key, choice in ((change or {}).get("choices") or {}).items():
                self.states.setdefault(int(key), {})["model"] = choice["model"]
            plan = (change or {}).get("plan")
            if plan and plan.get("valid"):
                self.plan = plan
            self.stage = STAGES.get(node, "" if node == "respond" else self.stage)


def show_tasks(console: Console, rows: list[TaskType]) -> None:
    """The table of task types: each row as the planner's prompt has it, and where it can run."""
    console.print("[dim]`?` marks an optional input, `[]` a list.[/]")
    for row in rows:
        name, rest = row.signature.partition("(")[::2]
        console.print(f"[bold]{name}[/]({escape(rest)}")
        told = f"{escape(row.description)} [dim]({', '.join(row.routes)})[/]"
        console.print(Padding(told, (0, 0, 0, 4), expand=False))


def show_cards(console: Console, found: list[Candidate]) -> None:
    """Models with their task, size, licence and whether they can run on this machine.

    As a table where it is wide enough; else each id stands on a line of its own, so that it can be
    copied whole.
    """
    from hugginggraph.registry import readable_size

    table = Table(box=None, pad_edge=False)
    for heading in ("model", "task", "score", "size", "licence", "runs here"):
        table.add_column(heading, header_style="bold", no_wrap=True)
    rows = [
        (
            item.card.task,
            f"{item.score:.2f}",
            "?" if item.card.size_bytes is None else readable_size(item.card.size_bytes),
            item.card.license or "?",
            _where(item),
        )
        for item in found
    ]
    for item, row in zip(found, rows, strict=True):
        table.add_row(f"[bold]{escape(item.card.id)}[/]", *map(escape, row[:-1]), row[-1])
    if console.measure(table, options=console.options.update(width=10_000)).maximum > console.width:
        for item, row in zip(found, rows, strict=True):
            console.print(f"[bold]{escape(item.card.id)}[/]", soft_wrap=True)
            told = "{}, score {}, size {}, licence {}".format(*map(escape, row[:-1]))
            console.print(f"    [dim]{told}, runs here:[/] {row[-1]}", soft_wrap=True)
    else:
        console.print(table)


def _where(item: Candidate) -> str:
    if item.obstacle:
        return "no"
    if item.route == "remote":
        return "remotely"
    return "[green]yes[/]" if item.local else "after a download"


def building() -> AbstractContextManager[Callable[[int, int], None]]:
    """A progress bar that appears only when there is something to embed."""
    return counting("Building the registry")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr from the first call of what it gives, with (done, total)."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    job = bar.add_task(what, total=None, visible=False)

    def progress(done: int, total: int) -> None:
        bar.start()
        bar.update(job, completed=done, total=total, visible=True)

    try:
        yield progress
    finally:
        bar.stop()


@contextmanager
def syncing() -> Iterator[Callable[[SyncReport], None]]:
    """A line on stderr with what a sync has done, its rate and how long it will still take."""
    console = Console(stderr=True)
    with console.status("Asking the Hub …") as status:

        def progress(report: SyncReport) -> None:
            left = (report.expected or 0) - report.listed
            rest = f", about {left / report.rate:.0f} s left" if left > 0 and report.rate else ""
            status.update(
                f"{report.listed} models, {report.changed} new or changed, "
                f"{report.rate:.0f} a second{rest}"
            )

        yield progress


def sync_summary(report: SyncReport, models: int) -> str:
    """What a sync did, in a line or two."""
    unread = "not readable, asked for again next time"
    if report.unread:
        more = ", …" if report.failed > len(report.unread) else ""
        unread = f"not readable (line {', '.join(map(str, report.unread))}{more})"
    parts = [
        f"{count} {what}"
        for count, what in (
            (report.changed, "new or changed"),
            (report.unchanged, "unchanged"),
            (report.gone, "gone"),
            (report.without_task, "without a task"),
            (report.failed, unread),
        )
        if count
    ]
    again = " It went on from a sync that was broken off." if report.resumed else ""
    return (
        f"{report.listed} models looked at in {report.seconds:.0f} s: "
        f"{', '.join(parts) or 'nothing new'}.{again} The registry holds {models}."
    )
