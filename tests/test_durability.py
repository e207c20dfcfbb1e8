"""A run that is killed at any moment and resumed repeats nothing, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_runs import kept_in
from pydantic import SecretStr
from test_execute import DIAMOND, Bench, given, graph_of

from hugginggraph.registry import Settings, SettingsError
from hugginggraph.serve.threads import keep_latest, open_saver, thread_names, threads_before

SCRIPT = Path(__file__).parent / "killed_runs.py"


def rounds(folder: Path, count: int, url: str = "") -> list[dict[str, Any]]:
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(folder), str(count), url]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60 + 10 * count)
    assert out.returncode == 0, out.stderr[-2000:]
    return [json.loads(line) for line in out.stdout.splitlines()]


def check(found: list[dict[str, Any]], count: int) -> None:
    assert len(found) == count and all(each["right"] for each in found), found
    assert [each["repeated"] for each in found if each["repeated"]] == []
    assert sum(each["kills"] for each in found) >= count / 2
    assert sum(each["safe"] for each in found) > 0


def test_killed_runs_are_resumed_with_the_same_answer_and_nothing_repeated(tmp_path: Path) -> None:
    check(rounds(tmp_path, 5), 5)


@pytest.mark.slow
def test_fifty_killed_runs_are_resumed_with_nothing_repeated(tmp_path: Path) -> None:
    check(rounds(tmp_path, 50), 50)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of the tests' own."""
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), Path(shutil.which("initdb") or "x").parent]
    programs = next((folder for folder in found if (folder / "initdb").is_file()), None)
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path("/tmp") / f"hugginggraph-pg-{os.getpid()}"  # a socket's path must be short
    folder.mkdir()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        import pwd

        try:
            there = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
        os.chown(folder, there.pw_uid, there.pw_gid)
        user = {"user": there.pw_uid, "group": there.pw_gid, "extra_groups": []}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-N"],
        check=True, cwd=folder, **quiet,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port), "-k", folder,
         "-c", "listen_addresses=127.0.0.1"], cwd=folder, **quiet,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.1)
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


def test_postgresql_keeps_killed_runs_as_well(tmp_path: Path, database: str) -> None:
    check(rounds(tmp_path, 4, database), 4)


@pytest.mark.slow
def test_fifty_killed_runs_in_postgresql(tmp_path: Path, database: str) -> None:
    check(rounds(tmp_path, 50, database), 50)


def step_time(name: str) -> float:
    """When a step was taken, from the fields of the version 6 of UUIDs."""
    high, middle, low = (int(part, 16) for part in name.split("-")[:3])
    return ((high << 28 | middle << 12 | low & 0xFFF) - 0x01B21DD213814000) / 10**7


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_finished_thread_keeps_its_last_state_only(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("database") if kind == "postgres" else ""
    saver = await open_saver(kept_in(tmp_path, url))
    graph = graph_of(Bench(), saver)
    for name in ("a", "b"):
        config = {"configurable": {"thread_id": name}}
        await graph.ainvoke(given(DIAMOND), config)
        await graph.ainvoke(given(DIAMOND), config)
    config = {"configurable": {"thread_id": "a"}}
    before = (await graph.aget_state(config)).values
    await keep_latest(saver, "a")
    assert (await graph.aget_state(config)).values == before
    counts = [len([c async for c in saver.alist({"configurable": {"thread_id": n}})]) for n in "ab"]
    assert counts[0] == 1 and counts[1] > 4
    assert (await thread_names(saver, 5))[:2] == ["b", "a"]
    second = step_time((await graph.aget_state(config)).config["configurable"]["checkpoint_id"])
    old = [await threads_before(saver, second + late) for late in (-0.001, 0.001)]
    assert [sorted({"a", "b"} & set(names)) for names in old] == [[], ["a"]]
    assert (await graph.ainvoke(given(DIAMOND), config))["results"]["4"]["status"] == "done"
    await saver.adelete_thread("a")
    assert "a" not in await thread_names(saver, 5)
    await saver.conn.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://me:secret@127.0.0.1:9/x", "cannot be reached"),
        ("mysql://me:secret@h/x", r"kind 'mysql'; only PostgreSQL.*postgresql://"),
    ],
)
def test_a_database_that_is_not_there_is_named_without_its_password(
    tmp_path: Path, url: str, why: str
) -> None:
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    with pytest.raises(SettingsError, match=why) as failed:
        asyncio.run(open_saver(kept_in(tmp_path, url)))
    assert "secret" not in str(failed.value)


async def test_a_database_that_refuses_without_a_word_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    aio = pytest.importorskip("langgraph.checkpoint.postgres.aio")

    class Refuses:
        @staticmethod
        async def connect(*_: object, **__: object) -> Refuses:
            return Refuses()

        async def setup(self) -> None:
            raise psycopg.Error("")

        async def close(self) -> None: ...

    monkeypatch.setattr(psycopg, "AsyncConnection", Refuses)
    monkeypatch.setattr(aio, "AsyncPostgresSaver", lambda _: Refuses())
    with pytest.raises(SettingsError, match=r"refuses: Error\."):
        await open_saver(Settings(database_url=SecretStr("postgresql://db/x")))
