"""A run as people see it: the plan drawn as a graph, and a result with its media for notebooks."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from hugginggraph.tools import as_text

_HIGH = 54
_GAP = (16, 34)
_MARKS = {
    "queued": "·", "running": "▸", "done": "✓", "failed": "✗", "skipped": "–", "stopped": "–",
}  # fmt: skip
_PAD = 12
"""Pixels between a box and what is written in it, and between two notes of one line."""

_NARROW, _WIDE = "fijlrt.,:;'|!()[] -", "mwMWQO@%…"
"""Letters that take about two fifths of their size, and up to all of it; others take three."""

_AT_WORK = ("waiting", "fetching", "loading", "running")
_STYLE = (
    ".hg-plan{font:500 13px/1.3 system-ui,sans-serif;max-width:none}"
    ".hg-task rect{fill:var(--hg-box,#fff);stroke:var(--hg-line,#c9ced6);stroke-width:1.25}"
    ".hg-task .hg-name{fill:var(--hg-ink,#1f2733)}"
    ".hg-task .hg-note{fill:var(--hg-soft,#667080);font-weight:400;font-size:11.5px}"
    ".hg-task .hg-mark{fill:var(--hg-soft,#667080);font-weight:700}"
    ".hg-edge{fill:none;stroke:var(--hg-soft,#667080);stroke-opacity:.55;stroke-width:1.5}"
    ".hg-running rect{stroke:var(--hg-running,#3b6fd4);stroke-width:2}"
    ".hg-running .hg-mark{fill:var(--hg-running,#3b6fd4)}"
    ".hg-done rect{stroke:var(--hg-done,#2e7d5b)}.hg-done .hg-mark{fill:var(--hg-done,#2e7d5b)}"
    ".hg-failed rect{stroke:var(--hg-failed,#b3403a)}"
    ".hg-failed .hg-mark{fill:var(--hg-failed,#b3403a)}"
    ".hg-skipped rect,.hg-stopped rect{stroke-dasharray:4 3}"
    "@media (prefers-reduced-motion:no-preference){"
    ".hg-running rect{animation:hg-pulse 1.6s ease-in-out infinite}}"
    "@keyframes hg-pulse{50%{stroke-opacity:.35}}"
)


def task_states(state: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Of each task of a state or an output: ``state``, ``model`` and ``seconds`` where known."""
    out: dict[int, dict[str, Any]] = {}
    for task in (state.get("plan") or {}).get("tasks", []):
        key = str(task["id"])
        choice = (state.get("choices") or {}).get(key, {})
        result = (state.get("results") or {}).get(key)
        now = {"state": "queued", "model": choice.get("model", "")}
        if result:
            now |= {"state": result["status"], "seconds": result["seconds"]}
            now["model"] = result.get("model") or now["model"]
        out[task["id"]] = now
    return out


def plan_svg(
    plan: Mapping[str, Any],
    states: Mapping[int, Mapping[str, Any]] | None = None,
    *,
    columns: int = 3,
    box: int = 240,
) -> str:
    """The plan as an SVG: a box for each task, below the tasks it waits for, with its state.

    Args:
        plan: a plan as state holds it.
        states: by task id ``state``, ``model`` and ``seconds``, as ``task_states`` gives them;
            ``done`` and ``total`` of a task at work as the stream tells them.
        columns: boxes in a row at most.
        box: the width of each, in pixels; the drawing's width follows.
    """
    rows = _rows(plan["tasks"], columns)
    places = _places(rows, box)
    edges, sides = _edges(plan["tasks"], rows, places, box)
    widest = max(map(len, rows), default=1) * (box + _GAP[0]) - _GAP[0] + 4
    left, right = min(0.0, min(sides) - 2), max(widest, max(sides) + 2)
    width, height = right - left, max(len(rows), 1) * (_HIGH + _GAP[1]) - _GAP[1] + 4
    boxes = [_box(task, places[task["id"]], box, (states or {}).get(task["id"], {}))
             for task in plan["tasks"]]  # fmt: skip
    said = escape(plan_words(plan, states), quote=True)
    return (
        f'<svg class="hg-plan" role="img" aria-label="{said}" '
        f'viewBox="{left:.0f} 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" xmlns="http://www.w3.org/2000/svg">'
        f"<style>{_STYLE}</style>{''.join(edges)}{''.join(boxes)}</svg>"
    )


def plan_words(
    plan: Mapping[str, Any], states: Mapping[int, Mapping[str, Any]] | None = None
) -> str:
    """The plan in words, for those who do not see the drawing."""
    lines = []
    for task in plan["tasks"]:
        now = (states or {}).get(task["id"], {})
        after = f" after {', '.join(map(str, task['dep']))}" if task["dep"] else ""
        by = f" by {now['model']}" if now.get("model") else ""
        lines.append(f"{task['id']} {task['task']}{after}: {now.get('state', 'queued')}{by}.")
    count = len(plan["tasks"])
    return f"Plan of {count} {'task' if count == 1 else 'tasks'}. {' '.join(lines)}"


def plan_mermaid(plan: Mapping[str, Any]) -> str:
    """The plan as a Mermaid flow chart."""
    lines = [f'  t{task["id"]}["{task["id"]} {task["task"]}"]' for task in plan["tasks"]]
    lines += [f"  t{dep} --> t{task['id']}" for task in plan["tasks"] for dep in task["dep"]]
    return "\n".join(["flowchart TD", *lines])


def _rows(tasks: list[Any], columns: int) -> list[list[int]]:
    """The tasks of each row: below all that they wait for, a level too wide in rows as even."""
    level: dict[int, int] = {}
    for task in tasks:
        level[task["id"]] = 1 + max((level.get(dep, -1) for dep in task["dep"]), default=-1)
    rows: list[list[int]] = []
    for depth in range(max(level.values(), default=-1) + 1):
        left = [number for number, at in level.items() if at == depth]
        for lines in range(-(-len(left) // columns), 0, -1):
            many = -(-len(left) // lines)
            rows.append(left[:many])
            left = left[many:]
    return rows


def _places(rows: list[list[int]], box: int) -> dict[int, tuple[float, float]]:
    """The upper left corner of each box, in pixels."""
    widest = max(map(len, rows), default=1)
    return {
        number: (
            2 + (widest - len(row)) * (box + _GAP[0]) / 2 + x * (box + _GAP[0]),
            2 + y * (_HIGH + _GAP[1]),
        )
        for y, row in enumerate(rows)
        for x, number in enumerate(row)
    }


def _edges(
    tasks: list[Any], rows: list[list[int]], places: Mapping[int, tuple[float, float]], box: int
) -> tuple[list[str], list[float]]:
    """The lines from each task to those that wait for it, and how far to the sides they go.

    A line passes a row that lies between in a gap beside a box, never behind one; lines of
    different tasks in one gap run side by side.
    """
    row_of = {number: y for y, row in enumerate(rows) for number in row}
    taken: dict[tuple[int, float], list[int]] = {}
    lines, sides = [], [2.0]
    for task in tasks:
        for source in task["dep"]:
            if source not in places:
                continue
            x, y = places[source][0] + box / 2, places[source][1] + _HIGH
            goal = places[task["id"]][0] + box / 2
            line = f"M{x:.0f} {y:.0f}"
            for between in range(row_of[source] + 1, row_of[task["id"]]):
                corners = [places[number][0] for number in rows[between]]
                gaps = [left - _GAP[0] / 2 for left in [*corners, corners[-1] + box + _GAP[0]]]
                gap = min(gaps, key=lambda lane: abs(lane - x) + abs(lane - goal))
                users = taken.setdefault((between, gap), [])
                if source not in users:
                    users.append(source)
                beside = gap + (0, 4, -4)[users.index(source) % 3]
                line += _bend(x, y, beside) + f"v{_HIGH}"
                x, y = beside, y + _GAP[1] + _HIGH
                sides.append(x)
            lines.append(f'<path class="hg-edge" d="{line}{_bend(x, y, goal)}"/>')
    return lines, sides


def _bend(x: float, y: float, to: float) -> str:
    """The way across the space between two rows."""
    bend = _GAP[1] * 0.6
    below = y + _GAP[1]
    return f"C{x:.0f} {y + bend:.0f} {to:.0f} {below - bend:.0f} {to:.0f} {below:.0f}"


def _box(
    task: Mapping[str, Any], place: tuple[float, float], box: int, now: Mapping[str, Any]
) -> str:
    state = now.get("state", "queued")
    note = str(now.get("model", "")).rpartition("/")[2] or state
    if state in _AT_WORK:
        far = f" {100 * now['done'] // now['total']} %" if now.get("total") else ""
        note, state = (f"{state}{far}" if far or state != "running" else note), "running"
    seconds = f"{now['seconds']:.1f} s" if state == "done" and "seconds" in now else ""
    note = note if state not in ("failed", "skipped", "stopped") else state
    x, y = place
    room = box - 28 - _PAD
    name = _cut(task["task"], room, 13)
    if _width(note, 11.5) + _PAD + _width(seconds, 11.5) > room:
        seconds = ""  # the model says more, and the result says both
    note = _cut(note, room, 11.5)
    return (
        f'<g class="hg-task hg-{state}" data-task="{task["id"]}" '
        f'transform="translate({x:.0f} {y:.0f})">'
        f'<rect width="{box}" height="{_HIGH}" rx="9"/>'
        f'<text class="hg-mark" x="12" y="23">{_MARKS.get(state, "·")}</text>'
        f'<text class="hg-name" x="28" y="23">{escape(name)}</text>'
        f'<text class="hg-note" x="28" y="41">{escape(note)}</text>'
        f'<text class="hg-note" x="{box - _PAD}" y="41" text-anchor="end">{seconds}</text></g>'
    )


def _cut(text: str, room: float, size: float) -> str:
    """As much of the text as surely fits into so many pixels at a size, in a wide font too."""
    if _width(text, size) <= room:
        return text
    while text and _width(f"{text}…", size) > room:
        text = text[:-1]
    return f"{text.rstrip('- ')}…"


def _width(text: str, size: float) -> float:
    """How many pixels a text takes at most in fonts that screens have (DejaVu, Verdana)."""
    parts = (0.41 if c in _NARROW else 1.0 if c in _WIDE or c > "\u2e80" else 0.635 for c in text)
    return size * sum(parts)


class Shown:
    """A run's output that draws itself in a notebook: the plan, each result with its media."""

    def __init__(self, output: Mapping[str, Any]) -> None:
        self.output = output

    def __repr__(self) -> str:
        return str(self.output.get("answer") or plan_words(self.output["plan"]))

    def _repr_mermaid_(self) -> str:
        """The plan, for tools that draw Mermaid."""
        return plan_mermaid(self.output.get("plan") or {"tasks": []})

    def _repr_html_(self) -> str:
        """The plan as a graph, the results below it, the answer at the end."""
        plan = self.output.get("plan") or {"tasks": []}
        drawn = plan_svg(plan, task_states(self.output)) if plan["tasks"] else ""
        results = self.output.get("results") or {}
        parts = [self._result(task, results[str(task["id"])]) for task in plan["tasks"]
                 if str(task["id"]) in results]  # fmt: skip
        answer = escape(str(self.output.get("answer", ""))).replace("\n", "<br>")
        return f"<div>{drawn}{''.join(parts)}<p>{answer}</p></div>"

    def _result(self, task: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        error = result.get("error") or {}
        said = error.get("message") or as_text(result["kind"], result["value"])
        resources = self.output.get("resources") or {}
        files = [embedded(resources[key], said) for key in result["files"] if key in resources]
        head = f"<b>{task['id']} {escape(task['task'])}</b> "
        return f"<p>{head}{escape(said[:600])}</p>{''.join(files)}"


def embedded(resource: Mapping[str, Any], said: str) -> str:
    """A resource as HTML with its bytes inside; a sentence where the file is gone."""
    path = Path(resource["path"])
    if not path.is_file():
        return f"<p><i>The file {escape(path.name)} is no longer there.</i></p>"
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    source = f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
    label = escape(said[:300], quote=True)
    if resource["kind"] in ("audio", "video"):
        tag = resource["kind"]
        return (
            f'<{tag} controls aria-label="{label}" src="{source}" style="max-width:480px"></{tag}>'
        )
    if mime.startswith("image/"):
        return f'<img alt="{label}" src="{source}" style="max-width:480px">'
    return f'<a download="{escape(path.name)}" href="{source}">{escape(path.name)}</a>'
