"""The benchmark measures what really ran, and its fakes speak the real protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from hugginggraph.evals import Figure, ask_all, fakes, measure


def test_a_figure_knows_on_which_side_of_its_target_it_should_be() -> None:
    assert Figure("ratio", 1.02, 1.03).met and not Figure("ratio", 1.04, 1.03).met
    assert Figure("%", 99.2, 99, "at least").met and not Figure("%", 98, 99, "at least").met


def test_tasks_finish_as_often_as_promised_where_attempts_fail() -> None:
    figures = measure(("faults",))
    assert [figure.target for figure in figures] == [99.0, 97.0, 87.0]
    assert all(figure.met for figure in figures), figures
    assert all(figure.reached < 100 for figure in figures)  # the faults did happen


async def test_whole_requests_ask_the_llm_three_times_whatever_their_plan(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUGGINGGRAPH_OFFLINE")
    with fakes(0, 0) as url:
        found = await ask_all(url, tmp_path, 1, data_dir)
    assert [plan for plan, _, _ in found] == ["one", "ind4", "chain4", "dag6"]
    assert all(0 < calls <= 3 for _, _, calls in found)
