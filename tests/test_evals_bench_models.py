"""The bench of the pool gives its figures beside their targets."""

from __future__ import annotations

import math
from importlib import import_module

import pytest

bench_models = import_module("hugginggraph.evals.bench_models")


@pytest.mark.slow
def test_the_pool_is_measured_against_bare_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_models, "TURNS", 10)
    rows = bench_models.rows()
    assert [row[2:4] for row in rows] == [(1.05, "at most"), (2.0, "at least")] * 2
    assert all(math.isfinite(row[1]) and 0.1 < row[1] < 20 for row in rows)
