"""Runs end at their budgets, stop when told, and go round what fails or is of no use."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from langchain_core.tools import BaseTool, StructuredTool
from PIL import Image
from test_execute import Bench, given, graph_of, step

from hugginggraph.graph import Context, Parts, State, Task, both, make_execute
from hugginggraph.registry import RemoteBusyError, task_type
from hugginggraph.tools import check_cancelled, degenerate

USAGE = {"llm_calls": 0, "tokens": 0, "seconds": 0.0}


def compiled(parts: Parts) -> Any:
    from langgraph.graph import END, START, StateGraph

    builder = StateGraph(State, Context)
    builder.add_node("execute", both(make_execute(parts), "execute"))
    builder.add_edge(START, "execute")
    builder.add_edge("execute", END)
    graph = builder.compile()
    graph.stream_eager = True
    return graph


async def spend(parts: Parts, tasks: list[Task], route: str = "local", **budget: Any) -> Any:
    state = given(tasks)
    for choice in state["choices"].values():
        choice["route"] = route
        for candidate in choice["candidates"]:
            candidate["route"] = route
    out = await compiled(parts).ainvoke({**state, "usage": USAGE}, context={"budget": budget})
    return out["results"]


# ---- budgets ------------------------------------------------------------------------------------


async def test_no_more_remote_requests_are_made_than_the_budget_allows() -> None:
    parts = Bench(width=1)
    results = await spend(parts, [step(n, 0) for n in range(5)], "remote", remote_requests=2)
    status = [result["status"] for result in results.values()]
    assert status.count("done") == 2 and status.count("skipped") == 3
    assert sum(parts.ran.values()) == 2
    error = next(r["error"] for r in results.values() if r["status"] == "skipped")
    assert error["error"] == "BudgetError" and "2 remote requests" in error["message"]
    assert "HUGGINGGRAPH_BUDGET_REMOTE_REQUESTS" in error["hint"]


async def test_when_the_time_is_over_what_is_done_stays_and_the_rest_names_the_budget() -> None:
    began = time.monotonic()
    results = await spend(Bench(), [step(0, 0), step(1, 30), step(2, 0, 1)], seconds=0.4)
    assert time.monotonic() - began < 5
    assert [results[key]["status"] for key in "012"] == ["done", "skipped", "skipped"]
    assert "0.4 seconds" in results["1"]["error"]["message"]


async def test_a_budget_of_the_settings_holds_where_the_run_names_none() -> None:
    parts = Bench()
    parts.settings.__dict__["budget_remote_requests"] = 0
    results = await spend(parts, [step(0, 0)], "remote")
    assert results["0"]["error"]["error"] == "BudgetError" and not parts.ran
    results = await spend(parts, [step(0, 0)], "remote", remote_requests=1)
    assert results["0"]["status"] == "done"


@pytest.mark.parametrize("budget", [{"euros": 3}, {"seconds": "ten"}, {"tokens": -1}])
async def test_a_budget_that_cannot_be_used_is_named_and_nothing_runs(budget: Any) -> None:
    parts = Bench()
    results = await spend(parts, [step(0, 0)], **budget)
    name = next(iter(budget))
    assert f"'{name}:" in results["0"]["error"]["message"] and not parts.ran


# ---- what may pass, and what is of no use -------------------------------------------------------


class Busy(Bench):
    """Its remote service is busy for the first calls."""

    def __init__(self, times: int, retry_after: float) -> None:
        super().__init__()
        self.left, self.retry_after, self.at = times, retry_after, list[float]()

    @property
    def tools(self) -> Mapping[str, BaseTool]:
        async def work(text: str, model: str, route: str) -> tuple[str, dict[str, Any]]:
            self.at.append(time.monotonic())
            if self.left:
                self.left -= 1
                raise RemoteBusyError("Busy.", retry_after=self.retry_after)
            return "", {"kind": "text", "value": model, "files": [], "model": model}

        tool = StructuredTool.from_function(
            coroutine=work,
            name="summarization",
            description="",
            response_format="content_and_artifact",
        )
        return {"summarization": tool}


async def test_a_busy_service_is_asked_again_later_each_time_and_never_too_soon() -> None:
    parts = Busy(2, 0.1)
    out = await graph_of(parts).ainvoke(given([step(0, 0)], "first", "second"))
    result = out["results"]["0"]
    assert result["model"] == "first" and len(result["attempts"]) == 3
    first, second = parts.at[1] - parts.at[0], parts.at[2] - parts.at[1]
    assert first >= 0.1 and second >= 0.2


async def test_a_service_that_stays_busy_is_left_for_the_next_candidate() -> None:
    parts = Busy(3, 0.01)
    result = (await graph_of(parts).ainvoke(given([step(0, 0)], "first", "second")))["results"]["0"]
    assert [a["model"] for a in result["attempts"]] == ["first"] * 3 + ["second"]


async def test_a_service_that_wants_too_long_a_wait_is_left_at_once() -> None:
    parts, began = Busy(1, 3600), time.monotonic()
    result = (await graph_of(parts).ainvoke(given([step(0, 0)], "first", "second")))["results"]["0"]
    assert result["model"] == "second" and time.monotonic() - began < 5


def test_a_film_of_one_colour_is_found_and_one_in_which_a_thing_moves_is_not(
    tmp_path: Path,
) -> None:
    from hugginggraph.tools.film import encode_film

    def film(name: str, side: int) -> str:
        pictures = [Image.new("RGB", (64, 48), "navy") for _ in range(6)]
        for number, picture in enumerate(pictures):
            picture.paste("orange", (4 * number, 4 * number, 4 * number + side, 4 * number + side))
        path = tmp_path / name
        path.write_bytes(encode_film(pictures, 6))
        return str(path)

    maker, plain, moving = task_type("text-to-video"), film("plain.mp4", 0), film("moving.mp4", 8)
    assert "one colour" in degenerate(maker, [{"kind": "video", "path": plain}])
    assert degenerate(maker, [{"kind": "video", "path": moving}]) == ""
    assert degenerate(task_type("text-to-image"), [{"kind": "video", "path": plain}]) == ""


def test_silent_sounds_and_pictures_of_one_colour_are_found_where_they_were_made(
    tmp_path: Path,
) -> None:
    flat, drawn = str(tmp_path / "flat.png"), str(tmp_path / "drawn.png")
    Image.new("RGB", (32, 32), "red").save(flat)
    Image.linear_gradient("L").convert("RGB").save(drawn)
    silent, tone = str(tmp_path / "silent.wav"), str(tmp_path / "tone.wav")
    soundfile.write(silent, np.zeros(8000, np.float32), 16000)
    soundfile.write(tone, np.sin(np.arange(8000) / 9).astype(np.float32) / 2, 16000)
    painter, speaker = task_type("text-to-image"), task_type("text-to-speech")
    assert "one colour" in degenerate(painter, [{"kind": "image", "path": flat}])
    assert degenerate(painter, [{"kind": "image", "path": drawn}]) == ""
    assert "silent" in degenerate(speaker, [{"kind": "audio", "path": silent}])
    assert degenerate(speaker, [{"kind": "audio", "path": tone}]) == ""
    assert degenerate(task_type("image-to-image"), [{"kind": "image", "path": flat}]) == ""
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken = degenerate(painter, [{"kind": "image", "path": str(tmp_path / "broken.png")}])
    assert "cannot be read" in broken


# ---- stopping -----------------------------------------------------------------------------------


class Looping(Bench):
    """Its model goes round in a thread until it is stopped, as a generation does."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.stopped = threading.Event(), threading.Event()

    @property
    def tools(self) -> Mapping[str, BaseTool]:
        def work(text: str, model: str, route: str) -> tuple[str, dict[str, Any]]:
            self.started.set()
            try:
                for _ in range(3000):
                    check_cancelled()
                    time.sleep(0.01)
            except Exception:
                self.stopped.set()
                raise
            return "", {"kind": "text", "value": "end", "files": [], "model": model}

        tool = StructuredTool.from_function(
            work, name="summarization", description="", response_format="content_and_artifact"
        )
        return {"summarization": tool}


async def test_cancelling_the_run_stops_the_thread_that_works_for_it() -> None:
    parts = Looping()
    run = asyncio.create_task(graph_of(parts).ainvoke(given([step(0, 0)])))
    assert await asyncio.to_thread(parts.started.wait, 10)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await asyncio.to_thread(parts.stopped.wait, 2)


async def test_closing_the_stream_stops_the_thread_that_works_for_it() -> None:
    parts = Looping()
    stream = graph_of(parts).astream(given([step(0, 0)]), stream_mode="custom")
    async for event in stream:
        if event["state"] == "running" and await asyncio.to_thread(parts.started.wait, 10):
            break
    await stream.aclose()
    assert await asyncio.to_thread(parts.stopped.wait, 2)


async def test_a_task_that_takes_too_long_leaves_no_thread_at_work() -> None:
    parts = Looping()
    parts.settings.__dict__["task_timeout"] = 0.2
    out = await graph_of(parts).ainvoke(given([step(0, 0)]))
    assert out["results"]["0"]["error"]["error"] == "TaskTimeoutError"
    assert await asyncio.to_thread(parts.stopped.wait, 2)


def test_the_end_of_the_time_stops_a_plain_run_too() -> None:
    parts = Looping()
    began = time.monotonic()
    state = {**given([step(0, 0)]), "usage": USAGE}
    out = compiled(parts).invoke(state, context={"budget": {"seconds": 0.2}})
    assert out["results"]["0"]["status"] == "skipped" and time.monotonic() - began < 5
    assert parts.stopped.wait(2)


# ---- many at once -------------------------------------------------------------------------------


async def test_a_hundred_requests_at_once_are_never_mixed_up() -> None:
    parts = Bench(width=4)
    graph = compiled(parts)

    async def one(number: int) -> None:
        first = 10 * number
        tasks = [
            step(first, 0.01),
            step(first + 1, 0.01, first),
            step(first + 2, 0, first, first + 1),
        ]
        out = await graph.ainvoke(given(tasks))
        value = f"t{first + 2}(t{first}(),t{first + 1}(t{first}()))"
        assert out["results"][str(first + 2)]["value"] == value

    await asyncio.gather(*(one(number) for number in range(1, 101)))
    assert set(parts.ran.values()) == {1}
