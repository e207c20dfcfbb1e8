"""Planning measured: the measures, the runs that can be taken up again, and the command."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llm_server import llm_server
from typer.testing import CliRunner

from hugginggraph.evals import (
    OWN_REQUESTS,
    Labelled,
    Outcome,
    Shape,
    edit_distance,
    predict_all,
    read_labelled,
    read_predictions,
    report,
    rows_for,
)
from hugginggraph.graph import BuiltinPlanner, Draft, PlanRequest
from hugginggraph.graph.builtin_planner import cues
from hugginggraph.registry import LLMError, SettingsError

SHARED = Path(__file__).parents[2] / "shared" / "eval" / "planning_dev.jsonl"
needs_dev = pytest.mark.skipif(
    not SHARED.is_file(), reason="the evaluation data (../shared/eval) is not on this machine"
)

CHAIN: dict[str, Any] = {
    "id": "1",
    "type": "chain",
    "user_request": "Caption 'a.jpg', translate the caption to French and read it aloud.",
    "task_nodes": [
        {"task": "Image-to-Text", "arguments": ["a.jpg"]},
        {"task": "Translation", "arguments": ["<node-0>"]},
        {"task": "Text-to-Speech", "arguments": ["<node-1>"]},
    ],
    "task_links": [
        {"source": "Image-to-Text", "target": "Translation"},
        {"source": "Translation", "target": "Text-to-Speech"},
    ],
}
SINGLE = {
    "id": "2",
    "type": "single",
    "user_request": "Make the sky in a.jpg green.",
    "task_nodes": [{"task": "Image Editing", "arguments": ["Make the sky green", "a.jpg"]}],
    "task_links": [],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> list[Labelled]:
    return read_labelled(write(tmp_path / "requests.jsonl", CHAIN, SINGLE))


def planned(labelled: list[Labelled], **options: Any) -> list[Outcome]:
    rows, _ = rows_for(labelled)
    return asyncio.run(predict_all(BuiltinPlanner(lambda: rows), labelled, rows, **options))


def test_plans_that_are_labelled_so_score_a_hundred(labelled: list[Labelled]) -> None:
    rows, _ = rows_for(labelled)
    found = report(labelled, planned(labelled), rows)
    scores = found["scores"]["all"]
    assert (scores["n_f1"], scores["e_f1"], scores["valid"]) == (100.0, 100.0, 100.0)
    assert found["paper"]["sequential"]["edit_distance"] == 0.0
    assert found["paper"]["single"]["accuracy"] == 100.0
    assert found["scores"]["single"]["e_f1"] is None


def test_the_measures_are_micro_averages_over_sets_and_a_missing_plan_counts_as_empty(
    labelled: list[Labelled],
) -> None:
    half = Shape(
        tools=("image-to-text", "summarization"),
        links=(("image-to-text", "summarization"),),
        arguments=(("image-to-text", "image", "a jpg"), ("summarization", "text", "x")),
    )
    found = report(labelled, [Outcome("1", elsewhere=half)], {})["scores"]["all"]
    assert found["n_f1"] == round(100 * 2 * 1 / (2 + 4), 1)
    assert found["e_f1"] == 0.0
    assert found["t_f1"] == round(100 * 2 * 1 / (2 + 5), 1)
    assert found["v_f1"] == found["t_f1"]


def test_edit_distance_counts_changes_against_the_longer_list() -> None:
    assert edit_distance("abc", "abc") == 0.0
    assert edit_distance("", "ab") == 1.0
    assert edit_distance("kitten", "sitting") == pytest.approx(3 / 7)


def test_references_count_from_zero_or_from_one_as_the_links_have_it(tmp_path: Path) -> None:
    nodes = [{**CHAIN["task_nodes"][0]}, {"task": "Translation", "arguments": ["<node-1>"]}]
    row = {**CHAIN, "task_nodes": nodes, "task_links": CHAIN["task_links"][:1]}
    (item,) = read_labelled(write(tmp_path / "one.jsonl", row))
    assert ("translation", "text", "<image-to-text>") in item.shape.arguments


def test_a_run_is_taken_up_where_it_stopped(labelled: list[Labelled], tmp_path: Path) -> None:
    save = tmp_path / "predictions.jsonl"
    first = planned(labelled[:1], save=save)
    with save.open("a") as file:
        file.write('{"id": "2", "tas')  # cut off in the middle of a line

    class Counting(BuiltinPlanner):
        asked = 0

        async def plan(self, request: PlanRequest) -> Draft:
            Counting.asked += 1
            return await super().plan(request)

    rows, _ = rows_for(labelled)
    seen: list[tuple[int, int]] = []
    save.write_text(save.read_text().rpartition("\n")[0] + "\n")
    both = asyncio.run(
        predict_all(
            Counting(lambda: rows), labelled, rows, save=save, progress=lambda *a: seen.append(a)
        )
    )
    assert Counting.asked == 1 and seen == [(2, 2)]
    assert both[0].tasks == first[0].tasks
    assert [outcome.id for outcome in read_predictions(save)] == ["1", "2"]


def test_a_request_whose_llm_could_not_be_asked_is_asked_again_in_the_next_run(
    labelled: list[Labelled], tmp_path: Path
) -> None:
    class Down(BuiltinPlanner):
        async def plan(self, request: PlanRequest) -> Draft:
            raise LLMError("The LLM server could not be reached.")

    rows, _ = rows_for(labelled)
    save = tmp_path / "predictions.jsonl"
    outcomes = asyncio.run(predict_all(Down(lambda: rows), labelled, rows, save=save))
    assert not save.exists() and "reached" in outcomes[0].error
    assert report(labelled, outcomes, rows)["scores"]["all"]["without_plan"] == 100.0


def test_plans_made_elsewhere_are_scored_in_both_shapes(
    labelled: list[Labelled], tmp_path: Path
) -> None:
    args = {"image": "a.jpg"}
    path = write(
        tmp_path / "elsewhere.jsonl",
        {"id": "1", "result": {k: CHAIN[k] for k in ("task_nodes", "task_links")}},
        {"id": "2", "tasks": [{"id": 0, "task": "image-to-text", "dep": [], "args": args}]},
    )
    rows, _ = rows_for(labelled)
    found = report(labelled, read_predictions(path), rows)["scores"]
    assert found["chain"]["n_f1"] == 100.0 and found["single"]["n_f1"] == 0.0


def run(*args: str) -> Any:
    from hugginggraph.serve import app

    return CliRunner().invoke(app, ["eval", "plan", *args], catch_exceptions=False)


def test_the_command_prints_scores_and_says_which_rows_stood_in(tmp_path: Path) -> None:
    path = write(tmp_path / "requests.jsonl", CHAIN, SINGLE)
    out = run(str(path), "--json")
    found = json.loads(out.stdout)
    assert found["scores"]["all"]["n_f1"] == 100.0
    assert set(found["cost"]) >= {"p50_ms", "p99_ms", "calls_per_request", "tokens_per_request"}
    table = run(str(path)).stdout
    assert "n-F1" in table and "sequential" in table


def test_mere_talk_is_right_or_wrong_and_has_no_f1(tmp_path: Path) -> None:
    talk = {"id": "3", "type": "talk", "user_request": "Hello", "task_nodes": [], "task_links": []}
    labelled = read_labelled(write(tmp_path / "talk.jsonl", CHAIN, talk, {**talk, "id": "4"}))
    rows, _ = rows_for(labelled)
    made = [Outcome("3"), Outcome("4", tasks=planned(labelled[:1])[0].tasks)]
    scores = report(labelled, made, rows)["scores"]["talk"]
    assert (scores["n_f1"], scores["t_f1"], scores["exact"]) == (None, None, 50.0)


def test_plans_are_counted_by_how_sure_the_planner_was(labelled: list[Labelled]) -> None:
    rows, _ = rows_for(labelled)
    right, wrong = planned(labelled)[0], Outcome("2", confidence=0.5)
    wrong.tasks = right.tasks
    right.confidence = 0.95
    found = {row["least"]: row for row in report(labelled, [right, wrong], rows)["confidence"]}
    assert found[0.0] == {"least": 0.0, "plans": 100.0, "exact": 50.0}
    assert found[0.94] == {"least": 0.94, "plans": 50.0, "exact": 100.0}


def test_an_llm_is_asked_several_requests_at_a_time(labelled: list[Labelled]) -> None:
    class Slow(BuiltinPlanner):
        now = most = 0

        async def plan(self, request: PlanRequest) -> Draft:
            Slow.now += 1
            Slow.most = max(Slow.most, Slow.now)
            await asyncio.sleep(0.05)
            Slow.now -= 1
            return await super().plan(request)

    rows, _ = rows_for(labelled)
    asyncio.run(predict_all(Slow(lambda: rows), labelled, rows, parallel=2))
    assert Slow.most == 2


def test_the_command_measures_an_llm_with_its_calls_and_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "requests.jsonl", SINGLE)
    task = {"id": 0, "task": "image-editing", "dep": [], "args": {"img": "a.jpg", "prompt": "x"}}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with llm_server({"tasks": [task]}) as server:
        monkeypatch.setenv("HUGGINGGRAPH_LLM_BASE_URL", server.base_url)
        out = run(str(path), "--llm", "openai:any", "--json", "--predictions", str(tmp_path / "p"))
    found = json.loads(out.stdout)
    assert (
        found["scores"]["all"] | {"n_f1": 100.0, "valid_before": 0.0, "valid": 100.0}
        == (found["scores"]["all"])
    )
    assert (found["cost"]["calls_per_request"], found["cost"]["tokens_per_request"]) == (1, 100)
    scored = run(str(path), "--score", str(tmp_path / "p"), "--json")
    assert json.loads(scored.stdout)["scores"]["all"]["n_f1"] == 100.0


@pytest.mark.parametrize("text", ["{", "[1]\n[2]\n", '{"a": 1}\n{"b": 2}\n', ""])
def test_a_file_that_holds_no_labelled_requests_is_refused_by_name(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(SettingsError) as error:
        read_labelled(tmp_path / "bad.jsonl")
    assert error.value.hint
    with pytest.raises(SettingsError):
        read_labelled(tmp_path / "none.jsonl")


def test_our_own_requests_are_many_and_of_many_kinds() -> None:
    own = read_labelled(OWN_REQUESTS)
    assert len(own) >= 150 and len({item.request.text for item in own}) >= 150
    assert {item.type for item in own} == {"single", "chain", "dag", "talk"}
    assert {"in de", "in fr", "in es", "in zh"} < {group for item in own for group in item.groups}
    assert sum(bool(item.request.history) for item in own) >= 10
    assert sum(len(item.request.resources) > 1 for item in own) >= 20


def runs(text: str, length: int = 8) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    for at in range(len(words) - length + 1):
        yield tuple(words[at : at + length])


@needs_dev
def test_nothing_of_the_evaluation_rows_stands_in_our_requests_cues_or_demonstrations() -> None:
    from hugginggraph.prompts import demonstrations

    rows = [json.loads(line) for line in SHARED.read_text().splitlines()]
    theirs = {run for row in rows for run in runs(row["user_request"])}
    own = [item.request.text for item in read_labelled(OWN_REQUESTS)]
    cue_texts = [cue.pattern.pattern for cue in cues()]
    shown = [demo["request"] for demo in demonstrations()]
    shared = [text for text in (*own, *cue_texts, *shown) if theirs & set(runs(text))]
    assert shared == []


@needs_dev
def test_the_built_in_planner_reaches_what_is_promised_on_the_development_rows() -> None:
    labelled = read_labelled(SHARED)
    rows, _ = rows_for(labelled)
    planned(labelled[:5])
    began = time.process_time()
    outcomes = planned(labelled)
    spent = time.process_time() - began
    scores = report(labelled, outcomes, rows)["scores"]
    assert scores["all"]["n_f1"] >= 89 and scores["all"]["e_f1"] >= 62
    assert scores["all"]["t_f1"] >= 86 and scores["all"]["valid"] == 100.0
    assert scores["single"]["n_f1"] >= 95
    assert scores["chain"]["n_f1"] >= 87 and scores["chain"]["e_f1"] >= 64
    assert scores["dag"]["n_f1"] >= 80 and scores["dag"]["e_f1"] >= 50
    assert spent / len(labelled) < 0.01


def test_the_built_in_planner_keeps_its_scores_on_our_own_requests() -> None:
    labelled = read_labelled(OWN_REQUESTS)
    rows, _ = rows_for(labelled)
    scores = report(labelled, planned(labelled), rows)["scores"]
    assert scores["all"]["n_f1"] >= 90 and scores["all"]["e_f1"] >= 75
    assert scores["all"]["valid"] == 100.0
