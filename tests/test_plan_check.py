"""A plan that cannot run is refused by name; one that can be mended is mended and says how."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from hugginggraph.evals import OWN_REQUESTS, read_labelled
from hugginggraph.graph import LATER, Resource, Task, check_plan, read_tasks, repair
from hugginggraph.prompts import demonstrations
from hugginggraph.registry import UnreadablePlanError, task_types

FILES: dict[str, Resource] = {
    "r1": {"kind": "image", "path": "/somewhere/scene.png", "name": "pictures/scene.png"},
    "r2": {"kind": "audio", "path": "/somewhere/talk.wav", "name": "talk.wav"},
    "r3": {"kind": "text", "path": "/somewhere/notes.txt", "name": "notes.txt"},
    "r4": {"kind": "image", "path": "/somewhere/other.png", "name": "other.png"},
}


def step(number: int, task: str, *dep: int, **args: Any) -> Task:
    return Task(id=number, task=task, dep=list(dep), args=args)


def faults(*tasks: Task) -> list[str]:
    return [type(error).__name__ for error in check_plan(list(tasks), FILES)]


def mended(*tasks: Task) -> tuple[list[Task], list[str]]:
    fixed, notes = repair(list(tasks), FILES)
    assert check_plan(fixed, FILES) == [], fixed
    return fixed, notes


GOOD = (
    step(0, "image-to-text", image="r1"),
    step(1, "object-detection", image="r1"),
    step(2, "summarization", 0, text="It shows <resource>-0."),
    step(
        3, "zero-shot-classification", 2, text="<resource>-2", candidate_labels=["art", "science"]
    ),
    step(4, "canny-control", 1, image="<resource>-1"),
)


def test_a_good_plan_has_no_fault_and_is_left_as_it_is() -> None:
    assert faults(*GOOD) == []
    assert repair(list(GOOD), FILES) == (list(GOOD), [])


@pytest.mark.parametrize(
    ("fault", "tasks"),
    [
        ("EmptyPlanError", []),
        ("UnknownTaskError", [step(0, "object-detect", image="r1")]),
        (
            "DuplicateIdError",
            [step(0, "canny-control", image="r1"), step(0, "canny-control", image="r4")],
        ),
        ("MissingDependencyError", [step(0, "canny-control", 7, image="r1")]),
        ("MissingDependencyError", [step(0, "summarization", text="see <resource>-5")]),
        (
            "MissingDependencyError",
            [step(0, "image-to-text", image="r1"), step(1, "summarization", text="<resource>-0")],
        ),
        (
            "CycleError",
            [
                step(0, "summarization", 1, text="<resource>-1"),
                step(1, "summarization", 0, text="<resource>-0"),
            ],
        ),
        ("CycleError", [step(0, "summarization", 0, text="<resource>-0")]),
        ("UnknownArgumentError", [step(0, "canny-control", image="r1", colour="red")]),
        ("MissingArgumentError", [step(0, "canny-control")]),
        ("MissingArgumentError", [step(0, "summarization", text="  ")]),
        (
            "MissingArgumentError",
            [step(0, "zero-shot-classification", text="a", candidate_labels=[])],
        ),
        ("WrongKindError", [step(0, "canny-control", image="r2")]),
        ("WrongKindError", [step(0, "summarization", text="r1")]),
        ("WrongKindError", [step(0, "summarization", text=7)]),
        ("WrongKindError", [step(0, "summarization", text=["a", "b"])]),
        ("WrongKindError", [step(0, "zero-shot-classification", text="a", candidate_labels="b")]),
        (
            "WrongKindError",
            [
                step(0, "image-to-text", image="r1"),
                step(1, "canny-control", 0, image="<resource>-0"),
            ],
        ),
        ("PlanFileError", [step(0, "canny-control", image="missing.png")]),
        ("PlanFileError", [step(0, "summarization", text="missing.txt")]),
        ("PlanFileError", [step(0, "canny-control", image="https://example.com/a.png")]),
    ],
)
def test_each_fault_has_its_own_name_and_says_what_to_do(fault: str, tasks: list[Task]) -> None:
    errors = check_plan(tasks, FILES)
    assert fault in [type(error).__name__ for error in errors]
    assert all(error.message and error.hint for error in errors)


def test_an_unknown_task_names_the_nearest() -> None:
    (error,) = check_plan([step(0, "object-detect", image="r1")], FILES)
    assert "'object-detection'" in error.message


@pytest.mark.parametrize(
    "raw",
    [
        None, "soup", 7, {"plan": "x"}, [["x"]], [{"task": 3}], [{"task": "x", "id": "one"}],
        [{"task": "x", "args": "y"}], [{"task": "x", "id": True}], [{"task": "x", "dep": ["a"]}],
    ],
)  # fmt: skip
def test_what_is_no_plan_is_called_unreadable(raw: Any) -> None:
    with pytest.raises(UnreadablePlanError):
        read_tasks(raw)


def test_the_papers_notation_is_read() -> None:
    raw = {"tasks": [{"task": "canny-control", "id": "0", "dep": [-1], "args": {"image": "r1"}}]}
    assert read_tasks(raw) == [step(0, "canny-control", image="r1")]
    generated = step(1, "canny-control", image="<GENERATED>-0")
    assert mended(step(0, "canny-control", image="r1"), generated)[0][1]["dep"] == [0]


def test_a_dependency_that_a_reference_implies_is_added() -> None:
    fixed, notes = mended(
        step(0, "image-to-text", image="r1"), step(1, "summarization", text="<resource>-0")
    )
    assert fixed[1]["dep"] == [0]
    assert notes == ["let task 1 wait for task 0, which it uses"]


def test_tasks_are_put_in_the_order_in_which_they_wait() -> None:
    fixed, _ = mended(
        step(0, "summarization", 1, text="<resource>-1"), step(1, "image-to-text", image="r1")
    )
    assert [task["id"] for task in fixed] == [1, 0]


def test_one_argument_that_names_several_files_becomes_several_tasks_with_ids_of_their_own() -> (
    None
):
    fixed, _ = mended(
        step(0, "object-detection", image=["r1", "r4"]), step(1, "image-to-text", image="r1, r4")
    )
    assert [(t["task"], t["args"]["image"]) for t in fixed] == [
        ("object-detection", "r1"),
        ("object-detection", "r4"),
        ("image-to-text", "r1"),
        ("image-to-text", "r4"),
    ]
    assert len({task["id"] for task in fixed}) == 4


def test_what_reads_an_unfolded_task_reads_all_of_its_copies() -> None:
    fixed, _ = mended(
        step(0, "canny-control", image=["r1", "r4"]),
        step(1, "image-to-text", 0, image="<resource>-0"),
        step(2, "summarization", 1, text="Together: <resource>-1"),
    )
    edges, captions, last = fixed[:2], fixed[2:4], fixed[4]
    assert [t["args"]["image"] for t in captions] == [f"<resource>-{t['id']}" for t in edges]
    assert [t["dep"] for t in captions] == [[t["id"]] for t in edges]
    assert sorted(last["dep"]) == sorted(t["id"] for t in captions)
    assert all(f"<resource>-{t['id']}" in last["args"]["text"] for t in captions)


def test_a_missing_conversion_is_put_in_once_where_one_task_type_converts() -> None:
    fixed, _ = mended(
        step(0, "summarization", text="r1"),
        step(1, "zero-shot-classification", text="r1", candidate_labels=["a", "b"]),
    )
    assert [task["task"] for task in fixed] == [
        "image-to-text",
        "summarization",
        "zero-shot-classification",
    ]
    assert fixed[1]["dep"] == fixed[2]["dep"] == [fixed[0]["id"]]


def test_names_are_read_the_way_people_write_them() -> None:
    fixed, notes = mended(
        step(0, "Object Detection", img="scene.png"),
        step(1, "image_classification", image="pictures/scene.png"),
        step(2, "zero-shot-classification", text="a match", labels="sport, art"),
    )
    assert [t["task"] for t in fixed][:2] == ["object-detection", "image-classification"]
    assert [t["args"] for t in fixed] == [
        {"image": "r1"},
        {"image": "r1"},
        {"text": "a match", "candidate_labels": ["sport", "art"]},
    ]
    assert len(notes) >= 6


def test_duplicate_ids_are_numbered_apart() -> None:
    fixed, _ = mended(
        step(0, "canny-control", image="r1"),
        step(0, "canny-control", image="r4"),
        step(1, "image-to-text", 0, image="<resource>-0"),
    )
    assert len({task["id"] for task in fixed}) == 3


def test_a_circle_is_opened_only_where_no_argument_needs_it() -> None:
    fixed, _ = mended(
        step(0, "image-to-text", 1, image="r1"), step(1, "summarization", 0, text="<resource>-0")
    )
    assert [task["dep"] for task in fixed] == [[], [0]]
    ring = [
        step(0, "summarization", 1, text="<resource>-1"),
        step(1, "summarization", 0, text="<resource>-0"),
    ]
    assert faults(*repair(ring, FILES)[0]) == ["CycleError"]


def test_a_missing_file_is_filled_in_only_where_one_fits() -> None:
    one = {key: FILES[key] for key in ("r1", "r2")}
    fixed, _ = repair([step(0, "canny-control")], one)
    assert fixed[0]["args"] == {"image": "r1"}
    fixed, _ = repair([step(0, "canny-control")], FILES)
    assert [type(e).__name__ for e in check_plan(fixed, FILES)] == ["MissingArgumentError"]


def test_every_demonstration_is_a_valid_plan() -> None:
    for demo in demonstrations():
        files = {
            key: Resource(kind=kind, path=f"/x/{key}", name=key)  # type: ignore[typeddict-item]
            for key, kind in demo["resources"].items()
        }
        tasks = read_tasks(demo["tasks"])
        assert not tasks or check_plan(tasks, files, {**LATER, **task_types()}) == []


def test_the_demonstrations_are_many_and_show_every_task_that_can_be_asked_for() -> None:
    shown = {task["task"] for demo in demonstrations() for task in demo["tasks"]}
    assert len(demonstrations()) >= 120
    assert len({demo["request"] for demo in demonstrations()}) == len(demonstrations())
    assert set(LATER) <= shown
    own = {item.request.text.lower() for item in read_labelled(OWN_REQUESTS)}
    assert not own & {demo["request"].lower() for demo in demonstrations()}


def test_nothing_that_a_planner_gives_makes_check_or_repair_crash() -> None:
    rng = random.Random(7)
    words = [*task_types(), "r1", "r9", "<resource>-0", "<resource>-3", "", "-1", "image", "text"]

    def junk(depth: int = 0) -> Any:
        makers: list[Callable[[], Any]] = [
            lambda: rng.choice(words),
            lambda: rng.randint(-3, 5),
            lambda: None,
            lambda: [junk(depth + 1) for _ in range(rng.randint(0, 3))] if depth < 3 else "x",
            lambda: {str(rng.choice(words)): junk(depth + 1)} if depth < 3 else True,
        ]
        return rng.choice(makers)()

    for _ in range(2_000):
        raw = [
            {
                "id": rng.choice([0, 1, 2, 3, junk()]),
                "task": rng.choice([*task_types(), "nothing"]),
                "dep": rng.choice([[], [0], [1, 2], junk()]),
                "args": {rng.choice(["image", "text", "candidate_labels"]): junk()},
            }
            for _ in range(rng.randint(1, 5))
        ]
        try:
            tasks = read_tasks(raw)
        except UnreadablePlanError:
            continue
        fixed, _ = repair(tasks, FILES)
        before = {type(e).__name__ for e in check_plan(tasks, FILES)}
        assert before or check_plan(fixed, FILES) == []
        check_plan(fixed, FILES)
