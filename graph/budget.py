"""What a run may use up at most. At a limit it starts nothing more and answers with what it has.

Requests and LLM calls are counted before they are made, so that their limits are never passed.
Tokens are known only afterwards: the call that passes their limit is the last. Seconds count while
the tasks run; what runs when they are over is stopped.

Not covered: the price of a provider, which nothing tells beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hugginggraph.registry import BudgetError, Settings, readable_size

from .state import Context, Limits, Usage

_NAMES: Mapping[str, str] = {
    "seconds": "seconds of running tasks",
    "remote_requests": "remote requests",
    "llm_calls": "LLM calls",
    "tokens": "tokens",
    "download_bytes": "bytes of downloads",
}


def limits_of(settings: Settings, context: Context) -> dict[str, float]:
    """The limits that are set, by name: the run's own, then those of the settings.

    Raises:
        BudgetError: the run names a limit that does not exist, or that is no number from 0 up.
    """
    given: Limits = context.get("budget") or {}
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if name not in _NAMES or not number:
            raise BudgetError(
                f"The budget '{name}: {value!r:.40}' cannot be used.",
                f"Give a number from 0 up for one of: {', '.join(_NAMES)}.",
            )
    out = {name: getattr(settings, f"budget_{name}") for name in _NAMES} | dict(given)
    return {name: float(value) for name, value in out.items() if value is not None}


class Budget:
    """What one run has used of its limits."""

    def __init__(self, settings: Settings, context: Context, usage: Usage | None = None) -> None:
        self._wrong: BudgetError | None = None
        self._limits: Mapping[str, float] = {}
        try:
            self._limits = limits_of(settings, context)
        except BudgetError as exc:  # told by each task, which then does not run
            self._wrong = exc
        self._used: dict[str, float] = dict.fromkeys(_NAMES, 0)
        self._began = time.monotonic()
        if usage:
            self._used |= {name: usage[name] for name in ("llm_calls", "tokens", "seconds")}

    def limits(self, name: str) -> bool:
        """Whether a limit is set."""
        return name in self._limits

    @property
    def left(self) -> float:
        """Seconds that are left, infinity without a limit."""
        if "seconds" not in self._limits:
            return float("inf")
        return self._limits["seconds"] - self._used["seconds"] - (time.monotonic() - self._began)

    @property
    def seconds(self) -> float:
        """Seconds since these tasks began, and of earlier passes of the run."""
        return self._used["seconds"] + time.monotonic() - self._began

    def check_time(self) -> None:
        """Raises BudgetError where no time is left, or a limit cannot be used."""
        if self._wrong:
            raise self._wrong
        if self.left <= 0:
            raise self._over("seconds")

    def ask_llm(self) -> None:
        """Count an LLM call that is about to be made.

        Raises:
            BudgetError: the calls or tokens are used up.
        """
        if self._used["tokens"] >= self._limits.get("tokens", float("inf")):
            raise self._over("tokens")
        self.take("llm_calls")

    def take(self, name: str, amount: float = 1) -> None:
        """Count what is about to be used.

        Raises:
            BudgetError: it would be more than the limit.
        """
        if self._used[name] + amount > self._limits.get(name, float("inf")):
            raise self._over(name, amount)
        self._used[name] += amount

    def add(self, name: str, amount: float) -> None:
        """Count what was used, known only afterwards."""
        self._used[name] += amount

    def _over(self, name: str, amount: float = 0) -> BudgetError:
        limit, used = self._limits[name], self._used[name]
        if name == "download_bytes":
            said = (
                f"The run's budget for downloads is {readable_size(int(limit))}; "
                f"{readable_size(int(used))} are used and {readable_size(int(amount))} are wanted."
            )
        else:
            said = f"The run's budget of {limit:g} {_NAMES[name]} is used up."
        return BudgetError(
            said, f"Raise HUGGINGGRAPH_BUDGET_{name.upper()}, or '{name}' in the run's budget."
        )


def llm_allowed(settings: Settings, context: Context, usage: Mapping[str, Any]) -> bool:
    """Whether a node may still ask the LLM."""
    try:
        limits = limits_of(settings, context)
    except BudgetError:
        return False
    return all(usage[name] < limits.get(name, float("inf")) for name in ("llm_calls", "tokens"))
