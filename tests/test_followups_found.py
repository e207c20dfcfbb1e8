"""What was found is counted, read aloud and looked into, and a photo is meant and not its map."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from planned import CAPTION, GIVEN, ROWS, SAID, SCENE, SUMMARY, asked, steps

from hugginggraph.graph import Finding, PlanRequest, Resource
from hugginggraph.graph.builtin_planner import plan, to_count
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
        (
            "how many of those are hearts or red",
            "3 are labelled “hearts or red”: 1 purple heart and 2 red",
        ),
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
    answer = "Of the 5 objects found before, 1 is labelled “hearts”: 1 purple heart."
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
        ("Count its objects", ""),
        ("Count everything in scene.png", ""),
    ],
)
def test_a_count_of_some_things_says_that_everything_is_listed(text: str, noted: str) -> None:
    notes = plan(PlanRequest(text, {"r1": SCENE}), ROWS).notes
    whole = f"Every object found is listed, not only what was asked for: {noted}."
    assert notes == ((whole,) if noted else ())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("circles", "Circles: 3 (2 red circles and 1 blue circle)."),
        ("stars and digits", "Stars and digits: 1 (1 digit 6)."),
        ("red objects", "Red objects: 2 (2 red circles)."),
        ("stars", "Stars: none."),
        ("dogs", ""),  # the model knows none, so that nobody knows
        ("circles or dogs", ""),
    ],
)
def test_the_things_asked_for_are_counted_by_their_labels(asked: str, told: str) -> None:
    (note,) = plan(PlanRequest(f"Count the {asked} in scene.png", {"r1": SCENE}), ROWS).notes
    found = {"Red circle": 2, "Blue circle": 1, "digit 6": 1}
    labels = [*found, "green star"]
    counted = to_count(note, labels)
    assert (f"{counted.told(found)}." if counted else "") == told
    assert to_count("Another note.", labels) is None


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


HEARTS = Finding(task="object-detection", text="2 objects: 2 red hearts (0.9, 0.9)", resources=2)
BOTH = (
    ("human", "Count the objects in both"),
    ("ai", f"In a.png I found {HEARTS['text']}.\nIn b.png I found {MIXED['text']}.\nModels: a."),
)


def test_what_one_answer_told_of_two_pictures_belongs_together() -> None:
    mixed = Finding(task="object-detection", text=MIXED["text"], resources=2)
    two = {"r1": SCENE, "r2": SCENE}
    request = PlanRequest("How many of them are red?", two, BOTH, (HEARTS, mixed))
    told = "Of the 7 objects found before, 4 are red: 2 red hearts and 2 red diamonds."
    assert plan(request, ROWS).reply == told
    seen = [Finding(task="image-to-text", text=text, resources=2) for text in ("a cat", "a dog")]
    said = (("human", "Describe both"), ("ai", "a.png shows a cat.\nb.png shows a dog."))
    assert steps("Read it aloud", *seen, files=2, history=said) == ["text-to-speech(a cat\na dog)"]
    assert len(steps("Translate it to French", *seen, files=2, history=said)) == 2
    assert steps("Read it aloud", *seen, files=2) == ["text-to-speech(a dog)"]
    twice = [seen[0], seen[0]]
    assert steps("Read it aloud", *twice, files=2, history=said) == ["text-to-speech(a cat)"]


def test_a_sound_is_heard_and_its_drawing_not_looked_at() -> None:
    files = {
        "r1": Resource(kind="audio", path="/data/a.wav", name="a.wav"),
        "r2": Resource(kind="audio", path="/data/b.wav", name="b.wav", task=0),
        "r3": Resource(kind="image", path="/data/b.png", name="b.png", task=0, drawn="audio"),
    }
    made = plan(PlanRequest("what is said in it?", files, asked("clean it up")), ROWS).tasks
    assert [(task["task"], task["args"]) for task in made] == [
        ("automatic-speech-recognition", {"audio": "r2"})
    ]


def test_one_question_is_not_asked_of_the_answer_to_another() -> None:
    letter = {"r1": Resource(kind="text", path="/data/a.txt", name="a.txt")}
    made = plan(PlanRequest("Who is Ann? Where did they find them?", letter), ROWS).tasks
    assert [task["args"]["context"] for task in made] == ["r1", "r1"]


def test_the_other_one_is_none_where_there_is_one() -> None:
    with pytest.raises(NotUnderstoodError):
        steps("and the other one?", history=asked("Describe it"))


@pytest.mark.parametrize(
    "text", ["make it more polite", "can you explain that simpler?", "in one sentence please"]
)
def test_what_was_written_is_put_in_another_way(text: str) -> None:
    (task,) = steps(text, SUMMARY)
    assert task.startswith("summarization(" if "one" in text else "text2text-generation(")
    assert task.endswith("Ann: Rome.)")


def test_another_colour_corrects_the_last() -> None:
    assert steps("no, green", history=asked("make it blue")) == [
        "image-to-image(r1, make it green)"
    ]


def test_the_language_asked_for_later_is_that_of_the_text_too() -> None:
    text = "Der Hund läuft durch den Park und die Katze ist nicht da."
    given = Finding(task="given-text", text=text, resources=0)
    english = Finding(task="translation", text="The dog is in the park.", resources=0)
    request = PlanRequest("what language was it?", {}, SAID, (given, english))
    assert plan(request, ROWS).reply == "The text before is in German, going by its words."


@pytest.mark.parametrize("text", ["add a " + "a" * 200 + "!", "and " + "a " * 3000, "no " * 3000])
def test_a_long_follow_up_holds_nothing_up(text: str) -> None:
    started = time.perf_counter()
    history = asked("draw a star") * 200
    with suppress(NotUnderstoodError):
        plan(PlanRequest(text, {}, history, (MIXED,)), ROWS)
    assert time.perf_counter() - started < 5


def found(text: str) -> Finding:
    return Finding(task="object-detection", text=text, resources=1)


@pytest.mark.parametrize(
    ("labels", "kind", "wanted"),
    [
        ("2 people and 1 dog", "people", "2 are labelled “people”: 2 people."),
        ("1 bus and 1 car", "buses", "1 is labelled “buses”: 1 bus."),
        ("2 houses and 1 car", "houses", "2 are labelled “houses”: 2 houses."),
        ("2 hot dogs and 1 dog", "dogs", "1 is labelled “dogs”: 1 dog."),
        ("2 red hearts and 1 blue heart", "hearts", "3 are labelled “hearts”: "),
        ("2 red hearts and 1 blue heart", "green", "none is labelled “green”."),
    ],
)
def test_labels_are_counted_by_their_names(labels: str, kind: str, wanted: str) -> None:
    earlier = (found(f"3 objects: {labels}"),)
    made = plan(PlanRequest(f"how many of them are {kind}?", {"r1": SCENE}, earlier=earlier), ROWS)
    assert wanted in made.reply, made


@pytest.mark.parametrize("kind", ["animals", "visible", "persons", "big"])
def test_what_no_label_says_is_looked_at_again(kind: str) -> None:
    earlier = (found("2 objects: 1 dog and 1 cat"),)
    made = plan(PlanRequest(f"how many of them are {kind}?", {"r1": SCENE}, earlier=earlier), ROWS)
    assert [task["task"] for task in made.tasks] == ["object-detection"] and not made.reply


@pytest.mark.parametrize(
    "text", ["ok and thanks", "and goodbye", "and tomorrow?", "and nothing else", "but tell nobody"]
)
def test_a_courtesy_runs_nothing_again(text: str) -> None:
    try:
        before = asked("Detect the objects in scene.png")
        made = plan(PlanRequest(text, {"r1": SCENE}, before), ROWS)
    except NotUnderstoodError:
        return
    assert not made.tasks


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ('Summarize "Where is the cat? He said show me the money."', "and coffee?"),
        ('Translate "the red car or bus" to French', "and the blue ones?"),
        ("Where does Anna live? Context: Anna lives in Rome.", "and Ben?"),
    ],
)
def test_a_follow_up_changes_no_given_text(before: str, text: str) -> None:
    given = before.partition('"')[2].rpartition('"')[0] or "Anna lives in Rome."
    try:
        made = plan(PlanRequest(text, {}, asked(before)), ROWS)
    except NotUnderstoodError:
        return
    for task in made.tasks:
        texts = [value for value in task["args"].values() if len(str(value)) > 20]
        assert all(value == given for value in texts), task


def test_a_picture_takes_the_place_of_a_quoted_text() -> None:
    said = asked('Translate "good day" to German')
    assert steps("and the second picture", history=said, files=2) == [
        "image-to-text(r2)", "translation(<resource>-0, German)",
    ]  # fmt: skip


def test_pictures_are_compared_and_not_the_answers_about_them() -> None:
    told = Finding(task="visual-question-answering", text="red", resources=2)
    compared = ["image-to-text(r1)", "image-to-text(r2)"]
    for text in ("compare them", "what's different"):
        assert steps(text, told, files=2)[:2] == compared


def test_what_was_said_is_heard_before_it_is_summarized() -> None:
    heard = {"r1": Resource(kind="audio", path="/data/a.wav", name="a.wav")}
    made = plan(PlanRequest("summarize what was said", heard), ROWS).tasks
    assert [task["task"] for task in made] == ["automatic-speech-recognition", "summarization"]
    assert made[1]["args"] == {"text": "<resource>-0"}


@pytest.mark.parametrize("text", ["never mind", "stop", "Forget it."])
def test_who_gives_up_is_not_told_that_it_was_not_understood(text: str) -> None:
    assert plan(PlanRequest(text, {"r1": SCENE}), ROWS).reply == "All right."


def test_that_is_said_and_a_bare_which_is_a_question() -> None:
    assert steps("say that", CAPTION, history=SAID) == ["text-to-speech(a red circle)"]
    table = {"r1": Resource(kind="table", path="/data/a.csv", name="a.csv")}
    made = plan(PlanRequest("which is bigger", table), ROWS).tasks
    assert made[0]["args"] == {"table": "r1", "question": "which is bigger"}
