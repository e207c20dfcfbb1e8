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


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_assertions_hold(
    path: Path, data_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("nbclient")
    environment = os.environ | {
        "HUGGINGGRAPH_DATA_DIR": str(data_dir),
        "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, str(path)],
        cwd=path.parent, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]


def test_notebooks_are_kept_without_outputs_and_each_asserts_what_it_shows() -> None:
    assert len(NOTEBOOKS) == 5
    for path in NOTEBOOKS:
        cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
        assert all(cell["outputs"] == [] for cell in cells), path.name
        assert sum("assert " in "".join(cell["source"]) for cell in cells) >= 2, path.name
