"""Runs share models, memory, threads and batches, and none is harmed by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from checkpoints import minilm
from fake_runners import Machine, checkpoint, make_row

from hugginggraph.registry import CancelledRunError, ModelRunError, OutOfMemoryError, task_type
from hugginggraph.tools import (
    Batched,
    Checkpoint,
    ModelPool,
    Output,
    Progress,
    Run,
    cancel_scope,
    locate,
    progress_to,
)

SOON = 20.0
"""Seconds after which a test that waits for something gives up."""


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a task type whose runner is the given function."""
    return make_row(monkeypatch)


def echo(checkpoint: Checkpoint) -> Run:
    return lambda args: Output(f"{checkpoint.card.id} {args['text']} {checkpoint.device}")


def test_the_least_recently_used_models_leave_for_one_that_needs_their_room(row: Any) -> None:
    machine, loads = Machine(cpu=100), []

    def load(checkpoint: Checkpoint) -> Run:
        loads.append(checkpoint.card.id)
        return echo(checkpoint)

    task, pool = row(machine.holding(load)), ModelPool(memory=machine)
    for name, size in (("a", 40), ("b", 40), ("a", 40), ("c", 30), ("a", 40), ("d", 90)):
        pool.run(task, checkpoint(name, size=size), {"text": "x"})
    assert loads == ["a", "b", "c", "d"]
    assert len(pool) == 1


def test_a_model_that_can_never_fit_is_refused_in_numbers_and_nothing_leaves(row: Any) -> None:
    machine = Machine(cpu=100_000_000)
    task, pool = row(machine.holding(echo)), ModelPool(memory=machine)
    pool.run(task, checkpoint("a", size=60_000_000), {"text": "x"})
    with pytest.raises(OutOfMemoryError, match=r"'b' needs 120 MB.*100 MB.*MAX_MEMORY"):
        pool.run(task, checkpoint("b", size=120_000_000), {"text": "x"})
    assert len(pool) == 1


def test_what_does_not_fit_beside_a_running_model_waits_for_it(row: Any) -> None:
    machine, inside, go = Machine(cpu=100), threading.Event(), threading.Event()

    def load(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            if checkpoint.card.id == "a":
                inside.set()
                assert go.wait(SOON)
            return Output("done")

        return run

    def waits(told: Progress) -> None:
        if told["state"] == "waiting":
            assert told["unit"] == "memory"
            go.set()  # only now may the first one end

    task, pool = row(machine.holding(load)), ModelPool(memory=machine)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.run, task, checkpoint("a", size=60), {"text": "x"})
        assert inside.wait(SOON)
        pool.run(task, checkpoint("small", size=40), {"text": "x"})  # fits beside it
        assert not go.is_set()
        with progress_to(waits):
            pool.run(task, checkpoint("b", size=70), {"text": "x"})
        first.result()
    assert go.is_set()


def test_a_run_that_waits_for_room_can_be_stopped(row: Any) -> None:
    machine, inside, go = Machine(cpu=100), threading.Event(), threading.Event()

    def load(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            inside.set()
            assert go.wait(SOON)
            return Output("done")

        return run

    task, pool = row(machine.holding(load)), ModelPool(memory=machine)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.run, task, checkpoint("a", size=60), {})
        assert inside.wait(SOON)
        for name in ("a", "b"):  # for the model itself, and for the memory that it takes
            with (
                cancel_scope() as event,
                progress_to(lambda told: event.set() if told["state"] == "waiting" else None),
                pytest.raises(CancelledRunError),
            ):
                pool.run(task, checkpoint(name, size=60), {})
        go.set()
        assert first.result().value == "done"


def test_memory_that_runs_out_on_a_gpu_sends_the_call_to_the_processor(row: Any) -> None:
    import torch

    def load(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            if checkpoint.device == "cuda:0":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")
            return Output(checkpoint.device)

        return run

    pool = ModelPool(memory=Machine(cpu=100, cuda_0=100))
    gpu = checkpoint(size=50, device="cuda:0")
    assert pool.run(row(load), gpu, {}).value == "cpu"


@pytest.mark.parametrize("raised", [MemoryError(), RuntimeError("can't allocate memory: 8 TB")])
def test_memory_that_runs_out_has_a_name(row: Any, raised: Exception) -> None:
    def load(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            raise raised

        return run

    with pytest.raises(OutOfMemoryError, match=r"'a' failed while it ran.*smaller model"):
        ModelPool().run(row(load), checkpoint(), {})


def test_a_model_goes_to_the_gpu_with_most_room_and_stays_there(row: Any) -> None:
    machine = Machine(cpu=100, cuda_0=40, cuda_1=90)
    task, pool = row(machine.holding(echo)), ModelPool(memory=machine)

    def where(name: str, size: int) -> str:
        asked = checkpoint(name, size=size, device="cuda")
        return str(pool.run(task, asked, {"text": "on"}).value)

    assert where("a", 60) == "a on cuda:1"
    assert where("b", 35) == "b on cuda:0"
    assert where("a", 60) == "a on cuda:1"


def test_a_model_larger_than_the_gpu_is_offloaded_where_memory_holds_the_rest(row: Any) -> None:
    def load(checkpoint: Checkpoint) -> Run:
        return lambda args: Output(f"{checkpoint.device} {checkpoint.offload}")

    task, pool = row(load), ModelPool(memory=Machine(cpu=100, cuda_0=50))
    for size, where in ((40, "cuda:0 False"), (120, "cuda:0 True")):
        found = pool.run(task, checkpoint(str(size), size=size, device="cuda:0"), {})
        assert found.value == where
    with pytest.raises(OutOfMemoryError):
        pool.run(task, checkpoint("huge", size=400, device="cuda:0"), {})


def test_a_model_that_takes_more_than_the_bound_as_it_runs_is_stopped(
    row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from hugginggraph.tools.memory import Memory
    from hugginggraph.tools.watch import watch

    monkeypatch.setattr("hugginggraph.tools.pool.LOOKS", 0.0)
    kept = []

    def load(checkpoint: Checkpoint) -> Run:
        layer = watch(torch.nn.Identity())

        def run(args: Mapping[str, Any]) -> Output:
            for _ in range(100):
                kept.append(torch.ones(5_000_000))  # 20 MB, 2 GB in all
                layer(kept[-1])
            return Output("done")

        return run

    memory = Memory()
    memory.bound = memory.taken("cpu") + 200_000_000
    with pytest.raises(OutOfMemoryError, match=r"'a' was stopped.*may take"):
        ModelPool(memory=memory).run(row(load), checkpoint(), {})
    assert 5 < len(kept) < 40
    kept.clear()


def test_the_tasks_of_one_model_share_its_weights() -> None:
    machine, taken = ModelPool(), []
    card = minilm("feature-extraction")
    found = locate(card, offline=True, device="cpu")
    args = {"text": "a dog", "sentences": ["a puppy", "the tax law"]}
    texts = {"text": "It is about sport.", "candidate_labels": ["sport", "law"]}
    for task, given in (
        ("feature-extraction", {"text": "a dog"}),
        ("sentence-similarity", args),
        ("zero-shot-classification", texts),
    ):
        machine.run(task_type(task), found, given)
        (slot,) = machine._slots.values()
        taken.append([id(part) for part in slot.parts.values()])
    assert len(taken[0]) == 1
    assert taken[0] == taken[1] == taken[2]


def batches(sizes: list[int], hold: threading.Event, bad: str = "") -> Any:
    """A runner that answers together and keeps how many; the first call waits to be let go."""

    def load(checkpoint: Checkpoint) -> Run:
        def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
            sizes.append(len(calls))
            assert hold.wait(SOON)
            texts = [call["text"] for call in calls]
            if bad in texts:
                raise ValueError("no such word")
            if len(calls) > 4:
                raise MemoryError
            return [Output(f"done {text}") for text in texts]

        return Batched(batch)

    return load


def until(met: Callable[[], bool]) -> None:
    """Waits for another thread."""
    end = time.monotonic() + SOON
    while not met():
        assert time.monotonic() < end
        time.sleep(0.005)


def all_at_once(
    pool: ModelPool, task: Any, count: int, hold: threading.Event, sizes: list[int]
) -> list[Any]:
    """What each of so many calls gives, that all wait for the first."""

    def ask(number: int) -> Any:
        try:
            return pool.run(task, checkpoint(), {"text": str(number)}).value
        except ModelRunError as exc:
            return exc

    with ThreadPoolExecutor(count) as threads:
        asked = [threads.submit(ask, 0)]
        until(lambda: bool(sizes))
        asked += [threads.submit(ask, number) for number in range(1, count)]
        (slot,) = pool._slots.values()
        until(lambda: len(slot.calls[task.id]) == count - 1)
        hold.set()
        return [each.result(SOON) for each in asked]


def test_calls_that_come_while_a_model_works_are_answered_together(row: Any) -> None:
    sizes: list[int] = []
    hold = threading.Event()
    pool, task = ModelPool(), row(batches(sizes, hold))
    assert all_at_once(pool, task, 5, hold, sizes) == [f"done {number}" for number in range(5)]
    assert sizes == [1, 4]


def test_a_hundred_calls_on_models_that_come_and_go_each_get_their_own_answer(row: Any) -> None:
    loads: list[str] = []

    def load(checkpoint: Checkpoint) -> Run:
        loads.append(checkpoint.card.id)

        def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
            time.sleep(0.002)
            return [Output(f"{checkpoint.card.id} {call['text']}") for call in calls]

        return Batched(batch)

    pool, task = ModelPool(max_models=1), row(load)
    models = ["abc"[number % 3] for number in range(100)]

    def ask(number: int) -> Any:
        return pool.run(task, checkpoint(models[number]), {"text": str(number)}).value

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(ask, range(100)))
    assert found == [f"{model} {number}" for number, model in enumerate(models)]
    assert set(loads) == {"a", "b", "c"} and len(pool) == 1


def test_a_batch_too_large_for_the_memory_is_halved_until_it_fits(row: Any) -> None:
    sizes: list[int] = []
    hold = threading.Event()
    pool, task = ModelPool(), row(batches(sizes, hold))
    assert all_at_once(pool, task, 17, hold, sizes) == [f"done {number}" for number in range(17)]
    assert sizes == [1, 16, 8, 4, 4, 8, 4, 4]


def test_one_bad_call_fails_alone(row: Any) -> None:
    sizes: list[int] = []
    hold = threading.Event()
    pool, task = ModelPool(), row(batches(sizes, hold, bad="3"))
    found = all_at_once(pool, task, 5, hold, sizes)
    assert isinstance(found.pop(3), ModelRunError)
    assert found == ["done 0", "done 1", "done 2", "done 4"]


def test_a_batch_goes_on_where_one_of_its_callers_stops(row: Any) -> None:
    from hugginggraph.tools import check_cancelled

    hold, begun = threading.Event(), threading.Event()

    def load(checkpoint: Checkpoint) -> Run:
        def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
            begun.set()
            assert hold.wait(SOON)
            check_cancelled()
            return [Output("done") for _ in calls]

        return Batched(batch)

    pool, task = ModelPool(), row(load)
    with cancel_scope() as event, ThreadPoolExecutor(3) as threads:
        first = threads.submit(pool.run, task, checkpoint(), {})
        assert begun.wait(SOON)

        def stopped() -> Any:
            with cancel_scope(event), pytest.raises(CancelledRunError):
                pool.run(task, checkpoint(), {})

        second, third = threads.submit(stopped), threads.submit(pool.run, task, checkpoint(), {})
        event.set()
        hold.set()
        second.result(SOON)
        assert first.result(SOON).value == third.result(SOON).value == "done"


def test_the_threads_of_torch_are_divided_among_the_runs_of_the_moment(
    row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from hugginggraph.tools.watch import watch

    monkeypatch.setattr("hugginggraph.tools.pool._all_threads", lambda: 6)
    together, layer = threading.Barrier(3, timeout=SOON), watch(torch.nn.Identity())

    def load(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            if args:
                together.wait()
                layer(torch.ones(1))  # the share is looked at again at each layer
                together.wait()
            return Output(str(torch.get_num_threads()))

        return run

    task, pool = row(load), ModelPool()
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(3) as threads:
            asked = [threads.submit(pool.run, task, checkpoint(n), {"text": "x"}) for n in "abc"]
            assert [each.result().value for each in asked] == ["2", "2", "2"]
        assert pool.run(task, checkpoint("a"), {}).value == "6"
    finally:
        torch.set_num_threads(before)
