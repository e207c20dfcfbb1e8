"""Each notebook runs from top to bottom; what it shows is asserted inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
RUN = (
    "import sys, nbformat; from nbclient import NotebookClient;"
    "book = nbformat.read(sys.argv[1], as_version=4);"
    "NotebookClient(book, timeout=240, kernel_name='python3').execute()"
)


@pytest.fixture(scope="module")
def spent() -> dict[str, float]:
    """Seconds of processor time of each notebook that ran: its kernel and what that started."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_assertions_hold(
    path: Path, data_dir: Path, tmp_path: Path, spent: dict[str, float]
) -> None:
    pytest.importorskip("nbclient")
    environment = os.environ | {
        "HUGGINGGRAPH_DATA_DIR": str(data_dir),
        "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    began = os.times()
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, str(path)],
        cwd=path.parent, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    ended = os.times()
    assert ran.returncode == 0, ran.stderr[-3000:]
    user, system = (getattr(ended, name) - getattr(began, name)
                    for name in ("children_user", "children_system"))  # fmt: skip
    spent[path.stem] = user + system


@pytest.mark.slow
def test_all_notebooks_together_take_less_than_five_minutes_of_processor_time(
    spent: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    if len(spent) < len(NOTEBOOKS):
        pytest.skip("not all of the notebooks ran before this")
    with capsys.disabled():
        told = ", ".join(f"{name} {seconds:.0f}" for name, seconds in spent.items())
        sys.stdout.write(f"\nnotebooks: {sum(spent.values()):.0f} s of processor time ({told})\n")
    assert min(spent.values()) > 1  # the kernels' own time is in it
    assert sum(spent.values()) < 300


def test_notebooks_are_kept_without_outputs_and_each_asserts_what_it_shows() -> None:
    assert len(NOTEBOOKS) == 5
    for path in NOTEBOOKS:
        cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
        assert all(cell["outputs"] == [] for cell in cells), path.name
        assert sum("assert " in "".join(cell["source"]) for cell in cells) >= 2, path.name
