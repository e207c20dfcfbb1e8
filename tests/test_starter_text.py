"""The starter's sentences and table: the world tells the truth, and the checkpoints know it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hugginggraph.registry import load_settings, model_cards
from hugginggraph.starter import draw_opinion, draw_sentence, seeds
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner, hugginggraph_tools


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


def test_french_agrees_with_its_nouns() -> None:
    pairs = [draw_sentence(seed) for seed in seeds("test", 3, 3_000)]
    green = [pair.french for pair in pairs if " green star" in pair.english]
    assert green and all("verte" in french for french in green)
    assert not [pair.french for pair in pairs if " de étoile" in pair.french]
    assert any("du cercle" in pair.french for pair in pairs)


@pytest.mark.parametrize(
    ("task", "model", "args", "said"),
    [
        ("text-classification", "world-mood", {"text": "I love the red circle."}, "positive"),
        ("token-classification", "world-tagger", {"text": "Peter lives in Turin."}, "Turin"),
        (
            "translation",
            "world-english-french",
            {"text": "There are three green stars.", "target_language": "fr"},
            "Il y a trois étoiles vertes.",
        ),
        (
            "translation",
            "world-french-english",
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
