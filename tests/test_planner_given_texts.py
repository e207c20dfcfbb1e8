"""A text that a request gives after a colon or on lines of its own is data, in every language."""

from __future__ import annotations

import time
from typing import Any

import pytest
from planned import asked, steps

from hugginggraph.graph import PlanRequest
from hugginggraph.graph.builtin_planner import plan, unquoted
from hugginggraph.graph.spoken import language_of
from hugginggraph.registry import NotUnderstoodError, task_types

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


TEXTS = (
    "The dog sleeps.", "Dear Bob: the meeting is at 12:30. Describe the room, please!",
    "It's John's dog; he doesn't bark.", 'She said "hello" and left.',
    "See report.pdf and photo.png, or https://example.com/a?b=c.", "Is it raining? I don't know.",
    "- milk\n- eggs\n- bread", "1. Open the door.\n2. Count the cats.\n3. Draw a circle.",
    "Hi Bob,\n\nsend me the picture.\nQuestion: when is it due?\n\nBest,\nAnna",
    "Price: 5 € (was 7,50 €) — 30% off!", 'def f(x):\n    return {"a": x[0]}',
    "Cats, dogs and birds. And fish? No.", "Translate this letter, he said. Then read it aloud.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "task"),
    [
        ("Translate to German: {}", "translation"),
        ("Translate the following text to German:\n\n{}", "translation"),
        ('Translate this to German: """{}"""', "translation"),
        ("Translate this to German:\n```\n{}\n```", "translation"),
        ("Translate to German:\n---\n{}\n---", "translation"),
        ("{}\n\nTranslate the above to German", "translation"),
        ("Übersetze auf Deutsch: {}", "translation"),
        ("Summarize this email.\n\n{}", "summarization"),
        ("tl;dr this:\n{}", "summarization"),
        ("Fasse zusammen: {}", "summarization"),
        ("Read this aloud: {}", "text-to-speech"),
        ("What is the sentiment of this review: {}", "text-classification"),
    ],
)
def test_a_text_is_whole_and_plans_nothing(frame: str, task: str) -> None:
    for text in TEXTS:
        tasks = plan(PlanRequest(frame.format(text), {}), task_types()).tasks
        assert [each["task"] for each in tasks] == [task], text
        assert str(tasks[0]["args"]["text"]).strip(".") == text.strip("."), text


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("Translate this to French. The dog sleeps.", "translation(The dog sleeps., French)"),
        ("The dog sleeps. Translate that to French!", "translation(The dog sleeps., French)"),
        ("Read this aloud. Good morning everyone.", "text-to-speech(Good morning everyone.)"),
        ("How positive is this? The food was bad.", "text-classification(The food was bad.)"),
        ("You won! Call now! Is this spam?",
         "zero-shot-classification(You won! Call now!, ['spam', 'not spam'])"),
    ],
)  # fmt: skip
def test_this_is_the_text_beside_where_nothing_else_is_given(request_: str, wanted: str) -> None:
    assert steps(request_, files=0) == [wanted]


@pytest.mark.parametrize(
    "request_",
    ["Hello! Can you translate this to French?", "Translate this. Thanks!",
     "I need help. Summarize this."],
)  # fmt: skip
def test_a_greeting_is_no_text(request_: str) -> None:
    with pytest.raises(NotUnderstoodError, match="nothing given fits"):
        steps(request_, files=0)


@pytest.mark.parametrize(
    "unit",
    [
        "“",
        "«",
        "„",
        "-",
        ":",
        ".",
        "./",
        "`",
        " ",
        "翻译",
        "中",
        "a: ",
        "Text: a\n",
        "crop ",
        "and ",
        "if they are pictures ",
        "the other file. ",
        "but not scene.png ",
        "scene.png, ",
        "scene.png to French and ",
        "and scene.png? ",
    ],
)
def test_no_long_request_holds_the_planner(unit: str) -> None:
    text = "Describe scene.png and translate it to German. " + unit * (100_000 // len(unit))
    steps("the quick brown fox finds scene.png")  # what is loaded once
    begun = time.process_time()
    language_of(text)
    unquoted(text)
    steps(text)
    steps("翻译 " + text)
    steps("Read it aloud", history=asked(text))
    assert time.process_time() - begun < 8  # a quadratic pattern takes minutes


@pytest.mark.parametrize(
    ("onward", "task"),
    [
        (" and for notes.txt a summary", "summarization"),
        (", and of notes.txt make a summary", "summarization"),
        (", and from notes.txt extract the names", "token-classification"),
    ],
)
def test_a_story_takes_no_file_that_the_next_wish_names_first(onward: str, task: str) -> None:
    notes: Any = {"kind": "text", "path": "/no/notes.txt", "name": "notes.txt"}
    request = PlanRequest(f"Write a story about a fox{onward}", {"r1": notes})
    first, second = plan(request, task_types()).tasks
    assert first["args"] == {"text": "Write a story about a fox"}
    assert (second["task"], second["args"]) == (task, {"text": "r1"})
