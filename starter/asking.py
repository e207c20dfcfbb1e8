"""What a check of the pack is: models to ask, figures, and what they must reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Figures = dict[str, float]
SIZES = ((480, 360), (256, 256), (320, 240))
"""Of the pictures that are asked about."""


class Ask(Protocol):
    """Runs a checkpoint, by its name, on arguments by slot.

    Sounds are (samples, rate), videos (pictures, rate) or the bytes of an mp4 file.
    """

    def __call__(self, name: str, args: Mapping[str, Any]) -> Any:
        """An output with a `value` and `media`, each with its `data`."""


@dataclass(frozen=True)
class Check:
    """A checkpoint, the figures that it must reach, and how they are measured.

    A target below zero is an upper limit: a word error rate of 0.05 at most is -0.05.
    """

    name: str
    task: str
    targets: Mapping[str, float]
    measure: Callable[[Ask, int, int], Figures]

    def reached(self, figures: Figures) -> bool:
        """Whether the figures are good enough."""
        return all(
            figures[name] <= -target if target < 0 else figures[name] >= target
            for name, target in self.targets.items()
        )

    @property
    def bounds(self) -> str:
        """What must be reached, in words."""
        return ", ".join(
            f"{name} {'≤' if target < 0 else '≥'} {abs(target):g}"
            for name, target in self.targets.items()
        )


def shares(first: str, right: Mapping[str, list[bool]]) -> Figures:
    """The share of right answers, of all (under the name `first`) and of each kind."""
    every = [ok for many in right.values() for ok in many]
    kinds = {kind: float(np.mean(many)) for kind, many in right.items() if many}
    return {first: float(np.mean(every)), **kinds} if first else kinds
