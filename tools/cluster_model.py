"""One model in a process of its own, somewhere in a Ray cluster (``cluster.py`` starts it)."""

from __future__ import annotations

import asyncio
import contextvars
import os
import pickle
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hugginggraph.registry import ModelCard, TaskType

from .cancel import cancel_scope
from .checkpoint import locate
from .film import Clip
from .pool import MOST_TOGETHER, ModelPool
from .progress import Progress, progress_to
from .runner import Output


@dataclass(frozen=True)
class _Film:
    """A video on its way to another machine: what is known of it, and its file's bytes."""

    clip: Clip
    data: bytes


def packed(args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that can go to another machine; a video is the only one that is not in memory."""
    return {
        name: _Film(value, value.path.read_bytes()) if isinstance(value, Clip) else value
        for name, value in args.items()
    }


class ModelActor:
    """A model that is loaded by the first call; calls at the same time are batched by its pool.

    Args:
        max_memory: bytes that this process may take, None for the usual share of the machine's.
        options: the keywords of `locate`.
    """

    def __init__(self, max_memory: int | None, **options: Any) -> None:
        os.environ["OMP_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))  # Ray has set one
        self._options = options
        self._pool = ModelPool(max_memory=max_memory)
        self._threads = ThreadPoolExecutor(MOST_TOGETHER)
        self._files: Path | None = None

    async def run(self, sent: bytes) -> AsyncIterator[Progress | Output]:
        """What the call tells while it works, and last its output. Cancelling it stops it."""
        task, card, args = pickle.loads(sent)
        loop, told = asyncio.get_running_loop(), asyncio.Queue[Progress | None]()

        def tell(progress: Progress | None) -> None:
            loop.call_soon_threadsafe(told.put_nowait, progress)

        with cancel_scope() as stop, progress_to(tell):
            context = contextvars.copy_context()
            work = loop.run_in_executor(self._threads, context.run, self._work, task, card, args)
            work.add_done_callback(lambda _: told.put_nowait(None))
            try:
                while progress := await told.get():
                    yield progress
                yield await work
            finally:
                stop.set()

    def _work(self, task: TaskType, card: ModelCard, args: Mapping[str, Any]) -> Output:
        if self._files:
            card = card.model_copy(update={"path": self._files})
        with ExitStack() as films:
            values = {name: _unpacked(value, films) for name, value in args.items()}
            return self._pool.run(task, locate(card, **self._options), values)

    async def lacks(self, folder: str) -> bool:
        """Whether the model's folder is not on this node."""
        return not Path(folder).is_dir()

    async def receive(self, name: str, data: bytes) -> None:
        """Takes a file of the model, by its path within the model's folder."""
        if self._files is None:
            self._files = Path(tempfile.mkdtemp(prefix="hugginggraph-"))
            weakref.finalize(self, shutil.rmtree, self._files, ignore_errors=True)
        path = self._files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    async def gpu_bytes(self) -> int:
        """The memory of the actor's GPU."""
        import torch

        return int(torch.cuda.get_device_properties(0).total_memory)


def _unpacked(value: Any, films: ExitStack) -> Any:
    """The argument as runners take it; a video's file is there until ``films`` is closed."""
    if not isinstance(value, _Film):
        return value
    folder = films.enter_context(tempfile.TemporaryDirectory(prefix="hugginggraph-"))
    path = Path(folder, value.clip.path.name)
    path.write_bytes(value.data)
    return replace(value.clip, path=path)
