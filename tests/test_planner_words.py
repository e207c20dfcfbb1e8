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


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        ("Film a red circle", (), ["text-to-video(text=red circle)"]),
        ("Animate two stars moving up", (), ["text-to-video(text=two stars moving up)"]),
        ("film it", ("a.png",), ["image-to-video(image=r1)"]),
        ("Animate the picture", ("a.png",), ["image-to-video(image=r1)"]),
        ("wats in the img lol", ("a.png",), ["image-to-text(image=r1)"]),
        ("can u tell me wat u see here", ("a.png",), ["image-to-text(image=r1)"]),
        ("describ teh foto and reed it alound", ("a.png",),
         ["image-to-text(image=r1)", "text-to-speech(text=<resource>-0)"]),
        ("Transcribe it, translate the transcript to French and speak the translation", ("a.wav",),
         ["automatic-speech-recognition(audio=r1)",
          "translation(text=<resource>-0, target_language=French)",
          "text-to-speech(text=<resource>-1)"]),
        ("Translate the recording into French speech", ("a.wav",),
         ["automatic-speech-recognition(audio=r1)",
          "translation(text=<resource>-0, target_language=French)",
          "text-to-speech(text=<resource>-1)"]),
        ("I need this picture described in Spanish and spoken", ("a.png",),
         ["image-to-text(image=r1)", "translation(text=<resource>-0, target_language=Spanish)",
          "text-to-speech(text=<resource>-1)"]),
        ("label this image: happy, sad", ("a.png",),
         ["zero-shot-image-classification(image=r1, candidate_labels=['happy', 'sad'])"]),
        ("remove the circle", ("a.png",), ["image-to-image(image=r1, prompt=remove the circle)"]),
        ("find the red circle and cut it out", ("a.png",),
         ["object-detection(image=r1)", "image-segmentation(image=r1)"]),
        ("transcribe a.wav and use it to edit a.png", ("a.png", "a.wav"),
         ["automatic-speech-recognition(audio=r2)",
          "image-to-image(image=r1, prompt=<resource>-0)"]),
        ("summary", ("b.txt",), ["summarization(text=r1)"]),
        ("german please", ("b.txt",), ["translation(text=r1, target_language=German)"]),
        ("objects?", ("a.png",), ["object-detection(image=r1)"]),
        ("names", ("b.txt",), ["token-classification(text=r1)"]),
        ("transcribe it, no translation please", ("a.wav",),
         ["automatic-speech-recognition(audio=r1)"]),
        ("can you type up what they say and pull out the names?", ("a.wav",),
         ["automatic-speech-recognition(audio=r1)", "token-classification(text=<resource>-0)"]),
        ("is the review in a.wav positive?", ("a.wav",),
         ["automatic-speech-recognition(audio=r1)", "text-classification(text=<resource>-0)"]),
        ("transcribe it, then read it", ("a.wav",),
         ["automatic-speech-recognition(audio=r1)", "text-to-speech(text=<resource>-0)"]),
        ("read it", ("b.txt",), ["text-to-speech(text=r1)"]),
        ("1. Describe it\n2. Translate 1 to French\n3. Read 2 aloud", ("a.png",),
         ["image-to-text(image=r1)", "translation(text=<resource>-0, target_language=French)",
          "text-to-speech(text=<resource>-1)"]),
        ("sort 'glad', 'sad' by similarity to 'happy'", (),
         ["sentence-similarity(text=happy, sentences=['glad', 'sad'])"]),
        ("say hello world", (), ["text-to-speech(text=hello world)"]),
        ("are they the same?", ("a.png", "b.png"),
         ["image-to-text(image=r1)", "image-to-text(image=r2)",
          "sentence-similarity(text=<resource>-0, sentences=['<resource>-1'])"]),
    ],
)  # fmt: skip
def test_what_people_type_in_a_chat(text: str, files: tuple[str, ...], wanted: list[str]) -> None:
    assert tasks(text, *files) == wanted


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("What is the total? When was it printed?", ["What is the total?", "When was it printed?"]),
        ("When was it printed and how much is the tea?",
         ["When was it printed", "how much is the tea?"]),
    ],
)  # fmt: skip
def test_each_of_several_questions_is_asked(text: str, asked: list[str]) -> None:
    found = [task["args"]["question"] for task in draft(text, "receipt.png").tasks]
    assert found == asked


def test_a_question_is_not_lost_to_a_count() -> None:
    made = tasks("What colour is the circle and how many stars are there?", "a.png")
    assert made == [
        "visual-question-answering(image=r1, question=What colour is the circle)",
        "object-detection(image=r1)",
    ]


def test_a_count_is_asked_of_a_table_where_there_is_one() -> None:
    asked = "How many people live in Oslo?"
    assert tasks(asked, "a.csv") == [f"table-question-answering(table=r1, question={asked})"]
    asked = "in which country is Paris"
    assert tasks(asked, "a.csv") == [f"table-question-answering(table=r1, question={asked})"]


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        ("describe the first and count the objects in the second", ("a.png", "b.png"),
         ["image-to-text(image=r1)", "object-detection(image=r2)"]),
        ("describe the pictures and count the objects in the second", ("a.png", "b.png"),
         ["image-to-text(image=r1)", "image-to-text(image=r2)", "object-detection(image=r2)"]),
        ("summarize the first, translate the second to French", ("a.txt", "b.txt"),
         ["summarization(text=r1)", "translation(text=r2, target_language=French)"]),
        ("which of the two is about sport?", ("a.txt", "b.txt"),
         [f"zero-shot-classification(text=r{n}, candidate_labels=['sport', 'something else'])"
          for n in (1, 2)]),
        ("a.png: describe, b.txt: summarize, c.wav: transcribe", ("a.png", "b.txt", "c.wav"),
         ["image-to-text(image=r1)", "summarization(text=r2)",
          "automatic-speech-recognition(audio=r3)"]),
        ("a.png -> caption; b.txt -> summary", ("a.png", "b.txt"),
         ["image-to-text(image=r1)", "summarization(text=r2)"]),
        ("Beschreibe das erste und zähle die Objekte im zweiten", ("a.png", "b.png"),
         ["image-to-text(image=r1)", "object-detection(image=r2)"]),
        ("translate the first and last sentence of b.txt to German", ("a.txt", "b.txt"),
         ["translation(text=r2, target_language=German)"]),
        ("Describe the picture and summarize the text", ("a.png", "b.txt"),
         ["image-to-text(image=r1)", "summarization(text=r2)"]),
        ("Read the text in the picture and translate the text to German", ("a.png", "b.txt"),
         ["image-to-text(image=r1)", "translation(text=<resource>-0, target_language=German)"]),
    ],
)  # fmt: skip
def test_each_of_several_files_gets_its_own_task(
    text: str, files: tuple[str, ...], wanted: list[str]
) -> None:
    assert tasks(text, *files) == wanted


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Beschrijf de afbeelding", "Dutch"),
        ("Vertaal 'Goedemorgen' naar het Engels", "Dutch"),
        ("Traduci 'Buongiorno' in inglese", "Italian"),
    ],
)
def test_a_language_that_is_not_read_is_named(text: str, language: str) -> None:
    with pytest.raises(NotUnderstoodError, match=f"looks {language}"):
        draft(text)


@pytest.mark.parametrize("text", ["Ciao", "Olá!", "Bonjour", "hallo"])
def test_a_greeting_in_another_language_is_one(text: str) -> None:
    assert draft(text).reply.startswith("Hello.")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("translate good morning to german", "German"),
        ("How do you say good morning in Japanese?", "Japanese"),
    ],
)
def test_bare_words_are_translated_and_the_draft_says_so(text: str, language: str) -> None:
    assert tasks(text) == [f"translation(text=good morning, target_language={language})"]
    assert draft(text).notes == ("Taken as the text to translate: 'good morning'.",)


@pytest.mark.parametrize(
    "text",
    ["translate text to german", "translate english to german", "translate the letter to german",
     "Translate messages from English to German"],
)  # fmt: skip
def test_words_that_only_name_a_text_are_not_translated(text: str) -> None:
    with pytest.raises(NotUnderstoodError, match="needs the text"):
        draft(text)


@pytest.mark.parametrize(
    "text",
    ["What models do you use?", "how do i use this", "what languages do you speak",
     "can you see pictures?", "who made you"],
)  # fmt: skip
def test_questions_about_what_answers_are_told_what_it_can_do(text: str) -> None:
    assert draft(text).reply.startswith("Here is what I can do")


@pytest.mark.parametrize(
    ("text", "file", "wanted"),
    [
        ("Say exactly what a.png shows", "a.png", ["image-to-text(image=r1)"]),
        ("Say hi and describe a.png", "a.png",
         ["text-to-speech(text=hi)", "image-to-text(image=r1)"]),
        ("Describe a.png and say well done", "a.png",
         ["image-to-text(image=r1)", "text-to-speech(text=well done)"]),
        ("Say clearly whether b.txt is positive", "b.txt", ["text-classification(text=r1)"]),
        ("Remove the birds from c.wav, transcribe it", "c.wav",
         ["automatic-speech-recognition(audio=r1)"]),
        ("Tag the people in b.txt: names, places", "b.txt", ["token-classification(text=r1)"]),
        ("Label the objects in a.png: dogs, cats", "a.png", ["object-detection(image=r1)"]),
        ("Describe not the dog but the cat in a.png", "a.png", ["image-to-text(image=r1)"]),
        ("How many U boats sank? b.txt", "b.txt",
         ["question-answering(question=How many U boats sank?, context=r1)"]),
    ],
)  # fmt: skip
def test_words_like_those_of_another_wish_ask_for_nothing_else(
    text: str, file: str, wanted: list[str]
) -> None:
    assert tasks(text, file) == wanted


def test_who_was_first_is_a_question_and_no_file() -> None:
    asked = "In a.txt, who was the last?"
    wanted = ["question-answering(question=who was the last?, context=r1)"]
    assert tasks(asked, "a.txt", "b.txt") == wanted


def test_a_file_that_was_not_given_is_missed() -> None:
    missed = "What was given does not hold 'the second picture': there are fewer files."
    assert draft("Describe the second picture", "a.png").notes == (missed,)
    assert draft("Describe the second picture", "a.png", "b.png").notes == ()
