"""Models come from the Hub whole, in view, resumed where they broke off, and only if they fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from checkpoints import big_classifier
from checkpoints_making import stable_diffusion
from hub_files import FileHandler, FileHub
from hub_listing import serving
from hub_server import hub_at

from hugginggraph.registry import (
    CancelledRunError,
    DownloadError,
    ModelCard,
    cached_snapshot,
    hub_reachable,
    is_local,
    task_type,
)
from hugginggraph.tools import (
    ModelPool,
    Progress,
    cancel_scope,
    locate,
    progress_to,
)

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real checkpoint of some 13 MB, with files beside it that nobody here needs."""
    folder = tmp_path_factory.mktemp("classifier")
    big_classifier(folder, layers=4, width=256)
    (folder / "pytorch_model.bin").write_bytes(bytes(3_000_000))
    (folder / "README.md").write_text("a card")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    return folder


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileHub]:
    """The Hub with that model, and an empty cache."""
    from huggingface_hub import constants

    hub = FileHub(someone__model=folder)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("hugginggraph.tools.download.PAUSE", 0.01)
    with serving(hub, FileHandler) as url:
        hub_at(url, monkeypatch)
        yield hub


def card(model_id: str = "someone/model", **more: Any) -> ModelCard:
    facts = {"task": "text-classification", "library": "transformers", "description": ""}
    return ModelCard(**{"id": model_id, **facts, **more})


def get(model: ModelCard) -> Path:
    return Path(locate(model, offline=False, device="cpu", token="hf_secret").location)


def left_over() -> list[str]:
    """What is in the cache that is no whole file."""
    from huggingface_hub.constants import HF_HUB_CACHE

    parts = ("*.part", "*.incomplete")
    return [file.name for part in parts for file in Path(HF_HUB_CACHE).rglob(part)]


def test_a_model_is_fetched_with_what_it_needs_only_and_runs(hub: FileHub, folder: Path) -> None:
    told: list[Progress] = []
    with progress_to(told.append):
        found = get(card())
    assert sorted(file.name for file in found.iterdir()) == sorted(
        file.name for file in folder.iterdir() if file.suffix in (".json", ".txt", ".safetensors")
    )
    assert found == cached_snapshot("someone/model")
    assert (found / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert is_local(card())
    assert told[0]["state"] == "fetching"
    assert told[-1]["done"] == told[-1]["total"] == sum(f.stat().st_size for f in found.iterdir())
    assert "a token on the CDN" not in hub.asked
    asked = len(hub.asked)
    row, local = task_type("text-classification"), locate(card(), offline=True, device="cpu")
    assert ModelPool().run(row, local, {"text": "one two"}).value
    assert len(hub.asked) == asked


def test_a_pipeline_comes_with_its_parts(hub: FileHub, tmp_path: Path) -> None:
    stable_diffusion(tmp_path / "painter")
    (tmp_path / "painter" / "all-in-one.safetensors").write_bytes(bytes(1000))
    hub.folders["someone/painter"] = tmp_path / "painter"
    found = get(card("someone/painter", library="diffusers", task="text-to-image"))
    assert (found / "unet" / "diffusion_pytorch_model.safetensors").is_file()
    assert not (found / "all-in-one.safetensors").exists()


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: FileHub, folder: Path) -> None:
    hub.breaks[WEIGHTS] = [4_500_000, 9_500_000]
    found = get(card())
    assert (found / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert hub.ranges == ["bytes=0-", "bytes=4000000-", "bytes=9000000-"]


def test_a_whole_file_that_was_not_yet_taken_over_is_not_fetched_again(hub: FileHub) -> None:
    weights = get(card()) / WEIGHTS
    blob = weights.resolve()
    weights.unlink()
    blob.rename(blob.with_name(f"{blob.name}.part"))
    assert (get(card()) / WEIGHTS).is_file()
    assert hub.ranges == ["bytes=0-"]  # the first time


def test_a_download_goes_on_in_another_run_after_the_network_was_away(
    hub: FileHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.breaks[WEIGHTS] = [6_500_000]

    def cut(told: Progress) -> None:
        if told["done"] > 5_000_000:
            hub.down.set()

    monkeypatch.setattr("hugginggraph.tools.progress.EVERY", 0.0)
    with progress_to(cut), pytest.raises(DownloadError, match=r"broke off.*goes on where"):
        get(card())
    assert not is_local(card())
    assert cached_snapshot("someone/model") is None
    with pytest.raises(Exception, match="cannot be reached"):  # noticed, and not tried again
        get(card())
    hub.down.clear()
    monkeypatch.setattr("hugginggraph.registry.machine.SILENCE_HOLDS", 0.0)
    assert hub_reachable()
    found = get(card())
    assert (found / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert hub.ranges[-1] == "bytes=6000000-"
    assert left_over() == []


@pytest.mark.parametrize(("sends", "found"), [(5_500_000, "5,500,000"), (40_000_000, "14,000,000")])
def test_a_hub_that_sends_another_size_than_it_said_is_found_out(
    hub: FileHub, sends: int, found: str
) -> None:
    hub.heads[WEIGHTS] = sends
    with pytest.raises(DownloadError, match=rf"said that '{WEIGHTS}'.* sends {found}"):
        get(card())
    assert not is_local(card())
    assert left_over() == []


def test_a_model_much_larger_than_its_card_says_is_not_fetched(hub: FileHub) -> None:
    hub.claims[WEIGHTS] = 900_000_000
    with pytest.raises(DownloadError, match=r"is 9.. MB, not the 13 MB that its card says"):
        get(card(size_bytes=13_000_000))
    assert not [path for path in hub.asked if "/resolve/" in path]


def test_a_model_that_does_not_fit_on_the_disk_is_refused_in_numbers(
    hub: FileHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.claims[WEIGHTS] = 4 * 10**18
    with pytest.raises(DownloadError, match=r"needs \d+ TB on the disk, and .* free.*HF_HOME"):
        get(card())
    assert not [path for path in hub.asked if "/resolve/" in path]


def test_a_download_can_be_stopped(hub: FileHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hugginggraph.tools.progress.EVERY", 0.0)
    done: list[int] = []
    with cancel_scope() as event:

        def listen(told: Progress) -> None:
            done.append(told["done"])
            if told["done"] > 3_000_000:
                event.set()

        with progress_to(listen), pytest.raises(CancelledRunError):
            get(card())
    assert done[-1] < 6_000_000


def test_models_that_are_not_there_or_not_safe_have_a_named_error(
    hub: FileHub, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match="has no model 'nobody/none'"):
        get(card("nobody/none"))
    with pytest.raises(DownloadError, match="could not be fetched"):
        get(card("not a hub id/at all/no"))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(b"pickle")
    hub.folders["someone/pickled"] = pickled
    with pytest.raises(DownloadError, match="no safe weights"):
        get(card("someone/pickled"))
