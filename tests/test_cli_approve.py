"""``run --approve``, ``chat --approve`` and ``resume`` ask at the terminal before anything runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Cli = Callable[..., subprocess.CompletedProcess[str]]
DEMO = "Describe what is in examples/scene.png and count the objects in it."


@pytest.fixture
def cli(data_dir: Path, tmp_path: Path) -> Cli:
    env = {
        **os.environ,
        "HUGGINGGRAPH_DATA_DIR": str(data_dir),
        "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "COLUMNS": "100",
    }

    def call(*words: str, says: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hugginggraph.serve.cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=env, input=says
        )

    return call


def test_a_plan_is_shown_refused_in_part_and_then_run(cli: Cli) -> None:
    done = cli("run", DEMO, "--approve", says="what?\nn no description please\ny\n")
    assert done.returncode == 0, done.stderr
    assert "hugginggraph/shapes-captioner" in done.stderr
    assert done.stderr.count("Run this plan?") == 3 and "Answer y" in done.stderr
    assert "5 objects" in done.stdout and "image-to-text by" not in done.stdout


def test_a_plan_can_be_left_waiting_and_taken_up_from_another_process(cli: Cli) -> None:
    out = json.loads(cli("run", DEMO, "--approve", "--json", "--thread", "waiting").stdout)
    assert (out["status"], out["thread"], out["results"]) == ("interrupted", "waiting", {})
    (request,) = out["interrupt"]["action_requests"]
    assert request["name"] == "run_plan" and len(request["args"]["tasks"]) == 2
    left = cli("resume", "waiting")
    assert left.returncode == 0 and "resume waiting" in left.stdout
    edit = {
        "type": "edit",
        "edited_action": {"name": "run_plan", "args": {"tasks": request["args"]["tasks"][:1]}},
    }
    done = cli("resume", "waiting", "--decision", json.dumps(edit), "--json")
    out = json.loads(done.stdout)
    assert (out["status"], len(out["results"])) == ("done", 1) and "interrupt" not in out
    wrong = cli("resume", "waiting", "--decision", "perhaps")
    assert wrong.returncode == 1 and "no decision" in wrong.stderr


def test_chat_asks_too(cli: Cli) -> None:
    said = DEMO + "\ny\nDescribe examples/scene.png\nn\nexit\n"
    done = cli("chat", "--approve", says=said)
    assert done.returncode == 0 and "5 objects" in done.stdout
    assert "The plan was rejected" in done.stdout
