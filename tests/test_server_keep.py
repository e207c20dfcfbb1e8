"""A server that keeps files and threads for some days removes those that nobody used, no others."""

from __future__ import annotations

import io
import logging
import os
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from filelock import FileLock
from http_app import Running, invoke, upload
from langgraph.checkpoint.base.id import uuid6 as step_name
from page_browser import asked, told_of
from PIL import Image

from hugginggraph.registry import RequestError, Settings, SettingsError, load_settings
from hugginggraph.serve.server.files import Files, use
from hugginggraph.serve.server.sweep import Sweep, Sweeper

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")  # LangServe's own
SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
DAYS = 3.0
LONG_AGO = time.time() - (DAYS + 1) * 24 * 3600
LATELY = time.time() - (DAYS - 1) * 24 * 3600
A, B, C, D = (digit * 32 for digit in "abcd")


@contextmanager
def serving(folder: Path, data_dir: Path, days: float | None = DAYS) -> Iterator[httpx.Client]:
    """A server on a data folder of its own, with the registry of all tests."""
    if not (folder / "registry").exists():
        folder.mkdir(exist_ok=True)
        (folder / "registry").symlink_to(data_dir / "registry")
    settings = Settings(
        offline=True, data_dir=folder, artifacts_dir=folder / "artifacts", cache_bytes=0,
        server_keep_days=days,
    )  # fmt: skip
    with Running(settings) as client:
        yield client


def swept(folder: Path, before: float = time.time() - DAYS * 24 * 3600) -> Sweep:
    sweep = Sweep(before)
    sweep.sweep(folder / "server", folder / "artifacts")
    return sweep


def age(*paths: Path, to: float = LONG_AGO) -> None:
    """Make files and folders as old as if nobody had used them since."""
    for path in paths:
        for each in (*(path.rglob("*") if path.is_dir() else ()), path):
            os.utime(each, (to, to), follow_symlinks=False)


def kept(folder: Path, digits: str, owner: str = "me", text: str = "12345") -> Path:
    """A file of an owner, as an upload leaves it."""
    home = folder / "server" / "files" / owner / digits
    home.mkdir(parents=True)
    (home / "a.txt").write_text(text)
    return home


def scene_with_a_point(shade: int) -> bytes:
    """The picture, whose content is another for each shade."""
    out = io.BytesIO()
    with Image.open(SCENE) as picture:
        changed = picture.convert("RGB")
        changed.putpixel((0, 0), (shade, shade, shade))
        changed.save(out, "PNG")
    return out.getvalue()


def until_gone(*paths: Path) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not any(path.exists() for path in paths):
            return True
        time.sleep(0.02)
    return False


def of_files(folder: Path) -> set[str]:
    found = (folder / "server" / "files" / "local").iterdir()
    return {path.name for path in found if len(path.name) == 32}


def test_a_server_that_starts_removes_what_nobody_used_with_what_its_runs_made(
    data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, data_dir) as http:
        old, new = upload(http, SCENE), upload(http, SCENE, "new.png")
        out = invoke(http, "Count the objects in scene.png", old)
        (made,) = [each["url"] for each in out["resources"].values() if "task" in each]
        assert http.get(made).status_code == 200
        asked = invoke(http, "Draw the edges of new.png", new, thread_id="t")
        (lasting,) = [each["url"] for each in asked["resources"].values() if "task" in each]
    artifacts, mine = tmp_path / "server" / "made", tmp_path / "artifacts"
    assert not mine.exists() and len(list(artifacts.iterdir())) == 2
    mine.mkdir()
    (mine / Path(made).name).write_bytes(b"made by the command line")
    home = tmp_path / "server" / "files" / "local"
    age(home / old[:32], home / Path(made).stem, *artifacts.iterdir(), mine)
    with caplog.at_level(logging.WARNING), serving(tmp_path, data_dir) as http:
        assert until_gone(home / old[:32], artifacts / Path(made).name)
        gone = http.get(f"/files/{old}")
        assert gone.status_code == 404 and gone.json()["message"] == "There is no such file."
        assert "removed in the end (days: 3)" in gone.json()["hint"]
        assert http.get(made).status_code == 404
        assert http.get(f"/files/{new}").content == SCENE.read_bytes()
        assert http.get(lasting).status_code == 200
        assert invoke(http, "Count the objects in new.png", f"/files/{new}")["status"] == "done"
    assert len(list(mine.iterdir())) == 1
    (line,) = [each.getMessage() for each in caplog.records if "files removed" in each.getMessage()]
    assert ": 2 (" in line and "could not" not in line


def test_without_the_setting_all_stays_for_ever(data_dir: Path, tmp_path: Path) -> None:
    old = kept(tmp_path, A, "local")
    age(old)
    with serving(tmp_path, data_dir, None) as http:
        assert http.get(f"/files/{A}.txt").text == "12345"
        assert not [each for each in threading.enumerate() if each.name == "sweeper"]
        assert "days" not in http.get(f"/files/{B}.txt").json()["hint"]


def test_a_file_that_is_fetched_or_given_to_a_run_was_used(data_dir: Path, tmp_path: Path) -> None:
    with serving(tmp_path, data_dir) as http:
        files = [upload(http, SCENE, f"{name}.png") for name in ("fetched", "given", "other")]
        home = tmp_path / "server" / "files" / "local"
        age(*(home / each[:32] for each in files))
        assert http.get(f"/files/{files[0]}").status_code == 200
        invoke(http, "Describe given.png", files[1])
    assert swept(tmp_path).files == 1
    assert of_files(tmp_path) == {files[0][:32], files[1][:32]}


@pytest.mark.parametrize("how", ["asked", "read", "approved"])
def test_a_thread_that_is_used_keeps_its_files(data_dir: Path, tmp_path: Path, how: str) -> None:
    with serving(tmp_path, data_dir) as http:
        other, scene = upload(http, SCENE, "other.png"), upload(http, SCENE)
        out = invoke(http, "Draw the edges of scene.png", scene, thread_id="t")
        (made,) = [each["url"] for each in out["resources"].values() if "task" in each]
        if how == "approved":
            options = {"approve": True}
            waits = invoke(http, "Count the objects in scene.png", thread_id="t", options=options)
            assert waits["status"] == "interrupted"
        home = tmp_path / "server" / "files" / "local"
        age(*home.iterdir(), *(tmp_path / "server" / "made").iterdir())
        if how == "asked":
            invoke(http, "Translate 'the cat' to French", thread_id="t")
        elif how == "read":
            assert http.get("/threads/t").status_code == 200
        else:
            answer = {"thread_id": "t", "answer": {"decisions": [{"type": "reject"}]}}
            assert http.post("/agent/resume", json=answer).status_code == 200
        assert swept(tmp_path).files == 1
        assert {scene[:32], Path(made).stem} <= of_files(tmp_path)
        assert other[:32] not in of_files(tmp_path)
        again = invoke(http, "Describe scene.png", thread_id="t")
        assert again["status"] == "done" and (tmp_path / "server" / "made").exists()
        assert http.get(made).status_code == 200


def test_files_in_use_are_kept_where_the_data_folder_is_a_link(
    data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    with serving(link, data_dir) as http:
        scene = upload(http, SCENE)
        invoke(http, "Describe scene.png", scene, thread_id="t")
        age(*(link / "server" / "files" / "local").iterdir())
        invoke(http, "Translate 'the cat' to French", thread_id="t")
        assert swept(link).files == 0 and scene[:32] in of_files(link)


@pytest.mark.filterwarnings("ignore:.future.no_silent_downcasting.")  # Gradio's own
def test_a_chat_of_the_page_that_is_opened_or_asked_keeps_its_files(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gradio", reason="the extra `page` is not installed")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "registry").symlink_to(data_dir / "registry")
    token = "alice-" + "a" * 20
    settings = Settings(
        offline=True, data_dir=tmp_path, artifacts_dir=tmp_path / "artifacts", cache_bytes=0,
        server_keep_days=DAYS, server_tokens=token,
    )  # fmt: skip
    (mine := tmp_path / "page" / ("a" * 64)).mkdir(parents=True)  # of the page without owners
    (mine / "a.txt").write_text("mine")
    with Running(settings, page=True) as http:
        http.headers["origin"] = str(http.base_url).rstrip("/")
        http.post("/sign-in", data={"token": token})
        drawn = {}
        for number, chat in enumerate(("opened", "asked", "left")):
            known = {"thread": f"{number:032x}", "chats": []}
            sent = {"files": (f"{chat}.png", scene_with_a_point(number))}
            (path,) = http.post("/gradio_api/upload", files=sent).json()
            picture = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
            told = asked(http, "Find the objects in the picture", picture, known)
            (made,) = set(re.findall(r"gradio_api/file=(/[^\"\\]*/made/[^\"\\]*)", told))
            drawn[chat] = (Path(path), Path(made))
        made_in = drawn["left"][1].parent
        uploads = drawn["left"][0].parents[1]
        assert uploads.parent == tmp_path / "page" and tmp_path / "server" in made_in.parents
        age(tmp_path / "page", made_in)
        asked(http, "Describe it", [], {"thread": f"{1:032x}", "chats": []})
        told_of(http, "load", [{"thread": f"{0:032x}", "chats": []}])
        gone = {"thread": f"{9:032x}", "chats": [{"id": f"{9:032x}", "title": "Gone before"}]}
        told = told_of(http, "load", [gone])
        assert "no longer kept here" in told and "Gone before" not in told
        assert swept(tmp_path).files == 2
        assert {chat for chat, paths in drawn.items() if all(p.exists() for p in paths)} == {
            "opened", "asked"
        }  # fmt: skip
        assert not any(path.exists() for path in drawn["left"])
    assert (mine / "a.txt").exists()


def test_a_run_in_progress_keeps_its_files_however_long_it_takes(tmp_path: Path) -> None:
    files = Files(tmp_path / "server" / "files", 100, DAYS)
    old, other = kept(tmp_path, A), kept(tmp_path, B)
    age(old, other)
    settings = Settings(server_keep_days=DAYS, artifacts_dir=tmp_path / "artifacts")
    sweeper = Sweeper(settings, files, lambda *_: 0)
    with files.in_use(partial(use, old)):
        sweeper.start()
        assert until_gone(other)
    sweeper.close()
    assert old.exists() and not files.at_work
    age(old)
    second = Sweeper(settings, files, lambda *_: 0)
    second.start()
    assert until_gone(old)
    second.close()


def test_one_of_two_servers_on_a_folder_sweeps_and_the_other_one_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugginggraph.serve.server.sweep.EVERY", 0.01)
    files = Files(tmp_path / "server" / "files", 100, DAYS)
    old, looks = kept(tmp_path, A), threading.Semaphore(0)
    age(old)
    settings = Settings(server_keep_days=DAYS, artifacts_dir=tmp_path / "artifacts")
    sweeper = Sweeper(settings, files, lambda *_: 0)
    with files.in_use(looks.release):
        with FileLock(tmp_path / "server" / "sweep.lock"):
            sweeper.start()
            assert all(looks.acquire(timeout=60) for _ in range(3))
            assert old.exists()
        assert until_gone(old)
    sweeper.close()


def test_many_sweeps_at_once_and_one_that_was_killed_leave_the_same(tmp_path: Path) -> None:
    owners = [kept(tmp_path, f"{number:032x}") for number in range(200)]
    age(*owners[:150])
    broken = owners[0].rename(owners[0].with_name(f"{owners[0].name}.gone"))
    (broken / "a.txt").unlink()  # which makes the folder a new one
    sweeps = [Sweep(LATELY) for _ in range(8)]
    given = (tmp_path / "server", tmp_path / "artifacts")
    threads = [threading.Thread(target=sweep.sweep, args=given) for sweep in sweeps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(owners[0].parent.iterdir()) == sorted(owners[150:])
    assert sum(sweep.stuck for sweep in sweeps) == 0


def test_links_odd_names_and_times_to_come_stay_and_what_is_stuck_stops_nothing(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    home = kept(tmp_path, A).parent
    (home / A / "link").symlink_to(outside / "mine.txt")
    (home / A / "folder").symlink_to(outside)
    (home / B).symlink_to(outside)
    (home.parent / "them").symlink_to(outside)
    for odd in (f"{C}x", "mode", "..name", "ünlich\n"):
        (home / odd).mkdir()
        (home / odd / "a.txt").write_text("odd")
    stuck, late = kept(tmp_path, C), kept(tmp_path, D)
    (home / f"{C}.gone").write_text("in the way")
    kept(tmp_path, A, "you")
    (home / "fetched").mkdir()
    for name, digits in (("old", A), ("live", D)):
        (home / "fetched" / name).write_text(digits)
    (home / "fetched" / "bytes").write_bytes(b"\xff\0")
    age(home.parent, outside)
    age(late, to=time.time() + 10**8)
    sweep = swept(tmp_path)
    assert (sweep.files, sweep.stuck) == (4, 1)  # two files, two notes
    assert {each.name for each in home.iterdir()} == {
        B, C, D, f"{C}.gone", f"{C}x", "mode", "..name", "ünlich\n", "fetched"
    }  # fmt: skip
    assert (stuck / "a.txt").exists() and (outside / "mine.txt").read_text() == "mine"
    assert [each.name for each in (home / "fetched").iterdir()] == ["live"]
    assert not (home.parent / "you" / A).exists()


def test_what_a_run_makes_again_is_new_and_what_an_owner_has_stays(tmp_path: Path) -> None:
    from hugginggraph.tools import Artifacts
    from hugginggraph.tools.runner import Media

    files = Files(tmp_path / "server" / "files", 100, DAYS)
    artifacts = Artifacts(tmp_path / "server" / "made")
    again, left, had = [artifacts.save(Media("text", text, ".txt")) for text in (b"1", b"2", b"3")]
    files.adopt("me", had)
    age(artifacts.folder)
    assert artifacts.save(Media("text", b"1", ".txt")) == again
    assert swept(tmp_path).files == 1
    assert again.exists() and had.exists() and not left.exists()
    age(files.home("me"), had)
    assert (swept(tmp_path).files, had.exists()) == (1, False)


def test_artifacts_of_the_command_line_stay_where_the_servers_folder_leads_to_them(
    tmp_path: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    (artifacts / f"{A}.txt").write_text("mine")
    kept(tmp_path, B)
    (tmp_path / "server" / "made").symlink_to(artifacts)
    age(artifacts, tmp_path / "server" / "files")
    assert swept(tmp_path).files == 1 and (artifacts / f"{A}.txt").exists()


def test_what_another_owner_has_stays_also_where_files_cannot_be_linked(tmp_path: Path) -> None:
    artifacts = tmp_path / "server" / "made"
    artifacts.mkdir(parents=True)
    for digits in (A, B):
        (artifacts / f"{digits}.txt").write_text("made")
    (tmp_path / "outside").mkdir()
    os.link(artifacts / f"{B}.txt", tmp_path / "outside" / "name")
    kept(tmp_path, A)
    age(artifacts)
    assert swept(tmp_path).files == 0 and len(list(artifacts.iterdir())) == 2


def test_a_file_that_is_used_in_the_middle_of_a_sweep_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, rename = kept(tmp_path, A), Path.rename
    age(home)

    def used_first(self: Path, target: Path) -> Path:
        use(self)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", used_first)
    assert swept(tmp_path).files == 0 and (home / "a.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the time of a folder elsewhere")
def test_a_fetch_notes_the_use_of_a_file_once_an_hour(tmp_path: Path) -> None:
    files = Files(tmp_path / "server" / "files", 100, DAYS)
    home = kept(tmp_path, A)
    for minutes, noted in ((50, False), (70, True)):
        then = time.time() - minutes * 60
        age(home, to=then)
        files.find("me", A)
        assert (home.stat().st_mtime > then + 60) == noted


def test_an_upload_that_is_still_coming_in_stays(tmp_path: Path) -> None:
    home = kept(tmp_path, A)
    age(home)
    (home / "a.txt").write_text("more")
    os.utime(home, (LONG_AGO, LONG_AGO))
    assert swept(tmp_path).files == 0 and home.exists()


def make_old(database: Path, *threads: str) -> None:
    """Give the last step of each thread the name that it would have had long ago."""
    old = uuid6(int(LONG_AGO * 1e9))
    with closing(sqlite3.connect(database)) as store, store:
        for thread in threads:
            for table in ("checkpoints", "writes"):
                store.execute(
                    f"UPDATE {table} SET checkpoint_id = ? WHERE thread_id = ?", (old, thread)
                )


def uuid6(ns: int) -> str:
    """LangGraph's name for a step at a time, from its own function."""
    module = "langgraph.checkpoint.base.id"
    with patch(f"{module}.time.time_ns", lambda: ns), patch(f"{module}._last_v6_timestamp", None):
        return str(step_name())


def test_threads_that_nobody_used_go_with_the_files_and_those_in_use_stay(
    data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    approve = {"options": {"approve": True}}
    with serving(tmp_path, data_dir) as http:
        for name in ("old", "new", "again"):
            invoke(http, "Translate 'the cat' to French", thread_id=name)
        for name in ("asks", "asked"):
            invoke(http, "Translate 'the cat' to French", thread_id=name, **approve)
    names = [f"local/{name}" for name in ("old", "again", "asked")]
    make_old(tmp_path / "server" / "threads.sqlite", *names)
    with caplog.at_level(logging.WARNING), serving(tmp_path, data_dir, None) as http:
        invoke(http, "Translate 'the dog' to French", thread_id="again")  # nothing is swept here
        assert http.get("/threads/old").status_code == 200
    with caplog.at_level(logging.WARNING), serving(tmp_path, data_dir) as http:
        end = time.monotonic() + 60
        while {http.get(f"/threads/{name}").status_code for name in ("old", "asked")} != {404}:
            assert time.monotonic() < end
            time.sleep(0.5)  # a server counts the requests of a minute
        assert http.get("/threads/new").status_code == 200
        assert len(http.get("/threads/again").json()["messages"]) == 4
        answer = {"thread_id": "asks", "answer": {"decisions": [{"type": "approve"}]}}
        assert http.post("/agent/resume", json=answer).json()["status"] == "done"
        assert http.post("/agent/resume", json={**answer, "thread_id": "asked"}).status_code == 404
    told = [each.getMessage() for each in caplog.records]
    assert "threads removed that nobody had used for long: 2" in told


def test_a_thread_at_work_and_those_of_the_command_line_are_not_removed(
    data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "registry").symlink_to(data_dir / "registry")
    settings = Settings(offline=True, data_dir=tmp_path, artifacts_dir=tmp_path / "a")
    server, goes_on = Running(settings), threading.Event()
    with server as http:
        runs = server.app.state.runs
        for name in ("busy", "mine", "page"):
            invoke(http, "Translate 'the cat' to French", thread_id=name)
        with closing(sqlite3.connect(tmp_path / "server" / "threads.sqlite")) as store, store:
            store.execute("UPDATE checkpoints SET thread_id='mine' WHERE thread_id='local/mine'")
            store.execute(
                "UPDATE checkpoints SET thread_id='local/page/x' WHERE thread_id='local/page'"
            )
        leave, on_page = runs.admit("local/busy"), runs.admit("local/page/x")
        for _ in range(settings.server_runs):  # and no slot is lost
            with pytest.raises(RequestError, match="This chat is at work elsewhere"):
                runs.admit("local/busy")
        assert runs.expire(time.time(), goes_on) == 0
        leave()
        assert runs.expire(time.time(), goes_on) == 1
        assert http.get("/threads/busy").status_code == 404
        on_page()
        goes_on.set()
        assert runs.expire(time.time(), goes_on) == 0  # the server stops
        goes_on.clear()
        assert runs.expire(time.time(), goes_on) == 1
        with closing(sqlite3.connect(tmp_path / "server" / "threads.sqlite")) as store:
            left = store.execute("SELECT DISTINCT thread_id FROM checkpoints").fetchall()
        assert left == [("mine",)]


def test_a_thread_that_is_used_in_the_middle_of_a_sweep_stays(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "registry").symlink_to(data_dir / "registry")
    settings = Settings(offline=True, data_dir=tmp_path, artifacts_dir=tmp_path / "a")
    server = Running(settings)
    with server as http:
        for name in ("used", "left"):
            invoke(http, "Translate 'the cat' to French", thread_id=name)
        runs = server.app.state.runs
        take = runs.held.take

        def used_first(key: str) -> bool:
            with closing(sqlite3.connect(tmp_path / "server" / "threads.sqlite")) as store, store:
                store.execute(
                    "UPDATE checkpoints SET checkpoint_id = ? WHERE thread_id = 'local/used'",
                    (uuid6(int((time.time() + 60) * 1e9)),),
                )
            return bool(take(key))

        monkeypatch.setattr(runs.held, "take", used_first)
        assert runs.expire(time.time(), threading.Event()) == 1
        monkeypatch.undo()
        codes = [http.get(f"/threads/{name}").status_code for name in ("used", "left")]
        assert codes == [200, 404]


@pytest.mark.parametrize("days", ["0", "-1", "nan", "soon"])
def test_days_that_are_none_are_refused(days: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_SERVER_KEEP_DAYS", days)
    with pytest.raises(SettingsError, match="HUGGINGGRAPH_SERVER_KEEP_DAYS"):
        load_settings()
