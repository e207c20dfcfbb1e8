"""The measures of planning, as TaskBench and the paper define them.

A plan is compared as a ``Shape``: its tool names, its links by name, its arguments by type and
value. Scores are micro-averaged over all requests; a request without a plan counts as an empty one.

The benchmark's habits live here and nowhere else: its "Image Editing" is an image-to-image with an
instruction, its tables are pictures, and its references count now from 0, now from 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from hugginggraph.graph import PlanRequest, Resource, kind_of_path, named_files, references
from hugginggraph.registry import Kind, SettingsError, Slot, TaskType, task_types

OWN_REQUESTS = Path(str(files(__package__).joinpath("data", "requests.jsonl")))
"""Requests of our own with their plans, which nothing is trained or tuned on."""

EDITING = "image-editing"
_TYPES: Mapping[str, str] = {"boxes": "text", "labels": "text", "vector": "text", "masks": "image"}
_NODE = re.compile(r"<node-(\d+)>")
_STYLE = re.compile(
    r"style|enhanc|sketch|transform|quality|characteristics|stylized|artistic|document image", re.I
)


@dataclass(frozen=True)
class Shape:
    """What of a plan is compared.

    ``tools`` and ``links`` may hold a name twice; the F1 measures look at them as sets.
    ``arguments`` are (tool, type, value).
    """

    tools: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    arguments: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Labelled:
    """A request and the plan that is right for it; ``benchmark`` where TaskBench's names are used.

    ``groups`` are the names under which its score is listed: its type and, if given, language.
    """

    id: str
    type: str
    groups: tuple[str, ...]
    request: PlanRequest
    shape: Shape
    benchmark: bool


def read_labelled(path: Path) -> list[Labelled]:
    """The labelled requests of a file, one JSON object a line.

    Raises:
        SettingsError: it cannot be read, or a line is not of that shape.
    """
    rows = read_lines(path)
    if not rows:
        raise SettingsError(f"'{path}' holds no requests.", "Give one JSON object a line.")
    tools = {node.get("task") for row in rows for node in row.get("task_nodes") or ()}
    benchmark = any(str(tool) != tool_id(str(tool)) for tool in tools)
    try:
        return [_labelled(number, row, benchmark) for number, row in enumerate(rows)]
    except (KeyError, TypeError, AttributeError) as exc:
        raise SettingsError(
            f"'{path}' does not hold labelled requests ({exc!r:.80}).",
            "Each line has `user_request`, `task_nodes` and `task_links`.",
        ) from exc


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line; a last line that was cut short is left out.

    Raises:
        SettingsError: it cannot be read, or holds anything else.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise SettingsError(f"'{path}' cannot be read: {why}.", "Give a JSONL file.") from exc
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as exc:
            if number == len(lines) and number > 1:
                break
            raise SettingsError(f"Line {number} of '{path}' is not JSON.", "Mend it.") from exc
        if not isinstance(row, dict):
            raise SettingsError(f"Line {number} of '{path}' is no JSON object.", "Mend it.")
        rows.append(row)
    return rows


def _labelled(number: int, row: Mapping[str, Any], benchmark: bool) -> Labelled:
    text = row["user_request"]
    given: dict[str, Any] = {
        key: {"path": f"/files/{res['name']}", **res}
        for key, res in (row.get("resources") or {}).items()
    }
    groups = (row["type"], *([f"in {row['language']}"] if row.get("language") else []))
    history = tuple((role, said) for role, said in row.get("history") or ())
    return Labelled(
        id=str(row.get("id", number)),
        type=row["type"],
        groups=groups,
        request=PlanRequest(text, given or _named(text), history),
        shape=node_shape(row["task_nodes"], row["task_links"]),
        benchmark=benchmark,
    )


def _named(text: str) -> dict[str, Resource]:
    """The files that a request names, as if they were there; a quoted sentence is no name."""
    kinds: dict[str, Any] = {n: kind_of_path(n) for n in named_files(text) if len(n.split()) < 5}
    return {
        f"r{number}": Resource(kind=kind, path=f"/files/{name}", name=name)
        for number, (name, kind) in enumerate(kinds.items(), 1)
    }


def tool_id(name: str) -> str:
    """A tool's name as a task id: "Text-to-Speech" is ``text-to-speech``."""
    return name.strip().lower().replace(" ", "-")


def benchmark_rows() -> dict[str, TaskType]:
    """What the benchmark has otherwise than the table: a table there is a picture."""
    picture = (Slot("image", "image", "the picture of the table"),)
    name = "tabular-classification"
    return {name: TaskType(name, "classify a table given as a picture", picture, "labels")}


def plan_shape(
    tasks: Sequence[Mapping[str, Any]],
    resources: Mapping[str, Resource],
    rows: Mapping[str, TaskType],
    *,
    benchmark: bool,
) -> Shape:
    """The shape of a plan with task ids and arguments by name."""
    names = {task["id"]: _tool(task, benchmark) for task in tasks}
    kinds = {task["id"]: _output(rows.get(task["task"])) for task in tasks}
    arguments: list[tuple[str, str, str]] = []
    for task in tasks:
        tool = names[task["id"]]
        for name, value in task["args"].items():
            if benchmark and tool == "image-to-image" and name != "image":
                continue  # the benchmark's tool takes a picture only
            for item in value if isinstance(value, list) else [value]:
                arguments += _argument(tool, str(item), resources, names, kinds)
    links = [(names[d], names[task["id"]]) for task in tasks for d in task["dep"] if d in names]
    return Shape(tuple(names.values()), tuple(links), tuple(arguments))


def _tool(task: Mapping[str, Any], benchmark: bool) -> str:
    """The tool's name; in the benchmark an instruction to a picture is "Image Editing"."""
    name = tool_id(str(task["task"]))
    prompt = str(task["args"].get("prompt", ""))
    if not benchmark or name != "image-to-image" or not prompt:
        return name
    return name if _STYLE.search(prompt) and not references(prompt) else EDITING


def _argument(
    tool: str,
    item: str,
    resources: Mapping[str, Resource],
    names: Mapping[int, str],
    kinds: Mapping[int, str],
) -> list[tuple[str, str, str]]:
    sources = [number for number in references(item) if number in names]
    if sources:
        return [(tool, kinds[number], f"<{names[number]}>") for number in sources]
    if item in resources:
        resource = resources[item]
        return [(tool, _type(resource["kind"]), _plain(resource["name"]))]
    return [(tool, _type_of_value(item), _plain(item))]


def node_shape(nodes: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]]) -> Shape:
    """The shape of a plan as TaskBench writes it."""
    tools = [tool_id(node["task"]) for node in nodes]
    joined = [(tool_id(link["source"]), tool_id(link["target"])) for link in links]
    rows = {**benchmark_rows(), **task_types()}
    arguments: list[tuple[str, str, str]] = []
    for tool, node in zip(tools, nodes, strict=True):
        for value in node.get("arguments") or ():
            item = str(value.get("value", value) if isinstance(value, Mapping) else value)
            found = _NODE.search(item)
            if found is None:
                arguments.append((tool, _type_of_value(item), _plain(item)))
                continue
            source = _source(int(found[1]), tool, tools, joined)
            arguments.append((tool, _output(rows.get(source), source), f"<{source}>"))
    return Shape(tuple(tools), tuple(joined), tuple(arguments))


def _source(number: int, tool: str, tools: list[str], links: list[tuple[str, str]]) -> str:
    """The tool that ``<node-N>`` means: counted from 0 or from 1, as the links have it."""
    for index in (number, number - 1):
        if 0 <= index < len(tools) and (tools[index], tool) in links:
            return tools[index]
    return next((source for source, target in links if target == tool), tools[0])


def _output(row: TaskType | None, tool: str = "") -> str:
    if row is not None:
        return _type(row.output)
    makes = re.search(r"(?:to-|^)(image|audio|speech|video)(?:-editing)?$", tool)
    if makes or tool in ("image-segmentation", "depth-estimation"):
        return {"speech": "audio"}.get(makes[1], makes[1]) if makes else "image"
    return "text"


def _type(kind: Kind | str) -> str:
    return _TYPES.get(kind, kind)


def _type_of_value(item: str) -> str:
    found = kind_of_path(item) if len(item.split()) < 5 else "file"
    return "text" if found == "file" else found


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[\"'“”‘’.,;:!?]", " ", text.lower()).split())


Pairs = Sequence[tuple[Shape, Shape]]
"""Predicted and labelled shapes."""


def f1_scores(pairs: Pairs) -> dict[str, float | None]:
    """n-F1, e-F1, t-F1 and v-F1 in percent, micro-averaged, and the share of exact plans.

    What no label of the group has (a link; for mere talk, any task) has no F1.
    """

    def types(shape: Shape) -> set[tuple[str, str]]:
        return {(tool, kind) for tool, kind, _ in shape.arguments}

    def f1(of: Callable[[Shape], Iterable[Any]]) -> float | None:
        if not any(of(labelled) for _, labelled in pairs):
            return None
        return _micro((set(of(p)), set(of(g))) for p, g in pairs)["f1"]

    return {
        "n_f1": f1(lambda shape: shape.tools),
        "e_f1": f1(lambda shape: shape.links),
        "t_f1": f1(types),
        "v_f1": f1(lambda shape: shape.arguments),
        "exact": _percent(sum(exact(p, g) for p, g in pairs), len(pairs)),
    }


def exact(predicted: Shape, labelled: Shape) -> bool:
    """Whether a plan has the labelled tasks and links, and no other."""
    return sorted(predicted.tools) == sorted(labelled.tools) and sorted(predicted.links) == sorted(
        labelled.links
    )


def paper_scores(pairs: Pairs) -> dict[str, float]:
    """The paper's measures in percent: exact plans, precision, recall, F1 of tasks, edit distance.

    The edit distance is between the task names in order, divided by the longer list (0..1).
    """
    right = sum(exact(p, g) for p, g in pairs)
    distance = sum(edit_distance(p.tools, g.tools) for p, g in pairs)
    return {
        "accuracy": _percent(right, len(pairs)),
        **_micro((set(p.tools), set(g.tools)) for p, g in pairs),
        "edit_distance": round(distance / max(1, len(pairs)), 3),
    }


def edit_distance(one: Sequence[str], other: Sequence[str]) -> float:
    """The changes that turn one list into the other, divided by the length of the longer."""
    row = list(range(len(other) + 1))
    for number, item in enumerate(one, 1):
        above, row = row, [number]
        for (corner, up), wanted in zip(pairwise(above), other, strict=True):
            row.append(min(up + 1, row[-1] + 1, corner + (item != wanted)))
    return row[-1] / max(len(one), len(other), 1)


def _micro(pairs: Iterable[tuple[set[Any], set[Any]]]) -> dict[str, float]:
    hits = given = wanted = 0
    for predicted, labelled in pairs:
        hits += len(predicted & labelled)
        given += len(predicted)
        wanted += len(labelled)
    return {
        "precision": _percent(hits, given),
        "recall": _percent(hits, wanted),
        "f1": _percent(2 * hits, given + wanted),
    }


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
