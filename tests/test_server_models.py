"""Models that are traps do nothing on the server: pickled weights, and code of their own."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_app import Running
from test_trust import TRAPS

from hugginggraph.graph import Parts
from hugginggraph.registry import CardStore, ModelCard, Settings
from hugginggraph.serve.server.files import Files
from hugginggraph.serve.server.reply import Reply

pytestmark = [
    pytest.mark.usefixtures("own_modules"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'"),  # LangServe's own
]
TASK = "text-classification"
REQUEST = 'What is the sentiment of "the team won"?'


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def cards(tmp_path: Path, marker: Path) -> list[ModelCard]:
    for name in TRAPS:
        (tmp_path / name).mkdir()
    return [make(tmp_path / name, marker) for name, make in TRAPS.items()]


@pytest.fixture
def serving(tmp_path: Path, cards: list[ModelCard]) -> Callable[..., Running]:
    """A server that knows the traps and nothing else."""

    class Bad(Parts):
        def open_store(self, progress: Any = None) -> CardStore:
            with self._lock:
                self._store = self._store or CardStore.open(tmp_path / "registry", cards=cards)
                return self._store

    def make(*trusted: str) -> Running:
        settings = Settings(offline=True, data_dir=tmp_path / "data", trusted_models=trusted,
                            artifacts_dir=tmp_path / "artifacts")  # fmt: skip
        return Running(settings, Bad(settings))

    return make


def replies(http: httpx.Client, model: str) -> Iterator[str]:
    """What comes of the model at each way in that can name it."""
    yield http.post(f"/models/{model}", json={"text": "the team won"}).text
    for named in ({"models": {TASK: model}}, {}):
        given = {"input": {"request": REQUEST, "options": named}}
        yield http.post("/agent/invoke", json=given).text
        yield http.post("/agent/events", json=given["input"]).text


def test_the_traps_do_what_they_are_for(
    serving: Callable[..., Running], marker: Path, tmp_path: Path
) -> None:
    pickle.loads((tmp_path / "pickled" / "pytorch_model.bin").read_bytes())
    assert marker.read_text() == "the pickle ran"
    with serving("tests/own") as http:
        assert "label" in next(replies(http, "tests/own"))
    assert marker.read_text() == "the code of the model ran"


@pytest.mark.parametrize(
    ("model", "said", "trusted"),
    [("tests/own", ["brings code of its own"] * 2, ()),
     ("tests/pickled", ["lacks model.safetensors", "cannot run text-classification here"], ()),
     ("tests/pickled", ["lacks model.safetensors"], ("tests/pickled",))],
)  # fmt: skip
def test_no_way_in_opens_a_trap(
    serving: Callable[..., Running], marker: Path, tmp_path: Path,
    model: str, said: list[str], trusted: tuple[str, ...],
) -> None:  # fmt: skip
    with serving(*trusted) as http:
        told = list(replies(http, model))
    assert not marker.exists()
    for words, text in zip(said, told, strict=False):
        assert words in text, text
    for text in told:
        assert "Traceback" not in text and json.dumps(str(tmp_path))[1:-1] not in text


def test_nothing_of_a_run_names_a_folder_that_its_errors_name(tmp_path: Path) -> None:
    error = {
        "error": "ModelLoadError",
        "message": "The folder '/srv/models/x' is empty.",
        "hint": "",
    }
    result = {"status": "failed", "files": [], "value": None, "error": error,
              "attempts": [{"model": "x", "error": error}]}  # fmt: skip
    reply = Reply(Files(tmp_path, 1), "local", "")
    (told,) = reply.take("custom", {"task": 0, "state": "failed", "error": error["message"]})
    said = "task 0 failed: The folder '/srv/models/x' is empty. See /usr/share/x."
    choices = {"0": {"model": "", "reason": error["message"], "candidates": [], "error": error}}
    (_, models), *_ = reply.take("updates", {"choose_models": {"choices": choices}})
    reply.take("values", {"choices": choices})  # a run that waits has no results yet
    assert "/srv" not in json.dumps(reply.output())
    reply.take("values", {"answer": said, "results": {"0": result}, "status": "failed",
                          "choices": choices})  # fmt: skip
    out = reply.output()
    assert models["models"]["0"]["reason"] == "The folder 'x' is empty."
    assert out["answer"] == "task 0 failed: The folder 'x' is empty. See /usr/share/x."
    assert "/srv" not in json.dumps([told, models, out])
