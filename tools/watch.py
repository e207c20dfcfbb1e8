"""What a loaded model does at each of its layers and steps: look whether it should stop, and tell.

A forward pass cannot be interrupted from outside, so each layer of a watched model looks first: a
run ends within the time of one layer, in a generation, a diffusion loop or a long document alike.

Not covered: models outside torch, and a single layer that takes seconds.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

from .cancel import check_cancelled
from .progress import report

Model = TypeVar("Model")
_ALSO: ContextVar[Callable[[], None] | None] = ContextVar("also", default=None)


@contextmanager
def at_each_step(also: Callable[[], None]) -> Iterator[None]:
    """Calls the function, too, at each layer that runs inside the block; what it raises ends it."""
    token = _ALSO.set(also)
    try:
        yield
    finally:
        _ALSO.reset(token)


def _step(*_: Any) -> None:
    check_cancelled()
    also = _ALSO.get()
    if also is not None:
        also()


def watch(model: Model) -> Model:
    """The model (of torch, Transformers or Diffusers), which now looks and tells as it works."""
    parts = getattr(model, "components", None)
    for part in parts.values() if isinstance(parts, dict) else [model]:
        if hasattr(part, "register_forward_pre_hook"):
            _hook(part)
    if hasattr(model, "progress_bar"):
        model.progress_bar = _Steps
    elif "stopping_criteria" in _parameters(getattr(type(model), "generate", None)):
        _count_tokens(model)
    return model


def _hook(module: Any) -> None:
    """The module itself and every layer that stands in a list, at any depth."""
    from torch.nn import ModuleList

    if _step in module._forward_pre_hooks.values():
        return
    module.register_forward_pre_hook(_step)
    for part in module.modules():
        if isinstance(part, ModuleList):
            for layer in part:
                if layer is not None:  # a UNet may have no attention at a level
                    layer.register_forward_pre_hook(_step)


def _parameters(function: Any) -> Iterable[str]:
    return inspect.signature(function).parameters if function else ()


def _count_tokens(model: Any) -> None:
    """Lets ``generate`` tell how many tokens there are, of how many at most."""
    from transformers import StoppingCriteriaList

    own = weakref.ref(model)  # a model that holds itself would stay in memory when it leaves

    def generate(*args: Any, **options: Any) -> Any:
        model: Any = own()
        config = options.get("generation_config") or getattr(model, "generation_config", None)
        most = options.get("max_new_tokens") or getattr(config, "max_new_tokens", None) or 0
        given = options.pop("stopping_criteria", None) or []
        counted = StoppingCriteriaList([*given, _Tokens(int(most))])
        return type(model).generate(model, *args, stopping_criteria=counted, **options)

    model.generate = generate


class _Tokens:
    """A stopping criterion that never stops; it counts its calls, one a token."""

    def __init__(self, most: int) -> None:
        self.done = 0
        self.most = most

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.done += 1
        report("running", self.done, self.most, "tokens")
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


class _Steps:
    """What a Diffusers pipeline takes for its progress bar."""

    def __init__(self, iterable: Any = None, total: int | None = None) -> None:
        self.iterable = iterable
        self.done = 0
        self.total = int(total if total is not None else len(iterable))

    def update(self, count: int = 1) -> None:
        """So many steps are done."""
        self.done += count
        check_cancelled()
        report("running", self.done, self.total, "steps")

    def __iter__(self) -> Iterator[Any]:
        for each in self.iterable:
            yield each
            self.update()

    def __enter__(self) -> _Steps:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def close(self, *_: Any) -> None:
        """Nothing: there is no bar."""

    set_description = close
