"""Tasks run when their own dependencies are done, each durable, and never one for another."""

from __future__ import annotations

import ast
import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from hugginggraph.graph import (
    Choice,
    Gate,
    Parts,
    State,
    Task,
    both,
    make_execute,
    path_lengths,
)
from hugginggraph.registry import ModelRunError, Settings, UnreadableFileError

ROOT = Path(__file__).parents[1]


class Bench(Parts):
    """Parts whose tool sleeps, counts, and fails where it is told to.

    The text of a task is ``name seconds``; its result is ``name(results it read)``.
    """

    def __init__(self, failing: Mapping[str, Exception] | None = None, width: int = 16) -> None:
        super().__init__(Settings(offline=True, max_parallel=width, task_timeout=60))
        self.failing = failing or {}
        self.ran: Counter[str] = Counter()
        self.now = self.most = 0
        self._count = threading.Lock()

    @property
    def tools(self) -> Mapping[str, BaseTool]:
        async def work(
            text: str, model: str = "", route: str = "local"
        ) -> tuple[str, dict[str, Any]]:
            name, seconds, *read = text.split()
            with self._count:
                self.ran[name] += 1
                self.now += 1
                self.most = max(self.most, self.now)
            await asyncio.sleep(float(seconds))
            with self._count:
                self.now -= 1
            if error := self.failing.get(model) or self.failing.get(name):
                raise error
            value = f"{name}({','.join(read)})"
            return value, {"kind": "text", "value": value, "files": [], "model": model}

        tool = StructuredTool.from_function(
            coroutine=work, name="summarization", description="sleeps",
            response_format="content_and_artifact",
        )  # fmt: skip
        return {"summarization": tool}


def step(number: int, seconds: float, *dep: int) -> Task:
    read = " ".join(f"<resource>-{d}" for d in dep)
    args = {"text": f"t{number} {seconds} {read}".strip()}
    return Task(id=number, task="summarization", dep=list(dep), args=args)


def given(tasks: list[Task], *models: str) -> State:
    candidates = [{"model": model} for model in models or ("m",)]
    choice = Choice(
        model=candidates[0]["model"], route="local", score=1.0, reason="", by="rank",
        candidates=candidates,
    )  # fmt: skip
    return State(
        plan={
            "tasks": tasks, "valid": True, "repairs": [], "confidence": 1.0, "errors": [],
            "planner": "", "notes": [],
        },
        choices={str(task["id"]): choice for task in tasks},
        resources={},
    )  # fmt: skip


def graph_of(parts: Parts, saver: Any = None) -> Any:
    builder = StateGraph(State)
    builder.add_node("execute", both(make_execute(parts), "execute"))
    builder.add_edge(START, "execute")
    builder.add_edge("execute", END)
    graph = builder.compile(checkpointer=saver)
    graph.stream_eager = True
    return graph


DIAMOND = [step(0, 0.05), step(1, 0.6, 0), step(2, 0.05, 0), step(3, 0.05, 2), step(4, 0.02, 1, 3)]


async def test_every_task_runs_once_and_reads_what_it_waited_for() -> None:
    parts = Bench()
    out = await graph_of(parts).ainvoke(given(DIAMOND))
    values = {key: result["value"] for key, result in out["results"].items()}
    assert values["4"] == "t4(t1(t0()),t3(t2(t0())))"
    assert set(parts.ran.values()) == {1}


def test_a_plain_invoke_gives_the_same_as_an_awaited_one() -> None:
    parts = Bench()
    out = graph_of(parts).invoke(given(DIAMOND))
    assert out["results"]["4"]["value"] == "t4(t1(t0()),t3(t2(t0())))"
    assert set(parts.ran.values()) == {1}


async def test_a_plain_invoke_works_inside_a_running_loop_as_in_a_notebook() -> None:
    out = await asyncio.to_thread(graph_of(Bench()).invoke, given(DIAMOND))
    assert out["results"]["4"]["status"] == "done"


async def test_no_task_waits_for_a_whole_wave() -> None:
    tasks = [step(0, 0.1), step(1, 0.8), step(2, 0.7, 0), step(3, 0.1, 1)]
    start = time.monotonic()
    await graph_of(Bench()).ainvoke(given(tasks))
    assert time.monotonic() - start < 1.35  # by waves it would be 1.5, one by one 1.7


async def test_no_more_tasks_run_at_once_than_are_allowed() -> None:
    parts = Bench(width=3)
    await graph_of(parts).ainvoke(given([step(n, 0.02) for n in range(12)]))
    assert parts.most == 3


async def test_a_failed_task_ends_itself_and_skips_only_what_waits_for_it() -> None:
    parts = Bench({"t1": ModelRunError("The model broke.", "Use another.")})
    out = await graph_of(parts).ainvoke(given(DIAMOND))
    status = {key: result["status"] for key, result in out["results"].items()}
    assert status == {"0": "done", "1": "failed", "2": "done", "3": "done", "4": "skipped"}
    assert out["results"]["1"]["error"]["message"] == "The model broke."
    assert "task 1" in out["results"]["4"]["error"]["message"]


async def test_the_next_candidate_is_tried_where_a_model_fails() -> None:
    parts = Bench({"first": ModelRunError("no"), "second": RuntimeError("boom")})
    out = await graph_of(parts).ainvoke(given([step(0, 0)], "first", "second", "third"))
    result = out["results"]["0"]
    assert result["status"] == "done" and result["model"] == "third"
    tried = [(a["model"], a.get("error", {}).get("error")) for a in result["attempts"]]
    assert tried == [("first", "ModelRunError"), ("second", "ModelRunError"), ("third", None)]


async def test_another_model_is_not_tried_where_the_file_is_at_fault() -> None:
    parts = Bench({"t0": UnreadableFileError("Not a picture.")})
    out = await graph_of(parts).ainvoke(given([step(0, 0)], "first", "second"))
    assert len(out["results"]["0"]["attempts"]) == 1


async def test_a_task_that_takes_too_long_is_a_named_error() -> None:
    parts = Bench()
    parts.settings.__dict__["task_timeout"] = 0.05
    out = await graph_of(parts).ainvoke(given([step(0, 3), step(1, 0)]))
    assert out["results"]["0"]["error"]["error"] == "TaskTimeoutError"
    assert out["results"]["1"]["status"] == "done"


async def test_events_tell_when_each_task_starts_and_ends_while_it_runs() -> None:
    events: list[tuple[float, dict[str, Any]]] = []
    start = time.monotonic()
    async for event in graph_of(Bench()).astream(given(DIAMOND), stream_mode="custom"):
        events.append((time.monotonic() - start, event))
    ends = [e["task"] for _, e in events if e["state"] == "done"]
    assert ends == [0, 2, 3, 1, 4]
    first_end = next(at for at, e in events if e["state"] == "done")
    assert first_end < events[-1][0] - 0.5


async def test_a_cancelled_run_resumes_with_what_was_left() -> None:
    parts, saver = Bench(), InMemorySaver()
    graph, config = graph_of(parts, saver), {"configurable": {"thread_id": "1"}}
    tasks = [step(1, 2, 0) if task["id"] == 1 else task for task in DIAMOND]
    run = asyncio.create_task(graph.ainvoke(given(tasks), config))
    while not (parts.ran["t3"] and parts.now == 1):  # only t1 is at work
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    out = await graph.ainvoke(None, config)
    assert out["results"]["4"]["value"] == "t4(t1(t0()),t3(t2(t0())))"
    assert parts.ran == {"t0": 1, "t1": 2, "t2": 1, "t3": 1, "t4": 1}


async def test_fifty_requests_at_once_are_never_mixed_up() -> None:
    parts = Bench(width=50)
    graph, rng = graph_of(parts), random.Random(3)

    async def one(number: int) -> None:
        tasks = [step(10 * number, rng.random() / 50), step(10 * number + 1, 0, 10 * number)]
        out = await graph.ainvoke(given(tasks))
        result = out["results"][str(10 * number + 1)]
        assert result["value"] == f"t{10 * number + 1}(t{10 * number}())", out["results"]

    await asyncio.gather(*(one(number) for number in range(1, 51)))


async def test_tools_are_made_once_however_many_runs_ask_at_once() -> None:
    made = []

    class Slow(Bench):
        @property
        def tools(self) -> Mapping[str, BaseTool]:
            time.sleep(0.05)
            made.append(super().tools)
            return made[-1]

    parts = Slow()
    given_out = await asyncio.gather(*(parts.get_tools() for _ in range(20)))
    assert len(made) == 1 and all(tools is made[0] for tools in given_out)


async def test_the_longest_path_goes_first_through_a_narrow_gate() -> None:
    tasks = [step(0, 0), step(1, 0), step(2, 0, 1), step(3, 0, 2)]
    assert path_lengths(tasks) == {0: 1, 1: 3, 2: 2, 3: 1}
    gate, order = Gate(1), []

    async def enter(rank: int) -> None:
        await gate.enter(rank)
        order.append(rank)
        await asyncio.sleep(0)
        gate.leave()

    await gate.enter(9)
    waiting = [asyncio.create_task(enter(rank)) for rank in (1, 3, 2)]
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*waiting)
    assert order == [3, 2, 1]


KILLED = """
import asyncio, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from test_execute import Bench, graph_of, given, step

class Logged(Bench):
    @property
    def tools(self):
        tool = super().tools["summarization"]
        inner = tool.coroutine
        async def work(text, model="", route="local"):
            made = await inner(text, model)
            with open(sys.argv[2] + "/log", "a") as log:
                log.write(f"{text.split()[0]} {time.time()}" + chr(10))
            return made
        tool.coroutine = work
        return {"summarization": tool}

async def main():
    tasks = [step(n, 0.05, *([n - 1] if n % 3 else [])) for n in range(9)]
    async with AsyncSqliteSaver.from_conn_string(sys.argv[2] + "/runs.sqlite") as saver:
        config = {"configurable": {"thread_id": "1"}}
        new = await saver.aget_tuple(config) is None
        out = await graph_of(Logged(width=2), saver).ainvoke(given(tasks) if new else None, config)
    print([out["results"][str(n)]["value"] for n in range(9)])

asyncio.run(main())
"""


def logged(log: Path) -> list[tuple[str, float]]:
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(name, float(at)) for name, at in lines]


def test_a_run_that_is_killed_and_resumed_repeats_nothing_that_was_finished(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(ROOT / "tests"), str(tmp_path)]
    log = tmp_path / "log"
    victim = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while len(logged(log)) < 4:
        assert time.monotonic() < deadline and victim.poll() is None
        time.sleep(0.005)
    time.sleep(0.03)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    killed = time.time()
    # A result reaches the disk a few milliseconds after its task ended, and may be lost till then.
    safe = [name for name, at in logged(log) if at < killed - 0.02]
    assert 3 <= len(safe) < 9
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    chains = [f"t{n}(" + (f"t{n - 1}(" if n % 3 else "") for n in range(9)]
    values = ast.literal_eval(out.stdout.strip().splitlines()[-1])
    assert all(value.startswith(start) for value, start in zip(values, chains, strict=True))
    times = Counter(name for name, _ in logged(log))
    assert [name for name in safe if times[name] != 1] == []
