"""What no model does to a picture, what it paints anew, and what makes a picture move."""

from __future__ import annotations

import pytest
from planned import draft, tasks

from hugginggraph.registry import NotUnderstoodError


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
