"""What was observed of models here: kept, shared, forgotten in time, and felt in the choice."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from test_execute import Bench, given, graph_of, step

from hugginggraph.registry import (
    CardStore,
    ModelCard,
    ModelRunError,
    Observations,
    Settings,
    explain,
    load_settings,
    retrieve,
    write_soon,
)
from hugginggraph.registry.observed import SOON_SECONDS

DAY = 86_400.0
TASK = "image-classification"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


def test_attempts_are_counted_and_lose_half_their_weight_every_day(tmp_path: Path) -> None:
    clock = Clock()
    seen = Observations(tmp_path / "new" / "observed.sqlite", clock)
    assert seen.seen(TASK) == {}
    seen.record(TASK, "acme/a", True, 2.0, 3_000)
    seen.record(TASK, "acme/a", False, 4.0, -5)
    seen.record(TASK, "acme/a", True, 9.0, route="remote")
    found = seen.seen(TASK)["acme/a"]
    assert (found.done, found.failed, found.seconds, found.memory_bytes) == (1, 1, 3, 3000)
    clock.now += DAY
    assert seen.seen(TASK)["acme/a"].failed == pytest.approx(0.5)
    assert seen.seen(TASK, "remote")["acme/a"].done == pytest.approx(0.5)
    assert seen.seen("translation") == {}


def test_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "observed.sqlite"
    code = (
        "import sys; from pathlib import Path; from hugginggraph.registry import Observations; "
        "seen = Observations(Path(sys.argv[1]), lambda: 1.0); "
        "[seen.record('t', 'm', True, 1.0) for _ in range(50)]"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [process.wait() for process in both] == [0, 0, 0]
    assert Observations(path, lambda: 1.0).seen("t")["m"].done == 150


@pytest.mark.parametrize("junk", [b"SQLite format 3\0" + bytes(range(256)) * 20, b"junk" * 999])
def test_a_damaged_file_is_put_aside_and_begun_anew(
    tmp_path: Path, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "observed.sqlite"
    path.write_bytes(junk)
    seen = Observations(path)
    with caplog.at_level(logging.WARNING):
        assert seen.seen(TASK) == {}
    assert "damaged" in caplog.text
    assert path.with_suffix(".damaged").read_bytes() == junk
    seen.record(TASK, "acme/a", True, 1.0)
    assert seen.seen(TASK)["acme/a"].done == pytest.approx(1)


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Observations(tmp_path / "file" / "observed.sqlite").record(TASK, "acme/a", True, 1.0)


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CardStore, Settings]:
    cards = [
        ModelCard(id="acme/flowers", task=TASK, library="transformers", size_bytes=9,
                  description="Names flowers in photos."),
        ModelCard(id="acme/plants", task=TASK, library="transformers", size_bytes=9,
                  description="Names plants and flowers in a photo."),
    ]  # fmt: skip
    monkeypatch.setattr("hugginggraph.registry.machine.is_local", lambda card: True)
    return CardStore.open(tmp_path / "registry", cards), load_settings(data_dir=tmp_path)


def test_a_model_that_fails_falls_and_recovers(flowers: tuple[CardStore, Settings]) -> None:
    store, settings = flowers
    clock = Clock()
    clock.now = time.time()

    def order() -> list[str]:
        request = "Name the flowers in this photo"
        return [c.card.id for c in retrieve(store, request, TASK, {}, settings=settings)]

    first, second = order()
    Observations(settings.observed_path).record(TASK, first, False, 1.0)
    Observations(settings.observed_path).record(TASK, first, False, 1.0)
    assert order() == [second, first]
    clock.now -= 20 * DAY
    settings.observed_path.unlink()
    Observations(settings.observed_path, clock).record(TASK, first, False, 1.0)
    assert order() == [first, second]


def test_what_was_observed_is_a_part_of_the_score(flowers: tuple[CardStore, Settings]) -> None:
    store, settings = flowers
    seen = Observations(settings.observed_path)
    seen.record(TASK, "acme/flowers", True, 99.0, 10**9)
    seen.record(TASK, "acme/plants", True, 0.1)
    ranking = explain(store, "flowers", TASK, {}, settings=settings)
    parts = {c.card.id: c.parts["observed"] for c in ranking.candidates}
    assert parts["acme/flowers"] < parts["acme/plants"] < 0
    for candidate in ranking.candidates:
        assert candidate.score == pytest.approx(sum(candidate.parts.values()))


def test_a_model_that_was_seen_to_need_more_memory_than_is_free_is_left_out(
    flowers: tuple[CardStore, Settings],
) -> None:
    store, settings = flowers
    Observations(settings.observed_path).record(TASK, "acme/flowers", True, 1.0, 10**15)
    found = retrieve(store, "flowers", TASK, {}, settings=settings)
    assert [c.card.id for c in found] == ["acme/plants"]


async def test_a_run_writes_down_how_its_models_did(tmp_path: Path) -> None:
    parts = Bench(failing={"m": ModelRunError("It broke.")})
    parts.settings.__dict__["data_dir"] = tmp_path
    out = await graph_of(parts).ainvoke(given([step(0, 0)]))
    assert out["results"]["0"]["status"] == "failed"
    seen, deadline = Observations(parts.settings.observed_path), time.monotonic() + 10
    while not seen.seen("summarization") and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    found = seen.seen("summarization")["m"]
    assert found.failed == pytest.approx(1) and found.done == 0


def test_what_is_written_soon_is_read_at_once_and_kept_when_the_process_ends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "observed.sqlite"
    record = Observations(path)
    time.sleep(3 * SOON_SECONDS)  # what other tests had written is over
    write_soon(lambda: record.record("summarization", "a", True, 1.0))
    write_soon(lambda: record.record("summarization", "b", False, 1.0))
    assert not path.exists()
    assert set(record.seen("summarization")) == {"a", "b"}
    write_soon(lambda: record.record("summarization", "c", True, 1.0))
    until = time.monotonic() + 20
    while not _row(path, "c"):
        assert time.monotonic() < until
        time.sleep(0.02)
    code = (
        "import sys; from pathlib import Path\n"
        "from hugginggraph.registry import Observations, write_soon\n"
        "record = Observations(Path(sys.argv[1]))\n"
        "write_soon(lambda: record.record('summarization', 'd', True, 1.0))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert _row(path, "d")


def test_what_cannot_be_written_does_not_stand_in_the_way_of_what_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError("no space is left")

    def keep(model: str) -> None:
        Observations(path).record("summarization", model, True, 1.0)

    path, until = tmp_path / "observed.sqlite", time.monotonic() + 20
    for model in "ab":
        write_soon(fail)
        write_soon(partial(keep, model))
        while not _row(path, model):
            assert time.monotonic() < until
            time.sleep(0.02)
    assert len(caplog.messages) == 2


def _row(path: Path, model: str) -> list[tuple[float]]:
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.OperationalError):  # no table yet
        return db.execute("select done from seen where model = ?", [model]).fetchall()
    return []
