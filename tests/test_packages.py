"""A package of one's own brings rows and cards; one that is broken is named, whatever it raises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hugginggraph.registry import RegistryError, SettingsError, model_cards, task_types

INFO = "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n"
ENTRIES = (
    "[hugginggraph.model_cards]\nmine = mine:cards\n[hugginggraph.task_types]\nmine = mine:ROWS\n"
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package, whose module is still to be written."""
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(INFO)
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    "module",
    [
        "cards = 5",
        "def cards(): raise RuntimeError('boom')",
        "def cards(): return None",
        "def cards(): return [{'id': 'me/x'}]",
        "raise KeyError('boom')",
        "import no_such_module",
    ],
)
def test_cards_of_a_package_that_is_broken_are_named(package: Path, module: str) -> None:
    package.write_text(module)
    with pytest.raises(RegistryError, match=r"of 'mine' \(mine:cards\).*uninstall the package"):
        model_cards()


@pytest.mark.parametrize(
    "module", ["ROWS = None", "ROWS = ['shout']", "raise KeyError('boom')", "import no_such_module"]
)
def test_rows_of_a_package_that_is_broken_are_named(package: Path, module: str) -> None:
    package.write_text(module)
    with pytest.raises(SettingsError, match=r"'mine' \(mine:ROWS\).*uninstall the package"):
        task_types.__wrapped__()
