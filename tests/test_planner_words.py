"""Requests in the words people use, and what an answer says of what was not found."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import draft, state, tasks

from hugginggraph.graph.answer import compose
from hugginggraph.registry import NotUnderstoodError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Read the bill", None), ("Read the receipt to the end", None),
        ("Explain what it shows", None), ("Make it move", None), ("Was steht im Brief?", None),
        ("Tell me what you see in the text",
         "question-answering(question=what you see in the text, context=r1)"),
    ],
)  # fmt: skip
def test_a_text_is_never_drawn_to_be_looked_at(text: str, wanted: str | None) -> None:
    if wanted:
        assert tasks(text, "note.txt") == [wanted]
        return
    with pytest.raises(NotUnderstoodError):
        draft(text, "note.txt")


def test_what_is_to_be_corrected_stands_in_the_request_or_in_a_file(tmp_path: Path) -> None:
    for text in ("Fix the spelling of nowhere.txt", "Fix the spelling"):
        with pytest.raises(NotUnderstoodError, match="needs the text itself"):
            draft(text)
    assert tasks("Fix the spelling: 'I has a dog'")[0].startswith("text2text-generation")
    note = tmp_path / "note.txt"
    note.write_text("We was there, see <resource>-7.")
    content = "We was there, see ."
    assert tasks("Fix the spelling", note) == [
        f"text2text-generation(text=Fix the spelling\n\n{content})"
    ]
    assert tasks("Summarize note.txt and fix its grammar", note) == [
        "summarization(text=r1)",
        "text2text-generation(text=fix its grammar\n\n<resource>-0)",
    ]
    for text in ("Rewrite note.txt politely", "Rewrite it politely"):
        assert tasks(text, note) == [f"text-generation(text={text}\n\n{content})"]


def test_of_a_long_file_a_prompt_takes_the_beginning_and_says_so(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("word " * 2000)
    made = draft("Rewrite note.txt politely", note)
    assert len(made.tasks[0]["args"]["text"]) < 4100
    assert made.notes == ("Of note.txt only the first 4,000 characters were taken.",)


@pytest.mark.parametrize(
    ("text", "file", "asked"),
    [
        ("What is the price of the ticket according to note.txt?", "note.txt",
         "What is the price of the ticket?"),
        ("What is the name of the form?", "form.png", "What is the name of the form?"),
        ("How long is the term of the contract?", "note.txt",
         "How long is the term of the contract?"),
        ("How long is the term of the contract?", "contract.png",
         "How long is the term of the contract?"),
        ("What is the title of this document?", "form.png", "What is the title of this document?"),
    ],
)  # fmt: skip
def test_a_noun_that_a_question_is_about_stays_in_it(text: str, file: str, asked: str) -> None:
    (task,) = draft(text, file).tasks
    assert task["args"]["question"] == asked


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("What is the total of this receipt?", "What is the total?"),
        ("What's the date on the receipt?", "What is the date?"),
        ("What is the total on receipt.png?", "What is the total?"),
        ("Who is on this receipt?", "Who is on this receipt?"),
        ("How much did I pay?", "How much did I pay?"),
    ],
)
def test_a_question_about_a_paper_leaves_out_which_paper(text: str, asked: str) -> None:
    (task,) = draft(text, "receipt.png").tasks
    assert (task["task"], task["args"]["question"]) == ("document-question-answering", asked)


@pytest.mark.parametrize(
    ("text", "file", "wanted"),
    [
        ("Read the receipt", "receipt.png", ["image-to-text(image=r1)"]),
        ("What can you tell me about the file scene.png?", "scene.png",
         ["image-to-text(image=r1)"]),
        ("Could you have a look at scene.png and let me know what you can see in it?", "scene.png",
         ["image-to-text(image=r1)"]),
        ("Give me three bullet points from note.txt", "note.txt", ["summarization(text=r1)"]),
        ("Save the summary of note.txt as summary.txt", "note.txt", ["summarization(text=r1)"]),
        ("Make an mp3 of note.txt", "note.txt", ["text-to-speech(text=r1)"]),
        ("What places are in note.txt and when did it happen?", "note.txt",
         ["token-classification(text=r1)",
          "question-answering(question=when did it happen?, context=r1)"]),
        ("Fix the spelling: 'I has a apple'", "note.txt",
         ["text2text-generation(text=Fix the spelling: 'I has a apple')"]),
        ("Take scene.png, turn it into a video and describe the video", "scene.png",
         ["image-to-video(image=r1)", "video-to-text(video=<resource>-0)"]),
        ("Draw a red circle, then animate it", "note.txt",
         ["text-to-image(text=red circle)", "image-to-video(image=<resource>-0)"]),
    ],
)  # fmt: skip
def test_requests_as_people_write_them(text: str, file: str, wanted: list[str]) -> None:
    assert tasks(text, file) == wanted


def test_the_same_again_means_nothing_without_a_request_before() -> None:
    with pytest.raises(NotUnderstoodError, match="Not understood"):
        draft("do the same for crowd.png", "crowd.png")


def test_a_model_that_knows_no_answer_is_not_quoted_as_if_it_had_one() -> None:
    text = "How much did I pay?"
    planned = draft(text, "receipt.png").tasks
    said = compose(state(text, planned, "UNKNOWN", "text"))
    assert said.startswith("“How much did I pay?” The model found no answer: it says 'UNKNOWN'.")
    assert "82.84" in compose(state(text, planned, "82.84", "text"))


def test_a_caption_that_names_what_the_detector_did_not_find_is_noted() -> None:
    text = "Describe scene.png and detect the objects in it"
    planned = draft(text, "scene.png").tasks
    boxes = [{"label": "blue square", "score": 0.9, "box": [0, 0, 5, 5]}]
    said = compose(state(text, planned, "a red circle", "text", boxes, "boxes"))
    assert "differ about scene.png: image-to-text names red circle, and object-detection" in said
    assert "Either may be wrong." in said
    agreed = compose(state(text, planned, "two blue squares", "text", boxes, "boxes"))
    assert "Either may be wrong." not in agreed


@pytest.mark.parametrize(
    "text",
    [
        "make a sound file that says two red circles",
        "Record a voice message saying two red circles",
    ],
)
def test_a_sound_that_says_something_is_speech(text: str) -> None:
    assert tasks(text) == ["text-to-speech(text=two red circles)"]


def test_what_is_on_a_foto_is_seen() -> None:
    assert tasks("hey can u tell me whats on this foto", "a.png") == ["image-to-text(image=r1)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("How many words does it have?", "note.txt has 4 words."),
        ("How many sentences are in note.txt?", "note.txt has 2 sentences."),
        ("how many letters has 'hi you'?", "'hi you' has 5 letters."),
        ("How many characters are in note.txt?", "note.txt has 17 characters."),
    ],
)
def test_a_text_that_is_there_is_counted_without_a_model(
    text: str, said: str, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("We went. He came.\n")
    made = draft(text, note)
    assert (made.tasks, made.reply) == ([], said)


def test_words_that_are_not_there_yet_are_not_counted() -> None:
    with pytest.raises(NotUnderstoodError, match="needs a text that is there already"):
        draft("How many words are there?", "a.png")
