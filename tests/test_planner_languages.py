"""Languages: what a text is in, what it is to be in, and in which one is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import draft, state, tasks

from hugginggraph.graph import PlanRequest
from hugginggraph.graph.answer import compose
from hugginggraph.graph.builtin_planner import plan
from hugginggraph.graph.state import Finding
from hugginggraph.registry import NotUnderstoodError, task_types


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


def test_the_language_asked_for_is_that_of_the_text_and_not_of_its_translation(
    german: Path,
) -> None:
    for text in (
        "Translate brief.txt to French and tell me what language it is",
        "Translate brief.txt to French, then summarize it and tell me what language it is in",
    ):
        made = draft(text, german)
        assert made.notes == ("brief.txt is in German, going by its words.",)
        assert made.tasks[0]["task"] == "translation"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("beschreib mir mal kurz was da drauf ist", ["image-to-text(image=r1)"]),
        (
            "Welche Farbe hat das Herz?",
            ["visual-question-answering(image=r1, question=what is the color of the heart?)"],
        ),
        (
            "De quelle couleur est le cœur ?",
            ["visual-question-answering(image=r1, question=what is the color of the heart?)"],
        ),
        ("Was ist zu sehen?", ["image-to-text(image=r1)"]),
        ("Erkenne die Kanten in a.png", ["canny-control(image=r1)"]),
        ("Combien de formes rouges ?", ["object-detection(image=r1)"]),
        ("mal mir ein rotes Herz", ["text-to-image(text=red heart)"]),
        (
            "Beschreibe a.png und übersetze es ins Französische",
            [
                "image-to-text(image=r1)",
                "translation(text=<resource>-0, target_language=French, source_language=English)",
            ],
        ),
    ],
)
def test_chatty_requests_in_other_languages(text: str, wanted: list[str]) -> None:
    assert tasks(text, "a.png") == wanted


def test_what_is_said_is_heard_in_german() -> None:
    assert tasks("Was wird hier gesagt?", "a.wav") == ["automatic-speech-recognition(audio=r1)"]


def test_what_a_price_is_asked_of_in_german() -> None:
    made = draft("Was kostet der Tee?", "receipt.png").tasks
    assert made[0]["args"] == {"image": "r1", "question": "what did the tea cost?"}


def test_why_nothing_can_be_done_is_said_to_a_german_request_too() -> None:
    with pytest.raises(NotUnderstoodError, match="exact edits"):
        draft("Drehe scene.png um 90 Grad", "scene.png")


@pytest.mark.parametrize(
    "text",
    [
        "Beschreibe das Bild, aber übersetze es nicht",
        "Décris l'image, mais ne la traduis pas",
        "Describe la imagen, pero no la traduzcas",
        "描述这张图片，不要翻译",
        "特别描述这张图片",
        "别忘了描述这张图片",
        "Wenn möglich, beschreibe das Bild",
        "Übersetze den Text nicht, beschreibe das Bild",
    ],
)
def test_what_is_not_wanted_is_left_in_every_language(text: str) -> None:
    assert tasks(text, "a.png") == ["image-to-text(image=r1)"]
    notes = draft(text, "a.png").notes
    assert not any("Not understood" in note or "condition" in note for note in notes)


@pytest.mark.parametrize(
    "text", ["Animiere einen roten Kreis", "Anime un cercle rouge", "Filma un círculo rojo"]
)
def test_a_film_is_asked_for_in_every_language(text: str) -> None:
    assert tasks(text) == ["text-to-video(text=red circle)"]


def test_an_anime_is_a_style_and_no_film() -> None:
    assert tasks("Draw an anime cat") == ["text-to-image(text=anime cat)"]
    assert tasks("Dessine un chat anime") == ["text-to-image(text=cat anime)"]
