"""A session of the command line removes its own old threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hugginggraph.registry import RequestError, Settings
from hugginggraph.serve.session import Session


@pytest.fixture
def session(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """One whose loop, which it leaves open to the end of its process, ends with the test."""
    (tmp_path / "registry").symlink_to(data_dir / "registry")
    settings = Settings(offline=True, data_dir=tmp_path, artifacts_dir=tmp_path / "a")
    with asyncio.Runner() as runner:
        monkeypatch.setattr("hugginggraph.serve.session.asyncio.Runner", lambda: runner)
        made = Session(settings, show=False)
        monkeypatch.undo()
        with made:
            yield made


def test_its_own_old_threads_go_and_none_of_a_server_or_at_work(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"local/chat", f"{'0123456789' * 2}/alice-chat"}
    for name in ("mine", *others):
        session.thread = name
        session.run("Translate 'the cat' to French", [], {})
    session.thread = "waits"
    session.run("Translate 'the cat' to French", [], {"approve": True})
    assert [session.delete_older(days) for days in (1, float("inf"), 1e300)] == [0, 0, 0]
    with pytest.raises(RequestError, match="must be a number"):
        session.delete_older(float("nan"))
    assert session.delete_older(0) == 1
    assert {each["name"] for each in session.threads()} == {*others, "waits"}
    monkeypatch.setattr("hugginggraph.serve.session.AT_WORK", 0.0)
    assert session.delete_older(0) == 1
    assert {each["name"] for each in session.threads()} == others
