"""Every type-compatible pair of rows: the second task gets what the first made, and nothing else.

The pairs come from the table. Each producer runs once in the real executor, with all consumers of
its result behind it; every argument goes through the graph's resolution and the row's own tool.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import BUILDERS
from checkpoints_sound import BUILDERS as SOUND_BUILDERS
from checkpoints_vision import TEXT_BUILDERS, VISION_BUILDERS
from langchain_core.tools import BaseTool
from langgraph.graph import START, StateGraph
from PIL import Image
from tool_run import Run, tool_run

from hugginggraph.graph import Choice, Parts, Resource, Result, State, Task, both, make_execute
from hugginggraph.registry import (
    Kind,
    ModelCard,
    Settings,
    Slot,
    TaskType,
    reads_as,
    task_type,
    task_types,
)
from hugginggraph.tools import (
    Artifacts,
    Box,
    Checkpoint,
    Media,
    ModelPool,
    Output,
    TaskRunner,
    as_text,
    draw_boxes,
    encode_png,
    hugginggraph_tools,
    open_table,
)

resolve = import_module("hugginggraph.graph.arguments").resolve
film = import_module("hugginggraph.tools.film")
segmentation = import_module("hugginggraph.tools.segmentation")
sound = import_module("hugginggraph.tools.sound")

WORDS = "the original words"
CSV = "name,age\nAda,36\n"


def noise(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)


def picture(seed: int) -> Image.Image:
    return Image.fromarray(noise(seed, 48, 64, 3))


def samples(seed: int) -> Any:
    return noise(seed, 1600).astype(np.float32) / 255 - 0.5


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resource]:
    """A file of each kind, given with the request."""
    folder = tmp_path_factory.mktemp("given")
    data: dict[Kind, tuple[str, bytes]] = {
        "image": ("photo.png", encode_png(picture(1))),
        "audio": ("voice.wav", sound.encode_wav(samples(1), 16_000)),
        "video": ("clip.mp4", film.encode_film([picture(1)] * 2, 2, (samples(1), 16_000))),
        "table": ("people.csv", CSV.encode()),
    }
    for name, content in data.values():
        (folder / name).write_bytes(content)
    return {
        kind: Resource(kind=kind, path=str(folder / name), name=name)
        for kind, (name, _) in data.items()
    }


@pytest.fixture(scope="module")
def made() -> dict[Kind, Output]:
    """What a runner gives of each kind, by the functions that the runners use."""
    left = np.arange(64) < np.full((48, 1), 20)
    segments = [segmentation.Segment("cat", 0.9, left), segmentation.Segment("dog", 0.8, ~left)]
    boxes: list[Box] = [
        {"label": "cat", "score": 0.9, "box": {"xmin": 4, "ymin": 4, "xmax": 30, "ymax": 30}}
    ]
    drawn = encode_png(draw_boxes(picture(2), boxes))
    table = {"columns": ["row", "estimate"], "rows": [[1, 3.5]]}
    return {
        "text": Output("the words that were made"),
        "labels": Output([{"label": "sport", "score": 0.9}]),
        "boxes": Output(boxes, (Media("image", drawn, ".png"),)),
        "masks": segmentation.segments_output(picture(2), segments),
        "image": Output(
            {"width": 64, "height": 48}, (Media("image", encode_png(picture(2)), ".png"),)
        ),
        "audio": sound.sound_output("m", samples(2), 16_000),
        "video": film.film_output("m", [picture(2), picture(3)], 2, (samples(2), 16_000)),
        "table": Output(table, (Media("table", b"name,age,estimate\nAda,36,3.5\n", ".csv"),)),
        "vector": Output([0.25, 0.5]),
    }


class RecordingPool(ModelPool):
    """Keeps what reaches each model's runner, and gives what a runner of the row's kind gives."""

    def __init__(self, made: Mapping[Kind, Output]) -> None:
        super().__init__()
        self.made = made
        self.got: dict[str, dict[str, Any]] = {}

    def run(self, task: TaskType, checkpoint: Checkpoint, args: Mapping[str, Any]) -> Output:
        self.got[checkpoint.card.id] = dict(args)
        return self.made[task.output]


class Bench(Parts):
    """Parts whose models are named after the tasks of the plan, and only keep what they got."""

    def __init__(self, pool: ModelPool, artifacts: Path) -> None:
        super().__init__(Settings(offline=True, max_parallel=2))
        runner = TaskRunner(pool, Artifacts(artifacts), self.settings)
        tools = hugginggraph_tools(runner=runner, find_card=self.find_card, handle_tool_error=False)
        self._by_name = {tool.name: tool for tool in tools}

    @property
    def tools(self) -> Mapping[str, BaseTool]:
        return self._by_name

    def find_card(self, task: str, model: str | None, args: Mapping[str, Any]) -> ModelCard:
        return ModelCard(id=model or "", task=task, library="opencv", description="")


def original(slot: Slot) -> Any:
    kind = "image" if slot.kind == "masks" else slot.kind
    value = WORDS if kind == "text" else kind
    return [value] if slot.many else value


def consumers(row: TaskType) -> list[tuple[TaskType, Slot]]:
    return [
        (other, slot)
        for other in task_types().values()
        for slot in other.inputs
        if reads_as(row.output, slot.kind)
    ]


async def run_plan(parts: Parts, tasks: list[Task], resources: dict[str, Resource]) -> Any:
    plan: Any = {"tasks": tasks, "valid": True, "repairs": [], "confidence": 1.0, "errors": []}
    choices = {
        str(task["id"]): Choice(
            model=f"task-{task['id']}", route="local", score=1.0, reason="", by="rank",
            candidates=[],
        )
        for task in tasks
    }  # fmt: skip
    builder = StateGraph(State)
    builder.add_node("execute", both(make_execute(parts), "execute"))
    builder.add_edge(START, "execute")
    state = State(plan=plan, choices=choices, resources=resources)
    return await builder.compile().ainvoke(state)


def holds(slot: Slot, value: Any, data: bytes) -> bool:
    """Whether an argument in memory is what a file of these bytes holds."""
    if slot.kind in ("image", "masks"):
        pixels = Image.open(io.BytesIO(data)).convert("RGB").tobytes()
        return bool(value.tobytes() == pixels)
    if slot.kind == "table":
        return bool(value == open_table(data.decode()))
    return bool(value.path.read_bytes() == data)


@pytest.mark.parametrize("producer", task_types())
async def test_each_consumer_gets_what_the_producer_made_and_not_the_original(
    producer: str, originals: dict[str, Resource], made: dict[Kind, Output], tmp_path: Path
) -> None:
    row = task_type(producer)
    pairs = consumers(row)
    first = Task(id=0, task=producer, dep=[], args={s.name: original(s) for s in row.required})
    tasks = [first]
    for number, (consumer, slot) in enumerate(pairs, 1):
        args = {s.name: original(s) for s in consumer.required}
        args[slot.name] = ["<resource>-0"] if slot.many else "<resource>-0"
        tasks.append(Task(id=number, task=consumer.id, dep=[0], args=args))
    pool = RecordingPool(made)
    out = await run_plan(Bench(pool, tmp_path), tasks, originals)
    failed = {key: each["error"] for key, each in out["results"].items() if "error" in each}
    assert not failed and len(pool.got) == len(tasks)
    output = made[row.output]
    for number, (consumer, slot) in enumerate(pairs, 1):
        got = pool.got[f"task-{number}"]
        given = got[slot.name][0] if slot.many else got[slot.name]
        if slot.kind == "text":
            assert given == as_text(row.output, output.value), consumer.id
        else:
            file = output.media[1 if row.output == slot.kind == "masks" else 0]
            assert holds(slot, given, file.data), consumer.id
        for other in consumer.required:
            if other.name == slot.name:
                continue
            if other.kind == "text":
                assert got[other.name] == original(other)
            else:
                path = Path(originals[original(other)]["path"])
                assert holds(other, got[other.name], path.read_bytes())


def test_the_pairs_are_all_of_the_table() -> None:
    """No kind is left out: each is made by some row or other and is read by some."""
    rows = task_types().values()
    assert sum(len(consumers(row)) for row in rows) > 2000
    assert {row.output for row in rows} == {
        "text", "labels", "boxes", "masks", "image", "audio", "video", "table", "vector"
    }  # fmt: skip
    assert all(consumers(row) for row in rows)


CHAINS = [
    ("yolos", "object-detection", "image_classifier", "image-classification", "image"),
    ("maskformer", "image-segmentation", "image_classifier", "image-classification", "image"),
    ("sam", "mask-generation", "image_classifier", "image-classification", "image"),
    ("glpn", "depth-estimation", "image_classifier", "image-classification", "image"),
    ("yolos", "object-detection", "text_classifier", "text-classification", "text"),
    ("blip", "image-to-text", "text_classifier", "text-classification", "text"),
    ("bart", "summarization", "text_classifier", "text-classification", "text"),
    ("text_classifier", "text-classification", "embedder", "feature-extraction", "text"),
    ("line", "tabular-regression", "line", "tabular-regression", "table"),
    ("line", "tabular-regression", "text_classifier", "text-classification", "text"),
    ("vits", "text-to-speech", "sound_classifier", "audio-classification", "audio"),
    ("wav2vec2_ctc", "automatic-speech-recognition", "embedder", "feature-extraction", "text"),
    ("videomae", "video-classification", "embedder", "feature-extraction", "text"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    builders = BUILDERS | SOUND_BUILDERS | TEXT_BUILDERS | VISION_BUILDERS
    return tool_run(tmp_path_factory.mktemp("chains"), builders)


@pytest.mark.parametrize(("first", "task", "second", "then", "slot"), CHAINS)
def test_a_real_model_reads_what_another_made(
    run: Run,
    originals: dict[str, Resource],
    first: str,
    task: str,
    second: str,
    then: str,
    slot: str,
) -> None:
    """Both models are real; the second gives for the reference what it gives for the file or text
    that the first made, and something else for the original."""
    words = {"text": "the team won in paris", "candidate_labels": ["cat", "dog"]}
    paths = {kind: resource["path"] for kind, resource in originals.items()}
    paths["table"] = "size,town\n1,Ulm\n2,Bonn\n"
    given = {**words, **paths}

    def takes(row: str) -> dict[str, Any]:
        return {s.name: given[s.name] for s in task_type(row).required}

    made = run(first, task, **takes(task))
    files = [file["path"] for file in made["files"]]
    result = Result(
        status="done", kind=made["kind"], value=made["value"], files=files, seconds=0, attempts=[]
    )
    read = resolve(task_type(then), {slot: "<resource>-0"}, {}, {0: result})
    direct = as_text(made["kind"], made["value"]) if slot == "text" else files[0]
    assert read == {slot: direct}
    of_made = run(second, then, **{**takes(then), **read})
    of_original = run(second, then, **takes(then))
    again = run(second, then, **{**takes(then), slot: direct})
    assert of_made["value"] == again["value"]
    if then != "tabular-regression":
        assert of_made["value"] != of_original["value"]
    else:  # the file is the whole table, with a column more
        assert Path(files[0]).read_text("utf-8").startswith("size,town,estimate\n")
