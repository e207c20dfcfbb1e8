"""The starter's sentences and table: the world tells the truth, and the checkpoints know it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hugginggraph.registry import load_settings, model_cards
from hugginggraph.starter import (
    CHECKPOINTS,
    bleu,
    draw_opinion,
    draw_sentence,
    measure_mood,
    measure_table,
    measure_tagger,
    measure_translator,
    seeds,
)
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner, hugginggraph_tools

ROWS = 150
SENTENCES = ("shapes-mood", "shapes-tagger", "shapes-en-fr", "shapes-fr-en")


def test_one_seed_gives_one_sentence_with_its_pieces_where_they_stand() -> None:
    assert draw_sentence(12_000_001) == draw_sentence(12_000_001)
    tags = Counter[str]()
    for seed in seeds("test", 3, 200):
        sentence = draw_sentence(seed)
        assert not set("[]") & set(sentence.english + sentence.french)
        for tag, start, end in sentence.pieces:
            words = sentence.english[start:end]
            assert words and words == words.strip()
            assert words[0].isupper() == (tag in {"PER", "LOC"}) or start == 0
            tags[tag] += 1
    assert set(tags) == {"PER", "LOC", "COLOUR", "SHAPE", "COUNT"}


def test_names_that_are_measured_were_never_trained_on() -> None:
    trained = " ".join(draw_sentence(seed).english for seed in seeds("train", 0, 2_000))
    trained += " ".join(draw_opinion(seed)[0] for seed in seeds("train", 0, 2_000))
    for seed in seeds("test", 3, 100):
        sentence = draw_sentence(seed)
        for tag, start, end in sentence.pieces:
            if tag in {"PER", "LOC"}:
                assert sentence.english[start:end] not in trained


def test_moods_come_equally_often_and_a_not_turns_them_around() -> None:
    rows = [draw_opinion(seed) for seed in seeds("test", 3, 600)]
    counts = Counter(mood for _, mood in rows)
    assert min(counts.values()) > 150
    assert all(mood == "negative" for text, mood in rows if "do not love" in text)


@pytest.mark.parametrize("name", [*SENTENCES, "shapes-table"])
def test_a_checkpoint_is_small_safe_and_described(name: str) -> None:
    folder = CHECKPOINTS / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]
    assert (folder / "README.md").read_text().startswith("---\n")


def test_the_mood_of_a_sentence_is_told() -> None:
    assert measure_mood(CHECKPOINTS / "shapes-mood", "test", 0, ROWS)["right"] >= 0.97


def test_names_colours_and_shapes_are_found() -> None:
    figures = measure_tagger(CHECKPOINTS / "shapes-tagger", "test", 0, ROWS)
    assert figures["f1"] >= 0.95
    assert figures["f1_names"] >= 0.9


@pytest.mark.parametrize(("name", "source"), [("shapes-en-fr", "en"), ("shapes-fr-en", "fr")])
def test_sentences_are_translated(name: str, source: str) -> None:
    figures = measure_translator(CHECKPOINTS / name, source, "test", 0, ROWS)  # type: ignore[arg-type]
    assert figures["bleu"] >= 85


def test_a_measured_shape_is_named() -> None:
    assert measure_table(CHECKPOINTS / "shapes-table", "test", 0, ROWS)["right"] >= 0.98


def test_bleu_is_right_on_cases_done_by_hand() -> None:
    assert bleu(["a b c d e"], ["a b c d e"]) == pytest.approx(100)
    assert bleu(["a b c d"], ["x y z w"]) == 0
    found = bleu(["a b c d x e f g h"], ["a b c d y e f g h"])
    assert found == pytest.approx(100 * (8 / 9 * 6 / 8 * 4 / 7 * 2 / 6) ** 0.25)
    short = bleu(["a b c d"], ["a b c d e f g h"])
    assert short == pytest.approx(36.788, abs=0.01)  # exp(1 - 8/4)


@pytest.mark.parametrize(
    ("task", "model", "args", "said"),
    [
        ("text-classification", "shapes-mood", {"text": "I love the red circle."}, "positive"),
        ("token-classification", "shapes-tagger", {"text": "Peter lives in Turin."}, "Turin"),
        (
            "translation",
            "shapes-en-fr",
            {"text": "There are three green stars.", "target_language": "fr"},
            "Il y a trois étoiles vertes.",
        ),
        (
            "translation",
            "shapes-fr-en",
            {"text": "Il y a trois étoiles vertes.", "target_language": "en"},
            "There are three green stars.",
        ),
    ],
)
def test_a_task_runs_on_its_checkpoint_through_the_tool(
    task: str, model: str, args: dict[str, str], said: str, tmp_path: Path
) -> None:
    by_id = {card.id: card for card in model_cards()}
    runner = TaskRunner(ModelPool(), Artifacts(tmp_path), load_settings(offline=True))
    (tool,) = hugginggraph_tools(
        [task], runner=runner, find_card=lambda *_: by_id[f"hugginggraph/{model}"]
    )
    assert said in str(tool.invoke(args))
