"""What was found is counted, read aloud and looked into, and a photo is meant and not its map."""

from __future__ import annotations

import pytest
from planned import CAPTION, GIVEN, ROWS, SAID, SCENE, SUMMARY, asked, steps

from hugginggraph.graph import Finding, PlanRequest, Resource
from hugginggraph.graph.builtin_planner import plan
from hugginggraph.registry import NotUnderstoodError

MIXED = Finding(
    task="object-detection",
    text="5 objects: 1 purple heart (0.96), 2 red diamonds (0.95, 0.94) and 2 digit 2s (0.9, 0.9)",
    resources=1,
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("How many of them are red?", "2 are red: 2 red diamonds."),
        ("how many are blue", "none is labelled “blue”."),
        ("how many of those are hearts or red", "3 are hearts or red: 1 purple heart and 2 red"),
        ("how many red ones are there?", "2 are red: 2 red diamonds."),
        ("How many of them are not red?", "3 are not red: 1 purple heart and 2 digit"),
        ("Wie viele davon sind rot?", "2 are red: 2"),
        ("Combien d'entre eux sont rouges ?", "2 are red: 2"),
        ("¿Cuántos de ellos son rojos?", "2 are red: 2"),
    ],
)
def test_how_many_of_what_was_found_are_so_is_told_from_the_labels(text: str, said: str) -> None:
    made = plan(PlanRequest(text, {"r1": SCENE}, history=SAID, earlier=(MIXED,)), ROWS)
    assert made.tasks == []
    assert made.reply.startswith(f"Of the 5 objects found before, {said}")


def test_labels_without_colours_tell_no_colour() -> None:
    dogs = Finding(task="object-detection", text="2 objects: 2 dogs (0.9, 0.8)", resources=1)
    request = PlanRequest("How many of them are red?", {"r1": SCENE}, SAID, (dogs,))
    assert "without colours" in plan(request, ROWS).reply


def test_a_thing_is_counted_by_its_name_and_after_another_count_too() -> None:
    answer = "Of the 5 objects found before, 1 is a heart: 1 purple heart."
    said = (*SAID, ("human", "How many of them are hearts?"), ("ai", answer))
    request = PlanRequest(said[-2][1], {"r1": SCENE}, SAID, (MIXED,))
    assert plan(request, ROWS).reply == answer
    then = plan(PlanRequest("and red?", {"r1": SCENE}, said, (MIXED,)), ROWS)
    assert then.reply == "Of the 5 objects found before, 2 are red: 2 red diamonds."


@pytest.mark.parametrize("text", ["How many of them are left of the heart?", "Count the hearts"])
def test_what_no_label_can_tell_is_looked_at_again(text: str) -> None:
    assert steps(text, MIXED, history=SAID) == ["object-detection(r1)"]


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("How many red circles are in scene.png?", "red circles"),
        ("Count the dogs", "dogs"),
        ("How many objects are in scene.png?", ""),
        ("Count everything in scene.png", ""),
    ],
)
def test_a_count_of_some_things_says_that_everything_is_listed(text: str, noted: str) -> None:
    notes = plan(PlanRequest(text, {"r1": SCENE}), ROWS).notes
    whole = f"Every object found is listed, not only what was asked for: {noted}."
    assert notes == ((whole,) if noted else ())


def test_the_last_answer_is_read_aloud_and_not_a_caption_before_it() -> None:
    spoken = ["text-to-speech(5 objects: 1 purple heart, 2 red diamonds and 2 digit 2s)"]
    assert steps("Read it aloud", CAPTION, MIXED, history=SAID) == spoken
    assert steps("Summarize it", CAPTION, MIXED, history=SAID) == ["summarization(a red circle)"]


def test_an_answer_that_needed_no_task_is_read_aloud_too() -> None:
    answer = "Of the 5 objects found before, 2 are red: 2 red diamonds."
    said = (*SAID, ("human", "How many of them are red?"), ("ai", answer))
    assert steps("Read it aloud", CAPTION, MIXED, history=said) == [f"text-to-speech({answer})"]
    assert steps("Read the answer aloud", MIXED, history=said) == [f"text-to-speech({answer})"]
    thanked = (*SAID, ("human", "Thanks"), ("ai", "You are welcome."))
    assert steps("Read it aloud", CAPTION, history=thanked) == ["text-to-speech(a red circle)"]


def test_an_answer_is_not_what_is_looked_into_next() -> None:
    answer = Finding(task="question-answering", text="in Rome", resources=0)
    assert steps("Who is mentioned in it?", GIVEN, answer, files=0) == [
        "token-classification(Ann lives in Rome.)"
    ]
    assert steps("Read it aloud", GIVEN, answer, files=0) == ["text-to-speech(in Rome)"]
    letter = {"r1": Resource(kind="text", path="/data/a.txt", name="a.txt")}
    fits = Finding(task="zero-shot-classification", text="art (0.9), law (0.1)", resources=1)
    for text in ("Who is mentioned in it?", "Summarize it"):
        made = plan(PlanRequest(text, letter, history=SAID, earlier=(fits,)), ROWS).tasks
        assert made[0]["args"] == {"text": "r1"}


def test_a_summary_is_made_shorter_and_not_the_text_once_more() -> None:
    letter = {"r1": Resource(kind="text", path="/data/a.txt", name="a.txt")}
    for text in ("shorter please", "make it shorter", "Kürzer bitte"):
        request = PlanRequest(text, letter, asked("Fasse a.txt zusammen"), (SUMMARY,))
        assert plan(request, ROWS).tasks[0]["args"] == {"text": "Ann: Rome."}


def test_pictures_that_are_compared_are_all_looked_at() -> None:
    both = ["object-detection(r1)", "object-detection(r2)"]
    assert steps("Which one has more objects?", files=2) == both
    assert steps("Which picture has the most circles?", files=2) == both
    assert steps("Which one has a heart?", files=2) == both
    assert steps("How many objects are there in total?", files=2) == both
    assert len(steps("Which one is bigger?", files=2)) == 2


def test_a_text_is_never_drawn_to_be_looked_into() -> None:
    letter = {"r1": Resource(kind="text", path="/data/a.txt", name="a.txt")}
    with pytest.raises(NotUnderstoodError, match="needs the picture"):
        plan(PlanRequest("Where are they?", letter, asked("Who is named in a.txt?")), ROWS)


def test_of_several_texts_one_is_pointed_at() -> None:
    letters = {
        f"r{n}": Resource(kind="text", path=f"/data/{n}.txt", name=f"{n}.txt") for n in (1, 2)
    }
    for text in ("Summarize the first one", "Summarize the first text"):
        assert plan(PlanRequest(text, letters), ROWS).tasks[0]["args"] == {"text": "r1"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("How many objects are there?", ["object-detection(r1)"]),
        ("Describe it", ["image-to-text(r1)"]),
        ("Describe this picture", ["image-to-text(r2)"]),
        ("Make it blue", ["image-to-image(r1, Make it blue)"]),
    ],
)
def test_what_only_shows_a_depth_does_not_take_the_place_of_the_photo(
    text: str, wanted: list[str]
) -> None:
    both = {"r1": SCENE, "r2": Resource(kind="image", path="/a/map.png", name="a/map.png", task=0)}
    said = (("human", "Estimate its depth"), ("ai", "Drawn in a/map.png.\nModels: a by b."))
    for history in (said, (*said, *asked("Thanks"))):
        made = plan(PlanRequest(text, both, history=history), ROWS).tasks
        assert [f"{t['task']}({', '.join(t['args'].values())})" for t in made] == wanted


def test_a_picture_that_was_drawn_is_what_is_counted() -> None:
    both = {"r1": SCENE, "r2": Resource(kind="image", path="/a/cat.png", name="a/cat.png", task=0)}
    said = (("human", "Draw a cat"), ("ai", "Drawn in a/cat.png.\nModels: a by b."))
    made = plan(PlanRequest("How many objects are there?", both, history=said), ROWS).tasks
    assert made[0]["args"] == {"image": "r2"}
