"""The web page in a real browser: the plan fills in, media open, threads last, nothing leaks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_browser import ask, browser, page_server, watched

SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
EVIL = "<img src=x onerror=alert(1)>"
SPORT = "Which of these is about sport: 'They won 3-1', 'Parliament met'?"


@pytest.fixture(scope="module")
def page(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with page_server(data_dir, tmp_path_factory.mktemp("page") / "artifacts") as (address, _):
        yield address


def test_a_picture_is_uploaded_and_its_boxes_come_back_and_are_there_after_a_reload(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with browser() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 860})
        watched(context, page)[0].close()  # the browser's own cold start is not the page's
        began = time.monotonic()
        tab, wrong = watched(context, page)
        painted = time.monotonic() - began
        picture = {"name": "scene.png", "mimeType": "image/png", "buffer": SCENE.read_bytes()}
        ask(tab, f"Find the objects in the picture {EVIL}", [picture])
        began = time.monotonic()
        tab.wait_for_selector(".hg-wide .hg-task")
        planned = time.monotonic() - began
        tab.wait_for_selector(".hg-wide .hg-task.hg-done")
        boxes = tab.wait_for_selector("#result-0 img")
        tab.wait_for_selector(".hg-answer")
        with capsys.disabled():
            sys.stdout.write(f"\npage: chat ready {painted:.2f} s, plan {planned:.2f} s\n")
        assert painted < 8 and planned < 8
        assert tab.evaluate("image => image.decode().then(() => image.naturalWidth)", boxes) == 480
        assert "orange heart" in (boxes.get_attribute("alt") or "")
        assert tab.locator("#hg-talk img:not([alt])").count() == 0
        assert EVIL in tab.inner_text(".hg-asked > p")
        assert tab.locator("img[onerror]").count() == 0
        tab.click("#result-0 .hg-why summary")
        assert "by meaning" in tab.inner_text("#result-0 .hg-why")
        answer = tab.inner_text(".hg-answer")
        assert "scene.png" in answer and "/" not in answer.split("in all")[0]
        tab.reload()
        tab.wait_for_selector(".hg-answer")
        assert tab.inner_text(".hg-answer") == answer
        assert wrong == []


@pytest.mark.slow
def test_two_browsers_never_see_each_others_chat_and_each_finds_its_own_again(page: str) -> None:
    with browser() as chromium:
        one, two = (watched(chromium.new_context(), page)[0] for _ in range(2))
        ask(one, SPORT)
        one.wait_for_selector(".hg-answer")
        two.reload()
        two.wait_for_selector(".hg-welcome")
        assert two.locator(".hg-turn").count() == 0
        one.click("[data-act=new]")
        one.wait_for_selector(".hg-welcome")
        one.click(".hg-menu summary")
        one.click(".hg-menu nav button")
        one.wait_for_selector(".hg-answer")
        assert SPORT in one.inner_text(".hg-asked")


@pytest.mark.slow
def test_an_edited_plan_is_what_runs_and_an_edit_that_cannot_run_is_told(page: str) -> None:
    with browser() as chromium:
        tab, wrong = watched(chromium.new_context(viewport={"width": 390, "height": 844}), page)
        tab.check("#hg-first input")
        ask(tab, "Which of these is about sport: 'They won 3-1', 'Parliament met'?")
        tab.wait_for_selector(".hg-approve")
        tab.click(".hg-approve summary")
        good = tab.input_value(".hg-approve textarea")
        tab.fill(".hg-approve textarea", "no plan at all")
        tab.click("text=Run as edited")
        tab.wait_for_selector(".hg-approve p")
        assert "JSON" in tab.inner_text(".hg-approve p")
        if not tab.is_visible(".hg-approve textarea"):
            tab.click(".hg-approve summary")
        tab.fill(".hg-approve textarea", good.replace("They won 3-1", "She ran a marathon"))
        tab.click("text=Run as edited")
        tab.wait_for_selector(".hg-answer")
        assert "She ran a marathon" in tab.inner_text(".hg-answer")
        assert "They won 3-1" not in tab.inner_text(".hg-answer")
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert wrong == []


@pytest.mark.slow
def test_a_run_is_stopped_and_goes_on_and_no_second_request_runs_beside_it(
    data_dir: Path, tmp_path: Path
) -> None:
    with page_server(data_dir, tmp_path / "artifacts") as (page, _), browser() as chromium:
        context = chromium.new_context()
        tab, _ = watched(context, page)  # the models are cold: the run takes seconds
        tab.click(".hg-example >> nth=0")
        tab.wait_for_selector(".hg-wide .hg-running")
        other, _ = watched(context, page)
        other.wait_for_selector(".hg-wide .hg-task")  # a second tab follows the same run
        tab.click("#hg-ask .stop-button")
        tab.wait_for_selector(".hg-stopped")
        assert tab.locator(".hg-wide .hg-stopped, .hg-wide .hg-done").count() == 2
        tab.click("[data-act=continue]")
        tab.wait_for_selector(".hg-answer")
        assert tab.locator(".hg-wide .hg-done").count() == 2


@pytest.mark.slow
def test_the_page_says_when_its_server_is_gone_and_finds_the_chat_when_it_is_back(
    data_dir: Path, tmp_path: Path
) -> None:
    with browser() as chromium:
        with page_server(data_dir, tmp_path / "artifacts") as (page, _):
            tab, _ = watched(chromium.new_context(), page)
            ask(tab, SPORT)
            tab.wait_for_selector(".hg-answer")
        tab.wait_for_selector(".hg-offline")
        assert "does not answer" in tab.inner_text(".hg-offline")
        port = int(page.rstrip("/").rpartition(":")[2])
        with page_server(data_dir, tmp_path / "artifacts", port):
            tab.wait_for_selector(".hg-offline", state="detached")
            tab.wait_for_selector(".hg-answer")


@pytest.mark.slow
def test_the_theme_is_kept_and_the_page_works_by_keyboard_alone(page: str) -> None:
    with browser() as chromium:
        tab, wrong = watched(chromium.new_context(color_scheme="light"), page)
        tab.wait_for_timeout(500)
        light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        tab.focus("[data-theme]")
        tab.keyboard.press("Enter")
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert light != dark
        tab.reload()
        tab.wait_for_selector(".hg-welcome")
        tab.wait_for_function(
            "want => getComputedStyle(document.body).backgroundColor === want", arg=dark
        )
        tab.focus(".hg-example >> nth=3")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".hg-answer")
        assert wrong == []


@pytest.mark.slow
def test_a_file_that_is_too_large_or_not_what_its_name_says_is_refused_in_words(
    page: str, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as file:
        file.truncate(2_000_000_000)
    with browser() as chromium:
        tab, _ = watched(chromium.new_context(), page)
        tab.set_input_files("#hg-ask input[type=file]", str(huge))
        tab.wait_for_selector(".toast-body")
        assert "size" in tab.inner_text(".toast-body").lower()
        tab.reload()
        tab.wait_for_selector(".hg-welcome")
        renamed = {"name": "song.png", "mimeType": "image/png", "buffer": b"RIFF1234WAVEfmt "}
        ask(tab, "Describe it", [renamed])
        tab.wait_for_selector(".hg-answer")
        assert "song.png" in tab.inner_text(".hg-answer")
        assert tab.inner_text(".hg-given") == "song.png"  # not a broken picture
