"""The tab key: each shell completes commands and options of the real command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("hugginggraph")
ASK = {
    "bash": "source {script}; COMP_WORDS=(hugginggraph {words}); COMP_CWORD={count}; "
    '_hugginggraph_completion hugginggraph; printf "%s\\n" "${{COMPREPLY[@]}}"',
    # zsh offers only at a prompt: what it would offer is printed
    "zsh": "compdef() {{ }}; _arguments() {{ print -r -- $@ }}; _describe() {{ print -r -- $@ }}; "
    "source {script}; words=(hugginggraph {words}); CURRENT=$(({count} + 1)); "
    "_hugginggraph_completion",
    "fish": "source {script}; complete -C 'hugginggraph {words}'",
}


def complete(shell: str, words: str, folder: Path) -> str:
    """What the shell offers after ``hugginggraph WORDS<tab>``."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    env = {**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}", "HOME": str(folder)}
    made = subprocess.run(
        ["hugginggraph"], env={**env, "_HUGGINGGRAPH_COMPLETE": f"source_{shell}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    script = folder / f"complete.{shell}"
    script.write_text(made.stdout)
    asked = ASK[shell].format(words=words, count=len(words.split()), script=script)
    command = [shell, *(["-f"] if shell == "zsh" else []), "-c", asked]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_tab_key_completes_commands_and_options(shell: str, tmp_path: Path) -> None:
    commands = complete(shell, "mo", tmp_path)
    assert "models" in commands and "doctor" not in commands
    assert "--planner" in complete(shell, "run --pl", tmp_path)
