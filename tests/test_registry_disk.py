"""A disk that is full, or not to be written on, is named as such and costs nothing that is kept.

The disks are small ones of a namespace of this test's own, where the system lets it make one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

APART = ["unshare", "--map-root-user", "--mount"]


def may_mount() -> bool:
    """Whether a disk can be made here."""
    try:
        made = subprocess.run(
            [*APART, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, timeout=20
        )
    except OSError:
        return False
    return made.returncode == 0


STEPS = """
import json, sys
from pathlib import Path
from hugginggraph.registry import CardStore, RegistryError, import_file

class Short:
    name, dimension = "short", 3
    def embed_documents(self, texts): return [[1.0, 0.0, 0.0]] * len(texts)


folder = Path(sys.argv[1]) / "registry"
def tell(work):
    try:
        print("done", work())
    except RegistryError as exc:
        print(exc)
for step in sys.argv[2:]:
    if step == "import":
        tell(lambda: import_file(folder, folder.parent.parent / "many.jsonl").changed)
    else:
        tell(lambda: len(CardStore.open(folder, embedder=Short())))
"""


@pytest.mark.skipif(not may_mount(), reason="no disk can be made here")
def test_a_full_disk_and_one_that_is_not_to_be_written_on_are_named_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    row = '{{"id": "m/m{0}", "pipeline_tag": "summarization", "description": "{1}"}}'
    lines = [row.format(i, f"Summarizes texts of the kind {i}. " * 20) for i in range(3000)]
    (tmp_path / "many.jsonl").write_text("\n".join(lines))
    (tmp_path / "steps.py").write_text(STEPS)
    disk = tmp_path / "disk"
    disk.mkdir()
    run = f"{sys.executable} {tmp_path}/steps.py {disk}"
    ran = subprocess.run(
        [*APART, "sh", "-e", "-c",
         f"mount -t tmpfs -o size=1m none {disk}; {run} import;"
         f"mount -o remount,size=4m {disk}; {run} import open open;"
         f"mount -o remount,size=64m {disk}; {run} open;"
         f"mount -o remount,ro {disk}; {run} open"],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    told = ran.stdout.splitlines()
    assert ran.returncode == 0 and len(told) == 6, (told, ran.stderr[-2000:])
    assert "the disk is full. Free some space" in told[0]
    assert 0 < int(told[1].removeprefix("done ")) < 3000, "the rest was kept the first time"
    assert all("the disk is full. Free some space" in line for line in told[2:4]), told
    assert told[4].startswith("done ") and int(told[4].split()[1]) >= 3000
    assert "readonly" in told[5] and "HUGGINGGRAPH_DATA_DIR" in told[5]
    assert "damaged" not in ran.stdout
