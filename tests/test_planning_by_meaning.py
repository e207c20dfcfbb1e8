"""The built-in planner's last resort: what a request means whose words are none of its cues."""

from __future__ import annotations

import json
from collections import Counter
from typing import cast

import pytest

import hugginggraph.graph.builtin_planner.meaning as meaning
import hugginggraph.registry.prior as prior
import hugginggraph.registry.train_prior as train_prior
from hugginggraph.graph import Draft, PlanRequest, Resource
from hugginggraph.graph.builtin_planner import plan, traits
from hugginggraph.registry import Kind, MiniLM, NotUnderstoodError, RegistryError, task_types


def draft(said: str, /, **files: str) -> Draft:
    """A plan for a request with files, by their kind."""
    given: dict[str, Resource] = {
        f"r{number}": Resource(kind=cast(Kind, kind), path=f"/up/{name}", name=name)
        for number, (kind, name) in enumerate(files.items(), 1)
    }
    return plan(PlanRequest(said, given), task_types())


@pytest.mark.parametrize(
    ("text", "files", "task"),
    [
        ("Some guests of our inn left furious; sort the grumpy letters from the friendly ones.",
         {"text": "letters.txt"}, "text-classification"),
        ("A botanist wants the species, one name per picture.", {"image": "leaf.jpg"},
         "image-classification"),
        ("Guards only want to look at this if somebody gets robbed.", {"video": "door.mp4"},
         "video-classification"),
        ("Put what the minister says on paper for the deaf.", {"audio": "talk.wav"},
         "automatic-speech-recognition"),
        ("The hiss of the old tape has to go.", {"audio": "tape.wav"}, "audio-to-audio"),
        ("How near or far is each thing from my lawn mower?", {"image": "lawn.jpg"},
         "depth-estimation"),
        ("Our judges may not see the witnesses' names in this, nor their towns.",
         {"text": "minutes.txt"}, "token-classification"),
    ],
)  # fmt: skip
def test_a_wish_in_words_that_no_cue_knows_is_planned_by_what_it_means(
    text: str, files: dict[str, str], task: str
) -> None:
    made = draft(text, **files)
    assert [step["task"] for step in made.tasks] == [task]
    assert "r1" in made.tasks[0]["args"].values()
    assert made.confidence < 0.9
    assert any("aken to mean" in note and task in note for note in made.notes)


@pytest.mark.parametrize(
    "text",
    [
        "Hand me the keys to the red car",
        "Let the bus be on time this evening",
        "Order flowers for my aunt",
        "bli bla blu tra la la",
        "A botanist wants the species, one name per picture.",
        "The hiss of the old tape has to go.",
    ],
)
def test_what_no_model_does_or_has_nothing_to_work_on_is_still_refused(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        draft(text)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("Do not transcribe this recording.", {"audio": "a.wav"}),
        ("Please never translate this letter for me", {"text": "a.txt"}),
        ("Do not summarize the letter.", {"text": "a.txt"}),
        ("The hiss of the old tape must stay, leave it alone.", {"audio": "tape.wav"}),
        ("Thank you, this picture is lovely indeed", {"image": "a.png"}),
        ("thanks for the nice recording, good bye", {"audio": "a.wav"}),
    ],
)
def test_what_is_forbidden_left_be_or_thanked_for_is_not_done(
    text: str, files: dict[str, str]
) -> None:
    with pytest.raises(NotUnderstoodError):
        draft(text, **files)


def test_several_sentences_are_said_to_be_taken_as_one_wish() -> None:
    made = draft("The hiss of the old tape has to go. Book a flight.", audio="tape.wav")
    assert [step["task"] for step in made.tasks] == ["audio-to-audio"]
    assert any(note.startswith("All of it was taken to mean") for note in made.notes)
    polite = draft("The hiss of the old tape has to go, thanks!", audio="tape.wav")
    assert [step["task"] for step in polite.tasks] == ["audio-to-audio"]


def test_a_foreign_request_is_not_guessed_at() -> None:
    with pytest.raises(NotUnderstoodError, match="looks Italian"):
        draft("Per favore, il rumore del nastro deve sparire, non lo sopporto", audio="a.wav")


def test_plain_words_for_a_task_are_never_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(self: object, text: str) -> list[float]:
        raise AssertionError(f"cues are enough for: {text}")

    monkeypatch.setattr(MiniLM, "embed_query", asked)
    assert draft("Summarize the letter", text="letter.txt").tasks[0]["task"] == "summarization"
    both = draft("Describe the picture and read it aloud", image="a.png").tasks
    assert [task["task"] for task in both] == ["image-to-text", "text-to-speech"]


def test_without_an_encoder_the_planner_knows_what_its_cues_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(self: object, text: str) -> list[float]:
        raise RegistryError("The sentence encoder could not be loaded.")

    monkeypatch.setattr(MiniLM, "embed_query", absent)
    assert draft("Count the cups", image="a.png").tasks[0]["task"] == "object-detection"
    with pytest.raises(NotUnderstoodError, match="Not understood"):
        draft("A botanist wants the species, one name per picture.", image="leaf.jpg")


FILES = {"image": "a.png", "audio": "a.wav", "video": "a.mp4", "table": "a.csv", "text": "a.txt"}


def outcomes(said: list[tuple[str, str]], *, with_files: bool) -> Counter[str]:
    """How many wordings are planned as their task alone, otherwise, or refused."""
    rows, found = task_types(), Counter[str]()
    for task, text in said:
        kinds = set() if traits()[task].prompted else {"text"}
        needs = {s.kind for s in rows[task].inputs if s.required and s.kind != "text"} or kinds
        if not needs <= FILES.keys() or not (with_files or needs):
            continue
        try:
            made = draft(text, **{kind: FILES[kind] for kind in needs if with_files})
            tasks = [step["task"] for step in made.tasks]
            found["right" if tasks == [task] else "otherwise"] += 1
        except NotUnderstoodError:
            found["refused"] += 1
    return found


@pytest.mark.slow
def test_wordings_that_were_not_learned_are_planned_twice_as_often_as_by_cues_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every = train_prior.phrases()
    bare, framed = every[: len(every) // 2], every[len(every) // 2 :]
    held = [at for at in range(0, len(bare), 4) if bare[at][0] in task_types()]
    kept = [at for at in range(len(bare)) if at not in set(held)]
    learned = train_prior.train([bare[at] for at in kept] + [framed[at] for at in kept])
    weights = prior.weights_of(json.dumps(learned))
    monkeypatch.setattr(prior, "_weights", lambda: weights)
    said = [bare[at] for at in held]
    by_meaning, unasked = outcomes(said, with_files=True), outcomes(said, with_files=False)
    monkeypatch.setattr(meaning, "_FEWEST_WORDS", 10**6)
    by_cues, unasked_by_cues = outcomes(said, with_files=True), outcomes(said, with_files=False)
    found = by_cues, by_meaning, unasked_by_cues, unasked
    assert by_meaning["right"] > 2 * by_cues["right"], found
    assert by_meaning["otherwise"] < 1.25 * by_cues["otherwise"], found
    assert unasked["refused"] > 0.9 * unasked_by_cues["refused"], found
