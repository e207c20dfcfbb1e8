"""With an LLM: plans, choices and answers over a real OpenAI-style server, however it behaves."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from checkpoints import BUILDERS
from langchain_core.messages import HumanMessage
from llm_asked import SCENE, Ask, asking, tasks_of
from llm_server import llm_server

from hugginggraph.graph import (
    Fact,
    Grounding,
    Parts,
    astray,
    build_graph,
    grounded,
    read_json,
    recent,
)
from hugginggraph.graph.llm_planner import TaskPlan
from hugginggraph.prompts import demonstrations, fill
from hugginggraph.registry import Settings

KEY = "sk-very-secret"
ROOT = Path(__file__).parents[1]
REQUEST = "Tell me about the attached picture and count the things in it."

PLAN = {
    "tasks": [
        {"id": 0, "task": "image-to-text", "dep": [], "args": {"image": "r1"}},
        {"id": 1, "task": "object-detection", "dep": [], "args": {"image": "r1"}},
    ]
}
BROKEN = {"tasks": [{"id": 0, "task": "mind-reading", "dep": [], "args": {"image": "r1"}}]}


@pytest.fixture
def ask(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Ask:
    return asking(parts, monkeypatch, KEY, REQUEST)


async def test_an_llm_plans_and_answers(ask: Ask) -> None:
    with llm_server(PLAN, "There are five things.") as server:
        out = await ask(server)
    assert tasks_of(out) == ["image-to-text", "object-detection"]
    assert out["status"] == "done"
    assert out["answer"] == "There are five things [1]."
    assert out["usage"]["llm_calls"] == 2
    assert out["usage"]["tokens"] == 200
    assert "object-detection(image: image) -> boxes" in server.prompts[0]
    assert "r1: image, named scene.png" in server.prompts[0] and REQUEST in server.prompts[0]
    assert str(Path(SCENE).parent) not in "".join(server.prompts)
    assert "circle" in server.prompts[-1] or "square" in server.prompts[-1]


async def test_the_demonstrations_are_those_nearest_to_the_request(ask: Ask) -> None:
    with llm_server(PLAN, "Five.") as server:
        await ask(server)
    shown = re.findall(r"^Request: .*\nFiles: .*\nPlan: (.*)$", server.prompts[0], re.M)
    assert len(shown) == 6 and '{"tasks": []}' in shown
    all_of_them = [json.dumps(demo["tasks"]) for demo in demonstrations()]
    share = sum('"image"' in plan for plan in all_of_them) / len(all_of_them)
    assert sum('"image"' in plan for plan in shown) / len(shown) > share


def test_a_long_history_is_cut_from_its_start_and_long_messages_in_their_middle() -> None:
    history = [("human", f"request {n}") for n in range(2_000)]
    kept = recent([*history, ("ai", "x" * 9_000 + " the end"), ("human", "last")], 1_000)
    assert kept.endswith("the end\nhuman: last") and "…" in kept
    assert "request 1999" in kept and "request 0\n" not in kept
    assert len(kept.encode()) / 3 <= 1_000
    assert recent((), 100) == ""


@pytest.mark.parametrize(("tools", "json_mode", "calls"), [(False, True, 2), (False, False, 3)])
async def test_a_server_without_tool_calls_or_json_mode_is_asked_another_way(
    ask: Ask, tools: bool, json_mode: bool, calls: int
) -> None:
    with llm_server(PLAN, "Five.", speaks_tools=tools, speaks_json=json_mode) as server:
        out = await ask(server)
    assert tasks_of(out) == ["image-to-text", "object-detection"]
    assert out["usage"]["llm_calls"] == calls + 1


async def test_calls_at_once_learn_together_what_a_server_takes(tmp_path: Path) -> None:
    with llm_server(PLAN, speaks_tools=False, speaks_json=False, delay=0.05) as server:
        settings = Settings(
            offline=True, data_dir=tmp_path, llm="openai:any", llm_base_url=server.base_url
        )
        llm = Parts(settings).llm({})
        assert llm is not None
        asked = [llm.fill(TaskPlan, [HumanMessage("Plan it.")]) for _ in range(6)]
        replies = await asyncio.gather(*asked)
    assert all(reply.value == PLAN for reply in replies)


async def test_a_plan_inside_prose_is_read(ask: Ask) -> None:
    text = "Sure! Here is the plan:\n```json\n" + str(PLAN) + "\n```\nShall I go on?"
    with llm_server(text, "Five.") as server:
        assert tasks_of(await ask(server)) == ["image-to-text", "object-detection"]


@pytest.mark.parametrize(
    "reply", [BROKEN, "I would rather talk about the weather.", {"soup": 1}, "[" * 5000, {}]
)
async def test_a_plan_that_cannot_run_is_shown_to_the_llm_and_mended(ask: Ask, reply: Any) -> None:
    with llm_server(reply, PLAN, "Five.") as server:
        out = await ask(server)
    assert out["plan"]["valid"] is True
    assert "asked the LLM to mend the plan (turn 1 of 2)" in out["plan"]["repairs"]
    assert "What is wrong with it" in server.prompts[1]


async def test_a_demanded_llms_plan_that_stays_invalid_ends_in_an_answer_that_says_so(
    ask: Ask,
) -> None:
    with llm_server(BROKEN) as server:
        out = await ask(server, planner="llm")
    assert out["status"] == "failed"
    assert "mind-reading" in out["answer"] and "nothing was run" in out["answer"]
    assert out["usage"]["llm_calls"] == 3
    assert not out.get("results")


async def test_small_faults_are_mended_without_another_call(ask: Ask) -> None:
    plan = [{"task": "Object_Detection", "id": "4", "dep": [-1], "args": {"img": "scene.png"}}]
    with llm_server({"tasks": plan}, "Five.") as server:
        out = await ask(server)
    assert out["plan"]["tasks"] == [
        {"id": 4, "task": "object-detection", "dep": [], "args": {"image": "r1"}}
    ]
    assert out["usage"]["llm_calls"] == 2 and len(out["plan"]["repairs"]) >= 2


@pytest.mark.parametrize(
    ("status", "said"), [(401, "key"), (404, "model"), (429, "capacity"), (500, "failed (500)")]
)
async def test_without_its_llm_the_built_in_planner_takes_over_and_says_so(
    ask: Ask, status: int, said: str
) -> None:
    with llm_server(status) as server:
        out = await ask(server)
    assert out["plan"]["planner"] == "builtin"
    assert out["status"] == "done"
    assert said in out["plan"]["notes"][0] and "built-in planner was used" in out["answer"]


async def test_a_sure_built_in_plan_saves_the_call_where_that_is_set(
    data_dir: Path, tmp_path: Path
) -> None:
    with llm_server({"tasks": []}, "Hello to you!") as server:
        settings = Settings(
            offline=True, data_dir=data_dir, artifacts_dir=tmp_path, llm="openai:any",
            llm_base_url=server.base_url, builtin_above=0.94,
        )  # fmt: skip
        graph = build_graph(settings=settings)
        sure: Any = {"request": "Summarize examples/article.txt", "files": []}
        sure["files"] = [str(ROOT / "examples" / "article.txt")]
        out = await graph.ainvoke(sure)
        assert out["plan"]["planner"] == "builtin" and out["plan"]["confidence"] >= 0.94
        asked = len(server.requests)
        out = await graph.ainvoke({"request": "Perhaps do something with it, or the like?"})
        assert out["plan"]["planner"] == "llm" and len(server.requests) > asked
        out = await graph.ainvoke({"request": "Hello"})
        assert out["plan"]["planner"] == "llm"


async def test_a_demanded_llm_that_fails_is_a_named_error(ask: Ask) -> None:
    with llm_server(401) as server:
        out = await ask(server, planner="llm")
    assert out["error"]["error"] == "LLMError" and "key" in out["answer"]


async def test_an_llm_that_is_too_slow_is_not_waited_for(ask: Ask) -> None:
    with llm_server(PLAN, delay=3) as server:
        out = await ask(server)
    assert out["plan"]["planner"] == "builtin" and "in time" in out["plan"]["notes"][0]


async def test_an_answer_that_drips_is_given_up_when_its_time_is_over(ask: Ask) -> None:
    dripping = "There are five things [1]. " + "And so on and on " * 40
    began = time.monotonic()
    with llm_server(PLAN, dripping, pause=0.1) as server:  # a minute and more, never silent
        out = await ask(server)
    assert time.monotonic() - began < 20
    assert out["status"] == "done" and "5 objects" in out["answer"]


async def test_a_request_for_mere_talk_runs_nothing(ask: Ask) -> None:
    with llm_server({"tasks": []}, "Hello to you!") as server:
        out = await ask(server, "Good morning!")
    assert (out["status"], out["answer"]) == ("done", "Hello to you!")
    assert not out.get("results")


async def test_an_answer_names_no_file_that_is_not_there(ask: Ask) -> None:
    with llm_server(PLAN, "See /tmp/invented/boxes.png and ./out/more.png.") as server:
        out = await ask(server)
    assert "invented" not in out["answer"] and "more.png" not in out["answer"]
    assert grounded("Look at a/b.png.", {"a/b.png"}) == "Look at a/b.png."


async def test_the_answer_streams_sentence_by_sentence_and_the_plan_does_not(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    said = "There are 5 objects [1]. See /tmp/made/up.png for the circle [1]. I love cake. Bye [9]."
    with llm_server(PLAN, said, pause=0.05) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        context: Any = {"llm": f"openai:{server.base_url}"}
        given: Any = {"request": REQUEST, "files": [SCENE]}
        pieces, final = [], dict[str, Any]()
        modes: Any = ["messages", "values"]
        stream: Any = build_graph(parts=parts).astream(given, context=context, stream_mode=modes)
        async for mode, part in stream:
            if mode == "messages":
                pieces.append((time.monotonic(), part[0]))
            else:
                final = part
    answers = [(at, m) for at, m in pieces if m.type != "human"]
    shown = "There are 5 objects [1]. See (no such file) for the circle [1]."
    assert "".join(m.text for _, m in answers).strip() == final["answer"] == shown
    assert len(answers) == 2 and answers[1][0] - answers[0][0] > 0.1
    assert {m.id for _, m in answers} == {final["messages"][-1].id}
    assert final["usage"] == {**final["usage"], "llm_calls": 2, "tokens": 200}


async def test_a_server_that_does_not_stream_answers_all_the_same(ask: Ask) -> None:
    with llm_server(PLAN, "There are five things.", streams=False) as server:
        out = await ask(server)
    assert out["answer"] == "There are five things [1]."


async def test_an_answer_that_says_nothing_of_the_results_is_not_taken(ask: Ask) -> None:
    with llm_server(PLAN, "I had a lovely day! Vive la France.") as server:
        out = await ask(server)
    assert "lovely" not in out["answer"] and "5 objects" in out["answer"]


async def test_a_false_count_is_not_passed_on_and_the_left_out_sentence_is_recorded(
    ask: Ask,
) -> None:
    with llm_server(
        PLAN, "There are 17 objects [1]. One more thing: “a pink whale” [0]."
    ) as server:
        out = await ask(server)
    # a bare 17 may stand in the name of a file, which is made of its content
    assert "17 objects" not in out["answer"] and "whale" not in out["answer"]
    assert "5 objects" in out["answer"]
    notes = [note for note in out["plan"]["notes"] if "Left out of the LLM's answer" in note]
    assert len(notes) == 2 and "17 objects" in notes[0] and "pink whale" in notes[1]


@pytest.mark.parametrize(
    ("request_", "language"),
    [
        ("Décris l'image ci-jointe et compte les objets.", "French"),
        ("Beschreibe das Bild und zähle die Dinge darauf.", "German"),
        ("¿Qué hay en la imagen? Cuenta los objetos, por favor.", "Spanish"),
        ("描述这张图片，并数一数有多少物体。", "Chinese"),
        ("この画像を説明してください。", "Japanese"),
        ("Опиши эту картинку и посчитай предметы.", "Russian"),
        ("Describe the picture and count the things in it.", "English"),
        ('Translate this to German: "Le chat est sur la table et il dort"', "English"),
        ("Traduis en anglais : The cat is on the table and it sleeps", "French"),
        ("Translate 你好 to English, please", "English"),
        ("scene.png", "the language of the request"),
    ],
)
async def test_the_llm_is_told_by_name_which_language_to_answer_in(
    ask: Ask, parts: Parts, monkeypatch: pytest.MonkeyPatch, request_: str, language: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with llm_server({"tasks": []}, "😀") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        given: Any = {"llm": f"openai:{server.base_url}"}
        await build_graph(parts=parts).ainvoke({"request": request_}, context=given)
    assert f"Answer in {language}." in server.prompts[-1]


async def test_an_answer_in_another_language_is_asked_for_once_more(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    english = "There are five things in the picture that you gave to me [1]."
    french = "Il y a 5 objets dans cette image [1]."
    request: Any = {"request": "Décris l'image ci-jointe et compte les objets.", "files": [SCENE]}
    for said, calls, final in (((english, french), 3, french), ((french,), 2, french)):
        with llm_server(PLAN, *said) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            given: Any = {"llm": f"openai:{server.base_url}"}
            out = await build_graph(parts=parts).ainvoke(request, context=given)
        assert out["answer"] == final and out["usage"]["llm_calls"] == calls
        assert "Answer in French, unless" in server.prompts[1]
    assert not astray("Le chat est sur la table et il dort [0].", "English", "Le chat est sur la "
                      "table et il dort")  # fmt: skip


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Il y a 5 objets [1]. Voilà [1].", "Il y a 5 objets [1]. Voilà [1]."),
        ("图中有五个物体[1]。非常好。", "图中有五个物体 [1]。"),
        (
            "A dog runs (e.g. fast). No. 5 is seen.",
            "A dog runs (e.g. fast) [0]. No. 5 is seen [1].",
        ),
        ("- a dog [0]\n- five cats [1]\n", "- a dog [0]\n- five cats [1]"),
        ("A dog. [0] It is red [7]. [1]", "A dog [0]. It is red [1]."),
        ("# Result\nA dog", "A dog [0]"),
        ("See ../x/y.png: dogs run [0, 1].", "See (no such file): dogs run [0, 1]."),
        ("", ""),
    ],
)
def test_each_statement_is_tied_to_a_task_or_left_out(said: str, shown: str) -> None:
    for size in (1, 3, 1_000):
        grounding = Grounding({0: Fact("a dog runs"), 1: Fact("5 objects: cats")}, ["out/a.png"])
        pieces = [said[i : i + size] for i in range(0, len(said), size)]
        out = "".join(map(grounding.take, pieces)) + grounding.finish()
        assert out.strip() == shown


async def test_the_llm_is_asked_once_for_all_models_and_cannot_invent_one(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugginggraph.graph.choose_models.clear_winner", lambda found: False)
    real = {"task": 1, "model": "hugginggraph/shapes-detector", "reason": "it fits"}
    picks = {"choices": [{"task": 0, "model": "made/up", "reason": "nice"}, real]}
    with llm_server(PLAN, picks, "Five.") as server:
        out = await ask(server)
    assert out["usage"]["llm_calls"] == 3
    assert out["choices"]["0"]["by"] == "rank" and out["choices"]["0"]["model"] != "made/up"
    assert out["choices"]["1"]["by"] == "llm" and out["choices"]["1"]["reason"] == "it fits"


async def test_a_key_stands_in_no_state(ask: Ask) -> None:
    with llm_server(PLAN, "Five.") as server:
        assert KEY not in repr(await ask(server))


async def test_any_openai_compatible_server_is_used_by_its_base_url(
    data_dir: Path, tmp_path: Path
) -> None:
    with llm_server({"tasks": []}, "Hello!") as server:
        settings = Settings(
            offline=True, data_dir=data_dir, artifacts_dir=tmp_path,
            llm="openai:any-name", llm_base_url=server.base_url,
        )  # fmt: skip
        out = await build_graph(settings=settings).ainvoke({"request": "Hi"})
    assert out["answer"] == "Hello!" and server.requests[0]["model"] == "any-name"


async def test_a_chat_model_on_this_machine_is_asked_too(data_dir: Path, tmp_path: Path) -> None:
    BUILDERS["llama"](tmp_path / "model")  # real, and too small to plan: its replies are no plans
    settings = Settings(
        offline=True, data_dir=data_dir, artifacts_dir=tmp_path,
        llm=f"huggingface:{tmp_path / 'model'}", planner="llm",
    )  # fmt: skip
    out = await build_graph(settings=settings).ainvoke({"request": REQUEST, "files": [SCENE]})
    assert out["usage"]["llm_calls"] == 3
    assert out["plan"]["errors"][0]["error"] == "UnreadablePlanError"
    assert "nothing was run" in out["answer"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("```json\n[1, 2]\n```", [1, 2]),
        ("<think>{no}</think> {'a': \"it's\"}", {"a": "it's"}),
        ('so: {"tasks": [{"id": 0, "task": "x"', {"tasks": [{"id": 0, "task": "x"}]}),
        ("no plan at all", None),
        ("", None),
        ("{" * 3000, None),
    ],
)
def test_json_is_read_as_llms_write_it(text: str, value: Any) -> None:
    assert read_json(text) == value or (value is None and not read_json(text))


def test_a_slot_inside_what_a_person_wrote_stays_what_it_is() -> None:
    text = fill(
        "request", history="", earlier="", resources="", request="show {{history}} and {{tasks}}"
    )
    assert "show {{history}} and {{tasks}}" in text
    with pytest.raises(KeyError):
        fill("request", history="", resources="")
    with pytest.raises(KeyError):
        fill("request", history="", resources="", request="", soup="")
