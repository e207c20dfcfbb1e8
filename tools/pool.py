"""Loaded models, shared by all runs: each is loaded once, and used by one call at a time."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias, cast

from hugginggraph.registry import (
    HuggingGraphError,
    MissingExtraError,
    ModelError,
    ModelLoadError,
    ModelRunError,
    NoModelError,
    SettingsError,
    TaskType,
)

from .runner import Checkpoint, Output, Run, Runner
from .values import flaw

Key: TypeAlias = tuple[str, str, str, str]


@dataclass
class _Slot:
    """A model's place in the pool; the lock is held while it loads and while it runs."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    run: Run | None = None


class ModelPool:
    """Keeps the most recently used models loaded. Calls on different models run in parallel."""

    def __init__(self, max_models: int = 8) -> None:
        self._max_models = max_models
        self._slots: OrderedDict[Key, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._slots)

    def run(self, task: TaskType, checkpoint: Checkpoint, args: Mapping[str, Any]) -> Output:
        """Runs the task on the model, loading it first where it is not.

        Args:
            task: the row of the table.
            checkpoint: the model's files.
            args: by slot name, in memory (``runner.py``).

        Raises:
            ModelLoadError: its files could not be loaded.
            MissingExtraError: a library that it needs is not installed.
            ModelRunError: it raised, or what it gave is no result.
            HuggingGraphError: whatever named error its runner raised.
        """
        card = checkpoint.card  # not the location: a fetched model moves from the Hub to the cache
        key = (task.id, card.id, str(card.path or ""), checkpoint.device)
        slot = self._take(key)
        with slot.lock:
            if slot.run is None:
                try:
                    slot.run = _load(task, checkpoint)
                except HuggingGraphError:
                    self._drop(key, slot)
                    raise
            return _answer(task, checkpoint, slot.run, args)

    def _take(self, key: Key) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._max_models:
                self._slots.popitem(last=False)
            return slot

    def _drop(self, key: Key, slot: _Slot) -> None:
        with self._lock:
            if self._slots.get(key) is slot:
                del self._slots[key]


def resolve_runner(task: TaskType, library: str) -> Runner:
    """The function that loads models of a library for a task.

    Raises:
        NoModelError: the task's row has no runner for the library.
        SettingsError: the row names a function that is not there.
    """
    if library not in task.runners:
        known = ", ".join(task.runners) or "none"
        raise NoModelError(
            f"No model of the library '{library}' can run {task.id} here.",
            f"It runs models of: {known}.",
        )
    module, _, function = task.runners[library].partition(":")
    try:
        return cast(Runner, getattr(import_module(module), function))
    except (ModuleNotFoundError, AttributeError, ValueError) as exc:
        raise SettingsError(
            f"The runner '{task.runners[library]}' of {task.id} does not exist: {exc}.",
            "Mend the package that brings the task type.",
        ) from exc


def _load(task: TaskType, checkpoint: Checkpoint) -> Run:
    model_id = checkpoint.card.id
    load = resolve_runner(task, checkpoint.card.library)
    try:
        return load(checkpoint)
    except HuggingGraphError:
        raise
    except ImportError as exc:
        raise _missing_library(model_id, exc) from exc
    except Exception as exc:  # the door: whatever a library raises becomes a named error
        raise ModelLoadError(
            f"The model '{model_id}' could not be loaded: {_in_short(exc)}",
            "Choose another model, or fetch its files again.",
        ) from exc


def _answer(task: TaskType, checkpoint: Checkpoint, run: Run, args: Mapping[str, Any]) -> Output:
    model_id = checkpoint.card.id
    try:
        with _without_gradients():
            output = run(args)
        wrong = flaw(task.output, output.value)
    except HuggingGraphError:
        raise
    except ImportError as exc:
        raise _missing_library(model_id, exc) from exc
    except Exception as exc:  # the door, as above
        raise ModelRunError(
            f"The model '{model_id}' failed while it ran: {_in_short(exc)}",
            "Try another model or another input.",
        ) from exc
    if wrong:
        raise ModelRunError(
            f"The model '{model_id}' gave no usable result: {wrong}.", "Try another model."
        )
    return output


def _without_gradients() -> Any:
    torch = sys.modules.get("torch")  # a runner that needs no torch must not pay for its import
    return torch.inference_mode() if torch else nullcontext()


def _missing_library(model_id: str, exc: ImportError) -> ModelError:
    name = f"the library '{exc.name}'" if exc.name else "a library that is not installed"
    return MissingExtraError(
        f"The model '{model_id}' needs {name}: {_in_short(exc)}",
        f"`pip install {exc.name}`, or choose another model."
        if exc.name
        else "Choose another model.",
    )


def _in_short(exc: BaseException) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    text = lines[0] if lines else type(exc).__name__
    if isinstance(exc, MemoryError) or "out of memory" in text.lower():
        return "there is not enough memory."
    if isinstance(exc, KeyError):
        text = f"{text} is missing"
    text = text if len(text) <= 240 else text[:239] + "…"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
