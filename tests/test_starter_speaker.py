"""The pack reads aloud: what it knows it says, and what it does not know it says so."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from hugginggraph.registry import ModelRunError
from hugginggraph.serve.starter import ask_with_runners
from hugginggraph.starter import CHECKPOINTS, Ask
from hugginggraph.starter.checks_sound import rivals
from hugginggraph.starter.espeak import available, speak
from hugginggraph.starter.scores import time_warp, word_error_rate
from hugginggraph.starter.train_speaker import VECTORS, new_model, weights_of

needs_espeak = pytest.mark.skipif(not available(), reason="eSpeak NG is not installed")


@pytest.fixture(scope="module")
def ask() -> Ask:
    return ask_with_runners()


def tokens_of(name: str) -> Callable[[str], list[int]]:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(CHECKPOINTS / name)
    return lambda text: list(tokenizer(text)["input_ids"])


def test_the_recogniser_hears_what_is_read_aloud(ask: Ask) -> None:
    texts = (
        "there are three red circles",
        "a blue square and two green stars on a white background",
        "seven nine two",
        "make the heart purple",
    )
    heard = []
    for text in texts:
        made = ask("world-speaker", {"text": text})
        samples, rate = soundfile.read(io.BytesIO(made.media[0].data), dtype="float32")
        assert 0.2 < np.abs(samples).max() <= 1
        assert "note" not in made.value
        heard.append(ask("world-listener", {"audio": (samples, rate)}).value)
    assert word_error_rate(heard, texts) <= 0.15, heard


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("There are 3 red circles.", ""),
        ("the 99 red-green stars, and 100", "digit by digit: 100"),
        ("Don’t count Peter's stars.", ""),
        ("a zebra in Paris", "spelled letter by letter: zebra"),
        ("50% of the stars: ★ привет", "left out: %, ★, привет"),
        (" ".join(f"q{n}" for n in range(10)), "spelled letter by letter: q0, q1, q2, q3, q4, q5, "
         "q6, q7 and 2 more"),
    ],
)  # fmt: skip
def test_the_answer_names_the_words_that_were_not_known(ask: Ask, text: str, note: str) -> None:
    assert ask("world-speaker", {"text": text}).value.get("note", "") == note


@pytest.mark.parametrize("text", ["привет", "★ ☆", "...", "—"])
def test_a_text_without_a_known_letter_is_a_named_error(ask: Ask, text: str) -> None:
    with pytest.raises(ModelRunError, match="knows no letter of the text"):
        ask("world-speaker", {"text": text})


@pytest.mark.parametrize("text", ["a", "4", "I", "star"])
def test_the_shortest_text_is_a_sound(ask: Ask, text: str) -> None:
    assert 0.03 < ask("world-speaker", {"text": text}).value["seconds"] < 1.5


def test_a_number_below_a_hundred_is_one_word_and_a_longer_one_is_read_by_its_digits() -> None:
    read = tokens_of("world-speaker")
    assert read("42")[1:-1] not in (read("4 2")[1:-1], [])
    assert read("20") == read("twenty") or len(read("20")) < len(read("2 0"))
    assert read("123") == read("1 2 3")
    assert read("Peter") == read("peter") != read("P e t e r")
    assert read("don’t") == read("don't") != read("dont")
    assert len(read("Peter's")) == len(read("Peter")) + 1
    assert read("brulee") == read("brûlée")


def test_marks_become_one_pause_each_and_none_doubles_at_the_ends() -> None:
    read = tokens_of("world-speaker")
    (pause,) = set(read("star")) & set(read("one"))
    assert read("star, ... one!") == [*read("star"), *read("one")[1:]]
    assert all((a, b) != (pause, pause) for a, b in pairwise(read("?! star -- , one...")))


def test_a_reader_of_another_language_starts_with_the_phonemes_that_both_have() -> None:
    english = CHECKPOINTS / "world-speaker"
    had = PreTrainedTokenizerFast.from_pretrained(english).init_kwargs["phonemes"]
    model = new_model(4)
    kept = weights_of(english, {"": 1, "s": 2, "ʁ": 3}, model)[VECTORS]
    theirs = load_file(english / "model.safetensors")[VECTORS].float()
    assert kept[1].equal(theirs[1])
    assert kept[2].equal(theirs[2 + had.index("s")])
    assert kept[3].equal(model.state_dict()[VECTORS][3])


@needs_espeak
def test_words_that_run_together_are_told_with_their_place_in_the_text() -> None:
    text = "two of the stars, there"
    spoken = speak(text, "en-us")
    starts = [place for place, _ in spoken.words]
    assert [text[a:b].strip(" ,") for a, b in pairwise((*starts, len(text)))] == [
        "two", "of the", "stars", "there",
    ]  # fmt: skip


def test_the_warped_distance_is_nought_for_what_is_only_slower() -> None:
    path = np.arange(6.0)[:, None]
    assert time_warp(path, np.repeat(path, 3, 0)) == 0
    assert time_warp(path, path[::-1]) > 1
    assert time_warp(np.zeros((2, 1)), np.ones((2, 1))) == pytest.approx(0.5)


def test_rivals_differ_in_one_word_and_are_all_different() -> None:
    text = "Emma voit deux cercles rouges."
    made = list(rivals(text, np.random.default_rng(0)))
    assert len(set(made)) == 5
    for other in made:
        pairs = zip(text.split(), other.split(), strict=True)
        assert sum(a != b for a, b in pairs) == 1
