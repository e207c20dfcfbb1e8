"""Trains `shapes-table`: which shape has these measures, a scikit-learn model saved with skops.

A row of the table measures one drawn shape (`COLUMNS`), all as shares, so that its size in pixels
does not matter. Seconds on one CPU core. Needs the extra `tabular`.
"""

from __future__ import annotations

import json

import numpy as np

from .training import Run, say
from .world import outline_of, seeds

COLUMNS = ("width_to_height", "filled", "roundness", "top_half", "middle_width", "corner_filled")


def measures(seed: int) -> tuple[list[float], str]:
    """The measures of the one shape that a seed draws, and its name.

    They are: width over height of its box; the share of the box that it fills; 4π area over the
    square of its perimeter; the share of its area in the upper half; the width of its middle row
    over its box's; and the share that it fills of the box's four corners (a quarter of each side).
    """
    shape, mask = outline_of(seed)
    area = float(mask.sum())
    height, width = mask.shape
    padded = np.pad(mask, 1)
    edges = sum(float(np.abs(np.diff(padded, axis=axis)).sum()) for axis in (0, 1))
    v, h = height // 4, width // 4
    corners = (mask[:v, :h], mask[:v, -h:], mask[-v:, :h], mask[-v:, -h:])
    return [
        round(value, 4)
        for value in (
            width / height,
            area / (width * height),
            4 * np.pi * area / edges**2,
            float(mask[: height // 2].sum()) / area,
            float(mask[height // 2].sum()) / width,
            float(np.mean([corner.mean() for corner in corners])),
        )
    ], shape


def train(run: Run) -> None:
    """Trains and saves the model into `run.out`."""
    import skops.io as skops
    from pandas import DataFrame
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    found = [measures(seed) for seed in seeds("train", run.seed, run.scenes or 3_000)]
    table = DataFrame([row for row, _ in found], columns=list(COLUMNS))
    model = make_pipeline(
        StandardScaler(), PolynomialFeatures(2), LogisticRegression(C=10, max_iter=2_000)
    )
    model.fit(table, [shape for _, shape in found])
    say(f"right on what it learnt from: {model.score(table, [s for _, s in found]):.3f}")
    run.out.mkdir(parents=True, exist_ok=True)
    skops.dump(model, run.out / "model.skops")
    about = {"sklearn": {"columns": list(COLUMNS), "model": {"file": "model.skops"}}}
    (run.out / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
