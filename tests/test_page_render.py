"""What the page makes of a turn: escaped, in words, readable when something is missing."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.graph import Shown, compose, plan_svg
from hugginggraph.registry import Settings

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
