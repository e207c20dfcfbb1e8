"""Cards from the Hub: synced through the real client from a Hub on loopback, and from files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hub_listing import Hub, serving
from huggingface_hub import constants
from typer.testing import CliRunner

from hugginggraph.registry import (
    CardStore,
    MiniLM,
    ModelCard,
    RegistryError,
    SyncReport,
    import_file,
    sync,
    synced_cards,
)
from hugginggraph.serve import app
from hugginggraph.serve.terminal import sync_summary

BIRDS = "---\nlicense: mit\n---\n# Birds\nThis model names four hundred birds in photos."


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on loopback with three models, which this process asks."""
    hub = Hub()
    with serving(hub) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        hub.add("acme/birds", "image-classification", BIRDS, downloads=900,
                cardData={"license": "mit", "language": "en", "datasets": ["cub-200"]},
                safetensors={"parameters": {"F32": 1000, "F16": 10}, "total": 1010},
                tags=["birds", "region:us"], library_name="transformers")  # fmt: skip
        hub.add("acme/noise", "audio-to-audio", "Takes the noise out of recordings.", downloads=50)
        hub.add("acme/untold", None, "Nobody knows.", downloads=1)
        yield hub


def by_id(folder: Path) -> dict[str, ModelCard]:
    return {card.id: card for card in synced_cards(folder)}


def test_a_sync_brings_facts_and_the_distilled_text(hub: Hub, tmp_path: Path) -> None:
    report = sync(tmp_path)
    assert (report.listed, report.changed, report.without_task) == (3, 2, 1)
    birds = by_id(tmp_path)["acme/birds"]
    assert birds.description == "This model names four hundred birds in photos."
    assert (birds.license, birds.languages, birds.datasets) == ("mit", ("en",), ("cub-200",))
    assert (birds.parameters, birds.size_bytes, birds.downloads) == (1010, 4020, 900)
    assert (birds.tags, birds.source, birds.changed) == (("birds",), "hub", "2024-01-01")
    assert birds.revision == hub.rows[0]["sha"]


def test_the_second_sync_fetches_only_what_changed_and_brings_counters_up_to_date(
    hub: Hub, tmp_path: Path
) -> None:
    sync(tmp_path)
    hub.asked.clear()
    hub.rows[0]["downloads"] = 1234
    hub.add("acme/noise", "audio-to-audio", "Separates the voices of a recording.")
    report = sync(tmp_path)
    assert hub.texts_asked() == ["acme/noise"]
    assert (report.changed, report.unchanged) == (1, 1)
    cards = by_id(tmp_path)
    assert cards["acme/birds"].downloads == 1234
    assert cards["acme/birds"].description.startswith("This model names")
    assert cards["acme/noise"].description == "Separates the voices of a recording."


def test_a_new_revision_with_the_same_text_is_not_sent_again(hub: Hub, tmp_path: Path) -> None:
    sync(tmp_path)
    hub.rows[0]["sha"] = "f" * 40
    report = sync(tmp_path)
    assert report.changed == 1
    card = by_id(tmp_path)["acme/birds"]
    assert card.revision == "f" * 40
    assert card.description.startswith("This model names")


def test_what_vanished_is_left_out_and_what_comes_back_is_there_again(
    hub: Hub, tmp_path: Path
) -> None:
    sync(tmp_path)
    row = hub.rows[0]
    hub.remove("acme/birds")
    assert sync(tmp_path, tasks=["audio-to-audio"]).gone == 0
    assert sync(tmp_path).gone == 1
    assert set(by_id(tmp_path)) == {"acme/noise"}
    hub.rows.append(row)
    sync(tmp_path)
    assert set(by_id(tmp_path)) == {"acme/birds", "acme/noise"}


def test_tasks_limits_and_days_narrow_a_sync_and_bury_nothing(hub: Hub, tmp_path: Path) -> None:
    for number in range(7):
        day = f"2024-02-0{number + 1}T10:00:00.000Z"
        hub.add(f"acme/m{number}", "summarization", "Shortens texts for all readers.",
                downloads=number, lastModified=day)  # fmt: skip
    hub.page = 3
    sync(tmp_path, tasks=["summarization"], limit=4)
    assert set(by_id(tmp_path)) == {f"acme/m{number}" for number in (6, 5, 4, 3)}
    sync(tmp_path / "days", since="2024-02-05")
    assert set(by_id(tmp_path / "days")) == {f"acme/m{number}" for number in (4, 5, 6)}
    assert sync(tmp_path, limit=1).gone == 0


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ((429, {"Retry-After": "3"}, b"slow down"), 4),
        ((429, {"ratelimit": '"api";r=0;t=7'}, b"slow down"), 8),
        ((503, {}, b"<html>down</html>"), 1),
        ((500, {}, b""), 1),
    ],
)
@pytest.mark.parametrize("path", ["/api/models", "/acme/birds"])
def test_limits_and_faults_of_the_hub_are_waited_out_on_the_first_page_too(
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: tuple[int, dict[str, str], bytes],
    wait: float,
    path: str,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", waits.append)
    hub.faults = [(path, *fault)]
    report = sync(tmp_path)
    assert (report.changed, report.failed, hub.faults) == (2, 0, [])
    assert waits == [wait]


def test_a_hub_that_stays_broken_is_an_error_and_what_was_done_is_kept(
    hub: Hub, tmp_path: Path
) -> None:
    hub.page = 1
    sync(tmp_path, limit=1)
    hub.faults = [("/api/models", 500, {}, b"")] * 9
    with pytest.raises(RegistryError, match=r"answers 500.*sync` again"):
        sync(tmp_path)
    hub.faults = [("/api/models", 200, {}, b"<html>maintenance</html>")]
    with pytest.raises(RegistryError, match=r"not JSON but begins with b'<html>main"):
        sync(tmp_path)
    assert set(by_id(tmp_path)) == {"acme/birds"}


def test_a_card_text_that_cannot_be_had_is_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    hub.faults = [("/acme/birds", 500, {}, b"")] * 6
    assert sync(tmp_path).failed == 1
    assert by_id(tmp_path)["acme/birds"].description == ""
    assert sync(tmp_path).changed == 1
    assert by_id(tmp_path)["acme/birds"].description


def test_the_next_page_is_never_taken_from_another_host(hub: Hub, tmp_path: Path) -> None:
    away = {"Link": '<http://evil.example/api/models>; rel="next"'}
    hub.faults = [("/api/models", 200, away, b"[]")]
    with pytest.raises(RegistryError, match="another address"):
        sync(tmp_path)


def test_a_page_that_was_broken_off_goes_on_and_an_address_that_is_too_old_begins_anew(
    hub: Hub, tmp_path: Path
) -> None:
    hub.page = 1
    hub.faults = [("/acme/noise", 404, {}, b"")]

    def stop(report: SyncReport) -> None:
        if report.listed == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(tmp_path, progress=stop)
    hub.asked.clear()
    report = sync(tmp_path)
    assert report.resumed
    assert "cursor=1" in hub.asked[0]
    with pytest.raises(KeyboardInterrupt):
        sync(tmp_path, progress=stop)
    hub.faults = [("/api/models", 400, {}, b"")]
    report = sync(tmp_path)
    assert (report.listed, report.gone) == (3, 0)


SYNC = """
import sys
from pathlib import Path
from hugginggraph.registry import sync
def tell(report):
    print(report.listed, flush=True)
print("done", sync(Path(sys.argv[1]), progress=tell).resumed, flush=True)
"""


def test_a_sync_that_is_killed_leaves_a_store_that_opens_and_goes_on(
    hub: Hub, tmp_path: Path
) -> None:
    for number in range(60):
        hub.add(f"acme/n{number:02}", "summarization", f"Shortens texts of kind {number} well.")
    hub.page, hub.slow = 5, 0.02
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout
    for _ in range(4):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    before = set(by_id(tmp_path))
    assert 15 <= len(before) < 60
    assert len(CardStore.open(tmp_path, synced_cards(tmp_path))) == len(before)
    hub.asked.clear()
    report = sync(tmp_path)
    assert report.resumed
    assert not set(hub.texts_asked()) & {f"acme/n{number:02}" for number in range(10)} & before
    assert len(by_id(tmp_path)) == 62
    assert report.gone == 0


def test_two_syncs_at_once_are_one_too_many(hub: Hub, tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / "sync.lock"),
        pytest.raises(RegistryError, match="Another process is syncing"),
    ):
        sync(tmp_path)


def test_a_damaged_file_is_named_with_its_remedy(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub.sqlite").write_bytes(os.urandom(9000))
    with pytest.raises(RegistryError, match=r"damaged.*Delete hub\.sqlite"):
        sync(tmp_path)


def test_a_build_does_not_drop_synced_cards_and_new_counters_embed_nothing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = [ModelCard(id="acme/own", task="t", library="transformers", description="Ours.")]
    monkeypatch.setattr("hugginggraph.registry.build.model_cards", lambda: installed)
    sync(tmp_path)
    assert {c.id for c in CardStore.open(tmp_path).all_cards()} == {
        "acme/own", "acme/birds", "acme/noise",
    }  # fmt: skip
    hub.rows[0]["downloads"] = 77
    hub.rows[0]["gated"] = "auto"
    sync(tmp_path)
    monkeypatch.setattr(MiniLM, "embed_documents", lambda *_: pytest.fail("embedded again"))
    store = CardStore.open(tmp_path)
    assert store.card("acme/birds").downloads == 77
    vector = MiniLM().embed_query("birds")
    assert [c.id for c, _ in store.search(vector, 3, {"gated": True})] == ["acme/birds"]


def lines(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), "utf-8")
    return path


def test_a_file_of_cards_is_imported_in_either_shape_and_bad_lines_are_counted(
    tmp_path: Path,
) -> None:
    file = lines(
        tmp_path / "dump.jsonl",
        {"id": "acme/old", "task": "translation", "downloads": 5, "likes": 2,
         "meta": {"language": ["de", "fr"], "license": "mit"}, "description": "It translates."},
        {"modelId": "acme/new", "pipeline_tag": "text-to-image", "tags": ["diffusers", "art"],
         "cardData": {"base_model": ["/srv/model", "acme/base"]},
         "card": "Paints in oil, from a text prompt."},
        {"id": "acme/twice", "task": "summarization", "description": "The first one was wrong."},
        {"id": "acme/twice", "task": "summarization", "description": "The second one is right."},
        "{broken", "[1, 2]", {"id": "../../etc", "task": "x"}, {"id": "acme/none"}, {"task": "t"},
        {"id": "acme/odd", "task": "summarization", "downloads": "many", "tags": 3, "meta": [1]},
        {"id": "acme/fat", "task": "summarization", "description": "x" * 10_000_000},
        {"id": "acme/junk", "task": "summarization", "description": "\x00\x01\ud83d<b>"},
    )  # fmt: skip
    report = import_file(tmp_path, file)
    assert (report.listed, report.changed, report.failed, report.without_task) == (12, 7, 2, 3)
    assert "2 not readable (line 5, 6)" in sync_summary(report, 7)
    cards = by_id(tmp_path)
    assert cards["acme/old"].languages == ("de", "fr")
    assert (cards["acme/new"].library, cards["acme/new"].base_model) == ("diffusers", "acme/base")
    assert cards["acme/twice"].description == "The second one is right."
    assert len(cards["acme/fat"].description) <= 700
    assert import_file(tmp_path, file).changed == 2  # the two versions of one id


def test_a_file_without_models_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="No line of"):
        import_file(tmp_path, lines(tmp_path / "empty.jsonl", "nothing"))
    with pytest.raises(RegistryError, match="cannot be read"):
        import_file(tmp_path, tmp_path / "absent.jsonl")


def test_imported_cards_stay_when_the_hub_does_not_list_them(hub: Hub, tmp_path: Path) -> None:
    row = {"id": "acme/mine", "task": "summarization", "description": "Shortens our own texts."}
    import_file(tmp_path, lines(tmp_path / "f.jsonl", row))
    assert sync(tmp_path).gone == 0
    assert "acme/mine" in by_id(tmp_path)


def test_the_command_imports_builds_and_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("hugginggraph.registry.build.model_cards", lambda: [])
    row = {"id": "acme/a", "task": "summarization", "description": "Shortens long texts well."}
    file = lines(tmp_path / "f.jsonl", row)
    done = CliRunner().invoke(app, ["models", "sync", "--from", str(file), "--json"])
    found = json.loads(done.stdout)
    assert (found["changed"], found["models"]) == (1, 1)
    said = CliRunner().invoke(app, ["models", "sync", "--from", str(file)]).stdout
    assert "1 unchanged" in said
    assert "The registry holds 1." in said
    offline = CliRunner().invoke(app, ["models", "sync"])
    assert isinstance(offline.exception, RegistryError)
    assert "packaged catalogue serves" in str(offline.exception)


def test_the_file_holds_no_secret(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
    sync(tmp_path)
    with sqlite3.connect(tmp_path / "hub.sqlite") as db:
        dump = "\n".join(db.iterdump())
    db.close()
    assert "hf_secret" not in dump
