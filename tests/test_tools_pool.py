"""Models are loaded once, used one call at a time, leave when idle, and fail by name."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from checkpoints import BUILDERS, minilm
from fake_runners import checkpoint, make_row

from hugginggraph.registry import (
    DownloadError,
    EmptyFileError,
    HuggingGraphError,
    Kind,
    MissingExtraError,
    ModelCard,
    ModelLoadError,
    ModelRunError,
    NoModelError,
    SettingsError,
    TaskType,
    is_local,
)
from hugginggraph.tools import (
    Checkpoint,
    ModelPool,
    Output,
    Run,
    locate,
    pick_device,
)


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a task type whose runner is the given function."""
    return make_row(monkeypatch)


def echo(checkpoint: Checkpoint) -> Run:
    return lambda args: Output(args["text"])


def test_eight_threads_that_want_one_model_load_it_once(row: Any) -> None:
    loads, start = [], threading.Barrier(8)

    def slow(checkpoint: Checkpoint) -> Run:
        loads.append(checkpoint.card.id)
        threading.Event().wait(0.05)
        return echo(checkpoint)

    task, pool = row(slow), ModelPool()

    def ask(number: int) -> Any:
        start.wait()
        return pool.run(task, checkpoint(), {"text": str(number)}).value

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [str(number) for number in range(8)]
    assert loads == ["a"]


def test_one_model_answers_one_call_at_a_time_and_two_answer_together(row: Any) -> None:
    inside: list[str] = []
    met, alone = threading.Barrier(2, timeout=10), []

    def load(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            inside.append(checkpoint.card.id)
            alone.append(inside.count(checkpoint.card.id) == 1)
            met.wait()  # passes only when both models are in a call
            inside.remove(checkpoint.card.id)
            return Output("done")

        return run

    task, pool = row(load), ModelPool()
    with ThreadPoolExecutor(4) as threads:
        names = ["a", "b", "a", "b"]
        answers = threads.map(lambda n: pool.run(task, checkpoint(n), {}).value, names)
        assert list(answers) == ["done"] * 4
    assert all(alone)


def test_the_least_recently_used_model_leaves(row: Any) -> None:
    loads = []

    def load(checkpoint: Checkpoint) -> Run:
        loads.append(checkpoint.card.id)
        return echo(checkpoint)

    task, pool = row(load), ModelPool(max_models=2)
    for name in "abacab":
        pool.run(task, checkpoint(name), {"text": "x"})
    assert loads == ["a", "b", "c", "b"]
    assert len(pool) == 2


def test_a_model_that_failed_to_load_is_tried_again(row: Any) -> None:
    attempts = []

    def load(checkpoint: Checkpoint) -> Run:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("a glitch")
        return echo(checkpoint)

    task, pool = row(load), ModelPool()
    with pytest.raises(ModelLoadError, match="a glitch"):
        pool.run(task, checkpoint(), {"text": "x"})
    assert pool.run(task, checkpoint(), {"text": "x"}).value == "x"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError("no file named config.json\nlong advice"), ModelLoadError),
        (ValueError("unknown architecture"), ModelLoadError),
        (RuntimeError("size mismatch"), ModelLoadError),
        (KeyError("weight"), ModelLoadError),
        (ImportError("needs timm", name="timm"), MissingExtraError),
        (EmptyFileError("named already"), EmptyFileError),
    ],
)
def test_errors_of_loading_and_of_running_get_names(
    row: Any, raised: Exception, expected: type[HuggingGraphError]
) -> None:
    def fails_to_load(checkpoint: Checkpoint) -> Run:
        raise raised

    def fails_to_run(checkpoint: Checkpoint) -> Run:
        def run(args: Mapping[str, Any]) -> Output:
            raise raised

        return run

    for load, error in ((fails_to_load, expected), (fails_to_run, expected)):
        wanted = ModelRunError if load is fails_to_run and error is ModelLoadError else error
        with pytest.raises(wanted) as caught:
            ModelPool().run(row(load), checkpoint(), {"text": "x"})
        assert type(caught.value) is wanted
        assert caught.value is raised or caught.value.__cause__ is raised
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", " \n"),
        ("labels", [{"label": "a", "score": math.nan}]),
        ("boxes", [{"label": "a", "score": math.inf, "box": {}}]),
        ("vector", [0.5, math.nan]),
    ],
)
def test_a_result_that_is_none_is_an_error(row: Any, kind: Kind, value: Any) -> None:
    task = row(lambda checkpoint: lambda args: Output(value), kind)
    with pytest.raises(ModelRunError, match="no usable result"):
        ModelPool().run(task, checkpoint(), {})


def test_a_library_without_a_runner_is_refused(row: Any) -> None:
    with pytest.raises(NoModelError, match=r"'keras' can run echo.*fake"):
        ModelPool().run(row(echo), checkpoint(library="keras"), {})


def test_a_row_whose_runner_does_not_exist_is_a_settings_error() -> None:
    task = TaskType("echo", "", (), "text", {"fake": "hugginggraph.tools.text:no_such"})
    with pytest.raises(SettingsError, match="no_such"):
        ModelPool().run(task, checkpoint(), {})


OFFLINE: dict[str, Any] = {"offline": True, "device": "cpu"}


def test_a_model_in_a_folder_is_used_from_there() -> None:
    card = minilm("feature-extraction")
    assert is_local(card)
    found = locate(card, **OFFLINE)
    assert (found.location, found.device) == (str(card.path), "cpu")


def test_a_folder_that_lacks_weights_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    card = BUILDERS["text_classifier"](tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    assert not is_local(card)
    with pytest.raises(ModelLoadError, match=r"lacks model\.safetensors"):
        locate(card, **OFFLINE)
    index = tmp_path / "model" / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}')
    (tmp_path / "model" / "one.safetensors").touch()
    with pytest.raises(ModelLoadError, match=r"lacks two\.safetensors"):
        locate(card, **OFFLINE)


def test_weights_that_are_damaged_are_a_load_error(tmp_path: Path) -> None:
    from hugginggraph.registry import task_type

    card = BUILDERS["text_classifier"](tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelLoadError, match="could not be loaded"):
        ModelPool().run(task_type(card.task), locate(card, **OFFLINE), {"text": "x"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def hub_card(**more: Any) -> ModelCard:
    facts = {"id": "someone/some-model", "task": "text-classification", "description": ""}
    return ModelCard(**{**facts, "library": "transformers", **more})


def test_a_model_in_the_hugging_face_cache_needs_no_network(cache: Path) -> None:
    repository = cache / "models--someone--some-model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    BUILDERS["text_classifier"](repository / "snapshots" / "abc")
    assert is_local(hub_card())
    assert locate(hub_card(), **OFFLINE).location == str(repository / "snapshots" / "abc")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback in the Hub's place, with nothing on it."""

    class Empty(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_hub_that_cannot_be_reached_is_said_at_once(
    cache: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelLoadError, match="the Hub cannot be reached"):
        locate(hub_card(size_bytes=1), offline=False, device="cpu")


def test_a_model_that_is_elsewhere_is_fetched_only_where_that_is_allowed(
    cache: Path, hub: str
) -> None:
    assert not is_local(hub_card())
    with pytest.raises(DownloadError, match=r"no model 'someone/some-model'"):  # it was asked for
        locate(hub_card(), offline=False, device="cpu")
    with pytest.raises(ModelLoadError, match=r"offline is set.*hf download"):
        locate(hub_card(size_bytes=1000), **OFFLINE)


def test_a_model_of_code_needs_no_files() -> None:
    card = hub_card(library="opencv", task="canny-control")
    assert is_local(card)
    assert locate(card, **OFFLINE).device == "cpu"


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("quantum", "There is no device 'quantum'."),
        ("cuda:99", "The device 'cuda:99' is not on this machine"),
    ],
)
def test_a_device_that_is_not_there_is_a_setting_to_correct(device: str, told: str) -> None:
    with pytest.raises(SettingsError, match=f"^{told}.*HUGGINGGRAPH_DEVICE"):
        pick_device(device)
    assert pick_device("cpu") == "cpu" and pick_device("auto") in ("cpu", "cuda", "mps")
