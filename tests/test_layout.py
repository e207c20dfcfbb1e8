"""The house: imports go down only, each room has one door, and nothing heavy loads at import."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "registry": set[str](),
    "prompts": set[str](),
    "tools": {"registry"},
    "starter": {"registry", "tools"},  # the denoiser is trained through the code that will run it
    "graph": {"tools", "registry", "prompts"},
    "evals": {"graph", "tools", "registry"},
    "serve": {"graph", "tools", "registry", "prompts", "starter", "evals"},
}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it_and_through_their_doors(room: str) -> None:
    wrong = []
    for path in (ROOT / room).rglob("*.py"):
        for module, level in imports(path):
            parts = module.split(".")
            if level or parts[0] != "hugginggraph":
                continue
            if len(parts) != 2 or parts[1] not in MAY_IMPORT[room]:
                own_door = path.name == "studio.py" and module == f"hugginggraph.{room}"
                if not own_door:
                    wrong.append(f"{path.relative_to(ROOT)}: {module}")
    assert wrong == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_importing_a_room_loads_nothing_heavy_and_every_name_of_its_door_is_there(
    room: str,
) -> None:
    heavy = "{'torch', 'transformers', 'diffusers', 'chromadb', 'PIL', 'cv2', 'langgraph'}"
    code = (
        f"import sys, hugginggraph.{room} as room; bad = {heavy} & set(sys.modules); "
        "assert not bad, bad; [getattr(room, name) for name in room.__all__]"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_building_and_drawing_the_graph_needs_no_model_library_no_store_and_no_key() -> None:
    code = (
        "import sys; from hugginggraph.graph.studio import graph; graph.get_graph().draw_mermaid();"
        "bad = {'torch', 'transformers', 'diffusers', 'chromadb', 'openai'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_every_sub_package_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["setuptools"]["packages"])
    folders = {
        path.parent.relative_to(ROOT)
        for room in MAY_IMPORT
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert packages == {f"hugginggraph.{'.'.join(folder.parts)}" for folder in folders}


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {spec.split(">")[0].split("[")[0].lower().replace("_", "-") for spec in wanted}
    assert names - pinned == set()


def test_no_file_of_the_product_names_a_path_of_one_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wrong = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".txt", ".json", ".pyi") and path.is_file():
            text = path.read_text(encoding="utf-8")
            wrong += [name for place in ("/" + "work/", "/" + "root/") if place in text]
    assert wrong == []


def test_the_pages_that_are_made_from_the_code_are_current() -> None:
    from hugginggraph.serve import pages

    for name, text in pages().items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, "run `make docs`"
