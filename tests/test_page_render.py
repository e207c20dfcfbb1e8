"""What the page makes of a turn: escaped, in words, readable when something is missing."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from html import escape
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.graph import Shown, compose, plan_svg
from hugginggraph.registry import RequestError, Settings
from hugginggraph.serve.folders import without_folders, without_folders_of_errors

pytest.importorskip("gradio")

EVIL = "<script>alert(1)</script>"


def plan(count: int, *links: tuple[int, int]) -> dict[str, Any]:
    tasks = [
        {"id": n, "task": "object-detection", "dep": [a for a, b in links if b == n], "args": {}}
        for n in range(count)
    ]
    return {"tasks": tasks, "planner": "builtin", "repairs": []}


def finished(tmp_path: Path, **result: Any) -> dict[str, Any]:
    return {
        "request": EVIL,
        "plan": plan(1),
        "choices": {"0": {"model": "m/one", "reason": EVIL, "candidates": [
            {"model": "m/two", "score": 0.4, "reason": "Smaller."}]}},
        "results": {"0": {"status": "done", "kind": "text", "value": EVIL, "files": ["r1"],
                          "seconds": 1.0, "attempts": [], "model": "m/one", **result}},
        "resources": {"r1": {"kind": "image", "path": str(tmp_path / "gone<b>.png"), "name": "x"}},
        "answer": f"I found {EVIL}.\nModels: object-detection by m/one.",
        "usage": {"seconds": 1.0}, "status": "done", "started": 1.0,
    }  # fmt: skip


def test_no_text_of_a_person_a_model_or_a_file_becomes_html(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import conversation

    state = finished(tmp_path)
    given = tmp_path / "<img src=x onerror=alert(1)>.png"
    given.write_bytes(b"x")
    page = conversation([Turn(state | {"files": [str(given)]}, "done")], [])
    assert EVIL not in page and "&lt;script&gt;" in page
    assert "<img src=x" not in page
    assert "gone&lt;b&gt;.png</b> is no longer on the disk" in page
    assert "m/two" in page and "Runners-up" in page
    assert EVIL not in Shown(state)._repr_html_()
    assert "no longer there" in Shown(state)._repr_html_()


@pytest.mark.parametrize(
    ("size", "shown"),
    [((32, 32), 'width="192" height="192"'), ((100, 10), 'width="200" height="20"'),
     ((192, 20), ""), ((1, 1), 'width="192" height="192"'), ((800, 600), "")],
)  # fmt: skip
def test_a_small_picture_is_shown_large_in_whole_pixels_with_its_true_size(
    tmp_path: Path, size: tuple[int, int], shown: str
) -> None:
    from PIL import Image

    from hugginggraph.serve.page.render import media

    path = tmp_path / "a.png"
    Image.new("RGB", size).save(path)
    drawn = media({"path": str(path), "kind": "image"}, "a picture")
    caption = f"<small>{size[0]} × {size[1]} pixels, enlarged</small>"
    assert (shown in drawn) and (caption in drawn) == ("hg-pixels" in drawn) == bool(shown)


def test_no_error_on_the_page_names_a_folder(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import conversation

    said = f"The file '{tmp_path}/a.txt' is empty (0 bytes)."
    state = finished(tmp_path, status="failed", files=[], error={"message": said, "hint": ""})
    state["results"]["0"]["attempts"] = [
        {"model": "m/one", "seconds": 1.0, "route": "local", "error": {"message": said}}
    ]
    state["answer"] = f"{said} Give another file."
    for turn in (Turn(state, "failed"), Turn({"request": "x"}, "failed", said)):
        page = conversation([turn], [])
        assert "The file &#x27;a.txt&#x27; is empty" in page and str(tmp_path) not in page


@pytest.mark.parametrize(("said", "shown"), [
    ("The registry's {}/cards.sqlite is damaged: not a database.",
     "The registry's cards.sqlite is damaged: not a database."),
    ("Another process is syncing the registry in {}/registry.",
     "Another process is syncing the registry in registry."),
    ("'{}/o'neil/secret dir/a.txt' is empty.", "'a.txt' is empty."),
    ("'{}/no folder/it's/a.txt' is empty.", "'a.txt' is empty."),
    ('"{}/o\'neil/secret dir/a.txt" is empty.', '"a.txt" is empty.'),
    ("See file://{}/a.txt, or:{}/gone/b.txt ({}/c.txt).", "See a.txt, or:b.txt (c.txt)."),
    ("It is at https://example.org{}/a or /he/she/it, and/or 1/2.", None),
])  # fmt: skip
def test_an_error_names_no_folder_of_this_machine_however_it_is_written(
    tmp_path: Path, said: str, shown: str | None
) -> None:
    (tmp_path / "o'neil" / "secret dir").mkdir(parents=True)
    error = said.replace("{}", str(tmp_path))
    assert without_folders(error) == (error if shown is None else shown)
    state = {"results": {"0": {"error": {"message": "No.", "hint": error}}}}
    answer = f"It failed: {error}"
    assert without_folders_of_errors(answer, state) == f"It failed: {without_folders(error)}"


def test_what_a_model_says_of_folders_is_shown_as_it_said_it(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import conversation

    said = "Put the line in '/etc/nginx/conf.d/site.conf', he wrote to '/he/she/'."
    page = conversation([Turn(finished(tmp_path) | {"answer": said}, "done")], [])
    assert escape(said) in page


def test_a_small_picture_that_a_camera_turned_keeps_its_shape(tmp_path: Path) -> None:
    from PIL import ExifTags, Image

    from hugginggraph.serve.page.render import media

    about = Image.Exif()
    for turned, shown in ((1, (100, 40)), (3, (100, 40)), (6, (40, 100)), (8, (40, 100))):
        about[ExifTags.Base.Orientation] = turned
        path = tmp_path / f"{turned}.jpg"
        Image.new("RGB", (100, 40)).save(path, exif=about)
        drawn = media({"path": str(path), "kind": "image"}, "a picture")
        assert f'width="{shown[0] * 2}" height="{shown[1] * 2}"' in drawn
        assert f"{shown[0]} × {shown[1]} pixels" in drawn


def test_an_answer_of_a_model_that_knows_a_small_world_only_says_so(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import turn_html

    def answer(**result: Any) -> str:
        html: str = turn_html(Turn(finished(tmp_path, **result), "done"), 0)
        return html.partition('<div class="hg-answer"')[2].partition("</div>")[0]

    small = {"model": "hugginggraph/shapes-captioner"}
    assert "shapes-captioner knows only drawn pictures of coloured shapes" in answer(**small)
    assert "only" not in answer()
    failed = {"status": "failed", "error": {"message": "It broke.", "hint": ""}}
    assert "only" not in answer(**small, **failed)


def test_a_failed_task_says_what_was_wrong_and_what_to_do(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import conversation

    error = {"error": "ModelRunError", "message": "It broke.", "hint": "Try another."}
    state = finished(tmp_path, status="failed", error=error, files=[])
    whole: Any = state | {"plan": {**plan(1), "valid": True, "notes": []}}
    state["answer"] = compose(whole)
    assert state["answer"] == "object-detection (task 0) failed: It broke. Try another."
    page = conversation([Turn(state, "failed")], [])
    assert "<b>Failed.</b> It broke. Try another." in page
    assert page.count("It broke.") == 1  # where the task stands, with what was tried
    answer = page[page.index("hg-answer") : page.index("hg-result")]
    assert "<p>Failed: object-detection. What was wrong is said below.</p>" in answer
    state["answer"] = "The picture could not be searched: It broke."  # an LLM's own words stay
    assert state["answer"] in conversation([Turn(state, "failed")], [])


def test_an_answer_s_list_is_a_list_and_its_commands_are_set_apart(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import turn_html

    said = f"I can:\n- Text: summaries.\n- <b>Sound</b>.\nAsk `hugginggraph tasks`, {EVIL}."
    html = turn_html(Turn(finished(tmp_path) | {"answer": said}, "done"), 0)
    assert (
        "<p>I can:</p><ul><li>Text: summaries.</li><li>&lt;b&gt;Sound&lt;/b&gt;.</li></ul>"
        "<p>Ask <code>hugginggraph tasks</code>, &lt;script&gt;" in html
    )


def test_what_was_made_before_is_not_said_to_be_below(tmp_path: Path) -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import turn_html

    state = finished(tmp_path)
    old, new = (f"{tmp_path}/artifacts/{letter * 32}.wav" for letter in "ab")
    wave = f"{tmp_path}/artifacts/{'c' * 32}.png"
    state["resources"] = {
        "r1": {"kind": "image", "path": f"{tmp_path}/scene.png", "name": "scene.png"},
        "r2": {"kind": "audio", "path": old, "name": old},
        "r3": {"kind": "audio", "path": new, "name": new},
        "r4": {"kind": "image", "path": wave, "name": wave},
    }
    state["results"]["0"]["files"] = ["r3", "r4"]
    state["answer"] = (
        f"Files at hand: r1 (scene.png), r2 ({old}).\nIt is in {new}. Its wave is drawn in {wave}."
    )
    html = turn_html(Turn(state, "done"), 0)
    assert "<p>Files at hand: scene.png, the sound made before.</p><p>It is below.</p>" in html
    state["answer"] = f"The edges are drawn. See {wave}."
    assert "<p>The edges are drawn. See below.</p>" in turn_html(Turn(state, "done"), 0)


def test_tasks_of_a_plan_that_cannot_run_are_skipped_and_not_queued_for_ever() -> None:
    from hugginggraph.serve.page.chats import Turn
    from hugginggraph.serve.page.render import turn_html

    turn = Turn({"request": "x", "plan": plan(1), "answer": "No."}, "running")
    turn.end("failed")
    assert ">skipped</text>" in turn_html(turn, 0)
    turn = Turn({"request": "x", "plan": plan(1)}, "running")
    turn.end("stopped")
    assert ">stopped</text>" in turn_html(turn, 0)


@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "LiberationSans-Regular.ttf"])
def test_what_is_written_in_a_narrow_box_stays_inside_and_apart(font: str) -> None:
    from PIL import ImageFont

    from hugginggraph.registry import model_cards

    try:
        wide = ImageFont.truetype(font, 115)
    except OSError:
        pytest.skip(f"no {font} on this machine")
    space = "{http://www.w3.org/2000/svg}"
    for card in model_cards():
        one = {"tasks": [{"id": 0, "task": card.task, "dep": [], "args": {}}]}
        states = {0: {"state": "done", "model": card.id, "seconds": 123.4}}
        texts = [*ET.fromstring(plan_svg(one, states, columns=2, box=165)).iter(f"{space}text")]
        name, model, seconds = (wide.getlength(each.text or "") / 10 for each in texts[1:])
        assert 28 + name * 13 / 11.5 <= 165 - 8, texts[1].text
        assert 28 + model + 8 <= 165 - (12 + seconds if seconds else 0), texts[2].text


@pytest.mark.parametrize("columns", [2, 3])
def test_a_plan_of_twelve_tasks_is_drawn_with_every_box_apart_and_every_link(columns: int) -> None:
    links = [(0, 4), (1, 4), (4, 8), (8, 11), (2, 11)]
    states = {
        0: {"state": "done", "seconds": 1.25},
        4: {"state": "fetching", "done": 1, "total": 4},
    }
    svg = ET.fromstring(plan_svg(plan(12, *links), states, columns=columns))
    space = "{http://www.w3.org/2000/svg}"
    boxes = [g.get("transform", "") for g in svg.iter(f"{space}g")]
    corners = {tuple(map(int, re.findall(r"\d+", place))) for place in boxes}
    assert len(corners) == 12
    assert all(
        abs(a[0] - b[0]) >= 240 or abs(a[1] - b[1]) >= 54
        for a in corners
        for b in corners
        if a != b
    )
    assert len(list(svg.iter(f"{space}path"))) == len(links)
    words = svg.get("aria-label") or ""
    assert words.startswith(
        "Plan of 12 tasks."
    ) and "11 object-detection after 2, 8" in words.replace("after 8, 2", "after 2, 8")
    text = " ".join(svg.itertext())
    assert "fetching 25 %" in text and "1.2 s" in text


def lines(svg: str) -> list[list[tuple[float, float]]]:
    """Each line of a drawing as points along it."""
    found = []
    for path in re.findall(r'class="hg-edge" d="M([^"]+)"', svg):
        (x, y), points = map(float, path[: re.search("[Cv]", path).start()].split()), []  # type: ignore[union-attr]
        for step, rest in re.findall(r"([Cv])([-\d. ]+)", path):
            given = [float(each) for each in rest.split()]
            if step == "v":
                points += [(x, y + part * given[0] / 20) for part in range(21)]
                y += given[0]
                continue
            x1, y1, x2, y2, x3, y3 = given
            for t in (part / 20 for part in range(21)):
                weights = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3
                both = ((x, x1, x2, x3), (y, y1, y2, y3))
                at = [sum(w * v for w, v in zip(weights, each, strict=True)) for each in both]
                points.append((at[0], at[1]))
            x, y = x3, y3
        found.append(points)
    return found


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_no_line_runs_behind_a_box_or_out_of_the_drawing_and_each_ends_at_its_task(
    columns: int,
) -> None:
    dice = random.Random(7)
    for count in [*range(1, 13)] * 4:
        links = [(a, b) for b in range(count) for a in range(b) if dice.random() < 0.25]
        svg = plan_svg(plan(count, *links), columns=columns)
        corners = {
            int(task): (float(x), float(y))
            for task, x, y in re.findall(
                r'data-task="(\d+)" transform="translate\((\S+) (\S+)\)', svg
            )
        }
        left, _, width, height = map(float, re.findall(r'viewBox="([^"]+)"', svg)[0].split())
        drawn = lines(svg)
        assert len(drawn) == len(links)
        for points, (source, target) in zip(
            drawn, sorted(links, key=lambda pair: pair[1]), strict=True
        ):
            assert points[0] == (corners[source][0] + 120, corners[source][1] + 54)
            assert points[-1] == (corners[target][0] + 120, corners[target][1])
            for x, y in points:
                assert left < x < left + width and 0 < y < height
                assert not any(cx + 1 < x < cx + 239 and cy + 1 < y < cy + 53
                               for cx, cy in corners.values()), (links, columns)  # fmt: skip


@pytest.mark.parametrize(("count", "rows"), [(3, [3]), (4, [2, 2]), (7, [3, 2, 2]), (8, [3, 3, 2])])
def test_a_level_that_is_too_wide_is_drawn_in_rows_as_even_as_can_be(
    count: int, rows: list[int]
) -> None:
    heights = re.findall(r'transform="translate\(\S+ (\S+)\)', plan_svg(plan(count)))
    assert [heights.count(each) for each in dict.fromkeys(heights)] == rows


def test_a_plan_that_fills_in_changes_no_box_but_the_one_that_moved() -> None:
    shape = plan(12, (0, 1))
    before = ET.fromstring(plan_svg(shape, {0: {"state": "queued"}}))
    after = ET.fromstring(plan_svg(shape, {0: {"state": "running"}}))
    parts = zip(list(before), list(after), strict=True)
    changed = [a.get("data-task") for a, b in parts if ET.tostring(a) != ET.tostring(b)]
    assert changed == ["0"]


async def test_a_second_request_in_a_busy_chat_is_refused_and_the_first_can_be_stopped(
    settings: Settings, tmp_path: Path
) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    from hugginggraph.graph import Parts
    from hugginggraph.registry import RequestError
    from hugginggraph.serve.page.chats import Chats

    chats = Chats(Parts(settings), InMemorySaver())
    await chats.start("one", "Count 'a' and 'b'", [])
    with pytest.raises(RequestError, match="still running"):
        await chats.start("one", "Another", [])
    assert not chats.running("two") and await chats.turns("two") == []
    await chats.stop("one")
    assert not chats.running("one")
    assert [turn.status async for turn in chats.follow("one")] == ["stopped"]


async def test_a_chat_whose_answer_was_followed_to_its_end_takes_the_next_request_at_once(
    settings: Settings,
) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    from hugginggraph.graph import Parts
    from hugginggraph.serve.page.chats import Chats
    from hugginggraph.serve.server.figures import Figures
    from hugginggraph.serve.server.runs import Runs

    only_one = Runs(settings.model_copy(update={"server_runs": 1}), figures=Figures())
    chats = Chats(Parts(settings), InMemorySaver(), admit=only_one.admit)
    for _ in range(3):
        await chats.start("one", "hello", [])
        turns = [turn async for turn in chats.follow("one")]
        assert turns[-1].status == "done"
    await chats.start("one", "hello", [])
    await chats.stop("one")  # before it has begun
    await chats.start("two", "hello", [])
    with pytest.raises(RequestError, match="as many runs as it takes"):
        await chats.start("three", "hello", [])
    await chats.stop("two")
    assert only_one.held.take("one")  # as a sweep does
    with pytest.raises(RequestError, match="at work elsewhere"):
        await chats.start("one", "hello", [])
