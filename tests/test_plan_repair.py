"""Correct plans with one thing wrong: what comes out is right again, valid, or refused by name."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from hugginggraph.evals import OWN_REQUESTS, read_labelled, rows_for
from hugginggraph.graph import (
    BuiltinPlanner,
    Resource,
    Task,
    check_plan,
    read_json,
    read_tasks,
    repair,
)
from hugginggraph.registry import HuggingGraphError, TaskType

Raw = list[dict[str, Any]]
Plans = list[tuple[Raw, dict[str, Resource]]]
ROWS: dict[str, TaskType] = rows_for(read_labelled(OWN_REQUESTS))[0]


@pytest.fixture(scope="module")
def plans() -> Plans:
    """Valid plans for our own requests, as JSON values, with the files that they are about."""
    found: Plans = []
    planner = BuiltinPlanner(lambda: ROWS)
    for item in read_labelled(OWN_REQUESTS):
        try:
            draft = asyncio.run(planner.plan(item.request))
        except HuggingGraphError:
            continue
        files = dict(item.request.resources)
        if draft.tasks and not check_plan(draft.tasks, files, ROWS):
            found.append((json.loads(json.dumps(draft.tasks)), files))
    assert len(found) > 130
    return found


def a_task(plan: Raw, rng: random.Random) -> dict[str, Any]:
    return rng.choice(plan)


def drop(plan: Raw, rng: random.Random) -> None:
    """The id, the dependencies, or a file argument that nothing else could be."""
    task = a_task(plan, rng)
    files = [name for name, value in task["args"].items() if value == "r1"]
    part = rng.choice(["dep", "id", *files])
    if part in ("dep", "id"):
        del task[part]
    else:
        del task["args"][part]


def duplicate(plan: Raw, rng: random.Random) -> None:
    task = a_task(plan, rng)
    if task["dep"] and rng.random() < 0.3:
        task["dep"] = [*task["dep"], *task["dep"]]
    else:
        plan.insert(rng.randint(0, len(plan)), copy.deepcopy(task))


def rename(plan: Raw, rng: random.Random) -> None:
    """A task type or an argument in another spelling."""
    task = a_task(plan, rng)
    if rng.random() < 0.5:
        name = task["task"]
        at = rng.randrange(1, len(name))
        spellings = [
            name.replace("-", "_"),
            name.replace("-", " ").title(),
            name.title().replace("-", ""),
            name.upper(),
            name[:at] + name[at + 1 :],
            f" {name} ",
        ]
        task["task"] = rng.choice(spellings)
        return
    name = rng.choice(list(task["args"]))
    slot = ROWS[task["task"]].slot(name)
    assert slot is not None
    at = rng.randrange(1, len(name))
    spellings = [*slot.names, name.upper(), name.title(), name[:at] + name[at + 1 :]]
    task["args"] = {
        (rng.choice(spellings) if key == name else key): value
        for key, value in task["args"].items()
    }


def reorder(plan: Raw, rng: random.Random) -> None:
    rng.shuffle(plan)


def mistype(plan: Raw, rng: random.Random) -> None:
    """A value of another JSON type, or a reference or file in another notation."""
    task = a_task(plan, rng)
    name, value = rng.choice(list(task["args"].items()))
    listed: Any = [value] if isinstance(value, str) else [[item] for item in value]
    changes: list[Callable[[], None]] = [
        lambda: task.update(id=str(task["id"])),
        lambda: task.update(id=float(task["id"])),
        lambda: task.update(id=f"task {task['id']}"),
        lambda: task.update(dep=[str(d) for d in task["dep"]] or ["-1"]),
        lambda: task.update(dep=",".join(f"<resource>-{d}" for d in task["dep"])),
        lambda: task.update(dep=task["dep"][0] if len(task["dep"]) == 1 else None),
        lambda: task.update(args=json.dumps(task["args"])),
        lambda: task["args"].update({name: listed}),
    ]
    if isinstance(value, str) and value.startswith("<resource>-") and value[11:].isdigit():
        number = value[11:]
        others: list[Any] = [
            f"<node-{number}>",
            f"<resource-{number}>",
            f"[task {number}]",
            int(number),
        ]
        changes.append(lambda: task["args"].update({name: rng.choice(others)}))
    if isinstance(value, list) and all("," not in item for item in value):
        changes.append(lambda: task["args"].update({name: ", ".join(value)}))
    rng.choice(changes)()


FAULTS = (drop, duplicate, rename, reorder, mistype)


def mend(raw: Any, files: dict[str, Resource]) -> tuple[list[Task], bool]:
    """What comes out without an LLM, and whether it can run."""
    try:
        tasks = read_tasks(raw)
        if check_plan(tasks, files, ROWS):
            tasks, _ = repair(tasks, files, ROWS)
        return tasks, not check_plan(tasks, files, ROWS)
    except HuggingGraphError as error:
        assert error.message and error.hint
        return [], False


def by_id(tasks: Any) -> Any:
    """The plan whatever the order of its list."""
    return sorted(
        ({**task, "dep": sorted(task["dep"])} for task in tasks), key=lambda task: task["id"]
    )


def test_nine_of_ten_single_faults_are_mended_to_the_plan_that_was_meant(plans: Plans) -> None:
    rng = random.Random(11)
    mended, made = Counter[str](), Counter[str]()
    for number in range(2_000):
        plan, files = rng.choice(plans)
        fault = FAULTS[number % len(FAULTS)] if number % 6 else None
        broken: Any = copy.deepcopy(plan)
        if fault is None:
            text = json.dumps({"tasks": broken})
            broken = read_json(text[: -rng.randint(1, 4)])  # the brackets at the end
        else:
            fault(broken, rng)
        name = fault.__name__ if fault else "cut"
        made[name] += 1
        tasks, _ = mend(broken, files)
        mended[name] += by_id(tasks) == by_id(plan)
    shares = {name: round(mended[name] / made[name], 3) for name in made}
    assert sum(mended.values()) / 2_000 >= 0.9, shares
    assert all(share >= 0.75 for share in shares.values()), shares


def test_whatever_is_wrong_with_a_plan_it_ends_valid_or_refused_by_name(plans: Plans) -> None:
    rng = random.Random(12)
    valid = 0
    for _ in range(2_000):
        plan, files = rng.choice(plans)
        broken: Any = copy.deepcopy(plan)
        if len(broken) > 1 and rng.random() < 0.3:
            del broken[rng.randrange(len(broken))]
        for fault in rng.sample(FAULTS, k=2):
            if all({"id", "dep"} <= set(t) and isinstance(t["args"], dict) for t in broken) and all(
                t["args"] and t["task"] in ROWS and ROWS[t["task"]].slot(next(iter(t["args"])))
                for t in broken
            ):
                fault(broken, rng)
        if rng.random() < 0.5:
            text = json.dumps(broken)
            broken = read_json(text[: rng.randrange(len(text))])
        tasks, sound = mend(broken, files)
        valid += sound
        if sound:
            assert check_plan(tasks, files, ROWS) == []
    assert valid > 800


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("r1: a dog", "r1: a dog"),
        ("r1 (see below)", "r1 (see below)"),
        ("r1", "r1"),
        ("r1 (notes.txt)", "r1"),
        ("r1: text, named notes.txt", "r1"),
    ],
)
def test_a_text_that_begins_like_the_id_of_a_file_stays_a_text(given: str, read: str) -> None:
    notes = Resource(kind="text", path="/x/notes.txt", name="notes.txt")
    tasks = read_tasks([{"id": 0, "task": "translation", "dep": [], "args": {"text": given}}])
    mended, _ = repair(tasks, {"r1": notes})
    assert mended[0]["args"]["text"] == read
