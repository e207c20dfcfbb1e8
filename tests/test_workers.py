"""Several workers are one server: what one of them knows, holds or counts is so for the others."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from http_app import upload
from workers_app import ALICE, BOB, PER_MINUTE, RUNS

from hugginggraph.serve.server.files import Files
from hugginggraph.serve.server.recall import Fetched

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has one worker only")
HERE = Path(__file__).parent
SCENE = HERE.parent / "examples" / "scene.png"
LONG = {"request": "Summarize: 'The council met. It spoke of the bridge. It was long.'"}


class Server:
    """A running server of two workers, each of which can be spoken to by its process id."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], port: int) -> None:
        self.go = folder / "go"
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self._clients: list[httpx.Client] = []

    def workers(self) -> list[int]:
        """Who answers now."""
        found = []
        for each in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it has just ended
                found += [each.pid] if "spawn_main" in " ".join(each.cmdline()) else []
        return found

    def to(self, pid: int, token: str = ALICE) -> httpx.Client:
        """A client whose one connection is the worker's."""
        for _ in range(10):
            client = httpx.Client(
                base_url=self.base, timeout=60, limits=httpx.Limits(max_connections=1),
                headers={"authorization": f"Bearer {token}"} if token else {},
            )  # fmt: skip
            if worker_of(client) == pid:
                self._clients.append(client)
                return client
            client.close()
        raise AssertionError("this worker was handed no connection")

    def answering(self) -> set[int]:
        """The workers that answer two clients who come now."""
        found = set()
        for _ in range(2):
            with httpx.Client(base_url=self.base, timeout=60) as client:
                found.add(worker_of(client))
        return found

    def close(self) -> None:
        """Let go of the clients."""
        while self._clients:
            self._clients.pop().close()


def worker_of(client: httpx.Client) -> int:
    """The process that answers a client, which has one connection; 0 where it has just gone."""
    stream = client.get("/healthz").extensions["network_stream"]
    mine = stream.get_extra_info("client_addr")[1]
    found = [each.pid for each in psutil.net_connections("tcp")
             if each.raddr and each.raddr.port == mine and each.pid]  # fmt: skip
    return int(found[0]) if found else 0


@contextmanager
def serving(folder: Path, data_dir: Path, *options: str) -> Iterator[Server]:
    (folder / "registry").symlink_to(data_dir / "registry")
    process = subprocess.Popen(
        [sys.executable, str(HERE / "workers_app.py"), str(folder), *options],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            yield Server(folder, process, int(process.stdout.readline()))
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def server(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("workers"), data_dir, "--page") as running:
        yield running


@pytest.fixture
def both(server: Server) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client for each worker."""
    server.go.unlink(missing_ok=True)
    one, other = server.workers()
    yield server.to(one), server.to(other)
    server.go.touch()
    server.close()


def invoke(http: httpx.Client, given: dict[str, Any]) -> httpx.Response:
    return http.post("/agent/invoke", json={"input": given})


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.25)  # requests are counted: so many in a minute


def runs(http: httpx.Client) -> float:
    """The runs at work, as Prometheus is told."""
    return sum(map(float, re.findall(r"^hugginggraph_runs (.*)$", http.get("/metrics").text, re.M)))


Both = tuple[httpx.Client, httpx.Client]


def test_connections_are_handed_out_by_turns(server: Server) -> None:
    clients = [httpx.Client(base_url=server.base, timeout=60) for _ in range(10)]
    served = Counter(worker_of(client) for client in clients)
    for client in clients:
        client.close()
    assert served == dict.fromkeys(server.workers(), 5)


def test_a_thread_at_work_in_one_worker_is_busy_in_the_other(server: Server, both: Both) -> None:
    one, other = both
    with ThreadPoolExecutor() as pool:
        first = pool.submit(invoke, one, {**LONG, "thread_id": "busy"})
        until(lambda: runs(other) == 1)
        refused = invoke(other, {"request": "hello", "thread_id": "busy"})
        assert refused.status_code == 409 and "at work" in refused.json()["message"]
        assert invoke(other, {"request": "hello", "thread_id": "free"}).status_code == 200
        server.go.touch()
        assert "short" in first.result().json()["output"]["answer"]
    assert invoke(other, {"request": "hello", "thread_id": "busy"}).status_code == 200
    assert len(one.get("/threads/busy").json()["messages"]) == 4


def test_a_run_that_waits_in_one_worker_goes_on_in_the_other_with_a_file_of_the_first(
    both: Both,
) -> None:
    one, other = both
    given = {"request": "Count the objects in scene.png", "files": [upload(one, SCENE)],
             "options": {"approve": True}}  # fmt: skip
    asked = invoke(other, given).json()["output"]
    assert asked["status"] == "interrupted"
    decision = {"decisions": [{"type": "approve"}]}
    answer = {"thread_id": asked["thread_id"], "answer": decision}
    done = one.post("/agent/resume", json=answer).json()
    assert "5 objects" in done["answer"], done
    (made,) = [each["url"] for each in done["resources"].values() if "task" in each]
    assert other.get(made).content.startswith(b"\x89PNG")


def test_requests_of_a_token_are_counted_over_both_workers(server: Server) -> None:
    clients = [server.to(pid, BOB) for pid in server.workers()]
    began = time.monotonic()
    replies = [[http.post("/tasks", json={}) for http in clients] for _ in range(PER_MINUTE)]
    took = time.monotonic() - began
    refused = [reply for pair in replies for reply in pair if reply.status_code == 429]
    let = 2 * PER_MINUTE - len(refused)
    assert PER_MINUTE <= let <= PER_MINUTE * (1 + took / 60) + 1 and refused
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    server.close()


def test_what_one_worker_counted_the_other_tells(both: Both) -> None:
    one, other = both

    def counted(http: httpx.Client) -> float:
        found = re.search(r'requests_total{route="/running",status="200"} (.*)', text(http))
        return float(found[1]) if found else 0.0

    def text(http: httpx.Client) -> str:
        return http.get("/metrics").text

    before = counted(one)
    one.get("/running"), other.get("/running"), other.get("/running")
    assert counted(one) == counted(other) == before + 3


def test_a_killed_worker_holds_neither_its_thread_nor_its_slots_and_is_replaced(
    server: Server, both: Both
) -> None:
    other = both[1]
    killed, left = server.workers()
    with ThreadPoolExecutor() as pool:
        lost = [pool.submit(invoke, server.to(killed), {**LONG, "thread_id": f"lost{n}"})
                for n in range(RUNS)]  # fmt: skip
        until(lambda: runs(other) == RUNS)
        assert invoke(other, {"request": "hello"}).status_code == 429
        os.kill(killed, signal.SIGKILL)
        for each in lost:
            assert isinstance(each.exception(), httpx.TransportError)
        again = invoke(other, {"request": "hello", "thread_id": "lost0"})
        assert again.status_code == 200, again.text
    until(lambda: len(server.workers()) == 2 and killed not in server.workers())
    (new,) = set(server.workers()) - {left}
    until(lambda: new in server.answering())
    assert invoke(server.to(new), {"request": "hello"}).status_code == 200
    assert runs(other) == 0


def test_the_page_is_the_same_one_in_every_worker(server: Server, both: Both) -> None:
    one, other = both
    sent = {"files": ("mine.txt", b"some words")}
    (path,) = one.post("/gradio_api/upload", files=sent).json()
    assert one.get(f"/gradio_api/file={path}").content == b"some words"
    assert other.get(f"/gradio_api/file={path}").content == b"some words"
    assert "HuggingGraph" in other.get("/").text and other.get("/").text == one.get("/").text
    forged = {"x-hugginggraph-about": '["someone", "http", null]'}
    stranger = server.to(server.workers()[0], "")
    assert stranger.get(f"/gradio_api/file={path}", headers=forged).status_code == 401
    bob = [server.to(pid, BOB) for pid in server.workers()]
    assert [http.get(f"/gradio_api/file={path}").status_code for http in bob] == [403, 403]


def test_who_signs_in_at_one_worker_is_known_to_the_other(server: Server) -> None:
    one, other = (server.to(pid, "") for pid in server.workers())
    given = {"data": {"token": ALICE}, "headers": {"origin": server.base}}
    assert one.post("/sign-in", **given).status_code == 303  # type: ignore[arg-type]
    other.cookies = one.cookies
    assert other.get("/running").status_code == 200
    assert other.post("/sign-out", headers={"origin": server.base}).status_code == 303
    assert one.get("/running").status_code == 401
    wrong = {"data": {"token": "wrong"}, "headers": {"origin": server.base}}
    codes = [http.post("/sign-in", **wrong).status_code for _ in range(6) for http in (one, other)]  # type: ignore[arg-type]
    assert codes[:10] == [401] * 10 and codes[10:] == [429] * 2
    server.close()


@pytest.mark.parametrize(
    "how", ["ctrl-c", pytest.param("kill of the first", marks=pytest.mark.slow)]
)
def test_all_processes_end_together(how: str, data_dir: Path, tmp_path: Path) -> None:
    with serving(tmp_path, data_dir) as server:
        shared = {each.path for each in psutil.Process(server.workers()[0]).open_files()
                  if each.path.endswith("/held")}  # fmt: skip
        watched = [psutil.Process(pid) for pid in server.workers()]
        lasting = httpx.Client(base_url=server.base, headers={"authorization": f"Bearer {ALICE}"})
        with ThreadPoolExecutor() as pool, lasting:
            lost = pool.submit(invoke, lasting, LONG)
            watching = server.to(watched[0].pid)
            until(lambda: runs(watching) == 1)
            if how == "ctrl-c":
                os.killpg(server.process.pid, signal.SIGINT)
                assert server.process.wait(20) == 0
                assert shared and not any(Path(path).parent.exists() for path in shared)
            else:
                server.process.kill()
            _, alive = psutil.wait_procs(watched, 20)
            assert not alive
            assert lost.exception() or lost.result().status_code >= 500
        server.close()


def test_what_one_worker_fetched_from_an_address_another_finds(tmp_path: Path) -> None:
    one, other = (Fetched(Files(tmp_path, 1000)) for _ in range(2))
    address, path = "https://example.org/a picture.png?size=1", tmp_path / ("a" * 32) / "a.png"
    assert other.file_id("alice", address) == address
    one.note("alice", address, path)
    assert other.file_id("alice", address) == "a" * 32
    assert other.file_id("bob", address) == address and other.file_id("alice", "x") == "x"
    one.note("alice", address, tmp_path / ("b" * 32) / "a.png")
    assert other.file_id("alice", address) == "b" * 32
