"""Of several files each is treated as asked: "the others", "all but b.png", "each to its own"."""

from __future__ import annotations

import pytest
from planned import KINDS, draft, state

from hugginggraph.graph import PlanRequest, Resource
from hugginggraph.graph.answer import compose
from hugginggraph.graph.builtin_planner import plan
from hugginggraph.registry import task_types

SEE, FIND, SUM, SAY = "image-to-text", "object-detection", "summarization", "text-to-speech"
HEAR, TELL, ALIKE = "automatic-speech-recognition", "translation", "sentence-similarity"


def made(text: str, files: str) -> list[str]:
    """The plan as lines such as ``image-to-text r2``."""
    tasks = draft(text, *files.split()).tasks
    return [" ".join([task["task"], *map(str, task["args"].values())]) for task in tasks]


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        ("Describe the first picture and count the objects in the others", "a.png b.png c.png",
         [f"{SEE} r1", f"{FIND} r2", f"{FIND} r3"]),
        ("Describe a.png and count the objects in the other two", "a.png b.png c.png",
         [f"{SEE} r1", f"{FIND} r2", f"{FIND} r3"]),
        ("Here are a.txt, b.txt and c.txt. Summarize the first and read the rest aloud",
         "a.txt b.txt c.txt", [f"{SUM} r1", f"{SAY} r2", f"{SAY} r3"]),
        ("Summarize a.txt, translate b.txt to German and read the other one aloud",
         "a.txt b.txt c.txt", [f"{SUM} r1", f"{TELL} r2 German", f"{SAY} r3"]),
        ("Find the objects in b.png, translate the others to French", "a.txt b.png c.txt",
         [f"{FIND} r2", f"{TELL} r1 French", f"{TELL} r3 French"]),
        ("Describe the picture, the other files should be summarized", "a.png b.txt c.txt",
         [f"{SEE} r1", f"{SUM} r2", f"{SUM} r3"]),
        ("Compare a.txt to all the others", "a.txt b.txt c.txt", [f"{ALIKE} r1 ['r2', 'r3']"]),
        ("One picture is a.png, the other is b.png. Describe both.", "a.png b.png",
         [f"{SEE} r1", f"{SEE} r2"]),
        ("Beschreibe a.png und zähle die Objekte in den anderen", "a.png b.png c.png",
         [f"{SEE} r1", f"{FIND} r2", f"{FIND} r3"]),
        ("Décris a.png et compte les objets dans les autres", "a.png b.png c.png",
         [f"{SEE} r1", f"{FIND} r2", f"{FIND} r3"]),
        ("Resume a.txt y traduce los otros al inglés", "a.txt b.txt c.txt",
         [f"{SUM} r1", f"{TELL} r2 English", f"{TELL} r3 English"]),
    ],
)  # fmt: skip
def test_the_others_are_the_files_that_were_not_named(
    text: str, files: str, wanted: list[str]
) -> None:
    assert made(text, files) == wanted


@pytest.mark.parametrize(
    ("text", "files", "left"),
    [
        ("Caption all pictures except b.png", "a.png b.png c.png", "13"),
        ("Caption all but the last picture", "a.png b.png c.png", "12"),
        ("Except for a.png, caption all.", "a.png b.png c.png", "23"),
        ("Describe a.png but not b.png", "a.png b.png", "1"),
        ("Describe a.png instead of b.png", "a.png b.png", "1"),
        ("Ignore b.png. Describe the pictures.", "a.png b.png c.png", "13"),
        ("Caption the pictures, leave b.png out", "a.png b.png c.png", "13"),
        ("Don't use b.png. Describe the pictures", "a.png b.png c.png", "13"),
        ("Skip a.png, caption the others", "a.png b.png c.png", "23"),
        ("Summarize all files except b.txt", "a.txt b.txt c.txt", "13"),
        ("Translate everything but a.txt to French", "a.txt b.txt c.txt", "23"),
        ("Describe everything except the sounds", "a.png b.txt c.wav", "12"),
        ("Summarize all texts but a.png should be described", "a.png b.txt c.txt", "231"),
        ("Describe not only a.png but also b.png", "a.png b.png", "12"),
        ("Describe the last two pictures", "a.png b.png c.png", "23"),
        ("Describe pictures 1, 2 and 4", "a.png b.png c.png d.png", "124"),
        ("Summarize both files", "a.png b.txt c.txt", "23"),
        ("Fasse alle Texte außer b.txt zusammen", "a.txt b.txt c.txt", "13"),
        ("Décris toutes les images sauf b.png", "a.png b.png c.png", "13"),
    ],
)
def test_what_is_left_out_is_left_out(text: str, files: str, left: str) -> None:
    plan_ = draft(text, *files.split())
    assert [next(iter(task["args"].values())) for task in plan_.tasks] == [f"r{n}" for n in left]
    assert not [note for note in plan_.notes if "read as" not in note]


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        ("Translate a.txt to French, b.txt to German and c.txt to Spanish", "a.txt b.txt c.txt",
         [f"{TELL} r1 French", f"{TELL} r2 German", f"{TELL} r3 Spanish"]),
        ("Translate a.txt and b.txt to French and German respectively", "a.txt b.txt",
         [f"{TELL} r1 French", f"{TELL} r2 German"]),
        ('Translate "hello" to French and "good bye" to German', "",
         [f"{TELL} hello French", f"{TELL} good bye German"]),
        ("Compare a.png with b.txt and b.txt with c.txt", "a.png b.txt c.txt",
         [f"{SEE} r1", f"{ALIKE} <resource>-0 ['r2']", f"{ALIKE} r2 ['r3']"]),
        ("Compare a.png with b.png and c.png with d.png", "a.png b.png c.png d.png",
         [f"{SEE} r1", f"{SEE} r2", f"{ALIKE} <resource>-0 ['<resource>-1']",
          f"{SEE} r3", f"{SEE} r4", f"{ALIKE} <resource>-3 ['<resource>-4']"]),
        ("I want a.wav transcribed, b.png described and c.txt summarized", "a.wav b.png c.txt",
         [f"{HEAR} r1", f"{SEE} r2", f"{SUM} r3"]),
        ("The first file should be summarized, the second translated to French", "a.txt b.txt",
         [f"{SUM} r1", f"{TELL} r2 French"]),
        ("Files: a.png, b.txt. Describe the first and summarize the second.", "a.png b.txt",
         [f"{SEE} r1", f"{SUM} r2"]),
        ("a.png, b.wav: describe the picture and transcribe the sound", "a.png b.wav",
         [f"{SEE} r1", f"{HEAR} r2"]),
        ("a.png - caption\nb.wav - transcript\nc.txt - summary", "a.png b.wav c.txt",
         [f"{SEE} r1", f"{HEAR} r2", f"{SUM} r3"]),
        ("Give me the summary of a.txt, the sentiment of b.txt and the entities in c.txt",
         "a.txt b.txt c.txt",
         [f"{SUM} r1", "text-classification r2", "token-classification r3"]),
        ('Turn "hi" into speech and "a red car" into a picture', "",
         [f"{SAY} hi", "text-to-image a red car"]),
        ("Convert a.wav to text and b.png to text", "a.wav b.png", [f"{HEAR} r1", f"{SEE} r2"]),
        ("总结a.txt,然后把b.txt翻译成英文", "a.txt b.txt", [f"{SUM} r1", f"{TELL} r2 English"]),
    ],
)  # fmt: skip
def test_each_thing_gets_its_own(text: str, files: str, wanted: list[str]) -> None:
    assert made(text, files) == wanted


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        ("Describe these:\n- a.png\n- b.png", "a.png b.png", [f"{SEE} r1", f"{SEE} r2"]),
        ("Describe a.png and b.txt", "a.png b.txt", [f"{SEE} r1", f"{SUM} r2"]),
        ("Describe all files", "a.png b.txt c.wav", [f"{SEE} r1", f"{SUM} r2", f"{HEAR} r3"]),
        ("Summarize a.txt and b.wav", "a.txt b.wav",
         [f"{HEAR} r2", f"{SUM} r1", f"{SUM} <resource>-0"]),
        ("Please do the following:\n* caption a.png\n* caption b.png", "a.png b.png",
         [f"{SEE} r1", f"{SEE} r2"]),
        ("Caption a.png. Caption b.png. Translate both captions to French", "a.png b.png",
         [f"{SEE} r1", f"{SEE} r2", f"{TELL} <resource>-0 French", f"{TELL} <resource>-1 French"]),
        ("Transcribe both recordings and summarize each", "a.wav b.wav",
         [f"{HEAR} r1", f"{HEAR} r2", f"{SUM} <resource>-0", f"{SUM} <resource>-1"]),
        ("Summarize each of the texts and translate each summary to French", "a.txt b.txt",
         [f"{SUM} r1", f"{SUM} r2", f"{TELL} <resource>-0 French", f"{TELL} <resource>-1 French"]),
        ("Denoise both recordings, then transcribe both", "a.wav b.wav",
         [*(f"audio-to-audio r{n}" for n in (1, 2)),
          *(f"{HEAR} <resource>-{n}" for n in (0, 1))]),
        ("Translate a.txt to French and summarize b.txt, then read them aloud", "a.txt b.txt",
         [f"{TELL} r1 French", f"{SUM} r2", f"{SAY} <resource>-0\n<resource>-1"]),
        ("Is there a dog in either picture?", "a.png b.png", [f"{FIND} r1", f"{FIND} r2"]),
        ("What colour is the car in a.png, and in b.png?", "a.png b.png",
         [f"visual-question-answering r{n} What colour is the car?" for n in (1, 2)]),
        ("Who is Ann (a.txt) and who is Bob (b.txt)?", "a.txt b.txt",
         ["question-answering Who is Ann r1", "question-answering who is Bob? r2"]),
        ("Draw pictures of \"a cat\" and \"a dog\"", "",
         ["text-to-image a cat", "text-to-image a dog"]),
        ("Summarize a.txt and b.txt in French", "a.txt b.txt",
         [f"{SUM} r1", f"{SUM} r2", f"{TELL} <resource>-0 French", f"{TELL} <resource>-1 French"]),
        ("Caption a.png in German and in French", "a.png",
         [f"{SEE} r1", f"{TELL} <resource>-0 German", f"{TELL} <resource>-0 French"]),
    ],
)  # fmt: skip
def test_of_several_none_is_lost_and_none_made_up(text: str, files: str, wanted: list[str]) -> None:
    assert made(text, files) == wanted


@pytest.mark.parametrize(
    ("first", "then", "wanted"),
    [
        ("Describe the first picture", "and the others", "23"),
        ("Describe a.png", "now the other two", "23"),
        ("Describe a.png and b.png", "the rest too", "3"),
        ("Beschreibe a.png", "und die anderen?", "23"),
        ("Describe a.png, not «image99» nor «others7»", "now the other two", "23"),
    ],
)
def test_the_others_of_a_later_request_are_those_not_named_before(
    first: str, then: str, wanted: str
) -> None:
    files = {
        f"r{n}": Resource(kind=KINDS["png"], path=name, name=name)
        for n, name in enumerate(("a.png", "b.png", "c.png"), 1)
    }
    said = (("human", first), ("ai", "A dog."))
    tasks = plan(PlanRequest(then, files, history=said), task_types()).tasks
    assert [(task["task"], task["args"]["image"]) for task in tasks] == [
        (SEE, f"r{n}") for n in wanted
    ]


@pytest.mark.parametrize(
    ("text", "files", "found", "said"),
    [
        ("What colour is the car in a.png, and in b.png?", "a.png b.png",
         ("red", "text", "blue", "text"),
         ["a.png: “What colour is the car?” red", "b.png: “What colour is the car?” blue"]),
        ("What colour is the car in a.png? What shape is the sun in b.png?", "a.png b.png",
         ("red", "text", "round", "text"),
         ["“What colour is the car?” red", "“What shape is the sun?” round"]),
    ],
)  # fmt: skip
def test_answers_to_one_question_say_what_each_is_about(
    text: str, files: str, found: tuple[str, ...], said: list[str]
) -> None:
    made = draft(text, *files.split()).tasks
    run = state(text, made, *found)
    run["resources"] = {
        f"r{n}": Resource(kind="image", path=name, name=name)
        for n, name in enumerate(files.split(), 1)
    }
    assert compose(run).splitlines()[:2] == said
