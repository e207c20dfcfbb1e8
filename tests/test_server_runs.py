"""What the server's runs hold while they are at work, and where their files lie."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.registry import Settings
from hugginggraph.serve.server.figures import Figures
from hugginggraph.serve.server.files import Files
from hugginggraph.serve.server.runs import Runs
from hugginggraph.serve.server.shapes import RunInput


async def test_a_thread_is_its_runs_until_that_has_ended_however_often_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(Settings(offline=True, data_dir=tmp_path), figures=Figures())
    given, ending, ended = RunInput(request="x", thread_id="t"), asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await ended.wait()

    async def follow() -> None:
        async for _ in runs.events("me", given):
            pass

    monkeypatch.setattr(runs, "_work", slow)
    following = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    for _ in range(2):
        following.cancel()
        await ending.wait()
        await asyncio.sleep(0.05)
        assert not runs.held.take("me/t")
    ended.set()
    await asyncio.wait([following])
    assert runs.held.take("me/t")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_nobody_else_may_look_into_an_owners_folder(tmp_path: Path) -> None:
    files = Files(tmp_path / "files", 1000)
    made = files.folder_of("me", "made")
    assert [path.stat().st_mode & 0o777 for path in (made.parent, made)] == [0o700, 0o700]
    assert not files.home("you").exists()
