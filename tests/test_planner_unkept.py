"""Conditions, and parts of a text: no plan keeps them, and the draft says so."""

from __future__ import annotations

import pytest
from planned import draft, tasks

DONE = "No condition is weighed: what depends on '{}' is done in any case."
SEEN, SHOWN = "image-to-text(image=r1)", ("a.png",)


@pytest.mark.parametrize(
    ("text", "files", "wanted", "noted"),
    [
        ("If it is a dog, describe it", SHOWN, [SEEN], [DONE.format("If it is a dog")]),
        ("If there are any dogs, describe it", SHOWN, [SEEN],
         [DONE.format("If there are any dogs")]),
        ("Describe a.png if there are more than three stars", SHOWN, [SEEN],
         [DONE.format("if there are more than three stars")]),
        ("Describe a.png only if it shows a dog", SHOWN, [SEEN],
         [DONE.format("only if it shows a dog")]),
        ("Describe it as long as it shows a dog", SHOWN, [SEEN],
         [DONE.format("as long as it shows a dog")]),
        ("Should there be a heart, describe it, else count the objects", SHOWN, [SEEN],
         ["Left out: 'else count the objects'.", DONE.format("Should there be a heart")]),
        ("If there is a circle, read the description aloud, otherwise translate it to German",
         SHOWN, [SEEN, "text-to-speech(text=<resource>-0)"],
         ["Left out: 'otherwise translate it to German'.", DONE.format("If there is a circle")]),
        ("Is the text positive? If yes, translate it to French.", ("b.txt",),
         ["text-classification(text=r1)", "translation(text=r1, target_language=French)"],
         [DONE.format("If yes")]),
    ],
)  # fmt: skip
def test_what_depends_on_a_condition_is_done_and_the_draft_says_so(
    text: str, files: tuple[str, ...], wanted: list[str], noted: list[str]
) -> None:
    assert tasks(text, *files) == wanted
    assert list(draft(text, *files).notes) == noted


@pytest.mark.parametrize(
    "text",
    [
        "Tell me if b.txt is positive or negative",
        "Summarize b.txt if possible",
        "Check if b.txt is about art and summarize it",
        "If you can, summarize b.txt",
        "Find the names in b.txt if there are any",
        "Find the names in b.txt, if there are any in it",
    ],
)
def test_an_if_that_asks_or_is_polite_is_no_condition(text: str) -> None:
    assert draft(text, "b.txt").notes == ()


def test_a_condition_in_german_is_told_too() -> None:
    notes = draft("Wenn es ein Hund ist, beschreibe es, sonst zähle die Objekte", "a.png").notes
    assert any("Left out: 'otherwise" in note for note in notes)
    assert any("No condition is weighed" in note for note in notes)


def test_a_text_that_is_taken_whole_for_a_sentence_of_it_is_noted() -> None:
    whole = "The whole text is taken, not only the first sentence."
    assert draft("Translate the first sentence to German", "b.txt").notes == (whole,)
    assert draft("What does the first sentence say?", "b.txt").notes == ()
