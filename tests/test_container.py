"""The container's files name what exists, as far as that shows without a Docker engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from hugginggraph.registry import Settings

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_what_the_dockerfile_copies_and_installs_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.M)
    assert copied and all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extra,) = re.findall(r'"\.\[(\w+)\]"', DOCKERFILE)
    assert extra in project["optional-dependencies"]
    pinned = re.search(r"ARG TORCH=(\S+)", DOCKERFILE)
    assert pinned and f"TORCH ?= {pinned[1]}" in (ROOT / "Makefile").read_text()


def test_its_command_is_one_of_the_product_and_it_runs_as_nobody_special() -> None:
    command = json.loads(re.findall(r"^CMD (\[.*\])", DOCKERFILE, re.M)[-1])
    assert command[:2] == ["hugginggraph", "serve"]
    shown = subprocess.run(
        [sys.executable, "-m", "hugginggraph.serve.cli", "serve", "--help"],
        capture_output=True, text=True, check=True, timeout=60,
        env={"PATH": "", "NO_COLOR": "1", "COLUMNS": "200", "PYTHONPATH": ":".join(sys.path)},
    ).stdout  # fmt: skip
    assert all(option in shown for option in command if option.startswith("--"))
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.rindex("CMD [")


def test_the_health_check_is_code_that_asks_a_path_that_is_there() -> None:
    check = json.loads(re.findall(r"^\s+CMD (\[.*\])", DOCKERFILE, re.M)[0])
    compile(check[-1], "healthcheck", "exec")
    assert "/healthz" in check[-1]


def test_every_setting_that_the_container_files_set_exists() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    assert set(yaml.safe_load(compose)["services"]) == {"hugginggraph", "postgres", "chroma"}
    named = set(re.findall(r"HUGGINGGRAPH_([A-Z_]+?)(?=[=:])", DOCKERFILE + compose))
    assert named and {name.lower() for name in named} <= set(Settings.model_fields)
