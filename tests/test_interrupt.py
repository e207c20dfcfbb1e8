"""A plain sync run of the graph is stopped by Ctrl-C, and by a caller that leaves its loop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hugginggraph.registry import Settings

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "interrupted_run.py"


@pytest.mark.parametrize("way", ["stream", "invoke"])
def test_ctrl_c_ends_a_sync_run_and_its_diffusion_within_two_seconds(
    way: str, settings: Settings, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(SCRIPT),
        str(tmp_path),
        str(settings.data_dir),
        way,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        word, began = program.stdout.readline().split()
        assert word == "running"
        os.kill(program.pid, signal.SIGINT)
        rest = dict(line.split() for line in program.stdout)
    assert set(rest) == {"left", "stopped"} and program.returncode == 0
    assert max(map(float, rest.values())) - float(began) < 2


def test_leaving_the_loop_over_a_sync_stream_stops_the_run(
    settings: Settings, tmp_path: Path
) -> None:
    data = str(settings.data_dir)
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(tmp_path), data, "break"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    words = [line.split()[0] for line in out.stdout.splitlines()]
    assert words[0] == "running" and sorted(words[1:]) == ["left", "stopped"]
