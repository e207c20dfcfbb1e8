"""A runner's function found, a model loaded with it and called: whatever goes wrong has a name."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, cast

from hugginggraph.registry import (
    HuggingGraphError,
    MissingExtraError,
    ModelError,
    ModelLoadError,
    ModelRunError,
    NoModelError,
    OutOfMemoryError,
    TaskType,
)

from .cancel import LOOKS, check_cancelled
from .progress import report
from .runner import Batched, Checkpoint, Output, Run, Runner, row_function
from .values import flaw


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
    return cast(Runner, row_function(task, task.runners[library], "runner"))


def load_run(task: TaskType, checkpoint: Checkpoint) -> Run:
    """The checkpoint loaded for a task, which its card then names, whatever the model is made for.

    Raises:
        ModelError: it could not be loaded.
    """
    load = resolve_runner(task, checkpoint.card.library)
    checkpoint = replace(checkpoint, card=checkpoint.card.model_copy(update={"task": task.id}))
    with _named(checkpoint.card.id, "could not be loaded", ModelLoadError, "fetch its files again"):
        return load(checkpoint)


def answer(
    task: TaskType, model_id: str, run: Run, calls: Sequence[Mapping[str, Any]]
) -> list[Output]:
    """What a loaded model gives for each call, one call or, where it is ``Batched``, several.

    Raises:
        ModelError: it raised, or gave no usable result for one of them.
    """
    with _named(model_id, "failed while it ran", ModelRunError, "try another input"):
        with _without_gradients():
            outputs = list(run.batch(calls)) if isinstance(run, Batched) else [run(calls[0])]
        wrong = next(filter(None, (flaw(task.output, output.value) for output in outputs)), "")
    if wrong:
        raise ModelRunError(
            f"The model '{model_id}' gave no usable result: {wrong}.", "Try another model."
        )
    return outputs


@contextmanager
def _named(model_id: str, what: str, error: type[ModelError], remedy: str) -> Iterator[None]:
    """The door: whatever a library raises becomes a named error."""
    try:
        yield
    except HuggingGraphError:
        raise
    except ImportError as exc:
        raise _missing_library(model_id, exc) from exc
    except Exception as exc:
        if is_out_of_memory(exc):
            raise OutOfMemoryError(
                f"The model '{model_id}' {what}: there is not enough memory ({_in_short(exc)})",
                "Choose a smaller model, give it less at once, or free memory.",
            ) from exc
        raise error(
            f"The model '{model_id}' {what}: {_in_short(exc)}",
            f"Choose another model, or {remedy}.",
        ) from exc


@contextmanager
def held(lock: threading.Lock, name: str) -> Iterator[None]:
    """The lock, waited for as long as the run is not stopped; who waits is told for what."""
    while not lock.acquire(timeout=LOOKS):
        report("waiting", unit=name)
        check_cancelled()
    try:
        yield
    finally:
        lock.release()


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    text = str(exc).lower()
    return isinstance(exc, MemoryError) or "out of memory" in text or "can't allocate" in text


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
    if isinstance(exc, KeyError):
        text = f"{text} is missing"
    text = text if len(text) <= 240 else text[:239] + "…"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
