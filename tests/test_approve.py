"""A person can see a plan before it runs, and approve, change or reject it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from langchain.agents.middleware.human_in_the_loop import HITLRequest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from llm_server import llm_server
from pydantic import TypeAdapter

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import Settings

SCENE = str(Path(__file__).parents[1] / "examples" / "scene.png")
REQUEST = "Describe what is in scene.png and count the objects in it."


class Thread:
    """One thread of a graph that asks for approval."""

    def __init__(self, parts: Parts, **context: Any) -> None:
        self.graph = build_graph(InMemorySaver(), parts=parts)
        self.config: Any = {"configurable": {"thread_id": "t"}}
        self.context: Any = {"approve": True, **context}

    def ask(self, request: str = REQUEST) -> dict[str, Any]:
        given: Any = {"request": request, "files": [SCENE]}
        return dict(self.graph.invoke(given, self.config, context=self.context))

    def decide(self, **decision: Any) -> dict[str, Any]:
        """The state after a decision, given as agent-chat-ui gives it: without any context."""
        resume: Any = Command(resume={"decisions": [decision]})
        return dict(self.graph.invoke(resume, self.config))

    def edit(self, **args: Any) -> dict[str, Any]:
        return self.decide(type="edit", edited_action={"name": "run_plan", "args": args})


def asked(out: dict[str, Any]) -> dict[str, Any]:
    (found,) = out["__interrupt__"]
    (request,) = found.value["action_requests"]
    return dict(request)


def tasks_of(out: dict[str, Any]) -> list[str]:
    return [task["task"] for task in out["plan"]["tasks"]]


def test_a_run_stops_before_anything_runs_in_the_shape_of_the_inboxes(parts: Parts) -> None:
    out = Thread(parts).ask()
    value = out["__interrupt__"][0].value
    TypeAdapter(HITLRequest).validate_python(value)
    assert json.loads(json.dumps(value)) == value
    assert value["review_configs"][0]["allowed_decisions"] == ["approve", "edit", "reject"]
    request = asked(out)
    assert [task["task"] for task in request["args"]["tasks"]] == tasks_of(out)
    assert request["args"]["models"]["0"] == "hugginggraph/shapes-captioner"
    assert "shapes-captioner" in request["description"] and not out.get("results")


def test_approved_it_runs_as_shown(parts: Parts) -> None:
    thread = Thread(parts)
    shown = asked(thread.ask())["args"]["tasks"]
    out = thread.decide(type="approve")
    assert out["status"] == "done" and out["plan"]["tasks"] == shown
    assert "__interrupt__" not in out and "5 objects" in out["answer"]


def test_tasks_models_and_arguments_can_be_edited(parts: Parts) -> None:
    thread = Thread(parts)
    thread.ask()
    edited = [
        {"id": 0, "task": "image-to-text", "dep": [], "args": {"image": "r1"}},
        {"id": 5, "task": "zero-shot-classification", "dep": [0],
         "args": {"text": "<resource>-0", "candidate_labels": ["nature", "shapes"]}},
    ]  # fmt: skip
    out = thread.edit(tasks=json.dumps(edited), models={"0": "Salesforce/none-such"})
    assert "none-such" in asked(out)["description"] and not out.get("results")
    out = thread.edit(tasks=edited, models={"0": "hugginggraph/shapes-captioner"})
    assert out["status"] == "done" and tasks_of(out) == [
        "image-to-text",
        "zero-shot-classification",
    ]
    assert out["choices"]["0"]["model"] == "hugginggraph/shapes-captioner"
    assert out["plan"]["repairs"] == ["edited by a person"]


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ({"type": "edit", "edited_action": {"name": "x", "args": {"tasks": []}}}, "no task"),
        ({"type": "edit", "edited_action": {"name": "x", "args": {"tasks": "[{"}}}, "no JSON"),
        ({"type": "edit", "edited_action": {"name": "x", "args": {"speed": 2}}}, "no 'speed'"),
        ({"type": "edit", "edited_action": {"name": "x", "args": {"models": 3}}}, "models"),
        ({"type": "edit"}, "names nothing"),
        (
            {"type": "edit", "edited_action": {"name": "x", "args": {"tasks": [
                {"id": 0, "task": "mind-reading", "dep": [], "args": {}}]}}},
            "mind-reading",
        ),
        ({"type": "accept"}, "no decision"),
    ],
)  # fmt: skip
def test_a_decision_that_cannot_be_followed_is_told_and_asked_again(
    parts: Parts, decision: dict[str, Any], why: str
) -> None:
    thread = Thread(parts)
    thread.ask()
    out = thread.decide(**decision)
    assert why in asked(out)["description"] and not out.get("results")
    assert thread.decide(type="approve")["status"] == "done"


def test_a_rejected_task_is_left_out_without_an_llm(parts: Parts) -> None:
    thread = Thread(parts)
    assert len(asked(thread.ask())["args"]["tasks"]) == 2
    out = thread.decide(type="reject", message="I do not need the description")
    assert [task["task"] for task in asked(out)["args"]["tasks"]] == ["object-detection"]
    out = thread.decide(type="approve")
    assert out["status"] == "done" and tasks_of(out) == ["object-detection"]
    assert [entry["cause"] for entry in out["replans"]] == ["rejected"]
    assert "You rejected a plan ('I do not need the description')" in out["answer"]


def test_a_reason_can_ask_for_something_else(parts: Parts) -> None:
    thread = Thread(parts)
    thread.ask("Describe scene.png")
    out = thread.decide(type="reject", message="Count the objects instead")
    assert [task["task"] for task in asked(out)["args"]["tasks"]] == ["object-detection"]


def test_a_rejection_that_names_what_no_task_reads_ends_the_run_in_order(parts: Parts) -> None:
    thread = Thread(parts)
    thread.ask("Translate 'the cat' to French")
    out = thread.decide(type="reject", message="No, summarize report.pdf instead")
    assert (out["status"], out["error"]["error"]) == ("failed", "ApprovalError")


@pytest.mark.parametrize("reason", ["", "I find that silly"])
def test_a_rejection_that_says_nothing_to_do_ends_the_run_and_says_so(
    parts: Parts, reason: str
) -> None:
    thread = Thread(parts)
    thread.ask()
    out = thread.decide(type="reject", message=reason)
    assert (out["status"], out["error"]["error"]) == ("failed", "ApprovalError")
    assert "rejected" in out["answer"] and reason in out["answer"] and not out.get("results")


def test_with_an_llm_a_rejection_is_planned_anew_with_its_reason(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {"tasks": [{"id": 0, "task": "image-to-text", "dep": [], "args": {"image": "r1"}}]}
    other = {"tasks": [{"id": 0, "task": "object-detection", "dep": [], "args": {"image": "r1"}}]}
    with llm_server(first, other, "Five objects [0].") as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        thread = Thread(parts, llm=f"openai:{server.base_url}")
        thread.ask("What is it?")
        resume: Any = Command(resume={"decisions": [{"type": "reject", "message": "too wordy"}]})
        out = dict(thread.graph.invoke(resume, thread.config, context=thread.context))
    assert [task["task"] for task in asked(out)["args"]["tasks"]] == ["object-detection"]
    assert "too wordy" in server.prompts[1]


async def test_it_works_in_async_runs_and_streams(parts: Parts) -> None:
    graph = build_graph(InMemorySaver(), parts=parts)
    config: Any = {"configurable": {"thread_id": "t"}}
    given: Any = {"request": REQUEST, "files": [SCENE]}
    context: Any = {"approve": True}
    seen = [part async for part in graph.astream(given, config, context=context)]
    assert "__interrupt__" in seen[-1]
    resume: Any = Command(resume={"decisions": [{"type": "approve"}]})
    nodes = [name async for part in graph.astream(resume, config) for name in part]
    assert nodes[0] == "approve_plan" and nodes[-1] == "respond"


def test_the_setting_asks_in_every_run(data_dir: Path, tmp_path: Path) -> None:
    settings = Settings(offline=True, data_dir=data_dir, artifacts_dir=tmp_path, approve=True)
    graph = build_graph(InMemorySaver(), settings=settings)
    given: Any = {"request": REQUEST, "files": [SCENE]}
    out = asyncio.run(graph.ainvoke(given, {"configurable": {"thread_id": "t"}}))
    assert "__interrupt__" in out
