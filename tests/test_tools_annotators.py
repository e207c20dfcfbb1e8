"""Soft edges and straight lines: what is missing is said before a choice, then mended by a command.

controlnet_aux cannot be installed beside the torch of these tests (its torchvision breaks it). Here
stands a package of its names around small real networks; the real one is run where it is installed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors import safe_open
from typer.testing import CliRunner

from hugginggraph.registry import (
    CardStore,
    ModelCard,
    NoModelError,
    Settings,
    is_local,
    load_settings,
    model_cards,
    retrieve,
    task_type,
)
from hugginggraph.registry.errors import HuggingGraphError, ModelLoadError, UnknownModelError
from hugginggraph.serve.cli import app
from hugginggraph.tools import ModelPool, locate, save_as_safetensors

IDS = {"hed-control": "controlnet_aux/hed", "mlsd-control": "controlnet_aux/mlsd"}
PACKAGE = {
    "__init__": "class _D:\n"
    "    def __init__(self, net): self.net = net\n"
    "    def to(self, device): return self\n"
    "    def __call__(self, image):\n"
    "        import numpy as np, torch\n"
    "        from PIL import Image\n"
    "        seen = torch.from_numpy(np.array(image)).float().permute(2, 0, 1)[None] / 255\n"
    "        with torch.no_grad(): made = self.net(seen)[0, 0].sigmoid()\n"
    "        return Image.fromarray((made.numpy() * 255).astype('uint8')).resize((64, 64))\n"
    "class HEDdetector(_D): pass\nclass MLSDdetector(_D): pass\n",
    "hed": "import torch\nclass ControlNetHED_Apache2(torch.nn.Conv2d):\n"
    "    def __init__(self): super().__init__(3, 1, 3, padding=1)\n",
    "mlsd/__init__": "",
    "mlsd/models/__init__": "",
    "mlsd/models/mbv2_mlsd_large": "import torch\nclass MobileV2_MLSD_Large(torch.nn.Conv2d):\n"
    "    def __init__(self): super().__init__(3, 1, 5, padding=2)\n",
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A machine with an empty cache, offline."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return load_settings(offline=True, data_dir=tmp_path)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, text in PACKAGE.items():
        path = tmp_path / "site" / "controlnet_aux" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "controlnet_aux"]:
        del sys.modules[name]


def pickle(folder: Path, task: str) -> Path:
    """Random weights as their author publishes them: half precision, in a pickle."""
    torch.manual_seed(0)
    net = torch.nn.Conv2d(3, 1, 3 if task == "hed-control" else 5)
    path = folder / "weights.pth"
    torch.save(net.half().state_dict(), path)
    return path


def card(task: str) -> ModelCard:
    return next(each for each in model_cards() if each.id == IDS[task])


def why(task: str, settings: Settings, folder: Path) -> str:
    store = CardStore.open(folder / "registry", [card(task)])
    with pytest.raises(NoModelError) as raised:
        retrieve(store, "draw its edges", task, {}, settings=settings)
    return str(raised.value)


@pytest.mark.skipif(find_spec("controlnet_aux") is not None, reason="the extra is installed")
@pytest.mark.parametrize("task", IDS)
def test_before_a_choice_it_says_which_extra_to_install(
    task: str, settings: Settings, tmp_path: Path
) -> None:
    said = why(task, settings, tmp_path)
    assert "the extra 'control' is not installed: 1" in said
    assert '`pip install "hugginggraph[control]"`' in said


@pytest.mark.parametrize("task", IDS)
def test_then_which_command_saves_the_weights(
    task: str, settings: Settings, tmp_path: Path, library: None
) -> None:
    assert "`hugginggraph models convert ID`" in why(task, settings, tmp_path)
    with pytest.raises(ModelLoadError, match=f"`hugginggraph models convert {IDS[task]}`"):
        locate(card(task), offline=True, device="cpu")


@pytest.mark.parametrize("task", IDS)
def test_and_after_the_command_the_row_runs(
    task: str, settings: Settings, tmp_path: Path, library: None
) -> None:
    words = ["models", "convert", IDS[task], "--from", str(pickle(tmp_path, task))]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and f"{IDS[task]} is ready" in done.stdout
    assert is_local(card(task))
    store = CardStore.open(tmp_path / "registry", [card(task)])
    (found,) = retrieve(store, "draw its edges", task, {}, settings=settings)
    checkpoint = locate(found.card, offline=True, device="cpu")
    with safe_open(f"{checkpoint.location}/model.safetensors", "pt") as file:
        assert file.get_tensor("weight").dtype == torch.float16
    picture = Image.effect_mandelbrot((90, 60), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    pool = ModelPool()
    one, two = (pool.run(task_type(task), checkpoint, {"image": picture}) for _ in range(2))
    drawn = Image.open(io.BytesIO(one.media[0].data))
    colours = drawn.convert("RGB").getcolors(90 * 60)
    assert drawn.size == (90, 60) and colours and len(colours) > 10
    assert one.media[0].data == two.media[0].data
    assert "white on black" in one.value["note"]


class Harm:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_holds_more_than_weights_is_refused_and_not_run(
    settings: Settings, tmp_path: Path, library: None
) -> None:
    torch.save({"weight": Harm(tmp_path / "harm")}, tmp_path / "bad.pth")
    with pytest.raises(ModelLoadError, match="or more than weights"):
        save_as_safetensors("controlnet_aux/hed", tmp_path / "bad.pth")
    assert not (tmp_path / "harm").exists() and not is_local(card("hed-control"))


def test_weights_of_something_else_are_refused(
    settings: Settings, tmp_path: Path, library: None
) -> None:
    with pytest.raises(ModelLoadError, match="not those of MobileV2_MLSD_Large"):
        save_as_safetensors("controlnet_aux/mlsd", pickle(tmp_path, "hed-control"))
    (tmp_path / "notes.pth").write_text("not a pickle")
    for path in (tmp_path / "notes.pth", tmp_path / "nowhere.pth"):
        with pytest.raises(ModelLoadError, match="does not hold the weights"):
            save_as_safetensors("controlnet_aux/mlsd", path)
    assert not is_local(card("mlsd-control"))


def test_only_those_that_are_pickles_are_converted(library: None) -> None:
    with pytest.raises(UnknownModelError, match="controlnet_aux/hed, controlnet_aux/mlsd"):
        save_as_safetensors("facebook/detr-resnet-50")


def test_without_a_network_the_command_says_so(settings: Settings, library: None) -> None:
    with pytest.raises(HuggingGraphError, match="cannot be reached"):
        save_as_safetensors("controlnet_aux/hed")
