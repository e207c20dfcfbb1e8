"""Checkpoints in folders of one's own: registered by a line of a file, chosen, and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hub_listing import Hub, serving
from huggingface_hub import constants

from hugginggraph.registry import (
    CardStore,
    ModelCard,
    NoModelError,
    RegistryError,
    Settings,
    explain,
    import_file,
    is_local,
    retrieve,
    sync,
    synced_cards,
)
from hugginggraph.registry.folders import folders_of, keep_folders

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("hugginggraph")
CLASSIFIER = Path(str(files("hugginggraph.starter"))) / "checkpoints" / "shapes-classifier"
ROW = {"id": "mine/shapes-base", "pipeline_tag": "image-classification", "path": "models/shapes"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a checkpoint in ``models/shapes``."""
    shutil.copytree(CLASSIFIER, tmp_path / "own" / "models" / "shapes")
    return tmp_path / "own"


def lines(folder: Path, *rows: object) -> Path:
    file = folder / "cards.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return file


def test_a_checkpoint_in_a_folder_is_registered_chosen_and_run(own: Path, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "HUGGINGGRAPH_DATA_DIR": str(tmp_path / "data"),
        "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "HUGGINGGRAPH_DENIED": '["hugginggraph"]',  # the starter pack does this task too
    }

    def command(*words: str) -> str:
        given = [str(COMMAND), *words]
        done = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "1 new or changed" in command("models", "sync", "--from", str(lines(own, ROW)))
    why = command("models", "why", "Classify it", "-t", "image-classification")
    assert why.startswith("image-classification: mine/shapes-base (local)")
    request = f"Classify the image {ROOT / 'examples' / 'scene.png'}"
    told = json.loads(command("run", request, "--json"))
    assert told["status"] == "done" and told["results"]["0"]["model"] == "mine/shapes-base"


def test_a_row_says_little_and_the_folder_the_rest(own: Path, tmp_path: Path) -> None:
    import_file(tmp_path, lines(own, ROW))
    card = CardStore.open(tmp_path).card("mine/shapes-base")
    assert card.path == own / "models" / "shapes" and is_local(card)
    assert (card.library, card.source, card.base_only) == ("transformers", "local", False)
    assert card.size_bytes == (CLASSIFIER / "model.safetensors").stat().st_size
    assert card.description.startswith("Names the one main object")
    row = {**ROW, "path": str(own / "models" / "shapes"), "description": "Tells pets apart."}
    import_file(tmp_path, lines(own, row))
    assert CardStore.open(tmp_path).card("mine/shapes-base").description == "Tells pets apart."


def test_a_model_of_the_catalogue_is_loaded_from_the_folder_that_is_named(
    own: Path, tmp_path: Path
) -> None:
    row = {**ROW, "id": "google/vit-base-patch16-224"}
    import_file(tmp_path, lines(own, row))
    card = CardStore.open(tmp_path).card("google/vit-base-patch16-224")
    assert card.source == "catalogue" and card.path == own / "models" / "shapes"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"path": "models/absent"}, r"Line 2 of .*cards.jsonl names the folder '.*/own/models/abs"),
        ({"path": "models"}, "'.*/own/models', which lacks config.json, model.safetensors"),
        ({"path": 7}, "Line 2 of .* has a path that is no text"),
        ({"pipeline_tag": "image-clasification"}, "Line 2 of .*Did you mean 'image-classification"),
        ({"pipeline_tag": None}, "Line 2 of .* has a path, but no id or no task"),
        ({"id": "../../etc"}, "Line 2 of .* has a path, but no id or no task"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_by_name(
    own: Path, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    file = lines(own, {"id": "a/b", "task": "summarization"}, {**ROW, **change})
    with pytest.raises(RegistryError, match=told):
        import_file(tmp_path, file)
    assert "mine/shapes-base" not in {card.id for card in CardStore.open(tmp_path).all_cards()}


def test_a_folder_that_is_gone_is_told_and_nothing_is_fetched_in_its_name(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_file(tmp_path, lines(own, ROW))
    shutil.rmtree(own / "models")
    monkeypatch.setattr("hugginggraph.registry.machine.hub_reachable", lambda _: True)
    monkeypatch.setattr("hugginggraph.registry.build.model_cards", lambda: [])
    store, settings = CardStore.open(tmp_path), Settings(data_dir=tmp_path, offline=False)
    (rejected,) = explain(store, "", "image-classification", {}, settings=settings).rejected
    assert rejected.reason.endswith("models/shapes' does not hold it whole any more.")
    with pytest.raises(NoModelError, match=r"its folder is not there: 1.*sync --from FILE"):
        retrieve(store, "", "image-classification", {}, settings=settings)


def test_a_row_without_its_path_gives_the_model_up_until_the_hub_lists_its_name(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_file(tmp_path, lines(own, ROW))
    given_up = lines(own, {k: v for k, v in ROW.items() if k != "path"})
    for changed in (1, 0):  # how often it is given up
        assert import_file(tmp_path, given_up).changed == changed
        assert "mine/shapes-base" not in {card.id for card in synced_cards(tmp_path)}
    hub = Hub()
    with serving(hub) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        hub.add("mine/shapes-base", "image-segmentation", "Another's.")
        sync(tmp_path)
    (card,) = synced_cards(tmp_path)
    assert (card.task, card.path, card.source) == ("image-segmentation", None, "hub")


@pytest.mark.parametrize("moment", range(4))
def test_an_import_that_stops_at_any_moment_leaves_no_card_without_its_folder(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    import_file(tmp_path, lines(own, {**ROW, "id": "mine/old"}))
    rows = [ROW, {"id": "mine/old", "task": "image-classification"}]
    file = lines(own, *rows, {**ROW, "id": "mine/lost", "path": "absent"})
    left = [moment]

    def stopping(*given: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        keep_folders(*given)

    monkeypatch.setattr("hugginggraph.registry.imported.PAGE", 1)
    monkeypatch.setattr("hugginggraph.registry.imported.keep_folders", stopping)
    with pytest.raises((KeyboardInterrupt, RegistryError)):
        import_file(tmp_path, file, progress=lambda _: None)
    cards = {card.id for card in synced_cards(tmp_path)}
    assert cards <= set(folders_of(tmp_path)) and "mine/lost" not in cards
    assert moment < 2 or cards == {"mine/shapes-base"}


def test_what_the_hub_has_in_its_cache_is_never_taken_for_a_checkpoint_of_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hugginggraph.registry.machine.cached_snapshot", lambda _: CLASSIFIER)
    row = {"id": "mine/x", "task": "image-classification", "library": "transformers"}
    for source, local in (("hub", True), ("local", False)):
        card = ModelCard.model_validate({**row, "description": "", "source": source})
        assert is_local(card) is local


def test_what_the_hub_lists_sets_no_path_and_takes_no_name_of_ones_own(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_file(tmp_path, lines(own, ROW))
    hub = Hub()
    with serving(hub) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        hub.add("mine/shapes-base", "image-segmentation", "Another's.", path="/etc")
        hub.add("acme/birds", "image-classification", "Names birds.", path=str(CLASSIFIER))
        sync(tmp_path)
    store = CardStore.open(tmp_path)
    assert store.card("acme/birds").path is None
    card = store.card("mine/shapes-base")
    assert (card.task, card.path) == ("image-classification", own / "models" / "shapes")


def test_a_damaged_list_of_folders_is_named(own: Path, tmp_path: Path) -> None:
    import_file(tmp_path, lines(own, ROW))
    (tmp_path / "folders.json").write_text("{")
    with pytest.raises(RegistryError, match=r"folders\.json, is damaged.*sync --from FILE"):
        CardStore.open(tmp_path)
