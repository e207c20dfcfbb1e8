"""The benchmark measures what really ran, and its fakes speak the real protocols."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from hugginggraph.evals import Figure, ask_all, bare_calls, fakes, faults


def test_a_figure_knows_on_which_side_of_its_target_it_should_be() -> None:
    assert Figure("ratio", 1.02, 1.03).met and not Figure("ratio", 1.04, 1.03).met
    assert Figure("%", 99.2, 99, "at least").met and not Figure("%", 98, 99, "at least").met


async def test_as_many_tasks_finish_as_three_candidates_allow() -> None:
    figures = await faults(batches=3)
    for figure, rate in zip(figures, (0.1, 0.3, 0.5), strict=True):
        assert abs(figure.reached - 100 * (1 - rate**3)) < 8
    assert figures[2].reached < 100  # the faults did happen


async def test_whole_requests_ask_the_llm_three_times_whatever_their_plan(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUGGINGGRAPH_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with fakes(0, 0) as url:
        found = await ask_all(url, tmp_path, 1, data_dir)
    assert [plan for plan, _, _ in found] == ["one", "ind4", "chain4", "dag6"]
    assert all(0 < calls <= 3 for _, _, calls in found)


async def test_the_bare_calls_are_those_of_the_plan_each_after_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HUGGINGGRAPH_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    bench = import_module("hugginggraph.evals.bench")
    real, made, running = bench.run_remotely, list[str](), list[int]()

    def run_remotely(row: Any, *args: Any) -> Any:
        running.append(1)
        made.append(f"{row.id} beside {len(running) - 1}")
        try:
            return real(row, *args)
        finally:
            running.pop()

    monkeypatch.setattr(bench, "run_remotely", run_remotely)
    with fakes(0, 0) as url:
        seconds = await bare_calls(url, "chain4", 1)
    assert seconds > 0
    assert made == 2 * [*3 * ["image-to-image beside 0"], "image-to-text beside 0"]


async def test_langgraph_alone_runs_every_task_after_those_it_needs() -> None:
    bench = import_module("hugginggraph.evals.bench")
    tasks, _, _ = bench.uneven(40, 3, 0, 1)
    _, out = await bench._timed(bench._graph_of(bench._only_tasks), tasks)
    assert [*out["results"]] == [str(task["id"]) for task in tasks]
    loose = [{**task, "dep": [len(tasks) + 1]} for task in tasks[:1]]
    with pytest.raises(KeyError):
        await bench._timed(bench._graph_of(bench._only_tasks), loose)
