"""Where a task fails for good, what is left is planned anew, and what is finished stays."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from checkpoints_vision import VISION_BUILDERS
from langchain_core.tools import BaseTool, StructuredTool
from llm_server import llm_server

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import CardStore, ModelRunError, Settings, model_cards

ROOT = Path(__file__).parents[1]
SCENE = str(ROOT / "examples" / "scene.png")


class Breaking(Parts):
    """Real models, of which those of some task types fail; ``ran`` counts what was called.

    A text in ``gives`` is what a task type gives in place of its model's result.
    """

    def __init__(
        self,
        settings: Settings,
        *broken: str,
        gives: Mapping[str, str] | None = None,
        store: CardStore | None = None,
        told: Callable[[str], None] = lambda task: None,
    ) -> None:
        super().__init__(settings)
        self.broken, self.gives, self.own, self.told = broken, gives or {}, store, told
        self.ran: Counter[str] = Counter()

    def open_store(self, progress: Any = None) -> CardStore:
        return self.own or super().open_store(progress)

    @property
    def tools(self) -> Mapping[str, BaseTool]:
        return {task: self._watched(task, tool) for task, tool in super().tools.items()}

    def _watched(self, task: str, tool: BaseTool) -> BaseTool:
        async def work(**args: Any) -> tuple[str, dict[str, Any]]:
            self.ran[task] += 1
            if task in self.broken:
                raise ModelRunError("The weights are bad.")
            if task in self.gives:
                made = {"kind": "text", "value": self.gives[task], "files": [], "model": "m"}
                return "", made
            call = {"type": "tool_call", "name": task, "id": "1", "args": args}
            message = await tool.ainvoke(call)
            self.told(task)
            return message.content, message.artifact

        return StructuredTool.from_function(
            coroutine=work, name=task, description=tool.description, args_schema=tool.args_schema,
            response_format="content_and_artifact",
        )  # fmt: skip


def ask(parts: Parts, request: str, **context: Any) -> dict[str, Any]:
    given: Any = {"request": request, "files": [SCENE]}
    settings: Any = context
    return dict(build_graph(parts=parts).invoke(given, context=settings))


def task(number: int, kind: str, *dep: int, **args: Any) -> dict[str, Any]:
    return {"id": number, "task": kind, "dep": list(dep), "args": args}


SORTED = {"candidate_labels": ["shapes", "nature"]}
PLAN = {
    "tasks": [
        task(0, "canny-control", image="r1"),
        task(1, "image-to-text", 0, image="<resource>-0"),
        task(2, "zero-shot-classification", 1, text="<resource>-1", **SORTED),
    ]
}
OTHER = {
    "tasks": [
        task(3, "object-detection", 0, image="<resource>-0"),
        task(4, "zero-shot-classification", 3, text="<resource>-3", **SORTED),
    ]
}


@pytest.fixture
def with_llm(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    def call(server: Any, parts: Parts, request: str = "What is it about?") -> dict[str, Any]:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        return ask(parts, request, llm=f"openai:{server.base_url}")

    return call


def test_an_llm_plans_what_is_left_and_what_is_finished_is_not_done_again(
    settings: Settings, with_llm: Callable[..., dict[str, Any]]
) -> None:
    parts = Breaking(settings, "image-to-text")
    with llm_server(PLAN, OTHER, 500) as server:
        out = with_llm(server, parts)
    assert [t["id"] for t in out["plan"]["tasks"]] == [0, 3, 4] and out["status"] == "done"
    assert parts.ran["canny-control"] == 1 and out["results"]["0"]["files"] == ["r2"]
    assert out["resources"]["r2"]["kind"] == "image" and set(out["results"]) == {"0", "3", "4"}
    (record,) = out["replans"]
    assert (record["by"], record["cause"], record["added"]) == ("llm", "failed", [3, 4])
    assert record["failed"][0]["error"]["message"] == "The weights are bad."
    assert (
        "The weights are bad." in server.prompts[1]
        and "Give new tasks ids from 3" in (server.prompts[1])
    )
    assert "image-to-text (task 1) failed: The weights are bad." in out["answer"]
    assert json.loads(json.dumps(out["replans"])) == out["replans"]


def test_at_most_two_replans_and_no_more_calls(
    settings: Settings, with_llm: Callable[..., dict[str, Any]]
) -> None:
    parts = Breaking(settings, "image-to-text", "object-detection", "scribble-control")
    plans = [
        {"tasks": [task(0, "image-to-text", image="r1")]},
        {"tasks": [task(1, "object-detection", image="r1")]},
        {"tasks": [task(2, "scribble-control", image="r1")]},
        {"tasks": [task(3, "canny-control", image="r1")]},
    ]
    with llm_server(*plans) as server:
        out = with_llm(server, parts)
    assert [entry["added"] for entry in out["replans"]] == [[1], [2]]
    assert out["status"] == "failed" and parts.ran["scribble-control"] == 1
    assert sum("It could not go on so" in prompt for prompt in server.prompts) == 2


@pytest.mark.parametrize(
    "reply",
    [
        "I am sorry", {"tasks": []}, {"steps": 1}, 500,
        {"tasks": [task(7, "image-to-text", 0, image="<resource>-0")]},
        {"tasks": [task(0, "object-detection", image="r1")]},
        {"tasks": [task(7, "summarization", 9, text="<resource>-9")]},
    ],
)  # fmt: skip
def test_a_reply_that_is_no_other_plan_ends_in_what_there_is(
    settings: Settings, with_llm: Callable[..., dict[str, Any]], reply: Any
) -> None:
    parts = Breaking(settings, "image-to-text")
    with llm_server(PLAN, reply, 500) as server:
        out = with_llm(server, parts)
    assert (out["status"], out["replans"]) == ("partial", [])
    assert out["results"]["0"]["status"] == "done" and parts.ran["image-to-text"] >= 1
    assert "image-to-text (task 1) failed: The weights are bad." in out["answer"]
    assert "zero-shot-classification (task 2) was skipped" in out["answer"]


def test_without_an_llm_a_task_type_that_gives_the_same_stands_in(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "smolvlm").mkdir()
    seeing = VISION_BUILDERS["smolvlm"](tmp_path / "smolvlm")
    starters = [card for card in model_cards() if card.source == "starter"]
    store = CardStore.open(tmp_path / "registry", [*starters, seeing])
    parts = Breaking(settings, "image-to-text", store=store)
    out = ask(parts, "Draw the edges of scene.png, count the objects in it and describe it.")
    kinds = {t["id"]: t["task"] for t in out["plan"]["tasks"]}
    (record,) = out["replans"]
    (number,) = record["added"]
    assert kinds[number] == "image-text-to-text" and record["by"] == "table"
    assert out["status"] == "done" and out["results"][str(number)]["model"] == seeing.id
    assert parts.ran["canny-control"] == parts.ran["object-detection"] == 1
    assert "image-to-text (task" in out["answer"] and "The weights are bad." in out["answer"]


def test_without_an_llm_and_a_stand_in_the_failure_is_told(settings: Settings) -> None:
    parts = Breaking(settings, "object-detection")
    out = ask(parts, "Describe scene.png and count the objects in it.")
    assert (out["status"], out["replans"]) == ("partial", [])
    assert "failed: The weights are bad." in out["answer"]


def test_a_model_that_a_person_named_is_not_replaced_by_another_task(
    settings: Settings, with_llm: Callable[..., dict[str, Any]]
) -> None:
    parts = Breaking(settings, "image-to-text")
    with llm_server({"tasks": [task(0, "image-to-text", image="r1")]}, 500) as server:
        pins = {"image-to-text": "hugginggraph/shapes-captioner"}
        out = ask(parts, "Describe scene.png", planner="builtin", models=pins)
    assert (out["status"], out["replans"], server.requests) == ("failed", [], [])


def test_an_output_of_no_use_counts_as_a_failure(
    settings: Settings, with_llm: Callable[..., dict[str, Any]]
) -> None:
    parts = Breaking(settings, gives={"image-to-text": "  \n"})
    with llm_server(PLAN, OTHER, 500) as server:
        out = with_llm(server, parts)
    assert out["status"] == "done" and [e["added"] for e in out["replans"]] == [[3, 4]]
    assert "It gave no text." in out["answer"]


KILLED = """
import asyncio, json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from test_replan import Breaking, SCENE, build_graph
from hugginggraph.registry import Settings

def told(task):
    with open(sys.argv[2] + "/log", "a") as log:
        log.write(task + chr(10))
    if task == "object-detection" and sys.argv[4] == "first":
        time.sleep(60)

async def main():
    folder = Path(sys.argv[2])
    settings = Settings(offline=True, data_dir=sys.argv[5], artifacts_dir=folder / "artifacts")
    parts = Breaking(settings, "image-to-text", told=told)
    async with AsyncSqliteSaver.from_conn_string(sys.argv[2] + "/runs.sqlite") as saver:
        graph = build_graph(saver, parts=parts)
        config = {"configurable": {"thread_id": "1"}}
        new = sys.argv[4] == "first"
        given = {"request": "What is it about?", "files": [SCENE]} if new else None
        out = await graph.ainvoke(given, config, context={"llm": "openai:" + sys.argv[3]})
    print({k: r["status"] for k, r in out["results"].items()}, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_replanned_run_that_is_killed_goes_on_with_the_new_plan(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = {"tasks": [
        task(3, "canny-control", image="r1"),
        task(4, "object-detection", 3, image="<resource>-3"),
        task(5, "zero-shot-classification", 4, text="<resource>-4", **SORTED),
    ]}  # fmt: skip
    log = tmp_path / "log"
    with llm_server(PLAN, after, 500) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        start = [sys.executable, "-W", "ignore", "-c", KILLED, str(ROOT / "tests"), str(tmp_path)]
        victim = subprocess.Popen([*start, server.base_url, "first", str(data_dir)])
        deadline = time.monotonic() + 90
        while not (log.exists() and "object-detection" in log.read_text()):
            assert time.monotonic() < deadline and victim.poll() is None
            time.sleep(0.02)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        again = [*start, server.base_url, "again", str(data_dir)]
        done = subprocess.run(again, capture_output=True, text=True, timeout=120, check=True)
    statuses = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    assert statuses == {"0": "done", "3": "done", "4": "done", "5": "done"}
    ran = Counter(log.read_text().split())
    assert ran["canny-control"] == 2 and ran["object-detection"] == 2
    assert ran["zero-shot-classification"] == 1
