"""Every test stays on this machine, in folders of its own, with no key and no settings around."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import pytest

from hugginggraph.registry import Settings

if TYPE_CHECKING:
    from hugginggraph.graph import Parts

for name in [
    name for name in os.environ if name.startswith(("HUGGINGGRAPH_", "OPENAI_", "HF_TOKEN"))
]:
    del os.environ[name]
OWN_DATA = tempfile.mkdtemp(prefix="hugginggraph-tests-")
"""The data folder of settings that a test makes without naming one."""
atexit.register(shutil.rmtree, OWN_DATA, ignore_errors=True)
os.environ |= {
    "HUGGINGGRAPH_DATA_DIR": OWN_DATA,
    "HUGGINGGRAPH_OFFLINE": "1",
    "HUGGINGGRAPH_CACHE_BYTES": "0",  # a test that wants its results kept says so
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
}

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        local = self.family == socket.AF_UNIX or str(address[0]) in (
            "127.0.0.1",
            "::1",
            "localhost",
        )
        assert local, f"a test tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    # Models that the pool of another test holds are no memory of this one's.
    monkeypatch.setattr("hugginggraph.registry.machine._keepers", WeakSet())
    yield


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real registry, built once for all tests that only read it."""
    from hugginggraph.registry import CardStore

    folder = tmp_path_factory.mktemp("data")
    CardStore.open(folder / "registry")
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A grey picture of 90 × 60 with something to see in it."""
    from PIL import Image

    file = tmp_path_factory.mktemp("picture") / "picture.png"
    mandelbrot = Image.effect_mandelbrot((90, 60), (-2, -1.5, 1, 1.5), 60)
    mandelbrot.convert("RGB").save(file)
    return str(file)


@pytest.fixture
def settings(data_dir: Path, tmp_path: Path) -> Settings:
    """Offline settings with the shared registry, and artifacts and observations of its own."""
    own = tmp_path / "data"
    own.mkdir()
    (own / "registry").symlink_to(data_dir / "registry")
    return Settings(offline=True, data_dir=own, artifacts_dir=tmp_path / "artifacts")


@pytest.fixture(scope="module")
def parts(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Models and store for all tests of a file, loaded once."""
    from hugginggraph.graph import Parts

    artifacts = tmp_path_factory.mktemp("artifacts")
    return Parts(Settings(offline=True, data_dir=data_dir, artifacts_dir=artifacts, llm_timeout=2))


@pytest.fixture(scope="module")
def few_steps() -> Iterator[None]:
    """Diffusion models work in three steps."""
    from hugginggraph.tools import diffusion

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "PRESETS", (("", diffusion.Preset(3, 3)),))
        yield


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers keeps copies of the code of models in a folder; here it is the test's."""
    import transformers.dynamic_module_utils as dynamic

    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
