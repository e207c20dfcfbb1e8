"""Runs that are killed with ``kill -9`` at random moments and resumed, in processes of their own.

    python killed_runs.py FOLDER ROUNDS [DATABASE_URL]

Prints one JSON line a round: ``kills``, ``safe`` (how many tasks' results were in the store when a
kill came, or had been finished for `LATE` seconds), ``repeated`` (those of them that ran again all
the same), ``again`` (every second run of a task, also of those that ended too late for the store;
nothing here is kept by content), and ``right`` (whether the end was as undisturbed). Processes are
forked from this one, which has no threads.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.sqlite import aio  # noqa: F401  (loaded once, before the forks)
from pydantic import SecretStr
from test_execute import Bench, given, graph_of, step

from hugginggraph.registry import Settings
from hugginggraph.serve.threads import open_saver

LATE = 1.0
"""Seconds within which a finished task's result has reached the store, or the time of a whole run
where that is longer, however busy the machine; on an idle one it takes a few milliseconds."""
TASKS = [step(n, 0.04 + 0.01 * (n % 4), *([n - 1] if n % 3 else [])) for n in range(12)]
CHAIN = ("{0}()", "{1}({0}())", "{2}({1}({0}()))")
WHOLE = [CHAIN[n % 3].format(*(f"t{n - n % 3 + k}" for k in range(3))) for n in range(12)]
"""What each task gives in a run that nobody disturbs."""


class Logged(Bench):
    """Writes down each task that ended, with the time."""

    def __init__(self, log: Path) -> None:
        super().__init__(width=2)
        self.log = log

    @property
    def tools(self) -> dict[str, BaseTool]:
        tool = super().tools["summarization"]
        assert isinstance(tool, StructuredTool) and tool.coroutine is not None
        inner = tool.coroutine

        async def work(text: str, model: str = "", route: str = "local") -> Any:
            made = await inner(text, model)
            with self.log.open("a") as log:
                log.write(f"{text.split()[0]} {time.time()}\n")
            return made

        tool.coroutine = work
        return {"summarization": tool}


def kept_in(folder: Path, url: str) -> Settings:
    return Settings(offline=True, data_dir=folder, database_url=SecretStr(url) if url else None)


async def go(folder: Path, thread: str, url: str) -> None:
    saver = await open_saver(kept_in(folder, url))
    config: Any = {"configurable": {"thread_id": thread}}
    new = await saver.aget_tuple(config) is None
    graph = graph_of(Logged(folder / f"{thread}.log"), saver)
    out = await graph.ainvoke(given(TASKS) if new else None, config)
    await saver.conn.close()
    values = [out["results"][str(n)]["value"] for n in range(12)]
    (folder / f"{thread}.json").write_text(json.dumps(values))


def start(folder: Path, thread: str, url: str) -> int:
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            asyncio.run(go(folder, thread, url))
            os._exit(0)
        os._exit(1)
    return child


def logged(path: Path) -> list[tuple[str, float]]:
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [(name, float(at)) for name, at in lines]


async def stored(folder: Path, thread: str, url: str) -> set[str]:
    """The tasks whose results are in the store."""
    saver = await open_saver(kept_in(folder, url))
    found = await saver.aget_tuple({"configurable": {"thread_id": thread}})
    await saver.conn.close()
    writes = [value for _, _, value in (found.pending_writes or [])] if found else []
    return {w["value"].split("(")[0] for w in writes if isinstance(w, dict) and "value" in w}


def undisturbed(folder: Path, url: str) -> float:
    """Seconds that a whole run takes here and now, with its start."""
    began = time.time()
    os.waitpid(start(folder, "whole", url), 0)
    assert json.loads((folder / "whole.json").read_text()) == WHOLE
    return time.time() - began


def wait_for_tasks(log: Path, child: int, count: int, longest: float) -> None:
    """Until so many tasks have ended; a busy machine only makes it later."""
    deadline = time.monotonic() + longest
    while len(logged(log)) < count and time.monotonic() < deadline:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.002)


def one_round(
    folder: Path, number: int, url: str, dice: random.Random, whole: float
) -> dict[str, Any]:
    thread, log, kills = f"round{number}", folder / f"round{number}.log", 0
    safe = dict[str, int]()  # how often a task had ended when it was sure to be kept
    for _ in range(dice.randint(1, 3)):
        began = time.time()
        child = start(folder, thread, url)
        wait_for_tasks(log, child, len(logged(log)) + dice.randint(0, 4), 20 * whole)
        time.sleep(dice.uniform(0, 0.1))
        killed = time.time()
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            kills += 1
        kept = {name for name, at in logged(log) if began < at < killed - max(LATE, whole)}
        kept |= asyncio.run(stored(folder, thread, url))
        ended_so_far = Counter(name for name, _ in logged(log))
        safe = {name: ended_so_far[name] for name in kept} | safe
    status = os.waitpid(start(folder, thread, url), 0)[1]
    times = Counter(name for name, _ in logged(log))
    out = folder / f"{thread}.json"
    return {
        "kills": kills,
        "safe": len(safe),
        "again": sum(times.values()) - len(TASKS),
        "repeated": sorted(name for name, ended in safe.items() if times[name] != ended),
        "right": status == 0 and out.exists() and json.loads(out.read_text()) == WHOLE,
    }


def main() -> None:
    folder, rounds, url = Path(sys.argv[1]), int(sys.argv[2]), (sys.argv[3:] or [""])[0]
    dice, whole = random.Random(rounds), undisturbed(folder, url)
    for number in range(rounds):
        sys.stdout.write(json.dumps(one_round(folder, number, url, dice, whole)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
