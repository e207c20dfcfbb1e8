"""Translation, text to text, blanks and conversation run on real architectures."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from checkpoints import BUILDERS
from checkpoints_vision import TEXT_BUILDERS
from tool_run import Run, tool_run

from hugginggraph.registry import MissingArgumentError, ModelRunError

TEXT = (
    "The team won the final in Paris. Anna lives and works for a small firm near the river.\n\n"
    "It rained all day. We stayed home."
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tool_run(tmp_path_factory.mktemp("rewriting"), {**BUILDERS, **TEXT_BUILDERS})


@pytest.mark.parametrize(
    ("model", "language"),
    [
        ("marian", None),
        ("marian", "German"),
        ("marian_many", "French"),
        ("m2m", "German"),
        ("nllb", "deu_Latn"),
        ("nllb", "Chinese"),
        ("t5", "German"),
    ],
)
def test_a_text_is_translated_paragraph_by_paragraph(
    run: Run, model: str, language: str | None
) -> None:
    args = {"text": TEXT, "target_language": language}
    one, two = (run(model, "translation", **args)["value"] for _ in range(2))
    assert one == two and len(one.split()) > 1
    marks = ["</s>", ">>", "__de__", "_Latn", "translate"]
    assert not any(mark in one for mark in marks)
    assert one.count("\n\n") == 1


@pytest.mark.parametrize(
    ("model", "languages"),
    [("m2m", "de ru"), ("nllb", "de ru"), ("marian_many", "fr it")],
)
def test_another_language_gives_other_words(run: Run, model: str, languages: str) -> None:
    args = {"text": "Anna lives in Paris.", "source_language": "English"}
    one, two = (
        run(model, "translation", target_language=code, **args)["value"]
        for code in languages.split()
    )
    assert one != two


def test_a_sentence_longer_than_the_model_takes_is_cut_between_words(run: Run) -> None:
    short = run("marian", "translation", text="anna lives in paris")["value"]
    long = run("marian", "translation", text="anna lives in paris " * 60)["value"]
    assert len(long) > 4 * len(short)


def test_a_language_that_the_model_cannot_give_is_an_error_by_name(run: Run) -> None:
    with pytest.raises(ModelRunError, match="English to German, not to French"):
        run("marian", "translation", text="Anna", target_language="French")
    with pytest.raises(ModelRunError, match="does not know the language 'klingon'"):
        run("m2m", "translation", text="Anna", target_language="klingon")
    with pytest.raises(MissingArgumentError, match="target_language"):
        run("m2m", "translation", text="Anna")


@pytest.mark.parametrize(
    ("tokens", "said", "token"),
    [
        (["__de__", "__fr__"], "German", "__de__"),
        (["deu_Latn", "zho_Hans", "zho_Hant"], "Chinese", "zho_Hans"),
        (["deu_Latn", "zho_Hans", "zho_Hant"], "zho_Hant", "zho_Hant"),
        (["de_DE", "pt_XX"], "pt-BR", "pt_XX"),
        ([">>deu<<", ">>nob<<"], "Norwegian", ">>nob<<"),
        (["<2de>", "<2fr>"], "fr", "<2fr>"),
        (["arb_Arab", "pes_Arab"], "farsi", "pes_Arab"),
        (["__de__"], "Welsh", None),
    ],
)
def test_each_familys_token_of_a_language_is_found(
    tokens: list[str], said: str, token: str | None
) -> None:
    found = import_module("hugginggraph.tools.translation").language_token(tokens, said)
    assert found == token


@pytest.mark.parametrize("model", ["t5", "bart"])
def test_a_text_becomes_another_text(run: Run, model: str) -> None:
    one, two = (run(model, "text2text-generation", text=TEXT * 9)["value"] for _ in range(2))
    assert one == two != ""


@pytest.mark.parametrize("model", ["blank_filler", "blank_filler_distil"])
def test_the_words_for_a_blank_come_best_first(run: Run, model: str) -> None:
    words = run(model, "fill-mask", text="Anna lives in [MASK].")["value"]
    scores = [each["score"] for each in words]
    assert len(words) == 5 and scores == sorted(scores, reverse=True)
    assert 0 < sum(scores) <= 1 and all(each["label"] for each in words)
    assert run(model, "fill-mask", text="Anna lives in ____.")["value"] == words
    assert run(model, "fill-mask", text="all day " * 90 + "in [MASK]." + " we" * 90)["value"]


def test_several_blanks_get_their_best_word_each(run: Run) -> None:
    text = "Anna <mask> in ___."
    words = run("blank_filler", "fill-mask", text=text)["value"]
    assert [text[each["start"] : each["end"]] for each in words] == ["<mask>", "___"]
    with pytest.raises(MissingArgumentError, match="no blank"):
        run("blank_filler", "fill-mask", text="Anna lives.")


HISTORY = "User: who won\nAssistant: the team\nit won in paris\nUser: where"


@pytest.mark.parametrize("model", ["llama", "gpt2", "blenderbot"])
def test_a_reply_follows_the_conversation(run: Run, model: str) -> None:
    first = run(model, "conversational", text="who is anna ?")["value"]
    again = run(model, "conversational", text="who is anna ?")["value"]
    later = run(model, "conversational", text="who is anna ?", history=HISTORY)["value"]
    assert first == again != "" and later and "User:" not in later
    assert run(model, "conversational", text="who", history=HISTORY * 30)["value"]


def test_a_conversation_is_read_from_its_lines() -> None:
    turns: Any = import_module("hugginggraph.tools.chat").turns
    assert [(turn["role"], turn["content"]) for turn in turns(f"noise\n{HISTORY}\nhuman: now")] == [
        ("user", "who won"),
        ("assistant", "the team\nit won in paris"),
        ("user", "where\nnow"),
    ]
    assert turns("no names here") == []


def test_without_sentencepiece_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hugginggraph.registry import MissingExtraError

    translation = import_module("hugginggraph.tools.translation")

    def missing(checkpoint: Any) -> Any:
        raise ImportError("MarianTokenizer requires the SentencePiece library")

    monkeypatch.setattr(translation, "load_tokenizer", missing)
    with pytest.raises(MissingExtraError, match=r"hugginggraph\[translation\]"):
        tool_run(tmp_path, BUILDERS)("t5", "translation", text="Anna", target_language="de")
