"""The demo set: its files are the world's, and its answers are compared with what is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from hugginggraph.serve.cli import app
from hugginggraph.serve.demo import Found, judge, run_demos
from hugginggraph.serve.starter import ask_with_runners
from hugginggraph.starter import Wish, draw_demos
from hugginggraph.starter.cards import cards
from hugginggraph.starter.demo import MOTS, WORDS

IMPOSSIBLE = {"canny-text-to-image", "text-to-video"}
"""Tasks of the demos that no model of the pack does."""
WRONG = {"canny-text-to-image"}
"""What is not reached yet: words around a painter's order."""


def _tasks_here() -> set[str]:
    return {card.task for card in cards()}


def test_the_demos_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    demos = draw_demos(tmp_path / "a")
    assert [each.title for each in draw_demos(tmp_path / "b")] == [each.title for each in demos]
    for name in {name for each in demos for name in each.files}:
        first, again = ((tmp_path / place / name).read_bytes() for place in "ab")
        assert first == again


def test_a_demo_is_right_where_its_answer_is_true_and_missing_where_no_model_is(
    tmp_path: Path,
) -> None:
    titles = ("Who is named", "A film with a voice-over")
    shown = run_demos(tmp_path, ask_with_runners(), titles)
    found = {(each.demo.title, f.wish.tasks[0]): f for each in shown for f in each.found}
    assert found["Who is named", "token-classification"].verdict == "right"
    assert found["A film with a voice-over", "text-to-speech"].verdict == "right"
    film = found["A film with a voice-over", "text-to-video"]
    assert film.verdict == "missing"
    assert "No model can run text-to-video here" in film.why


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


def test_a_false_answer_is_called_wrong_and_a_plan_without_the_task_missing() -> None:
    wish = Wish(("image-to-text",), "a star", lambda value, files, ask: value == "a star")
    result = {"status": "done", "value": "a circle", "files": []}
    state = {
        "plan": {"tasks": [{"id": 0, "task": "image-to-text"}]},
        "results": {"0": result},
    }
    assert judge(wish, state, ask_with_runners()).verdict == "wrong"
    result["value"] = "a star"
    assert judge(wish, state, ask_with_runners()).verdict == "right"
    nothing = judge(wish, {"plan": {"tasks": []}}, ask_with_runners())
    assert nothing == Found(wish, "missing", "The plan holds no image-to-text.")


@pytest.mark.slow
def test_the_command_writes_a_page_with_a_picture_of_every_result(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["starter", "demo", str(tmp_path)])
    lines = [line for line in done.output.splitlines() if line[:5] in ("right", "wrong", "missi")]
    assert len(lines) > 10
    wrong = [line.split(None, 1)[1] for line in lines if line.startswith("wrong")]
    assert {line.split(": ")[1] for line in wrong} <= WRONG, done.output
    assert done.exit_code == bool(wrong)
    missing = {line.split(": ")[1] for line in lines if line.startswith("missing")}
    assert not missing & (_tasks_here() - IMPOSSIBLE)
    page = (tmp_path / "demo.md").read_text()
    assert str(Path.home()) not in page
    for name in {part.split(")")[0] for part in page.split("](pictures/demo/")[1:]}:
        with Image.open(tmp_path / "pictures/demo" / name) as picture:
            assert picture.width >= 128
