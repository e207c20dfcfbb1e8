"""A conversation goes on from what was found: nothing is run again to be spoken of once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from planned import CAPTION, GIVEN, ROWS, SAID, SCENE, SUMMARY, asked, steps

from hugginggraph.graph import Finding, PlanRequest, Resource, build_graph, gather
from hugginggraph.graph.builtin_planner import plan
from hugginggraph.graph.builtin_planner.followups import complete
from hugginggraph.graph.earlier import findings
from hugginggraph.graph.state import merge
from hugginggraph.registry import ResourceError, Settings

ROOT = Path(__file__).parents[1]
FRENCH = Finding(task="translation", text="un cercle rouge", resources=1)
COUNTED = Finding(task="object-detection", text="2 dogs", resources=1)
THEN = (*SAID, ("human", "Translate it to French"), ("ai", "Un cercle rouge."))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Now read it aloud", ["text-to-speech(a red circle)"]),
        ("read the description aloud please", ["text-to-speech(a red circle)"]),
        ("Translate that to German", ["translation(a red circle, German)"]),
        (
            "Translate it to German and read the translation aloud",
            ["translation(a red circle, German)", "text-to-speech(<resource>-0)"],
        ),
        ("Count the objects in it", ["object-detection(r1)"]),
        ("Read scene.png aloud", ["image-to-text(r1)", "text-to-speech(<resource>-0)"]),
        ('Translate "good day" to German', ["translation(good day, German)"]),
    ],
)
def test_what_was_found_is_used_and_nothing_else_that_is_named(
    text: str, wanted: list[str]
) -> None:
    assert steps(text, CAPTION, history=SAID) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "Draw a blue star on a white background",
            ["text-to-image(blue star on a white background)"],
        ),
        ("Then paint two green squares", ["text-to-image(two green squares)"]),
        ("Make a video of a blue circle that moves", ["text-to-video(blue circle that moves)"]),
        ("Find the objects in it and draw a cat", ["object-detection(r1)", "text-to-image(cat)"]),
        ("Read good morning aloud", ["text-to-speech(good morning)"]),
        ("Fill in: Paris is the [MASK] of France", ["fill-mask(Paris is the [MASK] of France)"]),
        ("Paint a picture like that", ["text-to-image(a red circle)"]),
        ("Generate an image", ["text-to-image(a red circle)"]),
        ("Read the description aloud", ["text-to-speech(a red circle)"]),
    ],
)
def test_words_of_its_own_go_before_what_was_found(text: str, wanted: list[str]) -> None:
    assert steps(text, CAPTION, history=SAID) == wanted


def test_the_same_again_starts_from_what_the_first_time_started_from() -> None:
    again = steps("and the same in German", CAPTION, FRENCH, history=THEN)
    assert again == ["translation(a red circle, German)"]
    assert steps("Translate it to German", CAPTION, FRENCH) == again
    assert steps("Read it aloud", CAPTION, FRENCH) == ["text-to-speech(un cercle rouge)"]


@pytest.mark.parametrize(
    ("before", "text", "wanted"),
    [
        (["Draw a blue star"], "again", ["text-to-image(blue star)"]),
        (["Draw a blue star", "make it red"], "draw another one", ["text-to-image(blue star)"]),
        (
            ["Write a poem about the sea", "Read it aloud"],
            "another one about mountains",
            ["text-generation(Write a poem about mountains)"],
        ),
        (["Draw a blue star"], "now a green one", ["text-to-image(green star)"]),
        (["Draw a picture of 'a blue star'"], "now a green one", ["text-to-image(a green star)"]),
        (["Draw a blue star"], "Draw a house instead", ["text-to-image(house)"]),
        (['Translate "cat" to French'], 'and "dog"?', ["translation(dog, French)"]),
        (
            ["Classify as sport or politics: They won the match."],
            "What about: She signed the law.",
            ["zero-shot-classification(She signed the law., ['sport', 'politics'])"],
        ),
        (['Translate "cat" to French'], "Use Spanish instead", ["translation(cat, Spanish)"]),
        (["Translate 'I am French' to German"], "in Dutch", ["translation(I am French, Dutch)"]),
        (["Describe 'scene.png'"], "and scene.png?", ["image-to-text(r1)"]),
        (["Describe the first picture"], "and the second", ["image-to-text(r2)"]),
        (["Describe the first picture", "Thanks!"], "and the second", ["image-to-text(r2)"]),
        (["Draw a blue star", "what did you say?"], "again please", ["text-to-image(blue star)"]),
        (["Describe the second picture"], "the first picture again", ["image-to-text(r1)"]),
        (["Segment this picture"], "do the same for this one", ["image-segmentation(r2)"]),
    ],
)
def test_what_names_only_what_is_new_is_the_last_request_with_that(
    before: list[str], text: str, wanted: list[str]
) -> None:
    assert steps(text, files=2, history=asked(*before)) == wanted


def test_what_is_read_aloud_is_translated_first() -> None:
    said = asked("Describe scene.png", "Read it aloud")
    wanted = ["translation(a red circle, French)", "text-to-speech(<resource>-0)"]
    assert steps("in French", CAPTION, history=said) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Translate the text to French", ["translation(Ann lives in Rome., French)"]),
        ("Read the original text aloud", ["text-to-speech(Ann lives in Rome.)"]),
        ("Where does Ann live?", ["question-answering(Where does Ann live?, Ann lives in Rome.)"]),
        ("Read it aloud", ["text-to-speech(Ann: Rome.)"]),
        ("Translate the summary to French", ["translation(Ann: Rome., French)"]),
    ],
)
def test_a_text_that_was_given_can_be_spoken_of(text: str, wanted: list[str]) -> None:
    assert steps(text, CAPTION, GIVEN, SUMMARY) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Read your answer aloud", ["text-to-speech(2 dogs)"]),
        ("Read the results aloud", ["text-to-speech(2 dogs)"]),
        ("Read the caption aloud", ["text-to-speech(a red circle)"]),
        (
            "Count the dogs and translate it to German",
            ["object-detection(r1)", "translation(<resource>-0, German)"],
        ),
    ],
)
def test_an_answer_is_the_last_one_and_a_new_result_goes_before_it(
    text: str, wanted: list[str]
) -> None:
    assert steps(text, CAPTION, COUNTED, history=SAID) == wanted


def test_what_is_asked_anew_is_no_earlier_result() -> None:
    felt = Finding(task="text-classification", text="positive (0.98)", resources=1)
    wanted = ["text-classification(un cercle rouge)"]
    assert steps("What is the sentiment?", FRENCH, felt) == wanted


def test_an_earlier_result_of_another_file_is_meant_where_it_is_named() -> None:
    heard = Finding(task="automatic-speech-recognition", text="good day to all", resources=1)
    wanted = ["summarization(good day to all)"]
    assert steps("Summarize the transcript", heard, files=2) == wanted
    assert steps("Summarize the caption", CAPTION, files=2)[0] == "image-to-text(r2)"


def test_a_task_taken_from_the_meaning_of_the_words_knows_what_was_found() -> None:
    wrote = Finding(task="text-generation", text="Dear boss", resources=1)
    wanted = ["text2text-generation(make it more formal\n\nDear boss)"]
    assert steps("make it more formal", wrote) == wanted


def test_what_was_found_is_said_again() -> None:
    request = PlanRequest("What did you find?", {"r1": SCENE}, history=SAID, earlier=(CAPTION,))
    made = plan(request, ROWS)
    assert (made.tasks, made.reply) == ([], "It shows a red circle.")


def test_a_turn_leaves_the_text_it_was_given_and_what_it_counted() -> None:
    def task(number: int, name: str, **args: str) -> dict[str, Any]:
        return {"id": number, "task": name, "dep": [], "args": args}

    tasks = [
        task(0, "summarization", text="Ann lives in Rome."),
        task(1, "text-generation", text="Write a poem"),
        task(2, "object-detection", image="r1"),
    ]
    box = {"label": "dog", "score": 0.9, "box": {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}}
    state: Any = {
        "messages": [
            HumanMessage("Write a poem, count the dogs and summarize: Ann lives in Rome."),
            HumanMessage("What is the sentiment of the text?"),
        ],
        "plan": {"tasks": tasks},
        "results": {"2": {"status": "done", "kind": "boxes", "value": [box]}},
        "resources": {"r1": SCENE},
    }
    left = findings(state)
    assert [each["task"] for each in left] == ["given-text", "object-detection"]
    assert left[0]["text"] == "Ann lives in Rome." and "dog" in left[1]["text"]


def test_the_name_of_a_file_that_is_not_there_is_no_text_to_go_on_from() -> None:
    task = {"id": 0, "task": "summarization", "dep": [], "args": {"text": "nothing.txt"}}
    state: Any = {
        "messages": [HumanMessage("Summarize nothing.txt")],
        "plan": {"tasks": [task], "valid": False},
    }
    assert findings(state) == []


def test_a_new_file_is_what_is_meant() -> None:
    spoken = steps("Read it aloud", CAPTION, files=2)
    assert spoken == ["image-to-text(r2)", "text-to-speech(<resource>-0)"]


def test_a_found_text_is_data_and_refers_to_nothing() -> None:
    trap = Finding(task="image-to-text", text="see <resource>-7 and count it", resources=1)
    assert steps("Read it aloud", trap) == ["text-to-speech(see  and count it)"]


async def test_a_picture_is_described_once_in_a_conversation(
    data_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(offline=True, data_dir=data_dir, artifacts_dir=tmp_path)
    graph = build_graph(settings=settings, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "one"}}
    first: Any = {"request": "Describe it", "files": [str(ROOT / "examples" / "scene.png")]}
    seen = await graph.ainvoke(first, thread)
    caption = seen["results"]["0"]["value"]
    for request in ("Thanks!", "Summarize it", "What is the sentiment of the summary?"):
        out = await graph.ainvoke({"request": request, "files": []}, thread)
    assert [task["task"] for task in out["plan"]["tasks"]] == ["text-classification"]
    assert (
        out["status"] == "done" and caption.split(",")[0] in out["plan"]["tasks"][0]["args"]["text"]
    )


async def test_a_text_that_was_pasted_is_still_at_hand(data_dir: Path, tmp_path: Path) -> None:
    settings = Settings(offline=True, data_dir=data_dir, artifacts_dir=tmp_path)
    graph = build_graph(settings=settings, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "one"}}
    text = "Tom ate an apple. Then he ate a pear. Then he slept for a long while in the barn."
    for request in (f"Summarize: {text}", "Thanks", "What is the sentiment of the text?"):
        given: Any = {"request": request, "files": []}
        out = await graph.ainvoke(given, thread)
    assert out["plan"]["tasks"][0]["args"] == {"text": text}


@pytest.mark.slow
def test_a_file_that_is_given_again_is_what_is_meant_and_not_an_earlier_result(
    settings: Settings, tmp_path: Path
) -> None:
    graph = build_graph(InMemorySaver(), settings=settings)
    thread: Any = {"configurable": {"thread_id": "one"}}
    scene = str(ROOT / "examples" / "scene.png")

    def ask(request: str, *files: str) -> dict[str, Any]:
        given: Any = {"request": request, "files": list(files)}
        return dict(graph.invoke(given, thread))

    first = ask("Estimate the depth of this picture", scene)
    assert list(first["resources"]) == ["r1", "r2"] and first["resources"]["r2"]["task"] == 0
    made = ask("Describe this picture")
    assert made["plan"]["tasks"][0]["args"] == {"image": "r2"}  # what was made last
    again = ask("Describe this picture", scene)
    assert again["plan"]["tasks"][0]["args"] == {"image": "r1"}
    assert list(again["resources"]) == ["r2", "r1"] and "heart" in again["answer"]
    aloud = ask("Read it aloud", scene)
    assert [task["task"] for task in aloud["plan"]["tasks"]] == ["image-to-text", "text-to-speech"]
    assert len({each["path"] for each in aloud["resources"].values()}) == len(aloud["resources"])


def test_files_keep_their_ids_and_the_one_given_last_is_the_last(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.txt" for name in "abc"]
    for path in paths:
        path.write_text("Some words.")
    a, b, c = map(str, paths)
    known = gather("Summarize them", [a, b], {})
    twice = known | {"r3": Resource(kind="text", path=b, name="b.txt", task=0)}
    assert list(gather(f"Compare {a} and {c}", [], twice)) == ["r4"]
    found = gather("Summarize it", [c, a], twice)
    assert list(found) == ["r4", "r1"]
    assert list(merge(twice, found)) == ["r2", "r3", "r4", "r1"]
    paths[0].write_bytes(b"")
    with pytest.raises(ResourceError, match="empty"):  # it is looked at again
        gather("Summarize it", [a], known)


def test_what_was_done_with_it_is_done_with_the_picture_named_now() -> None:
    said = (*THEN, ("human", "and read it aloud"), ("ai", "It is read aloud."))
    again = steps("the first picture again", CAPTION, FRENCH, files=2, history=said)
    assert again == ["image-to-text(r1)", "text-to-speech(<resource>-0)"]


@pytest.mark.parametrize(
    ("before", "text", "wanted"),
    [
        (["Was ist auf dem ersten Bild?"], "Und das zweite Bild?", ["image-to-text(r2)"]),
        (["Was ist auf dem ersten Bild?"], "Und das zweite?", ["image-to-text(r2)"]),
        (["Describe the first picture"], "Und das zweite Bild?", ["image-to-text(r2)"]),
        (["Beschreibe das erste Bild"], "and the second one", ["image-to-text(r2)"]),
        (["Beschreibe das erste Bild"], "Nochmal", ["image-to-text(r1)"]),
        (["Décris la première image"], "et la deuxième image ?", ["image-to-text(r2)"]),
        (["Describe la primera imagen por favor"], "y la segunda?", ["image-to-text(r2)"]),
    ],
)
def test_what_goes_on_from_a_request_may_be_in_another_language_than_english(
    before: list[str], text: str, wanted: list[str]
) -> None:
    assert steps(text, files=2, history=asked(*before)) == wanted


def test_a_version_in_a_language_is_that_and_not_what_was_translated() -> None:
    said = asked('Translate "a red circle" to French', "now into German")
    given = Finding(task="given-text", text="a red circle", resources=0)
    for text in ("read the french one aloud", "Read the French version aloud"):
        made = steps(text, given, FRENCH, files=0, history=said)
        assert made[-1].startswith("text-to-speech(") and "a red circle)" not in made[-1]
        assert made[:-1] in ([], ["translation(a red circle, French)"])


def test_what_was_found_is_meant_in_another_language_too() -> None:
    said = asked("Beschreibe scene.png")
    assert steps("Und auf Französisch?", CAPTION, history=said) == [
        "translation(a red circle, French, English)"
    ]
    assert steps("Lies es vor", CAPTION, history=said) == ["text-to-speech(a red circle)"]
    assert steps("Kürzer bitte", CAPTION, history=said) == ["summarization(a red circle)"]
    assert steps("and in German?", CAPTION, history=asked("Describe scene.png")) == [
        "translation(a red circle, German)"
    ]


def test_a_caption_is_in_english_already() -> None:
    seen = Finding(task="image-to-text", text="a circle and a heart on the left", resources=1)
    request = PlanRequest(
        "Und auf Englisch?", {"r1": SCENE}, asked("Beschreibe scene.png"), (seen,)
    )
    made = plan(request, ROWS)
    assert (made.tasks, "in English already" in made.reply) == ([], True)


@pytest.mark.parametrize(
    ("before", "text", "wanted"),
    [
        ("Describe scene1.png", "the other one", ["image-to-text(r2)"]),
        ("Describe scene1.png", "no, the other", ["image-to-text(r2)"]),
        ("Beschreibe scene1.png", "Nein, das andere", ["image-to-text(r2)"]),
    ],
)
def test_the_other_is_what_was_not_named(before: str, text: str, wanted: list[str]) -> None:
    pictures = {
        f"r{n}": Resource(kind="image", path=f"/data/scene{n}.png", name=f"scene{n}.png")
        for n in (1, 2)
    }
    for said in ((before,), (before, text, "and the other one")):
        made = plan(PlanRequest(text, pictures, history=asked(*said)), ROWS)
        assert [f"{t['task']}({t['args']['image']})" for t in made.tasks] == wanted


@pytest.mark.parametrize(
    ("before", "text", "full"),
    [
        ("Count the circles in scene.png", "and the squares?", "Count the squares in scene.png"),
        ("How many red circles are there?", "and blue?", "How many blue circles are there?"),
        ("How many circles are there?", "and the red ones?", "How many red circles are there?"),
        ("how much is the tea?", "and coffee?", "how much is the coffee?"),
        ("how much does the tea cost?", "what about the bread?", "how much does the bread cost?"),
        ("Is it about sport or law?", "what about art or food?", "Is it about art or food?"),
        ("draw a green square", "add a red heart", "draw a green square and a red heart"),
        ("is there a heart in this one?", "and here?", "is there a heart in this one?"),
        ("how many of them are hearts?", "and red?", "how many of them are red?"),
        ("Translate it to French", "no, i meant Spanish", "Translate it to Spanish"),
        ("tell me the date on the bill", "the total?", "tell me the total on the bill"),
        ("draw a red circle", "and now a blue", "draw a blue circle"),
        ("whats the total", "and the date?", "whats the date"),
        ("is there a dog?", "a cat?", "is there a cat?"),
        ("How many people live in Oslo?", "and in Rome?", "How many people live in Rome?"),
        ('Sort "I see" as sad or glad', "and as good or bad?", 'Sort "I see" as good or bad'),
        ("describe the first", "and the second", "describe the second one"),
        ("describe the fifth", "and the sixth", "describe the sixth one"),
        ("what is this?", "and coffee?", "and coffee?"),
        ("How many circles are there?", "and describe it", "and describe it"),
        ("How many circles are there?", "and why?", "and why?"),
        ("Describe it", "and the red ones?", "and the red ones?"),
    ],
)
def test_what_only_names_a_thing_asks_the_same_of_it(before: str, text: str, full: str) -> None:
    assert complete(PlanRequest(text, {"r1": SCENE}, asked(before))) == full


def test_the_name_of_a_file_with_a_backslash_takes_the_place_of_a_quoted_text() -> None:
    named = Resource(kind="image", path="/data/b.png", name="b\\d.png")
    request = PlanRequest(
        "and b\\d.png", {"r1": SCENE, "r2": named}, asked('Translate "hello" to French')
    )
    assert complete(request) == "Translate b\\d.png to French"
