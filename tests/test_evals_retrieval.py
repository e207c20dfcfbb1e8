"""Retrieval measured: labelled files are read, the scores are right, the targets are met."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hugginggraph.evals import LabelledQuery, read_cards, read_queries, retrieval_report
from hugginggraph.registry import SettingsError, rank_cards, unwanted
from hugginggraph.serve import app

SHARED = Path(__file__).parents[2] / "shared" / "eval"
prior = import_module("hugginggraph.registry.prior")
train_prior = import_module("hugginggraph.registry.train_prior")

CARDS: list[dict[str, object]] = [
    {"id": "acme/birds", "domain": "Computer Vision Image Classification",
     "functionality": "Bird Classification", "description": "Names birds in photos.",
     "downloads": 5},
    {"id": "acme/birds2", "domain": "Computer Vision Image Classification",
     "functionality": "Bird Classification", "description": "Names the birds in photos.",
     "downloads": 1},
    {"id": "acme/speak", "domain": "Audio Text-to-Speech", "functionality": "Speech",
     "description": "Reads English text aloud.", "downloads": 900},
    {"id": "acme/sprich", "domain": "Audio Text-to-Speech", "functionality": "Speech",
     "description": "Reads German text aloud.", "downloads": None},
    {"id": "acme/tiny-random-vit", "domain": "Computer Vision Image Classification",
     "functionality": "Transformers", "description": "A tiny random ViT for birds in photos."},
]  # fmt: skip
QUERIES: list[dict[str, object]] = [
    {"query": "Which bird is in this photo?", "model": "acme/birds2",
     "domain": "Computer Vision Image Classification"},
    {"query": "Read this sentence aloud", "model": "acme/speak",
     "domain": "Audio Text-to-Speech"},
]  # fmt: skip


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    cards = write(tmp_path / "cards.jsonl", CARDS)
    return [str(write(tmp_path / "q.jsonl", QUERIES)), "--cards", str(cards)]


def test_every_ranking_is_scored_in_one_run(files: list[str]) -> None:
    found = json.loads(CliRunner().invoke(app, ["eval", "retrieval", *files, "--json"]).stdout)
    assert (found["queries"], found["cards"], found["task"]) == (2, 5, "not given")
    rankings = found["rankings"]
    assert list(rankings) == ["ours", "downloads", "BM25", "dense", "dense, labelled task"]
    assert rankings["ours"]["at_5"] == rankings["ours"]["twins_at_5"] == 1
    assert rankings["ours"]["unwanted"] == 0
    assert rankings["downloads"]["at_1"] == 0.5
    assert rankings["downloads"]["mrr"] == pytest.approx((1 / 3 + 1) / 2, abs=1e-3)


def test_the_table_names_the_rankings_and_the_task_can_be_given(files: list[str]) -> None:
    out = CliRunner().invoke(app, ["eval", "retrieval", *files, "--task-given"]).stdout
    assert "ranking" in out
    assert "dense, labelled task" in out


def test_a_planned_task_is_told_to_ours_only(files: list[str]) -> None:
    out = CliRunner().invoke(app, ["eval", "retrieval", *files, "--planned", "--json"]).stdout
    assert json.loads(out)["task"] == "planned"


def test_domains_are_read_as_task_ids(tmp_path: Path) -> None:
    domains = {
        "Audio Classification": "audio-classification",
        "Audio Audio Classification": "audio-classification",
        "Multimodal Document Question Answer": "document-question-answering",
        "Reinforcement Learning": "reinforcement-learning",
        "Reinforcement Learning Robotics": "robotics",
        "Natural Language Processing Zero-Shot Classification": "zero-shot-classification",
    }
    rows: list[dict[str, object]] = [{"query": "q", "model": "m", "domain": d} for d in domains]
    found = read_queries(write(tmp_path / "q.jsonl", rows))
    assert [query.task for query in found] == list(domains.values())


@pytest.mark.parametrize("text", ["", "{broken", '{"query": "x"}', "[]", '{"query": 1}'])
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(SettingsError, match=r"q\.jsonl"):
        read_queries(tmp_path / "q.jsonl")
    with pytest.raises(SettingsError, match=r"absent"):
        read_cards(tmp_path / "absent.jsonl")


def test_a_label_without_a_card_is_an_error(tmp_path: Path) -> None:
    cards = read_cards(write(tmp_path / "c.jsonl", CARDS))
    with pytest.raises(SettingsError, match="'acme/lost'"):
        retrieval_report([LabelledQuery("x", "acme/lost", "t")], cards)


def test_what_a_person_would_reject_is_known(tmp_path: Path) -> None:
    cards = read_cards(write(tmp_path / "c.jsonl", CARDS))
    assert unwanted(cards, "Read this aloud") == {"acme/sprich", "acme/tiny-random-vit"}
    assert unwanted(cards, "Read this German text") == {"acme/tiny-random-vit"}
    assert unwanted(cards, "acme/tiny-random-vit") == {"acme/sprich"}


def test_the_weights_of_the_likely_task_are_of_the_phrases_that_are_there() -> None:
    path = Path(str(prior.__file__)).with_name("task_prior.json")
    data = json.loads(path.read_text("utf-8"))
    assert path.stat().st_size < 200_000
    assert {task for task, _ in train_prior.phrases()} == set(data["tasks"])
    assert data["trained_on"] == train_prior.trained_on(), (
        "run python -m hugginggraph.registry.train_prior"
    )
    from hugginggraph.registry import MiniLM

    likely = prior.likely_tasks(MiniLM().embed_query("What does this picture show?"), MiniLM.name)
    assert likely("image-to-text") > likely("text-to-speech") >= prior.FLOOR
    assert likely("a-task-of-mine") == prior.FLOOR
    assert prior.likely_tasks([0.0] * 10)("image-to-text") == 0.0


STORIES = [
    ("Our bakery has a thousand e-mails from guests. Which of them are angry?",
     "text-classification"),
    pytest.param(
        "I teach physics. Put my recorded lessons into written words.",
        "automatic-speech-recognition",
        marks=pytest.mark.xfail(strict=True, reason="one vector hears 'teach' and 'words' first"),
    ),
    ("A vineyard wants to know how many litres it will make, from a CSV of rain and sun.",
     "tabular-regression"),
    ("For our theatre: paint me a stage with a blue moon.", "text-to-image"),
    ("A zoo's cameras film at night; is the lynx hunting or asleep in a clip?",
     "video-classification"),
    ("Teach a simulated hopper to jump with as much reward as possible",
     "reinforcement-learning"),
    ("Reorder the passages that my search found by how well they answer the query",
     "text-ranking"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "task"), STORIES)
def test_a_task_is_seen_behind_the_story_of_who_asks(asked: str, task: str) -> None:
    from hugginggraph.registry import MiniLM

    likely = prior.likely_tasks(MiniLM().embed_query(asked), MiniLM.name)
    assert max({name for name, _ in train_prior.phrases()}, key=likely) == task


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared evaluation data are not here")
@pytest.mark.parametrize(
    ("given", "least"),
    [(False, (0.22, 0.45, 0.56, 0.55)), (True, (0.29, 0.56, 0.70, 0.71))],
)
def test_the_labelled_queries_find_no_less_than_was_reached(
    given: bool, least: tuple[float, float, float, float]
) -> None:
    queries = read_queries(SHARED / "retrieval_dev.jsonl")
    cards = read_cards(SHARED / "retrieval_cards.jsonl")
    found = retrieval_report(queries, cards, task_given=given)
    ours = found["ours"]
    reached = (ours.at_1, ours.at_5, ours.at_10, ours.twins_at_5)
    assert all(value >= wanted for value, wanted in zip(reached, least, strict=True)), ours
    assert ours.unwanted == 0
    assert ours.at_5 > max(
        s.at_5 for name, s in found.items() if name != "ours" and (given or "task" not in name)
    )
    assert abs(ours.halves[0] - ours.halves[1]) < 0.1


def test_ranking_needs_no_machine(tmp_path: Path) -> None:
    from hugginggraph.registry import CardStore

    cards = read_cards(write(tmp_path / "c.jsonl", CARDS))
    store = CardStore.open(tmp_path / "store", cards)
    found = rank_cards(store, "Which bird is in this photo?")
    assert [card.id for card, _ in found[:2]] in (
        ["acme/birds", "acme/birds2"],
        ["acme/birds2", "acme/birds"],
    )
    assert {card.id for card, _ in found[-2:]} == {"acme/sprich", "acme/tiny-random-vit"}
    only = rank_cards(store, "birds", tasks=("text-to-speech",), only=True)
    assert {card.task for card, _ in only} == {"text-to-speech"}


@pytest.mark.slow
def test_the_cost_of_a_large_store_is_measured(tmp_path: Path) -> None:
    from hugginggraph.evals import scale_report

    queries = [("Read this aloud", "text-to-speech"), ("Which bird is it?", "image-classification")]
    found = scale_report(300, tmp_path, queries)
    assert found["disk_bytes"] > 300 * 384 * 4
    assert 0 < found["query_p50_ms"] <= found["query_p99_ms"]
    assert min(found["memory_peak_bytes"], found["memory_bytes"]) > found["disk_bytes"]
    assert found["loaded_per_s"] > found["indexed_per_s"] > 0
