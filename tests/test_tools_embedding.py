"""all-MiniLM-L6-v2 is real and packaged: what its runners say must be right."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from checkpoints import minilm

from hugginggraph.registry import load_settings
from hugginggraph.tools import Artifacts, ModelPool, TaskRunner


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    artifacts = Artifacts(tmp_path_factory.mktemp("artifacts"))
    runner = TaskRunner(ModelPool(), artifacts, load_settings(offline=True))

    def ask(task: str, **args: Any) -> Any:
        return runner.run(task, args, minilm(task))["value"]

    return ask


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The team won the final 3-1", "sport"),
        ("Parliament voted on the new tax bill", "politics"),
        ("Simmer the onions in butter until golden", "cooking"),
        ("The new phone has a faster chip", "technology"),
    ],
)
def test_the_right_label_wins_clearly(ask: Callable[..., Any], text: str, label: str) -> None:
    labels = ["politics", "sport", "cooking", "technology"]
    found = ask("zero-shot-classification", text=text, candidate_labels=labels)
    assert {each["label"] for each in found} == set(labels)
    assert math.isclose(sum(each["score"] for each in found), 1, abs_tol=1e-4)
    assert found[0]["label"] == label and found[0]["score"] > 0.6


def test_the_nearest_sentence_comes_first(ask: Callable[..., Any]) -> None:
    sentences = ["It is raining heavily.", "A cat sleeps on the sofa.", "Shares fell today."]
    found = ask("sentence-similarity", text="A kitten naps on the couch.", sentences=sentences)
    assert found[0]["label"] == sentences[1] and found[0]["score"] > 0.6
    assert all(0 <= each["score"] <= 1 for each in found)
    assert {each["label"] for each in found} == set(sentences)


def test_a_vector_does_not_depend_on_its_neighbours(ask: Callable[..., Any]) -> None:
    vector = ask("feature-extraction", text="A cat.")
    assert len(vector) == 384
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-4)
    (near,) = ask("sentence-similarity", text="A cat.", sentences=["A cat."])
    assert math.isclose(near["score"], 1, abs_tol=1e-4)


def test_the_sentence_that_answers_is_found(ask: Callable[..., Any]) -> None:
    context = (
        "The bridge was opened in 1932. It carries eight lanes of traffic. "
        "Dr. Bradfield led its construction. The harbour below is 49 metres deep."
    )
    who = ask("question-answering", question="Who was in charge?", context=context)
    deep = ask("question-answering", question="How deep is the water?", context=context)
    assert who == "Dr. Bradfield led its construction."
    assert deep == "The harbour below is 49 metres deep."


def test_a_summary_is_made_of_the_texts_own_sentences(ask: Callable[..., Any]) -> None:
    sentences = [
        "Bees are vital to farming because they pollinate a third of the crops we eat.",
        "In recent years bee colonies have been dying in large numbers.",
        "Bee colonies have died in large numbers in recent years.",
        "Scientists blame pesticides, parasites and the loss of wild flowers.",
        "My uncle once owned a yellow bicycle.",
        "Farmers now plant strips of wild flowers to help bees recover.",
        "Several countries have banned the pesticides that harm bees most.",
        "It was raining on Tuesday.",
        "Without bees, fruit and nuts would become rare and expensive.",
    ]
    summary = ask("summarization", text=" ".join(sentences))
    chosen = [sentence for sentence in sentences if sentence in summary]
    assert " ".join(chosen) == summary
    assert len(chosen) == 3
    assert not {sentences[4], sentences[7]} & set(chosen)
    assert len({sentences[1], sentences[2]} & set(chosen)) < 2


def test_two_sentences_are_a_summary_already(ask: Callable[..., Any]) -> None:
    text = "It rained all day. We stayed at home."
    assert ask("summarization", text=text) == text
