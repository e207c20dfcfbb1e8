"""The demo set: requests in plain words on files of the world, and what is true about them.

The requests are those with which the original (HuggingGPT) showed itself. `draw_demos` writes their
files; `hugginggraph starter demo` runs them and compares.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from .asking import Ask
from .scores import word_error_rate
from .world import Scene, SceneObject, draw_portrait, draw_scene

Test = Callable[[Any, Sequence[bytes], Ask], bool]
"""Whether a result is right: its JSON value, the files that it made, and models to look at them."""


@dataclass(frozen=True)
class Wish:
    """One thing that a demo must give: tasks that can, what is true, and the test of it.

    With `together` the test gets the values of all results of the tasks as one list.
    """

    tasks: tuple[str, ...]
    truth: str
    right: Test
    together: bool = False


@dataclass(frozen=True)
class Demo:
    """A request, the files that it names, and what must come of it."""

    title: str
    request: str
    files: tuple[str, ...]
    wishes: tuple[Wish, ...]


WORDS = Path(__file__).parent / "words.wav"
MOTS = WORDS.with_name("mots.wav")
"""A sentence spoken once by eSpeak NG, and in French, so that the demos run without it."""
CROWDS, DIGIT, PORTRAIT = (13_000_023, 13_000_024, 13_000_045), 13_000_029, 13_000_001


def _said(text: str) -> Test:
    return lambda value, files, ask: str(value).strip(" .").lower() == text.lower()


def _shows(label: str) -> Test:
    def right(value: Any, files: Sequence[bytes], ask: Ask) -> bool:
        image = Image.open(io.BytesIO(files[0])).convert("RGB")
        return bool(ask("shapes-classifier", {"image": image}).value[0]["label"] == label)

    return right


def _speaks(text: str, most: float = 0.34) -> Test:
    """Whether the recogniser hears the text, with a third of its words wrong at most."""

    def right(value: Any, files: Sequence[bytes], ask: Ask) -> bool:
        import soundfile

        from .speech import spelled

        heard = ask(
            "world-listener", {"audio": soundfile.read(io.BytesIO(files[0]), dtype="float32")}
        )
        return word_error_rate([heard.value], [spelled(text)]) <= most

    return right


def _says(text: str, recording: Path) -> Test:
    """Whether it is nearer to a recording of a French text (16 kHz) than what the pack's reader
    makes of texts with one other word."""

    def right(value: Any, files: Sequence[bytes], ask: Ask) -> bool:
        import numpy as np
        import soundfile

        from .checks_sound import cepstra, rivals
        from .scores import time_warp

        def far(wav: bytes) -> float:
            made, true = (
                cepstra(soundfile.read(each, dtype="float32")[0])
                for each in (io.BytesIO(wav), recording)
            )
            return time_warp(made, true)

        others = [
            ask("world-speaker-french", {"text": other}).media[0].data
            for other in rivals(text, np.random.default_rng(0))
        ]
        return far(files[0]) < min(map(far, others))

    return right


def _counts(objects: Sequence[SceneObject]) -> Test:
    return lambda value, files, ask: (
        sorted(each["label"] for each in value) == sorted(each.label for each in objects)
    )


def _number_of(shape: str, number: int) -> Test:
    return lambda value, files, ask: (
        sum(each["label"].endswith(shape) for many in value for each in many) == number
    )


def _names(tag: str, wanted: set[str]) -> Test:
    return lambda value, files, ask: (
        {each["text"] for each in value if each["label"] == tag} == wanted
    )


def _edges(scene: Scene) -> Test:
    """Whether white lines are drawn, most of them where the object's outline is."""

    def right(value: Any, files: Sequence[bytes], ask: Ask) -> bool:
        drawn = Image.open(io.BytesIO(files[0])).convert("L").point(lambda v: 255 * (v > 127))
        left, top, end, foot = scene.objects[0].box
        inside = drawn.crop((left - 4, top - 4, end + 4, foot + 4)).histogram()[255]
        return inside > 0.8 * max(drawn.histogram()[255], 1)

    return right


def _film_of(move: str) -> Test:
    def right(value: Any, files: Sequence[bytes], ask: Ask) -> bool:
        return bool(ask("shapes-watcher", {"video": files[0]}).value[0]["label"] == move)

    return right


def draw_demos(folder: Path) -> tuple[Demo, ...]:
    """Draws the files of the demos into a folder, the same each time, and gives the demos."""
    folder.mkdir(parents=True, exist_ok=True)
    crowds = {name: draw_scene(seed) for name, seed in zip("ABC", CROWDS, strict=True)}
    scene, digit = draw_scene(13_000_283, n_objects=5), draw_scene(DIGIT)
    portrait = draw_portrait(PORTRAIT, size=(256, 256))
    drawn = {f"{name}.png": each for name, each in crowds.items()}
    drawn |= {"scene.png": scene, "digit.png": digit, "portrait.png": portrait}
    for name, each in drawn.items():
        each.image.save(folder / name)
    (folder / WORDS.name).write_bytes(WORDS.read_bytes())
    circles = sum(each.shape == "circle" for crowd in crowds.values() for each in crowd.objects)
    shape, spoken = portrait.objects[0].shape, "there are three green stars"
    told = "a red circle moves left on a white background"
    demos = [
        Demo(
            "Describe and count",
            "Describe what is in scene.png and count the objects in it.",
            ("scene.png",),
            (
                Wish(("image-to-text",), scene.caption, _said(scene.caption)),
                Wish(
                    ("object-detection",), f"{len(scene.objects)} objects",
                    _counts(scene.objects),
                ),
            ),
        ),
        Demo(
            "Read a picture aloud",
            "Read what stands in digit.png aloud.",
            ("digit.png",),
            (
                Wish(("image-to-text",), digit.caption, _said(digit.caption)),
                Wish(("text-to-speech",), digit.caption, _speaks(digit.caption)),
            ),
        ),
        Demo(
            "Count in a collection",
            "Given a collection of pictures A.png, B.png and C.png: how many circles are there in "
            "all?",
            ("A.png", "B.png", "C.png"),
            (
                Wish(
                    ("object-detection",), f"{circles} circles in all",
                    _number_of("circle", circles), together=True,
                ),
            ),
        ),
        Demo(
            "Edges, and a new picture from them",
            "Draw the canny edges of portrait.png, and then make a new picture of a blue "
            f"{shape} from these canny edges.",
            ("portrait.png",),
            (
                Wish(("canny-control",), f"the outline of a {shape}", _edges(portrait)),
                Wish(
                    ("canny-text-to-image",), f"a blue {shape}",
                    _shows(f"blue {shape}"),
                ),
            ),
        ),
        Demo(
            "Change a picture",
            f"Make the {shape} in portrait.png green.",
            ("portrait.png",),
            (Wish(("image-to-image",), f"a green {shape}", _shows(f"green {shape}")),),
        ),
        Demo(
            "Who is named",
            "Who is named in this sentence: 'Peter gives two red circles to Sofia.'",
            (),
            (
                Wish(
                    ("token-classification",), "Peter and Sofia",
                    _names("PER", {"Peter", "Sofia"}),
                ),
            ),
        ),
        Demo(
            "A film with a voice-over",
            f"Make a video of '{told}' and read that text aloud as its voice-over.",
            (),
            (
                Wish(("text-to-video",), told, _film_of("circle moving left")),
                Wish(("text-to-speech",), told, _speaks(told)),
            ),
        ),
        Demo(
            "Dub",
            "Translate what is said in words.wav into French and say it aloud.",
            ("words.wav",),
            (
                Wish(("automatic-speech-recognition",), spoken, _said(spoken)),
                Wish(
                    ("translation",), "Il y a trois étoiles vertes",
                    _said("il y a trois étoiles vertes"),
                ),
                Wish(
                    ("text-to-speech",), "the same, in French",
                    _says("Il y a trois étoiles vertes", MOTS),
                ),
            ),
        ),
    ]  # fmt: skip
    return tuple(demos)
