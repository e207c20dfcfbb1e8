"""What running costs, measured: ``make bench`` prints each figure beside its target.

    python -m hugginggraph.evals.bench [--json] [--only schedule,cost,requests,faults]

Schedules are compared with their critical path, which is the lower bound however many run at once;
requests with the sum of the LLM calls made and the models on the longest path. All on one machine
in one run; the fakes (``bench_fakes.py``) are a process of their own.

Not covered: the models themselves, their memory and batching.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from langchain_core.tools import BaseTool
from langgraph.func import task as durable_task
from langgraph.graph import END, START, StateGraph

from hugginggraph.graph import Choice, Parts, State, Task, build_graph, make_execute
from hugginggraph.registry import ModelRunError, Settings, model_cards, task_type
from hugginggraph.tools import run_remotely

from .bench_fakes import PLANS

LONGEST = {"one": 1, "ind4": 1, "chain4": 4, "dag6": 4}
LLM_SECONDS, MODEL_SECONDS = 0.3, 0.5
CAPTIONER = "Salesforce/blip-image-captioning-base"
CANDIDATES = ("first", "second", "third")


@dataclass(frozen=True)
class Figure:
    """A figure, its target, and on which side of the target it should be."""

    name: str
    reached: float
    target: float
    side: Literal["at most", "at least"] = "at most"
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        if self.side == "at most":
            return self.reached <= self.target
        return self.reached >= self.target


class Sleeping(Parts):
    """Parts whose one tool sleeps for as many seconds as its text says, and may fail."""

    def __init__(self, width: int, faults: float = 0.0) -> None:
        super().__init__(Settings(offline=True, max_parallel=width, cache_bytes=0))
        self._faults = faults

    @cached_property
    def tools(self) -> Mapping[str, BaseTool]:
        """The tool, under the name of a real task type."""

        class Sleeper(BaseTool):
            response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
            faults: float

            # As in the real tools: LangChain would evaluate annotations at each call.
            def _run(self, **args):  # type: ignore[no-untyped-def]  # see above
                arun: Any = self._arun
                return asyncio.run(arun(**args))

            async def _arun(self, *, text, model, route):  # type: ignore[no-untyped-def]  # see above
                if seconds := float(text.split()[0]):
                    await asyncio.sleep(seconds)
                if random.Random(f"{text} {model}").random() < self.faults:  # in any order the same
                    raise ModelRunError("Injected.")
                return text, {"kind": "text", "value": "x" * 2000, "files": [], "model": model}

        tool = Sleeper(name="summarization", description="sleeps", faults=self._faults)
        return {"summarization": tool}


def uneven(count: int, seed: int, low: float, high: float) -> tuple[list[Task], float, float]:
    """Tasks that sleep from ``low`` to ``high`` seconds, their critical path and their sum."""
    dice, ends, tasks, total = random.Random(seed), list[float](), list[Task](), 0.0
    for number in range(count):
        near = range(max(0, number - 24), number)
        dep = sorted(dice.sample(near, min(number, dice.choice((0, 1, 1, 2, 3)))))
        seconds = round(dice.uniform(low, high), 3)
        ends.append(seconds + max((ends[d] for d in dep), default=0.0))
        total += seconds
        args = {"text": str(seconds)}
        tasks.append(Task(id=number, task="summarization", dep=dep, args=args))
    return tasks, max(ends), total


def _given(tasks: list[Task]) -> State:
    candidates = [{"model": model, "route": "local"} for model in CANDIDATES]
    choice = Choice(
        model=CANDIDATES[0], route="local", score=1.0, reason="", by="rank", candidates=candidates
    )
    plan: Any = {"tasks": tasks, "valid": True, "repairs": [], "notes": [], "errors": []}
    return State(plan=plan, choices={str(task["id"]): choice for task in tasks}, resources={})


def _graph_of(node: Any, saver: Any = None) -> Any:
    builder = StateGraph(State)
    builder.add_node("execute", node)
    builder.add_edge(START, "execute")
    builder.add_edge("execute", END)
    return builder.compile(checkpointer=saver)


async def _timed(graph: Any, tasks: list[Task]) -> tuple[float, dict[str, Any]]:
    config = {"configurable": {"thread_id": os.urandom(4).hex()}}
    began = time.perf_counter()
    out: dict[str, Any] = await graph.ainvoke(_given(tasks), config)
    return time.perf_counter() - began, out


async def schedule() -> list[Figure]:
    """Makespan by critical path, on 12 uneven tasks and on 200 with at most 16 at a time."""
    figures = []
    for count, seed, low, high, width, target in (
        (12, 7, 0.1, 1.0, 16, 1.03), (200, 11, 0.03, 0.3, 16, 1.07)
    ):  # fmt: skip
        tasks, path, total = uneven(count, seed, low, high)
        bound = max(path, total / width)
        graph = _graph_of(make_execute(Sleeping(width)))
        seconds = statistics.median([(await _timed(graph, tasks))[0] for _ in range(3)])
        name = f"makespan ÷ critical path, {count} tasks"
        figures.append(Figure(name, seconds / bound, target, note=f"path {bound:.2f} s"))
    return figures


async def cost() -> list[Figure]:
    """The engine's own milliseconds for each of 200 tasks that do nothing."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    tasks = [Task(**{**task, "args": {"text": "0"}}) for task in uneven(200, 3, 0, 1)[0]]
    engine = make_execute(Sleeping(16))

    async def milliseconds(node: Any, saver: Any) -> float:
        graph = _graph_of(node, saver)
        walls = [(await _timed(graph, tasks))[0] for _ in range(5)]
        return statistics.median(walls) * 1000 / len(tasks)

    async def each(name: str, target: float, saver: Any = None) -> Figure:
        bare = await milliseconds(_only_tasks, saver)
        own = await milliseconds(engine, saver)
        return Figure(name, own, target, note=f"LangGraph alone: {bare:.2f} ms")

    figures = [await each("own cost, ms a task", 1.0)]
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSqliteSaver.from_conn_string(f"{folder}/runs.sqlite") as saver:
            await saver.conn.execute("PRAGMA synchronous=NORMAL")  # as the command line has it
            figures.append(await each("own cost with SQLite, ms a task", 2.0, saver))
    return figures


async def _only_tasks(state: State) -> dict[str, Any]:
    """The tasks of a plan as LangGraph's own, each waiting for those it needs and doing no more."""
    futures: dict[int, Any] = {}

    @durable_task
    async def run(task: Task) -> dict[str, Any]:
        await asyncio.gather(*(futures[number] for number in task["dep"]))
        return {"status": "done", "kind": "text", "value": "x" * 2000}

    for task in state["plan"]["tasks"]:
        futures[task["id"]] = run(task)
    results = await asyncio.gather(*futures.values())
    return {"results": {str(number): r for number, r in zip(futures, results, strict=True)}}


async def faults(batches: int = 100) -> list[Figure]:
    """The percentage of tasks that finish where each attempt fails at random, 100 in a batch.

    No failure here is one that may pass, so that none is tried again on the same candidate.
    """
    figures = []
    for rate, target in ((0.1, 99.0), (0.3, 97.0), (0.5, 87.0)):
        graph, done = _graph_of(make_execute(Sleeping(16, rate))), list[bool]()
        for number in range(batches):
            texts = [f"0 {number} {n}" for n in range(100)]
            tasks = [
                Task(id=n, task="summarization", dep=[], args={"text": text})
                for n, text in enumerate(texts)
            ]
            _, out = await _timed(graph, tasks)
            done += [result["status"] == "done" for result in out["results"].values()]
        share = 100 * sum(done) / len(done)
        name = f"% finished with {rate:.0%} faults an attempt"
        figures.append(Figure(name, share, target, "at least", f"{len(done)} tasks"))
    return figures


async def requests() -> list[Figure]:
    """Whole requests against the fakes: wall by ideal, own milliseconds, and LLM calls."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        with fakes(LLM_SECONDS * 1000, MODEL_SECONDS * 1000) as url:
            for plan, wall, calls in await ask_all(url, Path(folder), 3):
                ideal = LLM_SECONDS * calls + MODEL_SECONDS * LONGEST[plan]
                note = f"ideal {ideal:.2f} s"
                figures.append(Figure(f"{plan}: wall ÷ ideal", wall / ideal, 1.05, note=note))
                figures.append(Figure(f"{plan}: LLM calls", calls, 3))
        with fakes(0, 0) as url:
            for plan, wall, _ in await ask_all(url, Path(folder), 9):
                bare = await bare_calls(url, plan, 9)
                note = f"the same calls bare: {bare * 1000:.0f} ms"
                figures.append(Figure(f"{plan}: ms with no latency", wall * 1000, 60, note=note))
            pins = {task["task"]: CAPTIONER for task in PLANS["one"]}
            more: dict[str, Any] = {"pinned_models": pins, "budget_llm_calls": 1}
            [(_, _, calls)] = await ask_all(url, Path(folder), 1, plans=("one",), **more)
            name = "LLM calls, every choice clear and the answer composed"
            figures.append(Figure(name, calls, 1))
    return figures


async def bare_calls(url: str, plan: str, times: int) -> float:
    """The median seconds of a plan's three LLM calls and its models' calls, and of nothing else.

    They go through the clients of openai and huggingface_hub, models in threads as soon as they
    can: the least that a request can cost with these clients on this machine, at this minute.
    """
    from openai import AsyncOpenAI
    from PIL import Image

    given = {"image": Image.linear_gradient("L").resize((64, 64)), "question": "What is it?"}
    settings = Settings(mode="remote", offline=False, hf_base_url=url, hf_token=None)
    cards = {card.task: card for card in model_cards()}
    llm = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")

    async def run(task: dict[str, Any], futures: Mapping[int, asyncio.Task[Any]]) -> None:
        await asyncio.gather(*(futures[number] for number in task["dep"]))
        args = {name: given[name] for name in task["args"]}
        row = task_type(task["task"])
        await asyncio.to_thread(run_remotely, row, cards[row.id], args, settings)

    walls = []
    for _ in range(times + 1):
        began, futures = time.perf_counter(), dict[int, asyncio.Task[Any]]()
        for _ in range(3):
            words: Any = [{"role": "user", "content": f"[plan:{plan}]"}]
            await llm.chat.completions.create(model="fake", messages=words)
        for task in PLANS[plan]:
            futures[task["id"]] = asyncio.create_task(run(task, futures))
        await asyncio.gather(*futures.values())
        walls.append(time.perf_counter() - began)
    await llm.close()
    return statistics.median(walls[1:])


@contextmanager
def fakes(llm_ms: float, model_ms: float) -> Iterator[str]:
    """The address of the fakes with these latencies, in a process of their own."""
    command = [sys.executable, "-m", f"{__package__}.bench_fakes", str(llm_ms), str(model_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


async def ask_all(
    url: str,
    folder: Path,
    times: int,
    data_dir: Path | None = None,
    plans: Iterable[str] = PLANS,
    **more: Any,
) -> list[tuple[str, float, int]]:
    """For each plan the median seconds and the LLM calls of a request, after one to warm up.

    ``more`` are further settings.
    """
    from PIL import Image

    picture = folder / "scene.png"
    Image.linear_gradient("L").resize((64, 64)).save(picture)
    settings = Settings(
        mode="remote", offline=False, hf_base_url=url, hf_token=None,
        llm="openai:fake", llm_base_url=f"{url}/v1",
        data_dir=data_dir or folder / "data", artifacts_dir=folder / "artifacts", cache_bytes=0,
        **more,
    )  # fmt: skip
    graph = build_graph(parts=Parts(settings))
    found = []
    for plan in plans:
        walls, calls = [], 0
        for number in range(times + 1):
            words = f"Look at it, time {number} [plan:{plan}]"  # never the same: vectors are kept
            asked: Any = {"request": words, "files": [str(picture)]}
            began = time.perf_counter()
            out = await graph.ainvoke(asked)
            if number:
                walls.append(time.perf_counter() - began)
            if out["status"] != "done":
                raise RuntimeError(f"The request '{plan}' did not finish: {out['answer']}")
            calls = out["usage"]["llm_calls"]
        found.append((plan, statistics.median(walls), calls))
    return found


SECTIONS: Mapping[str, Callable[[], Coroutine[Any, Any, list[Figure]]]] = {
    "schedule": schedule,
    "cost": cost,
    "requests": requests,
    "faults": faults,
}


def measure(only: tuple[str, ...] = ()) -> list[Figure]:
    """The figures of every section, or of those named."""
    return [f for name in only or SECTIONS for f in asyncio.run(SECTIONS[name]())]


def loop_seconds() -> float:
    """What ten million steps of a plain loop take: how quick this machine is at this minute."""
    began, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - began


def main() -> None:
    """Print the figures, and leave with 1 where a target is missed."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(prog="hugginggraph.evals.bench")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", default="", help=f"some of {','.join(SECTIONS)}")
    given = parser.parse_args()
    only = tuple(filter(None, given.only.split(",")))
    if unknown := [name for name in only if name not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    figures, loop = measure(only), loop_seconds()
    if given.json:
        shown = [{**asdict(figure), "met": figure.met} for figure in figures]
        told = {"figures": shown, "loop_seconds": round(loop, 3)}
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        table = Table("what", "reached", "target", "met", "")
        for f in figures:
            target, met = f"{f.side} {f.target:g}", "yes" if f.met else "[red]no[/]"
            table.add_row(f.name, f"{f.reached:.3f}", target, met, f.note)
        Console().print(table)
        load, cores = os.getloadavg()[0], os.cpu_count()
        Console().print(f"Load {load:.1f} on {cores} cores; above {cores}, times are too long.")
        Console().print(f"Ten million steps of a plain loop take {loop:.2f} s here and now.")
    sys.exit(not all(figure.met for figure in figures))


if __name__ == "__main__":
    main()
