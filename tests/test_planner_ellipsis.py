"""Of several things that are named none is lost: "and b.png", "the last", "both texts"."""

from __future__ import annotations

import pytest
from planned import draft, state, tasks

from hugginggraph.graph import compose

LOVE, HATE = '"I love it"', '"I hate it"'


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        ("Describe a.png. And b.png?", "ab", [f"image-to-text(image=r{n})" for n in (1, 2)]),
        (
            "Describe a.png, then the same for b.png and c.png", "abc",
            [f"image-to-text(image=r{n})" for n in (1, 2, 3)],
        ),
        (
            "Describe a.png and read it aloud. b.png too.", "ab",
            ["image-to-text(image=r1)", "text-to-speech(text=<resource>-0)",
             "image-to-text(image=r2)", "text-to-speech(text=<resource>-2)"],
        ),
        (
            "Count the dogs in a.png. What about in b.png?", "ab",
            ["object-detection(image=r1)", "object-detection(image=r2)"],
        ),
        (
            "Denoise a.wav, transcribe it, and do the same with b.wav", "ab",
            ["audio-to-audio(audio=r1)", "automatic-speech-recognition(audio=<resource>-0)",
             "audio-to-audio(audio=r2)", "automatic-speech-recognition(audio=<resource>-2)"],
        ),
        (
            "Summarize a.txt. Read the summary aloud. The same for b.txt, please.", "ab",
            ["summarization(text=r1)", "text-to-speech(text=<resource>-0)",
             "summarization(text=r2)", "text-to-speech(text=<resource>-2)"],
        ),
        (
            "Transcribe a.wav then b.wav then summarize all", "ab",
            [*(f"automatic-speech-recognition(audio=r{n})" for n in (1, 2)),
             "summarization(text=<resource>-0\n<resource>-1)"],
        ),
        (
            "Who is mentioned in a.txt, and who in b.txt?", "ab",
            [f"token-classification(text=r{n})" for n in (1, 2)],
        ),
        ("描述a.png。b.png呢?", "ab", [f"image-to-text(image=r{n})" for n in (1, 2)]),
        (
            f"Is {LOVE} positive? And {HATE}?", "",
            [f"text-classification(text={text[1:-1]})" for text in (LOVE, HATE)],
        ),
    ],
)  # fmt: skip
def test_a_clause_that_only_names_something_asks_for_the_same_again(
    text: str, files: str, wanted: list[str]
) -> None:
    kind = next((kind for kind in ("wav", "txt") if f".{kind}" in text), "png")
    assert tasks(text, *(f"{name}.{kind}" for name in files)) == wanted


@pytest.mark.parametrize("text", ["Caption a.png. Also b.wav", "Here is b.wav. Describe a.png."])
def test_a_given_file_that_nothing_is_done_with_is_told(text: str) -> None:
    made = draft(text, "a.png", "b.wav")
    assert [task["args"] for task in made.tasks] == [{"image": "r1"}]
    assert made.notes == ("Nothing is done with b.wav.",)


@pytest.mark.parametrize("second", ["the last", "b.txt"])
def test_all_texts_are_meant_though_a_later_clause_names_one(second: str) -> None:
    assert tasks(f"Summarize the texts and translate {second}", "a.txt", "b.txt") == [
        "summarization(text=r1)", "summarization(text=r2)", "translation(text=r2)",
    ]  # fmt: skip


@pytest.mark.parametrize(("order", "meant"), [("first", 0), ("second", 1), ("last", 1)])
def test_one_of_several_results_is_taken_by_its_place(order: str, meant: int) -> None:
    *_, said = tasks(f"Describe all pictures and read the {order} caption aloud", "a.png", "b.png")
    assert said == f"text-to-speech(text=<resource>-{meant})"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Is it a cat or not?", "visual-question-answering"),
        (f"Is this text positive or not: {LOVE}", "text-classification"),
    ],
)
def test_or_not_is_no_label(text: str, wanted: str) -> None:
    assert [task["task"] for task in draft(text, "a.png").tasks] == [wanted]


@pytest.mark.parametrize(
    "text",
    [
        "For each file, describe it if it is a picture and summarize it if it is a text",
        "For every file: if it's an image, caption it; if it is a text file, summarize it",
    ],
)
def test_a_condition_that_says_which_files_are_meant_is_kept(text: str) -> None:
    made = draft(text, "a.png", "b.txt", "c.png")
    assert [task["args"] for task in made.tasks] == [
        {"image": "r1"}, {"image": "r3"}, {"text": "r2"},
    ]  # fmt: skip
    assert not made.notes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Draw a red circle. And a blue one.",
         ["text-to-image(text=red circle)", "text-to-image(text=blue circle)"]),
        ("Where is the museum in b.txt? And the station?",
         [f"question-answering(question=Where is the {place}?, context=r2)"
          for place in ("museum", "station")]),
        ("Translate b.txt to French. And German.",
         [f"translation(text=r2, target_language={name})" for name in ("French", "German")]),
        ("Describe a.png. And thanks!", ["image-to-text(image=r1)"]),
    ],
)  # fmt: skip
def test_a_clause_that_names_something_else_asks_the_same_of_it(
    text: str, wanted: list[str]
) -> None:
    assert tasks(text, "a.png", "b.txt") == wanted


@pytest.mark.parametrize("where", ["in a.png", "in [image99]"])
def test_each_of_several_counts_is_told(where: str) -> None:
    made = draft(f"Count the hearts {where}. What about circles?", "a.png")
    assert [task["args"] for task in made.tasks] == [{"image": "r1"}]
    assert [note.rpartition(": ")[2] for note in made.notes] == ["hearts.", "circles."]


@pytest.mark.parametrize("second", ["And of Spain?", "What is the capital of Spain?"])
def test_no_answer_is_looked_for_in_that_to_another_question(second: str) -> None:
    assert tasks(f"What is the capital of France? {second}") == [
        f"conversational(text=What is the capital of {name}?)" for name in ("France", "Spain")
    ]


@pytest.mark.parametrize(
    ("other", "told"), [("hugginggraph/shapes-detector", True), ("a/b", False)]
)
def test_what_one_of_the_models_may_not_know_is_not_counted_as_none(other: str, told: bool) -> None:
    text = "Count the hearts in a.png and b.png"
    made = draft(text, "a.png", "b.png")
    star = {"label": "red star", "score": 0.9, "box": dict.fromkeys(("xmin", "ymin"), 0)}
    run = state(text, made.tasks, [star], "boxes", [], "boxes")
    run["plan"]["notes"] = list(made.notes)
    run["results"]["1"]["model"] = other
    answer = compose(run)
    assert ("Hearts: none." in answer, "Note: Every" in answer) == (told, not told)
