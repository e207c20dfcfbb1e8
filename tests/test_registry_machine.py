"""What this machine has: which models are here in full, and whether the Hub answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from hugginggraph.registry import ModelCard, hub_reachable, is_local, readable_size


def card(model_id: str = "acme/model", **facts: object) -> ModelCard:
    return ModelCard.model_validate(
        {"id": model_id, "task": "t", "library": "transformers", "description": "", **facts}
    )


def files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of acme/model in a Hugging Face cache of the test's own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--acme--model"
    files(repository / "snapshots" / "abc")
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    return repository / "snapshots" / "abc"


def test_a_model_is_here_with_a_configuration_and_weights(snapshot: Path) -> None:
    assert not is_local(card())
    files(snapshot, "config.json", "tokenizer.json")
    assert not is_local(card())
    files(snapshot, "model.safetensors")
    assert is_local(card())
    assert not is_local(card("acme/other"))


def test_a_download_that_was_broken_off_is_not_here(snapshot: Path) -> None:
    files(snapshot, "config.json")
    (snapshot / "model.safetensors").symlink_to(snapshot / "../../blobs/not-there")
    assert not is_local(card())


def test_a_model_in_pieces_is_here_when_every_piece_is(snapshot: Path) -> None:
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    files(snapshot, "config.json", shards[0])
    index = {"weight_map": {"a": shards[0], "b": shards[1]}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    assert not is_local(card())
    files(snapshot, shards[1])
    assert is_local(card())


def test_a_diffusers_model_is_here_when_each_of_its_parts_is(snapshot: Path) -> None:
    index = {
        "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [None, None],
    }  # fmt: skip
    files(snapshot, "model_index.json", "unet/config.json", "scheduler/scheduler_config.json")
    (snapshot / "model_index.json").write_text(json.dumps(index))
    assert not is_local(card())
    files(snapshot, "unet/diffusion_pytorch_model.safetensors")
    assert is_local(card())


def test_a_checkpoint_in_a_folder_is_here_while_the_folder_is(tmp_path: Path) -> None:
    packaged = card(path=tmp_path / "checkpoint")
    assert not is_local(packaged)
    files(tmp_path / "checkpoint", "config.json", "model.safetensors")
    assert is_local(packaged)


def test_a_model_that_is_code_is_always_here() -> None:
    assert is_local(card(library="opencv"))


class Hub(BaseHTTPRequestHandler):
    asked: list[str]

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Hub on loopback; the list says what it was asked."""
    Hub.asked = []
    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield Hub.asked
        server.shutdown()
        thread.join()


def test_the_hub_is_asked_once_per_process(hub: list[str]) -> None:
    assert hub_reachable()
    assert hub_reachable()
    assert len(hub) == 1


def test_offline_nobody_is_asked(hub: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hub_reachable(offline=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not hub_reachable()
    assert hub == []


def test_a_hub_that_refuses_or_keeps_silent_is_out_of_reach_soon(
    hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugginggraph.registry.machine.HUB_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert not hub_reachable()
        assert time.monotonic() - start < 3
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert not hub_reachable()


@pytest.mark.parametrize(
    ("size", "text"),
    [(12, "12 bytes"), (9_400, "9.4 kB"), (90_868_376, "91 MB"), (1_700_000_000, "1.7 GB")],
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert readable_size(size) == text
