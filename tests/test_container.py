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
COMPOSE = (ROOT / "compose.yaml").read_text()
ENTRYPOINT = json.loads((re.findall(r"^ENTRYPOINT (\[.*\])", DOCKERFILE, re.M) or ["[]"])[-1])


def test_what_the_dockerfile_copies_and_installs_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.M)
    assert copied and all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extra,) = re.findall(r'"\.\[(\w+)\]"', DOCKERFILE)
    assert extra in project["optional-dependencies"]
    pinned = re.search(r"ARG TORCH=(\S+)", DOCKERFILE)
    assert pinned and f"TORCH ?= {pinned[1]}" in (ROOT / "Makefile").read_text()


def test_its_command_is_one_of_the_product_and_it_runs_as_nobody_special() -> None:
    assert ENTRYPOINT == ["hugginggraph"]
    command = json.loads(re.findall(r"^CMD (\[.*\])", DOCKERFILE, re.M)[-1])
    assert command[0] == "serve"
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
    assert set(yaml.safe_load(COMPOSE)["services"]) == {"hugginggraph", "postgres", "chroma"}
    named = set(re.findall(r"HUGGINGGRAPH_([A-Z_]+?)(?=[=:])", DOCKERFILE + COMPOSE))
    assert named and {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_command_that_compose_names_reaches_the_product() -> None:
    ((service, command),) = re.findall(r"`docker compose run (\S+) ([^`]+)`", COMPOSE)
    assert service in yaml.safe_load(COMPOSE)["services"]
    words: list[str] = [*ENTRYPOINT, *command.split()]
    assert words[0] == "hugginggraph"
    asked = [sys.executable, "-m", "hugginggraph.serve.cli", *words[1:], "--help"]
    subprocess.run(asked, capture_output=True, check=True, timeout=60)


def test_every_folder_that_is_written_to_lies_on_the_volume_as_the_rest_is_read_only() -> None:
    folders = [n for n, field in Settings.model_fields.items() if field.annotation is Path]
    placed = dict(re.findall(r"HUGGINGGRAPH_([A-Z_]+)=(/\S+)", DOCKERFILE))
    assert yaml.safe_load(COMPOSE)["services"]["hugginggraph"]["read_only"] is True
    assert len(folders) == 3
    assert all(placed[name.upper()].startswith("/data") for name in folders)


def test_a_password_may_hold_what_means_something_in_a_url() -> None:
    environment = yaml.safe_load(COMPOSE)["services"]["hugginggraph"]["environment"]
    assert "PASSWORD" not in environment["HUGGINGGRAPH_DATABASE_URL"]
    assert environment["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:?")
