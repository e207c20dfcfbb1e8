"""A request about a picture goes all the way: planned, models chosen, really run, answered."""

from __future__ import annotations

import asyncio
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from blockbuster import blockbuster_ctx
from langgraph.checkpoint.memory import InMemorySaver

from hugginggraph.graph import Parts, build_graph
from hugginggraph.starter import draw_scene

ROOT = Path(__file__).parents[1]


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
    told = "Hearts: 3 (2 orange hearts and 1 purple heart), 2 in scene.png and 1 in crowd.png."
    assert out["answer"].splitlines()[0] == told
    out = run(parts, "Count the objects in scene.png and crowd.png.", *files)
    told = "In the 2 pictures together: 11 objects ("
    assert out["answer"].startswith(told) and "), 5 in scene.png and 6 in" in out["answer"]
    out = run(parts, "Read aloud how many squares are in scene.png and crowd.png.", *files)
    assert "Squares: 1 (1 green square), 0 in scene.png and 1 in crowd.png." in out["answer"]
    assert "Note: Every" not in out["answer"]
    out = run(parts, "How many hearts are there in scene.png?", *files)
    assert "together" not in out["answer"]


def test_answers_about_several_pictures_say_which_they_are_of(parts: Parts) -> None:
    files = [ROOT / "examples" / name for name in ("scene.png", "crowd.png")]
    out = run(parts, "What colour is the heart in each picture?", *files)
    asked = "“What colour is the heart?”"
    of_each = [line.partition(f": {asked} ")[0] for line in out["answer"].splitlines()[:2]]
    assert of_each == ["scene.png", "crowd.png"]
    out = run(parts, "What colour is the heart?", files[0])
    assert out["answer"].startswith(asked)


def test_where_nobody_speaks_that_is_what_was_found(parts: Parts, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(64_000), 16_000)
    out = run(parts, "When does someone speak in silence.wav?", tmp_path / "silence.wav")
    assert result_of(out, "voice-activity-detection")["value"] == []
    assert out["status"] == "done" and not out.get("replans")
    assert out["answer"].startswith("Nobody speaks in silence.wav.")


def test_two_texts_that_are_compared_are_told_by_their_score(parts: Parts) -> None:
    out = run(parts, "How similar are 'the cat sleeps' and 'a kitten naps'?")
    (label,) = result_of(out, "sentence-similarity")["value"]
    said = f"“the cat sleeps” and “a kitten naps” are alike to {label['score']:.2f}."
    assert out["answer"].startswith(said)
    out = run(parts, "How similar is 'the cat sleeps' to 'a kitten naps' and 'the car is red'?")
    assert "nearest in meaning to a kitten naps" in out["answer"]
    assert ", before the car is red (" in out["answer"]


def test_a_list_that_is_read_aloud_is_called_one(parts: Parts) -> None:
    scene = ROOT / "examples" / "scene.png"
    out = run(parts, "Count the objects in scene.png and read the result aloud.", scene)
    assert "The list of objects is read aloud: " in out["answer"]


def test_results_of_several_tasks_are_called_by_what_they_were_made_from(parts: Parts) -> None:
    files = [ROOT / "examples" / name for name in ("scene.png", "crowd.png")]
    out = run(parts, "Describe scene.png and crowd.png and read the descriptions aloud.", *files)
    named = "The text of the caption of scene.png and the caption of crowd.png is read aloud: "
    assert named in out["answer"]
    sound, picture = (out["resources"][key]["path"] for key in out["results"]["2"]["files"])
    assert f"It is in {sound}. Its wave is drawn in {picture}." in out["answer"]


@pytest.mark.parametrize(
    ("thing", "begins"),
    [
        ("a red circle", "No. In scene.png I found 5 objects"),
        ("a blue triangle", "Yes. In scene.png I found"),
        ("any circles", "Yes. In"),
        ("a digit 6", "Yes. In"),
        ("a dog", "In scene.png I found"),  # of what a model has no word for nobody knows
        ("a circle left of the triangle", "In scene.png I found"),
        ("a circle on the left", "In scene.png I found"),
    ],
)
def test_whether_a_thing_is_there_is_answered_with_yes_or_no_where_that_is_known(
    parts: Parts, thing: str, begins: str
) -> None:
    verb = "Are" if thing.endswith("s") else "Is"
    out = run(parts, f"{verb} there {thing} in scene.png?", ROOT / "examples" / "scene.png")
    assert [task["task"] for task in out["plan"]["tasks"]] == ["object-detection"]
    assert out["answer"].startswith(begins)


def test_the_things_that_are_to_be_counted_are_counted(parts: Parts) -> None:
    out = run(
        parts, "Describe it and count the circles and hearts in it", ROOT / "examples" / "scene.png"
    )
    told = "Circles and hearts: 3 (2 orange hearts and 1 yellow circle). In scene.png I found"
    assert out["answer"].splitlines()[1].startswith(told)
    assert "Note: Every object" not in out["answer"]


@pytest.mark.parametrize("where", ["in it", "in the picture"])
def test_a_picture_that_is_asked_about_need_not_be_named(parts: Parts, where: str) -> None:
    out = run(parts, f"Is there a circle {where}?", ROOT / "examples" / "scene.png")
    assert out["answer"].startswith("Yes. In scene.png I found")


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


@pytest.mark.parametrize(
    ("request_", "file", "note"),
    [
        ("Summarize article.txt in two sentences", "article.txt", "more than the 2 asked for"),
        ("In two sentences please", "article.txt", "more than the 2 asked for"),
        ("Summarize article.txt in 9 sentences", "article.txt", ""),
        ("Summarize article.txt in a word or two", "article.txt", ""),
        ("Summarize this: He put it in a word. The sun is hot. The moon is cold.", "", ""),
        ("Detect objects in scene.png, but do not draw boxes", "scene.png", "boxes are drawn all"),
        ("Detect objects in scene.png", "scene.png", ""),
    ],
)
def test_a_restriction_that_is_not_kept_is_told(
    parts: Parts, request_: str, file: str, note: str
) -> None:
    out = run(parts, request_, *([ROOT / "examples" / file] if file else []))
    assert out["status"] == "done"
    assert note in out["answer"] and ("Note:" in out["answer"]) == bool(note)


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


def test_what_can_be_done_names_only_what_can_run_and_fits_two_screens_of_a_phone(
    parts: Parts,
) -> None:
    said = run(parts, "What can you do?")["answer"]
    rows = [textwrap.wrap(line, 45) for line in said.splitlines()]
    assert sum(map(len, rows)) <= 2 * 22
    for kind, able in {
        "Text": "translation",
        "Pictures": "object detection",
        "Sound": "finding",
    }.items():
        assert re.search(rf"^- {kind}: .*{able}", said, re.M)
    assert "text generation" not in said and "music" not in said
    assert "hugginggraph tasks" in said and "'Describe scene.png'" in said


def test_where_no_model_can_write_an_llm_is_named_as_the_way_out(parts: Parts) -> None:
    out = run(parts, "Write a poem")
    assert "No model can run text-generation here" in out["answer"]
    assert "Name an LLM with --llm: it does this itself." in out["answer"]


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


def test_a_file_that_no_task_reads_is_refused_whether_it_is_there_or_not(
    parts: Parts, tmp_path: Path
) -> None:
    (tmp_path / "there.pdf").write_bytes(b"%PDF-1.4\n1 0 obj")
    for name in ("there.pdf", "nowhere.pdf"):
        out = run(parts, f"Summarize {tmp_path / name}")
        assert out["status"] == "failed" and out["error"]["error"] == "UnsupportedFileError"
        assert out["error"]["message"] == f"No task reads a file like '{name}'."


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


@pytest.mark.parametrize(
    ("given", "context", "told"),
    [
        ({"request": 5}, {}, "The request is a text, and int was given."),
        ({"request": "Describe it", "files": [5]}, {}, "A file is given by its path, and int was"),
        ({"request": "Describe it", "files": 5}, {}, "A file is given by its path, and int was"),
        ({"request": "Describe it"}, {"planner": "bultin"}, "There is no planner 'bultin'."),
        ({"request": "Describe it"}, {"models": ["a/b"]}, "Models are named as a mapping"),
        (
            {"request": "Describe it"},
            {"models": {"object-detecton": "a/b"}},
            "No task type 'object-detecton'. Did you mean 'object-detection'?",
        ),
    ],
)
def test_what_is_given_in_a_wrong_shape_is_named(
    parts: Parts, given: dict[str, Any], context: Any, told: str
) -> None:
    graph: Any = build_graph(parts=parts)
    out = graph.invoke(given, context=context)
    assert out["status"] == "failed" and out["answer"].startswith(told), out["answer"]


def test_one_file_need_not_be_in_a_list(parts: Parts) -> None:
    scene = ROOT / "examples" / "scene.png"
    for file in (scene, str(scene)):
        given: Any = {"request": "Describe it", "files": file}
        out = build_graph(parts=parts).invoke(given)
        assert out["status"] == "done" and [*out["resources"]] == ["r1"]


def test_a_pin_for_a_task_that_does_not_exist_is_told_and_not_passed_by(parts: Parts) -> None:
    pins = {"object-detecton": "hugginggraph/shapes-detector"}
    settings = parts.settings.model_copy(update={"pinned_models": pins})
    out = build_graph(settings=settings).invoke({"request": "Describe examples/scene.png"})
    assert out["status"] == "failed"
    assert "'object-detection'" in out["answer"] and "HUGGINGGRAPH_PINNED_MODELS" in out["answer"]
