"""What a request needs no model for, what no model does, and what an answer says of that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.graph import Draft, PlanRequest, Resource
from hugginggraph.graph.answer import compose
from hugginggraph.graph.builtin_planner import plan
from hugginggraph.graph.state import Finding, State
from hugginggraph.registry import Kind, NotUnderstoodError, task_types

KINDS: dict[str, Kind] = {"png": "image", "txt": "text", "wav": "audio", "mp4": "video"}


def draft(text: str, *files: str | Path) -> Draft:
    """The plan for a request with these files, r1, r2, …"""
    resources = {
        f"r{n}": Resource(kind=KINDS[str(file).rpartition(".")[2]], path=str(file),
                          name=Path(file).name)
        for n, file in enumerate(files, 1)
    }  # fmt: skip
    return plan(PlanRequest(text, resources), task_types())


def tasks(text: str, *files: str | Path) -> list[str]:
    """The plan as lines such as ``image-to-text(image=r1)``."""
    return [
        f"{task['task']}({', '.join(f'{name}={value}' for name, value in task['args'].items())})"
        for task in draft(text, *files).tasks
    ]


@pytest.fixture
def german(tmp_path: Path) -> Path:
    """A German text file."""
    path = tmp_path / "brief.txt"
    path.write_text("Der Hund läuft durch den Park und die Katze ist nicht da.", "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Read 'Guten Morgen, mein Freund' aloud in German", "Guten Morgen, mein Freund"),
        ("Please read 'Bonjour tout le monde' aloud in French", "Bonjour tout le monde"),
        ("Read 'Hola amigo, buenos días' out loud in Spanish", "Hola amigo, buenos días"),
        ("Read 'Schöne Grüße' aloud in German", "Schöne Grüße"),
        ("Read 'two stars' aloud in English", "two stars"),
        ("Read 'café with friends' aloud in English", "café with friends"),
    ],
)
def test_a_text_in_the_wanted_language_is_read_aloud_as_it_is(text: str, said: str) -> None:
    assert tasks(text) == [f"text-to-speech(text={said})"]


@pytest.mark.parametrize(
    ("text", "said", "language"),
    [
        ("Read 'Hello my friend' aloud in German", "Hello my friend", "German"),
        ("Say 'I love Zürich' in German aloud", "I love Zürich", "German"),
        ("Read 'café with friends' aloud in French", "café with friends", "French"),
        ("Read 'two stars' aloud in French", "two stars", "French"),
        ("Read 'Guten Morgen, mein Freund' aloud in French", "Guten Morgen, mein Freund", "French"),
        ("Read 'Guten Morgen, mein Freund' aloud in English", "Guten Morgen, mein Freund",
         "English"),
    ],
)  # fmt: skip
def test_a_text_in_another_language_is_translated_before_it_is_read(
    text: str, said: str, language: str
) -> None:
    first, second = draft(text).tasks
    assert (first["task"], first["args"]["text"]) == ("translation", said)
    assert first["args"]["target_language"] == language
    assert second == {
        "id": 1, "task": "text-to-speech", "dep": [0], "args": {"text": "<resource>-0"}
    }  # fmt: skip


def test_a_file_in_the_wanted_language_is_read_aloud_as_it_is(german: Path) -> None:
    assert tasks("Read brief.txt aloud in German", german) == ["text-to-speech(text=r1)"]
    assert len(tasks("Read brief.txt aloud in French", german)) == 2


def test_what_is_in_the_wanted_language_is_not_translated(german: Path) -> None:
    reply = draft("Translate 'Guten Morgen, mein Freund' into German").reply
    assert reply == (
        "'Guten Morgen, mein Freund' is in German already: there is nothing to translate."
    )
    chained = draft("Translate brief.txt to German and then read it aloud", german)
    assert chained.tasks == [{"id": 0, "task": "text-to-speech", "dep": [], "args": {"text": "r1"}}]
    assert "brief.txt is in German already" in chained.notes[0]
    assert len(tasks("Translate brief.txt to French and then read it aloud", german)) == 2


def test_the_language_of_a_text_is_told_from_its_words(german: Path) -> None:
    assert draft("What language is brief.txt in?", german).reply == (
        "brief.txt is in German, going by its words."
    )
    for text, language in (
        ("Which language is this: 'Bonjour à tous, je suis content'", "French"),
        ("Detect the language of 'the cat is on the mat'", "English"),
        ("Welche Sprache ist das: 'Guten Morgen'?", "German"),
    ):
        assert f"is in {language}, going by its words." in draft(text).reply


def test_a_language_that_is_not_plain_is_left_to_a_model_and_never_answered_with_a_mood() -> None:
    text = "What language is 'Dobrý den' in?"
    planned = draft(text)
    assert tasks(text) == ["text-classification(text=Dobrý den)"]
    said = compose(state(text, planned.tasks, [{"label": "neutral", "score": 0.99}], "labels"))
    assert "What language “Dobrý den” is in was not found out" in said
    assert "reads as" not in said
    said = compose(state(text, planned.tasks, [{"label": "cs", "score": 0.99}], "labels"))
    assert "was not found out" not in said


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Добрий день, як справи у вас?", "Russian"), ("سلام حال شما چطور است", "Arabic"),
        ("東京都知事選挙", "Chinese"), ("El meu gat dorm a la cuina", "Spanish"),
        ("Wie is die man in het huis met den hond", "German"), ("नमस्कार, तुम्ही कसे आहात", "Hindi"),
        ("Un om este la masa cu o carte", "Spanish"), ("Guten Morgen, love", "German"),
        ('The manager says: "Der Hund ist nicht durch den Park und in den Wald gelaufen"',
         "German"),
        ("the cat is on the mat and you are not", "English"),
    ],
)  # fmt: skip
def test_a_text_is_translated_where_its_language_is_not_beyond_doubt(
    text: str, language: str
) -> None:
    (task,) = draft(f"Translate '{text}' to {language}").tasks
    assert (task["task"], task["args"]["text"]) == ("translation", text)
    if language != "English":
        told = draft(f"What language is '{text}' in?")
        assert [task["task"] for task in told.tasks] == ["text-classification"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("こんにちは世界", "Japanese"), ("Καλημέρα κόσμε", "Greek"), ("안녕하세요", "Korean"),
        ("Ich bin heute nicht zu Hause und komme auch nicht", "German"),
        ("Bonjour, je ne suis pas très content avec vous", "French"),
        ("Hola, ¿qué tal? Hoy hay muy buenos días y noches", "Spanish"),
        ("Buongiorno, grazie, sono molto contento della festa", "Italian"),
        ("Olá, você não está bem? Obrigado, são muito bons", "Portuguese"),
    ],
)  # fmt: skip
def test_a_language_beyond_doubt_is_told_and_its_text_is_not_translated(
    text: str, language: str
) -> None:
    assert f"is in {language}, going by its words." in draft(f"What language is '{text}' in?").reply
    assert "nothing to translate" in draft(f"Translate '{text}' into {language}").reply


def test_an_earlier_text_in_the_wanted_language_is_read_aloud_whole() -> None:
    said = "Der Hund läuft durch den Park und die Katze ist nicht da."
    for text in ("Translate it to German and read it aloud", "now read it aloud in German"):
        finding = Finding(task="summarization", text=said, resources=0)
        asked = PlanRequest(text, earlier=(finding,))
        (task,) = plan(asked, task_types()).tasks
        assert (task["task"], task["args"]) == ("text-to-speech", {"text": said})


@pytest.mark.parametrize(
    ("text", "said", "note"),
    [
        ("Classify the sentiment of 'Der Film ist nicht gut', and tell me what language it is in",
         "Der Film ist nicht gut", "is in German"),
        ("What language is 'I love this film' in and what is the sentiment?",
         "I love this film", "is in English"),
        ("What language is 'Dobrý den' in and what is the sentiment?",
         "Dobrý den", "its words do not say plainly"),
    ],
)  # fmt: skip
def test_a_language_that_is_told_leaves_a_classification_of_the_same_text(
    text: str, said: str, note: str
) -> None:
    made = draft(text)
    assert tasks(text) == [f"text-classification(text={said})"]
    assert note in made.notes[0]


@pytest.mark.parametrize(
    ("text", "undone"),
    [
        ("Classify the sentiment of 'What language is this? I love it'", False),
        ("Is 'which language is this' positive?", False),
        ("Welche Sprache ist das: 'Dobrý den'?", True),
        ("In which language is 'Dobrý den' written?", True),
    ],
)
def test_only_a_request_that_asks_for_a_language_is_told_that_none_was_found(
    text: str, undone: bool
) -> None:
    planned = draft(text).tasks
    said = compose(state(text, planned, [{"label": "positive", "score": 0.99}], "labels"))
    assert ("was not found out" in said, "reads as positive" in said) == (undone, not undone)


@pytest.mark.parametrize(
    ("text", "file", "first"),
    [
        ("Is the mirror in the picture broken?", "photo.png", "visual-question-answering"),
        ("What does the mirror show in this picture?", "photo.png", "visual-question-answering"),
        ("Find the mirror in the picture", "photo.png", "visual-question-answering"),
        ("Count the flip flops in the picture", "photo.png", "object-detection"),
        ("What does the trim on the car in this picture look like?", "photo.png",
         "visual-question-answering"),
        ("Cut the noise from the audio", "talk.wav", "audio-to-audio"),
        ("Change the picture to a png with a red circle", "photo.png", "image-to-image"),
        ("Transcribe the Zoom call recording", "talk.wav", "automatic-speech-recognition"),
        ("Classify the crop in this picture", "photo.png", "image-classification"),
        ("Draw a mirror in a picture frame", "note.txt", "text-to-image"),
        ("Draw a red circle and save it as a png", "note.txt", "text-to-image"),
        ("Describe the crop and the mirror in photo.png", "photo.png", "image-to-text"),
        ("Dreh ein Video über Hunde", "note.txt", "text-to-video"),
    ],
)  # fmt: skip
def test_a_noun_that_sounds_like_an_exact_edit_refuses_nothing(
    text: str, file: str, first: str
) -> None:
    made = draft(text, file)
    assert made.tasks[0]["task"] == first
    assert not any("exact edits" in note for note in made.notes)


def test_a_story_about_an_exact_edit_is_not_refused_as_one() -> None:
    with pytest.raises(NotUnderstoodError) as refused:
        draft("Write a story about cutting a video")
    assert "exact edits" not in str(refused.value)


def test_edits_named_one_after_the_other_are_noted_and_the_rest_is_done() -> None:
    made = draft("Crop, rotate and describe scene.png", "scene.png")
    assert [task["task"] for task in made.tasks] == ["image-to-text"]
    assert "exact edits" in made.notes[0]


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


def test_what_is_to_be_corrected_stands_in_the_request() -> None:
    for text in ("Fix the spelling of note.txt", "Fix the spelling"):
        with pytest.raises(NotUnderstoodError, match="needs the text itself in the request"):
            draft(text, "note.txt")
    made = draft("proofread note.txt and read it aloud", "note.txt")
    assert [task["task"] for task in made.tasks] == ["text-to-speech"]
    assert "needs the text itself" in made.notes[0]


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
    ("text", "wanted"),
    [
        ("Write a poem about the language of birds", "text-generation"),
        ("What languages are spoken in Switzerland?", "conversational"),
    ],
)
def test_a_request_that_only_speaks_of_languages_is_not_asked_for_a_text(
    text: str, wanted: str
) -> None:
    made = draft(text)
    assert ([task["task"] for task in made.tasks], made.notes) == ([wanted], ())


def test_who_speaks_a_language_is_a_question_about_a_text() -> None:
    assert tasks("Who speaks which language according to note.txt?", "note.txt") == [
        "question-answering(question=Who speaks which language?, context=r1)"
    ]


@pytest.mark.parametrize(
    ("text", "files", "last"),
    [
        ("Turn it into a video", ["photo.png", "note.txt"], "image-to-video(image=r1)"),
        ("Describe photo.png and turn it into a video", ["photo.png"], "image-to-video(image=r1)"),
        ("Summarize note.txt and turn it into a video", ["photo.png", "note.txt"],
         "text-to-video(text=<resource>-0)"),
        ("Write a poem about the sea and turn it into a video", ["photo.png"],
         "text-to-video(text=<resource>-0)"),
        ("Turn it into a video", ["note.txt"], "text-to-video(text=r1)"),
    ],
)  # fmt: skip
def test_a_picture_is_filmed_rather_than_what_was_said_of_it(
    text: str, files: list[str], last: str
) -> None:
    assert tasks(text, *files)[-1] == last


@pytest.mark.parametrize(
    "text",
    [
        "Crop the picture", "Rotate photo.png by 90 degrees", "flip it horizontally",
        "Please resize photo.png to 100x100", "Convert photo.png to a jpg",
        "could you mirror the photo for me?", "Convert this to jpg", "Save the photo as a png",
        "Crop the circle out of photo.png", "resize to 100x100",
        "Flip the red circle in photo.png",
        "Take photo.png and rotate it", "I want you to crop the image", "Zoom in on the picture",
    ],
)  # fmt: skip
def test_exact_edits_of_a_picture_are_refused_in_plain_words(text: str) -> None:
    with pytest.raises(NotUnderstoodError, match="exact edits, which no model does"):
        draft(text, "photo.png")


def test_a_format_is_not_changed_but_a_sound_is_still_made_a_text() -> None:
    with pytest.raises(NotUnderstoodError, match="exact edits"):
        draft("Convert talk.wav to mp3", "talk.wav")
    assert tasks("Convert talk.wav to text", "talk.wav") == [
        "automatic-speech-recognition(audio=r1)"
    ]
    assert tasks("Turn note.txt into an mp3", "note.txt") == ["text-to-speech(text=r1)"]


def test_what_else_is_asked_is_done_and_the_exact_edit_is_noted() -> None:
    made = draft("Crop photo.png and describe it", "photo.png")
    assert [task["task"] for task in made.tasks] == ["image-to-text"]
    assert any("exact edits" in note for note in made.notes)


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("Blur photo.png", True), ("Make it black and white", True),
        ("Make the picture grayscale", True), ("brighten the photo", True),
        ("Make the circle red", False), ("Turn photo.png into a cartoon", False),
    ],
)  # fmt: skip
def test_an_edit_that_sounds_exact_is_said_to_be_painted(text: str, noted: bool) -> None:
    made = draft(text, "photo.png")
    assert [task["task"] for task in made.tasks] == ["image-to-image"]
    assert noted == any("painted anew by a model" in note for note in made.notes)


@pytest.mark.parametrize(
    "text",
    [
        "Turn the picture scene.png into a video", "Animate scene.png",
        "make a short clip from scene.png", "Convert this picture to an animation",
        "Make the picture move",
    ],
)  # fmt: skip
def test_a_picture_is_made_a_film_from_the_file_itself(text: str) -> None:
    assert tasks(text, "scene.png") == ["image-to-video(image=r1)"]


def test_what_is_to_move_is_told_and_a_film_of_words_needs_no_file() -> None:
    assert tasks("Animate scene.png so that the circle rolls left", "scene.png") == [
        "image-to-video(image=r1, text=the circle rolls left)"
    ]
    assert tasks("Make a video of a running dog") == ["text-to-video(text=running dog)"]


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
        ("Kannst du mir bitte brief.txt zusammenfassen?", "brief.txt", ["summarization(text=r1)"]),
        ("Kannst du bitte brief.txt ins Englische übersetzen und vorlesen?", "brief.txt",
         ["translation(text=r1, target_language=English)", "text-to-speech(text=<resource>-0)"]),
        ("Kannst du bitte brief.txt vorlesen und zusammenfassen?", "brief.txt",
         ["text-to-speech(text=r1)", "summarization(text=r1)"]),
        ("Kannst du scene.png beschreiben und die Beschreibung vorlesen?", "scene.png",
         ["image-to-text(image=r1)", "text-to-speech(text=<resource>-0)"]),
        ("Puedes leer brief.txt en voz alta?", "brief.txt", ["text-to-speech(text=r1)"]),
        ("Peux-tu décrire scene.png s'il te plaît ?", "scene.png", ["image-to-text(image=r1)"]),
        ("Was steht auf dem Kassenbon receipt.png?", "receipt.png", ["image-to-text(image=r1)"]),
        ("Mach ein Video aus scene.png", "scene.png", ["image-to-video(image=r1)"]),
        ("Erstelle ein Bild von einem roten Kreis", "brief.txt",
         ["text-to-image(text=red circle)"]),
        ("Dessine un cercle rouge", "brief.txt", ["text-to-image(text=red circle)"]),
        ("Dibuja un círculo rojo", "brief.txt", ["text-to-image(text=red circle)"]),
    ] + [
        (text, "receipt.png",
         ["document-question-answering(image=r1, question=what is the total?)"])
        for text in (
            "Wie hoch ist die Summe auf receipt.png?", "Quel est le total de receipt.png ?",
            "¿Cuál es el total de receipt.png?",
        )
    ],
)  # fmt: skip
def test_requests_of_four_languages_as_people_write_them(
    text: str, file: str, wanted: list[str]
) -> None:
    assert tasks(text, file) == wanted


def test_why_nothing_can_be_done_is_said_to_a_german_request_too() -> None:
    with pytest.raises(NotUnderstoodError, match="exact edits"):
        draft("Drehe scene.png um 90 Grad", "scene.png")


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


def state(text: str, planned: Sequence[Any], *found: Any) -> State:
    """A finished run of these tasks; ``found`` is a value and a kind for each."""
    pairs = list(zip(found[::2], found[1::2], strict=True))
    results = {
        str(task["id"]): {
            "status": "done", "kind": kind, "value": value, "files": [], "seconds": 0.1,
            "attempts": [], "model": "hugginggraph/shapes-detector" if kind == "boxes" else "a/b",
        }
        for task, (value, kind) in zip(planned, pairs, strict=True)
    }  # fmt: skip
    made = {"tasks": list(planned), "valid": True, "notes": [], "errors": [], "repairs": []}
    resources = {"r1": Resource(kind="image", path="/data/scene.png", name="scene.png")}
    whole: Any = {"request": text, "plan": made, "results": results, "resources": resources}
    return whole


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
