"""The benchmark measures what really ran, and its fakes speak the real protocols."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from hugginggraph.evals import Figure, ask_all, fakes, faults


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
