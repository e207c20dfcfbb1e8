"""A request about a picture goes all the way: planned, models chosen, really run, answered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from langgraph.checkpoint.memory import InMemorySaver

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import Settings
from hugginggraph.starter import draw_scene

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def parts(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Models and store for all tests of this file, loaded once."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    return Parts(Settings(offline=True, data_dir=data_dir, artifacts_dir=artifacts))


def run(parts: Parts, request: str, *files: Path | str, **context: Any) -> dict[str, Any]:
    graph = build_graph(parts=parts)
    given: Any = {"request": request, "files": [str(file) for file in files]}
    settings: Any = context
    out: dict[str, Any] = asyncio.run(graph.ainvoke(given, context=settings))
    return out


def result_of(out: dict[str, Any], task: str) -> dict[str, Any]:
    found = [t["id"] for t in out["plan"]["tasks"] if t["task"] == task]
    result: dict[str, Any] = out["results"][str(found[0])]
    return result


def test_new_scenes_are_described_and_counted_truly(parts: Parts, tmp_path: Path) -> None:
    right = captions = 0
    for seed in range(880_000_000, 880_000_012):
        scene = draw_scene(seed, size=(360, 300))
        path = tmp_path / f"{seed}.png"
        scene.image.save(path)
        out = run(parts, f"Describe what is in {path} and count the objects in it.")
        assert out["status"] == "done"
        assert {t["task"] for t in out["plan"]["tasks"]} == {"image-to-text", "object-detection"}
        boxes = result_of(out, "object-detection")["value"]
        right += sorted(b["label"] for b in boxes) == sorted(o.label for o in scene.objects)
        captions += result_of(out, "image-to-text")["value"] == scene.caption
        assert f"{len(boxes)} object" in out["answer"]
        assert result_of(out, "image-to-text")["value"] in out["answer"]
    assert right >= 9 and captions >= 8


def test_the_two_tasks_of_the_demo_do_not_wait_for_each_other(parts: Parts) -> None:
    out = run(parts, "Describe what is in scene.png and count the objects in it.",
              ROOT / "examples" / "scene.png")  # fmt: skip
    assert [t["dep"] for t in out["plan"]["tasks"]] == [[], []]


def test_the_drawn_boxes_are_a_new_picture_named_in_the_answer(parts: Parts) -> None:
    out = run(parts, "Count the objects in it.", ROOT / "examples" / "scene.png")
    (key,) = result_of(out, "object-detection")["files"]
    picture = out["resources"][key]
    assert picture["kind"] == "image" and Path(picture["path"]).is_file()
    assert Path(picture["path"]).name in out["answer"]
    assert "hugginggraph/shapes-detector" in out["answer"]


def test_what_several_pictures_hold_is_counted_together(parts: Parts) -> None:
    files = [ROOT / "examples" / name for name in ("scene.png", "crowd.png")]
    out = run(parts, "How many hearts are there in all in scene.png and crowd.png?", *files)
    told = "In the 2 pictures together: 3 of 11 objects (2 orange hearts, 1 purple heart)."
    assert told in out["answer"]
    out = run(parts, "How many hearts are there in scene.png?", *files)
    assert "together" not in out["answer"]


def test_every_choice_says_why_and_names_the_runners_up(parts: Parts) -> None:
    out = run(parts, "Describe it.", ROOT / "examples" / "scene.png")
    (choice,) = out["choices"].values()
    assert choice["model"] == "hugginggraph/shapes-captioner" and choice["route"] == "local"
    assert choice["reason"] and choice["score"] > 0 and choice["candidates"]


def test_which_of_these_is_about_sport(parts: Parts) -> None:
    out = run(
        parts,
        "Which of these is about sport: 'The home team won in the last minute', "
        "'Parliament passed the budget', 'She ran her first marathon'?",
    )
    best = [out["results"][str(t["id"])]["value"][0]["label"] for t in out["plan"]["tasks"]]
    assert [label == "sport" for label in best] == [True, False, True]


def test_a_summary_is_classified_and_not_the_original(parts: Parts) -> None:
    out = run(
        parts,
        "Summarize examples/article.txt and tell me if it is about science, business or sport.",
        ROOT / "examples" / "article.txt",
    )
    first, second = out["plan"]["tasks"]
    assert (first["task"], second["task"]) == ("summarization", "zero-shot-classification")
    assert second["args"]["text"] == f"<resource>-{first['id']}" and second["dep"] == [first["id"]]
    summary = result_of(out, "summarization")["value"]
    article = (ROOT / "examples" / "article.txt").read_text()
    assert 40 < len(summary) < len(article) / 2
    assert result_of(out, "zero-shot-classification")["value"][0]["label"] == "science"


def test_a_chain_over_a_picture_that_was_made(parts: Parts) -> None:
    out = run(
        parts,
        "Draw the edges of it and describe the edge picture.",
        ROOT / "examples" / "scene.png",
    )
    assert [t["task"] for t in out["plan"]["tasks"]] == ["canny-control", "image-to-text"]
    assert out["plan"]["tasks"][1]["args"] == {"image": "<resource>-0"}
    assert out["status"] == "done"


def test_the_state_is_plain_json(parts: Parts) -> None:
    out = run(parts, "Count the objects in it.", ROOT / "examples" / "scene.png")
    plain = {key: value for key, value in out.items() if key != "messages"}
    assert json.loads(json.dumps(plain)) == plain


def test_plain_invoke_stream_and_batch_give_the_same_answer(parts: Parts) -> None:
    graph = build_graph(parts=parts)
    given: Any = {"request": "Count the objects in examples/scene.png."}
    answer = graph.invoke(given)["answer"]
    assert "5 objects" in answer
    *_, last = graph.stream(given, stream_mode="values")
    assert last["answer"] == answer
    assert [out["answer"] for out in graph.batch([given, given])] == [answer, answer]


async def test_no_step_blocks_the_event_loop_of_a_server(parts: Parts) -> None:
    graph = build_graph(parts=Parts(parts.settings))
    with blockbuster_ctx():
        out = await graph.ainvoke({"request": "Count the objects in examples/scene.png"})
    assert "5 objects" in out["answer"]


def test_a_thread_remembers_its_picture(parts: Parts) -> None:
    graph = build_graph(InMemorySaver(), parts=parts)
    config: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({"request": "Describe examples/scene.png"}, config)
    out = graph.invoke({"request": "Now count the objects in the picture."}, config)
    assert "5 objects" in out["answer"]
    assert len(out["messages"]) == 4
    assert [t["task"] for t in out["plan"]["tasks"]] == ["object-detection"]


def test_messages_in_give_messages_out(parts: Parts) -> None:
    given: Any = {"messages": [{"role": "user", "content": "Describe examples/scene.png"}]}
    out = build_graph(parts=parts).invoke(given)
    assert out["messages"][-1].type == "ai" and "shows" in out["messages"][-1].text


def test_a_greeting_runs_no_model_and_is_answered(parts: Parts) -> None:
    out = run(parts, "Hello!")
    assert out["status"] == "done" and not out.get("results") and len(out["answer"]) > 20


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ("", "EmptyRequestError"),
        ("x" * 200_000, "RequestTooLongError"),
        ("🙂", "NotUnderstoodError"),
    ],
)
def test_a_request_that_cannot_be_worked_on_ends_in_a_named_error(
    parts: Parts, request_: str, error: str
) -> None:
    out = run(parts, request_)
    assert out["status"] == "failed" and out["error"]["error"] == error
    assert out["answer"].startswith(out["error"]["message"])


def test_a_file_that_does_not_exist_is_named(parts: Parts) -> None:
    out = run(parts, "Describe pictures/nowhere.png")
    assert out["status"] == "failed" and "pictures/nowhere.png" in out["answer"]
    assert run(parts, "Describe it", "nowhere.png")["error"]["error"] == "FileMissingError"


def test_one_unreadable_picture_does_not_stop_the_others(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    out = run(
        parts, "Describe all pictures.", tmp_path / "bad.png", ROOT / "examples" / "scene.png"
    )
    assert out["status"] == "partial"
    assert sorted(r["status"] for r in out["results"].values()) == ["done", "failed"]
    assert "bad.png" in out["answer"] and "scene.png shows" in out["answer"]


def test_a_pinned_model_that_is_unknown_fails_its_task_only(parts: Parts) -> None:
    out = run(parts, "Describe examples/scene.png and count the objects.",
              models={"object-detection": "nobody/nothing"})  # fmt: skip
    assert out["status"] == "partial"
    assert result_of(out, "object-detection")["error"]["error"] == "UnknownModelError"


def test_nothing_is_overwritten_when_the_same_is_asked_twice(parts: Parts) -> None:
    first = run(parts, "Count the objects in examples/scene.png")
    path = Path(first["resources"][result_of(first, "object-detection")["files"][0]]["path"])
    before = path.stat().st_mtime_ns
    run(parts, "Count the objects in examples/scene.png")
    assert path.stat().st_mtime_ns == before
    assert len(path.stem) >= 32
