"""A conversation goes on from what was found: nothing is run again to be spoken of once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from hugginggraph.graph import Finding, PlanRequest, Resource, build_graph, gather
from hugginggraph.graph.builtin_planner import LATER, plan
from hugginggraph.graph.state import merge
from hugginggraph.registry import ResourceError, Settings, task_types

ROOT = Path(__file__).parents[1]
ROWS = {**LATER, **task_types()}
SCENE = Resource(kind="image", path="/data/scene.png", name="scene.png")
CAPTION = Finding(task="image-to-text", text="a red circle", resources=1)
FRENCH = Finding(task="translation", text="un cercle rouge", resources=1)
SAID = (("human", "Describe scene.png"), ("ai", "It shows a red circle."))
THEN = (*SAID, ("human", "Translate it to French"), ("ai", "Un cercle rouge."))


def steps(text: str, *earlier: Finding, files: int = 1, **more: Any) -> list[str]:
    resources = {f"r{n}": SCENE for n in range(1, files + 1)}
    made = plan(PlanRequest(text, resources, earlier=earlier, **more), ROWS).tasks
    return [f"{task['task']}({', '.join(map(str, task['args'].values()))})" for task in made]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Now read it aloud", ["text-to-speech(a red circle)"]),
        ("read the description aloud please", ["text-to-speech(a red circle)"]),
        ("Translate that to German", ["translation(a red circle, German)"]),
        (
            "Translate it to German and read the translation aloud",
            ["translation(a red circle, German)", "text-to-speech(<resource>-0)"],
        ),
        ("Count the objects in it", ["object-detection(r1)"]),
        ("Read scene.png aloud", ["image-to-text(r1)", "text-to-speech(<resource>-0)"]),
        ('Translate "good day" to German', ["translation(good day, German)"]),
    ],
)
def test_what_was_found_is_used_and_nothing_else_that_is_named(
    text: str, wanted: list[str]
) -> None:
    assert steps(text, CAPTION, history=SAID) == wanted


def test_the_same_again_starts_from_what_the_first_time_started_from() -> None:
    again = steps("and the same in German", CAPTION, FRENCH, history=THEN)
    assert again == ["translation(a red circle, German)"]
    assert steps("Translate it to German", CAPTION, FRENCH) == again
    assert steps("Read it aloud", CAPTION, FRENCH) == ["text-to-speech(un cercle rouge)"]


def test_a_new_file_is_what_is_meant() -> None:
    spoken = steps("Read it aloud", CAPTION, files=2)
    assert spoken == ["image-to-text(r2)", "text-to-speech(<resource>-0)"]


def test_a_found_text_is_data_and_refers_to_nothing() -> None:
    trap = Finding(task="image-to-text", text="see <resource>-7 and count it", resources=1)
    assert steps("Read it aloud", trap) == ["text-to-speech(see  and count it)"]


async def test_a_picture_is_described_once_in_a_conversation(
    data_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(offline=True, data_dir=data_dir, artifacts_dir=tmp_path)
    graph = build_graph(settings=settings, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "one"}}
    first: Any = {"request": "Describe it", "files": [str(ROOT / "examples" / "scene.png")]}
    seen = await graph.ainvoke(first, thread)
    caption = seen["results"]["0"]["value"]
    for request in ("Thanks!", "Summarize it", "What is the sentiment of the summary?"):
        out = await graph.ainvoke({"request": request, "files": []}, thread)
    assert [task["task"] for task in out["plan"]["tasks"]] == ["text-classification"]
    assert (
        out["status"] == "done" and caption.split(",")[0] in out["plan"]["tasks"][0]["args"]["text"]
    )


@pytest.mark.slow
def test_a_file_that_is_given_again_is_what_is_meant_and_not_an_earlier_result(
    settings: Settings, tmp_path: Path
) -> None:
    graph = build_graph(InMemorySaver(), settings=settings)
    thread: Any = {"configurable": {"thread_id": "one"}}
    scene = str(ROOT / "examples" / "scene.png")

    def ask(request: str, *files: str) -> dict[str, Any]:
        given: Any = {"request": request, "files": list(files)}
        return dict(graph.invoke(given, thread))

    first = ask("Estimate the depth of this picture", scene)
    assert list(first["resources"]) == ["r1", "r2"] and first["resources"]["r2"]["task"] == 0
    made = ask("Describe this picture")
    assert made["plan"]["tasks"][0]["args"] == {"image": "r2"}  # what was made last
    again = ask("Describe this picture", scene)
    assert again["plan"]["tasks"][0]["args"] == {"image": "r1"}
    assert list(again["resources"]) == ["r2", "r1"] and "heart" in again["answer"]
    aloud = ask("Read it aloud", scene)
    assert [task["task"] for task in aloud["plan"]["tasks"]] == ["image-to-text", "text-to-speech"]
    assert len({each["path"] for each in aloud["resources"].values()}) == len(aloud["resources"])


def test_files_keep_their_ids_and_the_one_given_last_is_the_last(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.txt" for name in "abc"]
    for path in paths:
        path.write_text("Some words.")
    a, b, c = map(str, paths)
    known = gather("Summarize them", [a, b], {})
    twice = known | {"r3": Resource(kind="text", path=b, name="b.txt", task=0)}
    assert list(gather(f"Compare {a} and {c}", [], twice)) == ["r4"]
    found = gather("Summarize it", [c, a], twice)
    assert list(found) == ["r4", "r1"]
    assert list(merge(twice, found)) == ["r2", "r3", "r4", "r1"]
    paths[0].write_bytes(b"")
    with pytest.raises(ResourceError, match="empty"):  # it is looked at again
        gather("Summarize it", [a], known)
