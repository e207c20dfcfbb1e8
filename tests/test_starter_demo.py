"""The demo set: its files are the world's, and its answers are compared with what is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from hugginggraph.serve.cli import app
from hugginggraph.serve.demo import Found, judge, paths, run_demos
from hugginggraph.serve.starter import ask_with_runners
from hugginggraph.starter import Wish, draw_demos
from hugginggraph.starter.demo import MOTS, WORDS
from hugginggraph.starter.films import PICTURES
from hugginggraph.tools import open_film


def test_the_demos_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    demos = draw_demos(tmp_path / "a")
    assert [each.title for each in draw_demos(tmp_path / "b")] == [each.title for each in demos]
    for name in {name for each in demos for name in each.files}:
        first, again = ((tmp_path / place / name).read_bytes() for place in "ab")
        assert first == again


def test_a_demo_is_right_where_its_answer_is_true(tmp_path: Path) -> None:
    titles = (
        "Who is named",
        "Edges, and a new picture from them",
        "A film with a voice-over",
    )
    shown = run_demos(tmp_path, ask_with_runners(), titles)
    found = {f.wish.tasks[0]: f.verdict for each in shown for f in each.found}
    assert found == {
        "token-classification": "right",
        "canny-control": "right",
        "canny-text-to-image": "right",
        "text-to-video": "right",
        "text-to-speech": "right",
    }
    film = next(each for each in shown if each.demo.title == "A film with a voice-over")
    clip = open_film(paths(film.state["results"]["0"], film.state)[0])
    assert round(clip.seconds * clip.frame_rate) == PICTURES


def test_double_letters_are_written_twice() -> None:
    heard = ask_with_runners()("world-listener", {"audio": soundfile.read(WORDS, dtype="float32")})
    assert heard.value == "there are three green stars"


def test_words_between_exact_silence_are_understood() -> None:
    samples, rate = soundfile.read(WORDS, dtype="float32")
    cut = np.pad(np.where(np.abs(samples) < 0.02, 0, samples).astype(np.float32), 4000)
    heard = ask_with_runners()("world-listener", {"audio": (cut, rate)})
    assert heard.value == "there are three green stars"


def test_the_same_words_are_told_from_others_by_their_sound(tmp_path: Path) -> None:
    dub = next(each for each in draw_demos(tmp_path) if each.title == "Dub")
    spoken = next(wish for wish in dub.wishes if wish.tasks == ("text-to-speech",))
    ask = ask_with_runners()
    assert spoken.right({}, [MOTS.read_bytes()], ask)
    assert not spoken.right({}, [WORDS.read_bytes()], ask)


def test_a_false_answer_is_called_wrong_and_a_task_that_is_not_done_missing() -> None:
    wish = Wish(("image-to-text",), "a star", lambda value, files, ask: value == "a star")
    result = {"status": "done", "value": "a circle", "files": []}
    state: dict[str, Any] = {
        "plan": {"tasks": [{"id": 0, "task": "image-to-text"}]},
        "results": {"0": result},
    }
    assert judge(wish, state, ask_with_runners()).verdict == "wrong"
    result["value"] = "a star"
    assert judge(wish, state, ask_with_runners()).verdict == "right"
    state["results"]["0"] = {"status": "failed", "error": {"message": "No model can run it."}}
    assert judge(wish, state, ask_with_runners()) == Found(wish, "missing", "No model can run it.")
    nothing = judge(wish, {"plan": {"tasks": []}}, ask_with_runners())
    assert nothing == Found(wish, "missing", "The plan holds no image-to-text.")


@pytest.mark.slow
def test_the_command_writes_a_page_with_a_picture_of_every_result(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["starter", "demo", str(tmp_path)])
    lines = [line for line in done.output.splitlines() if line[:5] in ("right", "wrong", "missi")]
    assert len(lines) > 10
    assert all(line.startswith("right") for line in lines), done.output
    assert done.exit_code == 0
    page = (tmp_path / "demo.md").read_text()
    assert str(Path.home()) not in page
    for name in {part.split(")")[0] for part in page.split("](pictures/demo/")[1:]}:
        with Image.open(tmp_path / "pictures/demo" / name) as picture:
            assert picture.width >= 128
