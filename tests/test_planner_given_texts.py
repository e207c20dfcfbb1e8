"""A text that a request gives after a colon or on lines of its own is data, in every language."""

from __future__ import annotations

import time

import pytest
from test_followups import asked, steps

from hugginggraph.graph.builtin_planner import unquoted
from hugginggraph.graph.spoken import language_of

DOG = "Der Hund sitzt auf dem Bild. Beide sind rot."
LINES = f"{DOG}\n\nEin Bild: die Katze liest."


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (f"Übersetze ins Englische: {DOG}", [f"translation({DOG}, English, German)"]),
        (f"Bitte übersetze das ins Englische\n{DOG}", [f"translation({DOG}, English, German)"]),
        (f"Fasse zusammen:\n\n{LINES}", [f"summarization({LINES})"]),
        ("Lies vor: Guten Tag, wie geht es dir?",
         ["text-to-speech(Guten Tag, wie geht es dir?)"]),
        ("Übersetze ins Englische und lies es vor: der Hund in bild.png",
         ["translation(der Hund in bild.png, English, German)",
          "text-to-speech(<resource>-0)"]),
        ("Beantworte die Frage: Wer malte das Bild? Kontext: Das Bild malte Anna.",
         ["question-answering(Wer malte das Bild?, Das Bild malte Anna.)"]),
        ("Traduis en anglais : Le chat rouge est sur la photo.",
         ["translation(Le chat rouge est sur la photo., English, French)"]),
        ("¡Hola! Traduce al inglés: ¿Dónde está el gato?",
         ["translation(¿Dónde está el gato?, English, Spanish)"]),
        ('Traduce "¿Qué tal?" al inglés', ["translation(¿Qué tal?, English, Spanish)"]),
        ("总结：这个男孩画了一只猫，然后把它写成文字。",
         ["summarization(这个男孩画了一只猫，然后把它写成文字。)"]),
        ("回答问题：谁在睡觉？上下文：狗在睡觉。",
         ["question-answering(谁在睡觉？, 狗在睡觉。)"]),
        ("Translate to English: Bitte beschreibe das Bild und lies es vor.",
         ["translation(Bitte beschreibe das Bild und lies es vor., English, German)"]),
    ],
)  # fmt: skip
def test_a_foreign_text_stays_as_it_was_given(request_: str, wanted: list[str]) -> None:
    assert steps(request_, files=0) == wanted


@pytest.mark.parametrize(
    "asks",
    [
        "Translate to German\n\n{}",
        "Translate this to German.\n{}",
        "Please translate to German\n{}",
    ],
)
def test_a_text_may_stand_below_the_line_that_asks(asks: str) -> None:
    text = "The dog sits on the picture.\nIt is red: very red."
    assert steps(asks.format(text), files=0) == [f"translation({text}, German)"]


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("Translate it to German\nRead it aloud",
         ["image-to-text(r1)", "translation(<resource>-0, German)",
          "text-to-speech(<resource>-1)"]),
        ("Übersetze es ins Englische\n\nLies es vor",
         ["image-to-text(r1)", "translation(<resource>-0, English)",
          "text-to-speech(<resource>-1)"]),
        ("Translate the caption to German\n\nThanks, Bob",
         ["image-to-text(r1)", "translation(<resource>-0, German)"]),
        ("Bitte: beschreibe scene.png", ["image-to-text(r1)"]),
        ("Zwei Dinge: beschreibe das Bild und zähle die Objekte",
         ["image-to-text(r1)", "object-detection(r1)"]),
    ],
)  # fmt: skip
def test_what_asks_for_something_is_no_text(request_: str, wanted: list[str]) -> None:
    assert steps(request_) == wanted


@pytest.mark.parametrize(
    "unit", ["“", "«", "「", "„", "-", "~", ":", ".", "./", "0.", "翻译", "中", "a: ", "Text: a\n"]
)
def test_no_long_request_holds_the_planner(unit: str) -> None:
    text = "Describe scene.png and translate it to German. " + unit * (100_000 // len(unit))
    begun = time.process_time()
    language_of(text)
    unquoted(text)
    steps(text)
    steps("翻译 " + text)
    steps("Read it aloud", history=asked(text))
    assert time.process_time() - begun < 8  # a quadratic pattern takes minutes
