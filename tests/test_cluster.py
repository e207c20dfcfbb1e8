"""Tasks on a Ray cluster: the same results, events, batches and stops as in one process."""

from __future__ import annotations

import asyncio
import json
import pickle
import struct
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cluster_nodes import needs_ray, quiet_ray, started
from PIL import Image

from hugginggraph.registry import (
    CancelledRunError,
    MissingExtraError,
    ModelCard,
    ModelRunError,
    OutOfMemoryError,
    Settings,
    SettingsError,
    Slot,
    TaskType,
)
from hugginggraph.tools import Progress, cancel_scope, open_film, progress_to
from hugginggraph.tools.cluster import PROCESS_BYTES, Cluster
from hugginggraph.tools.cluster_model import ModelActor, packed
from hugginggraph.tools.film import encode_film

ROOT = Path(__file__).parents[1]
GB = 1_000_000_000

pytestmark = quiet_ray


def row(runner: str, kind: Any = "text") -> TaskType:
    slot = Slot("video" if kind == "video" else "text", kind, "what is given")
    return TaskType("echo", "says it", (slot,), "text", {"fake": f"cluster_runners:{runner}"})


def model(folder: Path, name: str, size: int = 0) -> ModelCard:
    """A card whose folder says that it holds so many bytes of weights."""
    path = folder / name
    path.mkdir()
    (path / "a.skops").write_text("its file")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, size]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return ModelCard(id=f"test/{name}", task="echo", description="", library="fake", path=path)


@pytest.fixture(scope="module")
def here() -> Iterator[Settings]:
    """Settings of a cluster with room for two models of 10 GB and what tests leave behind."""
    with started(2 * (10.6 * GB + PROCESS_BYTES) + 2 * GB) as (_, settings):
        yield settings


@needs_ray
@pytest.mark.slow
def test_a_model_on_the_cluster_tells_how_far_it_is_and_is_loaded_once(
    here: Settings, tmp_path: Path
) -> None:
    cluster, card, told = Cluster(here), model(tmp_path, "a"), list[Progress]()
    with progress_to(told.append):
        first = cluster.run(row("patient"), card, {"text": "3"}).value
    assert [each["state"] for each in told if each["state"] != "waiting"][:2] == [
        "loading", "running",
    ]  # fmt: skip
    assert told[-1] == {"state": "running", "done": 3, "total": 3, "unit": "steps"}
    assert cluster.run(row("patient"), card, {"text": "0"}).value == first  # the same process


@needs_ray
@pytest.mark.slow
def test_calls_at_the_same_time_are_one_batch_and_an_error_is_its_own_calls_alone(
    here: Settings, tmp_path: Path
) -> None:
    cluster, card = Cluster(here), model(tmp_path, "b")
    cluster.run(row("together"), card, {"text": "first"})
    with ThreadPoolExecutor(8) as threads:
        calls = [
            threads.submit(cluster.run, row("together"), card, {"text": text})
            for text in ("a", "b", "c", "d", "e", "f", "g", "STOP")
        ]
        with pytest.raises(ModelRunError, match="do not shout"):
            calls[-1].result()
        sizes = [int(call.result().value.split()[-1]) for call in calls[:-1]]
    assert max(sizes) >= 2


@needs_ray
@pytest.mark.slow
def test_a_run_on_the_cluster_stops_within_two_seconds(here: Settings, tmp_path: Path) -> None:
    cluster, card = Cluster(here), model(tmp_path, "c")
    pid = cluster.run(row("patient"), card, {"text": "0"}).value
    stopped: list[float] = []
    with cancel_scope() as stop:

        def listen(told: Progress) -> None:
            if told["done"] >= 2 and not stopped:
                stopped.append(time.monotonic())
                stop.set()

        with progress_to(listen), pytest.raises(CancelledRunError):
            cluster.run(row("patient"), card, {"text": "1000"})
        assert time.monotonic() - stopped[0] < 2
    began = time.monotonic()  # the model is free again, and it is the same one
    assert cluster.run(row("patient"), card, {"text": "0"}).value == pid
    assert time.monotonic() - began < 10


@needs_ray
@pytest.mark.slow
def test_the_least_recently_used_model_leaves_and_what_never_fits_is_refused_in_numbers(
    here: Settings, tmp_path: Path
) -> None:
    cluster = Cluster(here)
    old, used, new = (model(tmp_path, name, 10 * GB) for name in ("old", "used", "new"))

    def process(card: ModelCard) -> str:
        return str(cluster.run(row("patient"), card, {"text": "0"}).value)

    first = {card.id: process(card) for card in (old, used)}
    process(new)
    assert process(used) == first[used.id]
    assert process(old) != first[old.id]
    huge = model(tmp_path, "huge", 100 * GB)
    with pytest.raises(OutOfMemoryError, match=r"needs 106 GB .* largest node has 24"):
        process(huge)


@needs_ray
@pytest.mark.slow
def test_a_process_that_dies_is_replaced(here: Settings, tmp_path: Path) -> None:
    import ray

    cluster, card = Cluster(here), model(tmp_path, "d")
    first = cluster.run(row("patient"), card, {"text": "0"}).value
    [place] = cluster._models.values()
    threading.Timer(0.3, ray.kill, [place.actor]).start()
    assert cluster.run(row("patient"), card, {"text": "20"}).value != first


@needs_ray
def test_a_cluster_that_does_not_answer_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    cluster, began = Cluster(Settings(ray_address="127.0.0.1:1")), time.monotonic()
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1:1"):
        cluster.run(
            row("patient"), ModelCard(id="a", task="echo", description="", library="fake"), {}
        )
    assert time.monotonic() - began < 10


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    card = ModelCard(id="a", task="echo", description="", library="fake")
    with pytest.raises(MissingExtraError, match=r'pip install "hugginggraph\[ray\]"'):
        Cluster(Settings()).run(row("patient"), card, {})


def test_a_node_gets_the_films_and_the_models_that_it_lacks(tmp_path: Path) -> None:
    film, card = tmp_path / "clip.mp4", model(tmp_path, "e")
    film.write_bytes(encode_film([Image.new("RGB", (64, 48), "red")] * 2, 2))
    sent = packed({"video": open_film(film)})
    card = card.model_copy(update={"path": tmp_path / "not there"})
    call = pickle.dumps((row("first_words", "video"), card, sent))

    async def on_the_node() -> list[Any]:
        actor = ModelActor(None, offline=True, device="cpu")
        assert await actor.lacks(str(card.path))
        await actor.receive("a.skops", b"its file, sent")
        return [told async for told in actor.run(call)]

    told = asyncio.run(on_the_node())
    assert told[-1].value == "(64, 48) its file, sent"
