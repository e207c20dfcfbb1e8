"""README's commands work as they stand, offline."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_ELSEWHERE = re.compile(r"…|\b(?:chat|serve|resume|sync|starter check|eval plan|source|make)\b")
"""What needs a network, a person or minutes, or stands for a request of one's own."""


def commands() -> list[list[str]]:
    """The commands under "Use it" that end by themselves, as words."""
    block = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Use it")[2]
    lines = block.partition("```sh\n")[2].partition("```")[0].splitlines()
    return [shlex.split(line, comments=True) for line in lines if not _ELSEWHERE.search(line)]


def test_the_commands_are_found() -> None:
    assert len(commands()) >= 8
    assert all(words[0] == "hugginggraph" for words in commands())


@pytest.mark.slow
@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_of_the_readme_works_as_it_stands(
    words: list[str], data_dir: Path, tmp_path: Path
) -> None:
    environment = os.environ | {
        "HUGGINGGRAPH_OFFLINE": "1", "HUGGINGGRAPH_DATA_DIR": str(data_dir),
        "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path),
    }  # fmt: skip
    program = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run(
        [program, *words[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
