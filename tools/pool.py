"""Loaded models, shared by all runs and bounded in memory.

A checkpoint is loaded once for all its tasks, and is used by one call at a time. Calls for one task
that come while it works are answered together where its run is ``Batched``. What does not fit waits
until it does; models that nobody uses leave for it, the least recently used first; what can never
fit is refused before it is loaded. The threads of torch are divided among the runs of the moment.

Not covered: what a run takes in a single layer, or outside torch, before it is noticed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, TypeAlias

from hugginggraph.registry import (
    CancelledRunError,
    OutOfMemoryError,
    TaskType,
    keeps_models,
    readable_size,
)

from .calls import answer, held, load_run
from .cancel import LOOKS, cancel_event, cancel_scope, check_cancelled
from .memory import Memory, needed
from .progress import Listener, Progress, progress_listener, progress_to, report
from .runner import Batched, Checkpoint, Output, Run
from .watch import at_each_step

Key: TypeAlias = tuple[str, str, str]

MOST_TOGETHER = 16
"""Calls in one batch."""
OVER = 1.05
"""How far a run may go beyond the bound before it is stopped."""


@dataclass(eq=False)
class _Call:
    """One call, who may stop it and who listens; ``outcome`` once it was answered."""

    args: Mapping[str, Any]
    stop: threading.Event | None = field(default_factory=cancel_event)
    listener: Listener | None = field(default_factory=progress_listener)
    outcome: Output | Exception | None = None


@dataclass(eq=False)
class _Slot:
    """A checkpoint's place; the lock is held while it loads and while it runs."""

    device: str
    parts: dict[Any, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    runs: dict[str, Run] = field(default_factory=dict)
    calls: defaultdict[str, deque[_Call]] = field(default_factory=lambda: defaultdict(deque))
    users: int = 0
    bytes: int = 0


class ModelPool:
    """Keeps the most recently used models loaded. Calls on different models run in parallel.

    Args:
        max_models: how many models are kept at most while nobody uses them.
        max_memory: bytes that the process may take; `memory.SHARE` of the machine's where None.
        memory: what there is, else this machine's.
    """

    def __init__(
        self,
        max_models: int = 64,
        *,
        max_memory: int | None = None,
        memory: Memory | None = None,
    ) -> None:
        self._max_models = max_models
        self._memory = memory or Memory(max_memory)
        self._slots: OrderedDict[Key, _Slot] = OrderedDict()
        self._pending: defaultdict[str, int] = defaultdict(int)
        self._observed: dict[Key, int] = {}
        self._running = 0
        self._changed = threading.Condition()
        keeps_models(self)

    def __len__(self) -> int:
        return len(self._slots)

    def kept(self) -> tuple[int, frozenset[str]]:
        """The bytes of RAM that idle models would leave to another, and the ids of all here."""
        with self._changed:
            loaded = {key: slot for key, slot in self._slots.items() if slot.runs}
            idle = [s for s in loaded.values() if s.device == "cpu" and not s.users]
            return sum(slot.bytes for slot in idle), frozenset(key[0] for key in loaded)

    def run(self, task: TaskType, checkpoint: Checkpoint, args: Mapping[str, Any]) -> Output:
        """Runs the task on the model, loading it first where it is not.

        What does not fit on a GPU is run by the processor.

        Args:
            task: the row of the table.
            checkpoint: the model's files.
            args: by slot name, in memory (``runner.py``).

        Raises:
            ModelLoadError: its files could not be loaded.
            MissingExtraError: a library that it needs is not installed.
            OutOfMemoryError: it does not fit, or ran out of memory.
            ModelRunError: it raised, or what it gave is no result.
            CancelledRunError: the run was stopped.
            HuggingGraphError: whatever named error its runner raised.
        """
        try:
            return self._run(task, self._placed(checkpoint), args)
        except OutOfMemoryError:
            if checkpoint.device == "cpu":
                raise
        self._memory.trim()
        return self._run(task, replace(checkpoint, device="cpu"), args)

    def _run(self, task: TaskType, checkpoint: Checkpoint, args: Mapping[str, Any]) -> Output:
        call = _Call(args)
        with self._slot(checkpoint) as slot:
            queue = slot.calls[task.id]
            queue.append(call)
            try:
                while call.outcome is None:
                    with held(slot.lock, "the model"):
                        check_cancelled()
                        if call.outcome is None:
                            run = self._loaded(slot, task, checkpoint)
                            self._answer(task, checkpoint.card.id, run, _together(run, queue, call))
            finally:
                if call in queue:
                    queue.remove(call)
        if isinstance(call.outcome, Exception):
            raise call.outcome
        return call.outcome

    @contextmanager
    def _slot(self, checkpoint: Checkpoint) -> Iterator[_Slot]:
        """The checkpoint's slot, which cannot leave the pool inside the block."""
        key = _key(checkpoint)
        with self._changed:
            slot = self._slots.setdefault(key, _Slot(checkpoint.device))
            self._slots.move_to_end(key)
            slot.users += 1
        try:
            yield slot
        finally:
            with self._changed:
                slot.users -= 1
                if not slot.runs and not slot.users:
                    self._slots.pop(key, None)
                while len(self._slots) > self._max_models and self._leave(""):
                    pass
                self._changed.notify_all()

    def _placed(self, checkpoint: Checkpoint) -> Checkpoint:
        """On one of several GPUs: where it is loaded, else where most is free."""
        cards = self._memory.cards() if checkpoint.device == "cuda" else []
        if len(cards) < 2:
            return checkpoint
        with self._changed:
            choices = [replace(checkpoint, device=card) for card in cards]
            loaded = (choice for choice in choices if _key(choice) in self._slots)
            return next(loaded, None) or max(choices, key=lambda c: self._memory.free(c.device))

    def _loaded(self, slot: _Slot, task: TaskType, checkpoint: Checkpoint) -> Run:
        """The slot's run for a task; loaded, where it is not, as soon as there is room."""
        if task.id in slot.runs:
            return slot.runs[task.id]
        check_cancelled()
        checkpoint, key = replace(checkpoint, parts=slot.parts), _key(checkpoint)
        need = 0 if slot.runs else max(needed(checkpoint), self._observed.get(key, 0))
        device = checkpoint.device
        offload = self._reserve(checkpoint, need)
        try:
            report("loading")
            before = self._memory.taken(device)
            run = load_run(task, replace(checkpoint, offload=offload))
            grown = self._memory.taken(device) - before
        finally:
            with self._changed:
                alone = self._pending[device] == need and self._running == 0
                self._pending[device] -= need
                self._changed.notify_all()
        with self._changed:
            if alone and not slot.runs and not offload:
                self._observed[key] = grown
            slot.runs[task.id] = run
            slot.bytes += grown if offload else max(need, grown if alone else 0)
            while self._memory.free(device) < 0 and self._leave(device):
                pass
        report("running")
        return run

    def _reserve(self, checkpoint: Checkpoint, need: int) -> bool:
        """Waits until there is room; True where that is a GPU's and the memory's together.

        Raises:
            OutOfMemoryError: there never will be.
        """
        device = checkpoint.device
        with self._changed:
            while need:
                free = self._memory.free(device) - self._pending[device]
                if need <= free:
                    break
                others = [s for s in self._slots.values() if s.device == device]
                could = free + self._pending[device] + sum(slot.bytes for slot in others)
                if need > could:
                    if device.startswith("cuda") and need <= could + self._memory.free("cpu"):
                        while self._leave(device):
                            pass
                        self._pending[device] += need
                        return True
                    raise _no_room(checkpoint, need, could, "can be free")
                if self._leave(device):
                    continue
                busy = any(slot.users and slot.runs for slot in others)
                if not busy and not self._pending[device]:
                    raise _no_room(checkpoint, need, free, "are free")
                report("waiting", unit="memory")
                check_cancelled()
                self._changed.wait(LOOKS)
            self._pending[device] += need
        return False

    def _leave(self, device: str) -> bool:
        """The least recently used idle model leaves the device; False: there is none."""
        for key, slot in self._slots.items():
            if not slot.users and slot.device.startswith(device):
                del self._slots[key]
                slot.runs.clear()
                slot.parts.clear()
                self._memory.trim()
                return True
        return False

    def _answer(self, task: TaskType, model_id: str, run: Run, calls: list[_Call]) -> None:
        """Answers the calls, together if possible: a batch that fails is tried in halves."""
        if not calls:
            return
        try:
            with _for_all(calls), self._busy(model_id):
                outputs = answer(task, model_id, run, [call.args for call in calls])
        except Exception as exc:
            if len(calls) == 1 or isinstance(exc, CancelledRunError):
                for call in calls:
                    call.outcome = exc
                return
        else:
            for call, output in zip(calls, outputs, strict=True):
                call.outcome = output
            return
        self._memory.trim()
        self._answer(task, model_id, run, calls[: len(calls) // 2])
        self._answer(task, model_id, run, calls[len(calls) // 2 :])

    @contextmanager
    def _busy(self, model_id: str) -> Iterator[None]:
        """Counts the run inside the block, and looks after it at each of its steps."""
        with self._changed:
            self._running += 1
        share = _Threads()
        next_look = time.monotonic() + LOOKS

        def look() -> None:
            nonlocal next_look
            share.take(self._running)
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOKS
                self._refuse_excess(model_id)

        try:
            share.take(self._running)
            with at_each_step(look):
                yield
        finally:
            share.take(1)
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _refuse_excess(self, model_id: str) -> None:
        """Makes room where the process holds more than it may, and ends the run if that fails."""
        bound = self._memory.bound
        if self._memory.taken("cpu") <= bound:
            return
        with self._changed:
            while self._memory.taken("cpu") > bound and self._leave("cpu"):
                pass
        taken = self._memory.taken("cpu")
        if taken > OVER * bound:
            raise OutOfMemoryError(
                f"The model '{model_id}' was stopped: with it the process takes "
                f"{readable_size(taken)} of memory, and may take {readable_size(bound)}.",
                "Give it less at once, or raise HUGGINGGRAPH_MAX_MEMORY.",
            )


class _Threads:
    """The share of the calling thread in torch's threads."""

    def __init__(self) -> None:
        self.torch: Any = sys.modules.get("torch")
        self.now = self.torch.get_num_threads() if self.torch else 1

    def take(self, among: int) -> None:
        """An equal share among so many runs; all of them for one."""
        share = max(1, _all_threads() // max(among, 1)) if self.torch else 1
        if share != self.now:
            self.torch.set_num_threads(share)
            self.now = share


@cache
def _all_threads() -> int:
    """How many threads torch had before they were divided."""
    return int(sys.modules["torch"].get_num_threads())


def _key(checkpoint: Checkpoint) -> Key:
    card = checkpoint.card  # not the location: a fetched model moves from the Hub to the cache
    return card.id, str(card.path or ""), checkpoint.device


def _no_room(checkpoint: Checkpoint, need: int, free: int, says: str) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"The model '{checkpoint.card.id}' needs {readable_size(need)} of memory, "
        f"and {readable_size(max(free, 0))} {says} on {checkpoint.device}.",
        "Choose a smaller model, or raise HUGGINGGRAPH_MAX_MEMORY.",
    )


def _together(run: Run, queue: deque[_Call], own: _Call) -> list[_Call]:
    """The calls to answer now, taken off the queue: the oldest ones, or just one's own."""
    waiting = [call for call in list(queue) if call.stop is None or not call.stop.is_set()]
    chosen = waiting[:MOST_TOGETHER] if isinstance(run, Batched) else [own]
    for call in chosen:
        queue.remove(call)
    return chosen


@contextmanager
def _for_all(calls: list[_Call]) -> Iterator[None]:
    """Stops the block when all its callers want to stop, and tells all of them how far it is."""
    if len(calls) == 1 and calls[0].stop is cancel_event():
        yield
        return
    stops, listeners = [c.stop for c in calls], [c.listener for c in calls if c.listener]
    with cancel_scope(_All(stops)), progress_to(partial(_tell, listeners)):
        yield


def _tell(listeners: list[Callable[[Progress], None]], progress: Progress) -> None:
    for listener in listeners:
        listener(progress)


class _All(threading.Event):
    """Set when all of the events are; None is an event that never is."""

    def __init__(self, events: list[threading.Event | None]) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return all(event is not None and event.is_set() for event in self._events)
