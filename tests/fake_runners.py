"""A task type with a runner of the test's own, and a machine with as much memory as it says."""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hugginggraph.registry import Kind, ModelCard, Slot, TaskType
from hugginggraph.tools import Checkpoint, Run, Runner
from hugginggraph.tools.memory import Memory


def checkpoint(name: str = "a", library: str = "fake", **more: Any) -> Checkpoint:
    """A checkpoint without files; ``size`` is what its card says of its bytes."""
    facts = {"size_bytes": more.pop("size", None), "task": "echo", "description": ""}
    return Checkpoint(ModelCard(id=name, library=library, **facts), name, **more)


def make_row(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TaskType]:
    """What makes a task type whose runner is the given function."""
    module = ModuleType("fake_runners_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def row(runner: Runner, output: Kind = "text", name: str = "echo") -> TaskType:
        setattr(module, name, runner)
        slots = (Slot("text", "text", "the text"),)
        return TaskType(name, "says it", slots, output, {"fake": f"{module.__name__}:{name}"})

    return row


class Machine(Memory):  # type: ignore[misc]  # from an inner module, untyped from outside
    """So much memory on each device, taken by what is loaded with `holding`."""

    def __init__(self, **devices: int) -> None:
        self.size = {name.replace("_", ":"): size for name, size in devices.items()}
        self.bound = self.size["cpu"]
        self.held: Counter[str] = Counter()

    def taken(self, device: str) -> int:
        return self.held[device]

    def free(self, device: str) -> int:
        return self.size[device] - self.held[device]

    def cards(self) -> list[str]:
        return [name for name in self.size if name.startswith("cuda:")]

    def holding(self, runner: Runner) -> Runner:
        """The runner, whose runs hold their card's bytes for as long as they live."""

        def load(checkpoint: Checkpoint) -> Run:
            inner, size = runner(checkpoint), checkpoint.card.size_bytes or 0
            device = checkpoint.device
            assert size <= self.free(device), "it was loaded where it does not fit"
            self.held[device] += size

            def run(args: Any) -> Any:
                return inner(args)

            weakref.finalize(run, self.held.subtract, {device: size})
            return run

        return load
