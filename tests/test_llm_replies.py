"""What middling LLMs and their servers really send: read as meant, or said plainly."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from llm_asked import SCENE, Ask, asking, tasks_of
from llm_server import Message, Refusal, llm_server
from pydantic import SecretStr

from hugginggraph.graph import (
    Aloud,
    Fact,
    Parts,
    build_graph,
    chat_model,
    grounded,
    read_json,
    unfounded,
)
from hugginggraph.registry import LLMError, Settings, secrets_of, without_secrets

KEY = "a-very-secret-key-0815"
REQUEST = "Describe the picture and count the objects in it."
DESCRIBE = {"id": 0, "task": "image-to-text", "dep": [], "args": {"image": "r1"}}
COUNT = {"id": 1, "task": "object-detection", "dep": [], "args": {"image": "r1"}}
BOTH = {"tasks": [DESCRIBE, COUNT]}
ANSWER = "It shows several shapes [0]. There are 5 objects [1]."
BROKEN = {"tasks": [{"id": 0, "task": "mind-reading", "dep": [], "args": {"image": "r1"}}]}


@pytest.fixture
def ask(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Ask:
    return asking(parts, monkeypatch, KEY, REQUEST)


PLAN = json.dumps(BOTH)


@pytest.mark.parametrize(
    "text",
    [
        f'I use the form {{"tasks": [...]}} for [r1]:\n{PLAN}\nIs [this] right?',
        PLAN.replace("}}, {", "}}, // the first\n{").replace("]}", ",], /* done */ }"),
        str(BOTH).replace("[]", "null"),
        PLAN.replace('"tasks"', "tasks").replace('"id"', "id").replace('"dep"', "dep"),
        PLAN.replace("image-to-text", "image\\-to\\-text"),
        f"Let me see {{what}} is [asked].</think>\n{PLAN}",
        f'<thinking>Perhaps {{"tasks": []}}?</thinking>{PLAN}',
        f"<|channel|>analysis<|message|>{{}}<|end|><|channel|>final<|message|>{PLAN}<|return|>",
        f'{{"tasks": []}} or rather\n```json\n{PLAN}\n```',
        PLAN.replace('"r1"}}, {', '"r1"}, {'),
        json.dumps(BOTH, indent=1).replace('",\n', '"\n').replace("},\n", "}\n"),
        f"The plan:\n{PLAN.replace('{', '{{').replace('}', '}}')}",
        PLAN.replace('"', '\\"'),
        json.dumps(PLAN),
    ],
    ids=[
        "prose", "comments", "null", "keys", "escapes", "swallowed", "thinking", "channels",
        "two", "bracket", "commas", "braces", "escaped", "text",
    ],
)  # fmt: skip
def test_json_that_is_not_quite_json_is_read_as_it_was_meant(text: str) -> None:
    found = read_json(text)["tasks"]
    assert [task["task"] for task in found] == ["image-to-text", "object-detection"]
    assert [task["id"] for task in found] == [0, 1]


def test_what_is_read_can_always_be_written_as_json() -> None:
    for text in ("{'a': {1, 2}, 'b': b'x', 'c': ..., 'd': [1, ...]}", '{"a": "\\ud83d", x}'):
        json.dumps(read_json(text), ensure_ascii=False).encode()
    assert read_json('{"tasks": [...]}') == {"tasks": None}  # a form, and no plan
    assert read_json("<think>It could be {'tasks': []} or") is None


def test_objects_after_each_other_are_a_list_and_broken_ones_cost_no_time() -> None:
    assert read_json(f"{json.dumps(DESCRIBE)}\n{json.dumps(COUNT)}") == [DESCRIBE, COUNT]
    began = time.process_time()
    assert not read_json('{"' + '"#' * 90_000 + "{" * 9_000)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "reply",
    [
        f'<tool_call>\n{{"name": "TaskPlan", "arguments": {PLAN}}}\n</tool_call>',
        {"plan": BOTH["tasks"]},
        {"tasks": json.dumps(BOTH["tasks"])},
        Message(calls=(("TaskPlan", f"{PLAN[:-1]},}}"),)),
        Message(calls=tuple(("TaskPlan", json.dumps({"tasks": [t]})) for t in BOTH["tasks"])),
        Message(
            calls=(("image-to-text", '{"image": "r1"}'), ("object_detection", '{"image": "r1"}'))
        ),
        {
            "tasks": [
                {"id": "1", "name": "Image To Text", "inputs": [{"image": "![](scene.png)"}]},
                {"id": "2", "task": "ObjectDetection", "depends": ["-1"], "image": "/x/scene.png"},
            ]
        },
        {
            "tasks": [
                {**DESCRIBE, "args": {"image": "r1 (scene.png)", "question": ""}},
                {**COUNT, "args": {"image": "https://example.org/scene.png"}},
            ]
        },
    ],
    ids=["tag", "key", "string", "broken", "calls", "names", "fields", "files"],
)
async def test_a_plan_in_another_dress_costs_one_call(ask: Ask, reply: Any) -> None:
    with llm_server(reply, ANSWER) as server:
        out = await ask(server)
    assert tasks_of(out) == ["image-to-text", "object-detection"] and out["status"] == "done"
    assert out["usage"]["llm_calls"] == 2


@pytest.mark.parametrize("reply", [BROKEN, "I am sorry, I can not do that.", "<think>Hm, {"])
async def test_the_built_in_planner_takes_over_from_a_plan_that_cannot_run(
    ask: Ask, reply: Any
) -> None:
    with llm_server(reply) as server:
        out = await ask(server)
    assert out["status"] == "done" and out["plan"]["planner"] == "builtin"
    assert "The LLM's plan could not run" in out["answer"] and "5 objects" in out["answer"]
    assert len(server.requests) == 3


async def test_where_neither_planner_can_plan_the_llms_faults_are_told(ask: Ask) -> None:
    soup = "Well, well."
    with llm_server(BROKEN, soup) as server:
        out = await ask(server, "Xyzzy the frobnicator until it plughs.", ())
    assert out["status"] == "failed" and "mind-reading" in out["answer"]


async def test_why_the_llm_could_not_be_asked_is_told_where_nothing_else_understands(
    ask: Ask,
) -> None:
    with llm_server(401) as server:
        out = await ask(server, "Xyzzy the frobnicator until it plughs.", ())
    assert "did not accept the key" in out["answer"] and out["status"] == "failed"


async def test_an_llm_that_sees_nothing_to_do_with_a_file_is_not_believed(ask: Ask) -> None:
    with llm_server({"tasks": []}, ANSWER) as server:
        out = await ask(server)
    assert tasks_of(out) == ["image-to-text", "object-detection"]
    assert out["answer"] == ANSWER and "planned nothing" in out["plan"]["notes"][0]


@pytest.mark.parametrize(
    "thought", ["<think>Task 0 says 99 dogs. Hm.</think>\n\n", "Task 0 says a circle. So.</think>"]
)
async def test_what_an_llm_thinks_is_no_part_of_its_answer(ask: Ask, thought: str) -> None:
    with llm_server(BOTH, thought + ANSWER) as server:
        out = await ask(server)
    assert out["answer"] == ANSWER and out["messages"][-1].text == ANSWER
    with llm_server({"tasks": []}, f"{thought}Hello to you!") as server:
        out = await ask(server, "Good morning!", ())
    assert out["answer"] == "Hello to you!"


async def test_an_answer_that_is_cut_short_ends_with_a_whole_sentence(ask: Ask) -> None:
    for finish in ("length", None):
        with llm_server(BOTH, Message(f"{ANSWER} The pictur", finish=finish)) as server:
            out = await ask(server)
        assert out["answer"] == ANSWER
        assert "The LLM's answer was cut short." in out["plan"]["notes"]


async def test_a_plan_that_is_cut_short_says_so(ask: Ask) -> None:
    with llm_server(Message(json.dumps({"tasks": [DESCRIBE]})[:-3], finish="length"), "A.") as llm:
        out = await ask(llm)
    assert tasks_of(out) == ["image-to-text"] and "cut short" in out["plan"]["notes"][0]


async def test_one_request_that_is_too_long_takes_nothing_from_the_next(ask: Ask) -> None:
    words = "This model's maximum context length is 4096 tokens."
    with llm_server(Refusal(400, words), Refusal(400, words), BOTH, ANSWER) as server:
        out = await ask(server)
        assert "too long for this LLM" in out["plan"]["notes"][0]
        out = await ask(server)
    assert out["plan"]["planner"] == "llm" and "tools" in server.requests[-2]
    with llm_server(400, 400, 400, BOTH, ANSWER) as server:
        await ask(server)
        out = await ask(server)
    assert out["plan"]["planner"] == "llm" and "tools" in server.requests[-2]


async def test_a_key_that_the_server_repeats_is_not_shown(ask: Ask) -> None:
    with llm_server(Refusal(400, f"Bad header: Authorization: Bearer {KEY}")) as server:
        out = await ask(server)
    assert "Bad header" in out["answer"] and KEY not in json.dumps(out, default=str)
    with llm_server(Refusal(418, f"no key like {KEY} here")) as server:
        out = await ask(server, planner="llm")
    assert "no key like ***" in out["answer"] and KEY not in json.dumps(out, default=str)


async def test_no_key_of_the_settings_or_the_environment_is_shown(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "hf_token": "quite-another-0816", "server_tokens": "first-of-two-0001,other-of-two-0002",
        "database_url": "postgresql://me:pass%2Fword@db/x",
    }  # fmt: skip
    given: Any = {**parts.settings.model_dump(exclude_unset=True), **secrets}
    monkeypatch.setenv("MY_PROXY_TOKENS", "of-the-proxy-0003")
    said = "quite-another-0816 other-of-two-0002 pass%2Fword pass/word of-the-proxy-0003"
    with llm_server(Refusal(418, said)) as server:
        out = await asking(Parts(Settings(**given)), monkeypatch, KEY, REQUEST)(server)
    assert "418 - *** *** *** *** ***." in out["plan"]["notes"][0]


@pytest.mark.parametrize("said", [
    "Set HF_HUB_OFFLINE=0 for hf-internal-testing/tiny, with hf_transfer.",
    "Bearer authentication failed: no default key is created_at last.",
    "The Bearer token is not known.",
])  # fmt: skip
def test_words_that_are_no_keys_are_shown(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SORT_KEY", "default")
    monkeypatch.setenv("MY_SORT_KEYS", "created_at,failed")
    assert without_secrets(said) == said


@pytest.mark.parametrize("key", [
    "hf_aBcDeFgHiJkL", "sk-proj-a1b2c3d4", "sk-****wxyz", "Bearer dGhpcyBpcw==", "of-the-proxy",
    "Bearer abcdefghijklmnopqrstuvwxyz",
])  # fmt: skip
def test_what_looks_like_a_key_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PROXY_TOKEN", "of-the-proxy")
    assert key.split()[-1] not in without_secrets(f"Refused: {key}")


@pytest.mark.parametrize("password", ["pass[word", "pass/word"])
def test_a_password_with_odd_characters_is_kept_out_too(password: str) -> None:
    secrets = secrets_of(Settings(database_url=SecretStr(f"postgresql://me:{password}@db/x")))
    assert password not in without_secrets(f"no password {password}", secrets)


@pytest.mark.parametrize(
    "replies", [(401,), (400,), (BOTH, 401), (BOTH, ""), (BROKEN, 401), (BROKEN, BROKEN, 401)]
)
async def test_a_call_that_failed_is_counted_too(ask: Ask, replies: Any) -> None:
    with llm_server(*replies) as server:
        out = await ask(server)
    assert out["status"] == "done" and out["usage"]["llm_calls"] == len(server.requests)
    with llm_server(*replies) as server:
        out = await ask(server, "Xyzzy the frobnicator until it plughs.", ())
    assert out["usage"]["llm_calls"] == len(server.requests)


async def test_an_llm_out_of_reach_is_asked_once_a_run_and_a_lost_answer_is_told(ask: Ask) -> None:
    with llm_server(401) as server:
        assert (await ask(server))["status"] == "done"
    assert len(server.requests) == 1
    with llm_server(BOTH, 401) as server:
        out = await ask(server)
    assert "The answer was composed without it." in out["answer"] and "5 objects" in out["answer"]


async def test_a_run_asks_the_llm_no_more_often_than_its_budget_says(ask: Ask) -> None:
    with llm_server(BROKEN) as server:
        out = await ask(server, budget={"llm_calls": 1})
    assert len(server.requests) == 1 and out["status"] == "done"
    with llm_server(BOTH) as server:
        out = await ask(server, budget={"llm_calls": 0})
        assert not server.requests and "budget" in out["answer"]
        out = await ask(server, budget={"llm_calls": 0}, planner="llm")
    assert not server.requests and "budget" in out["answer"]


def test_an_address_that_no_result_holds_is_left_out_and_one_that_does_stays_whole() -> None:
    fact = Fact("The text names https://example.org/a/b.html as its source.")
    assert not unfounded("See https://example.org/a/b.html.", [fact])
    assert grounded("See https://example.org/a/b.html.", set()).endswith("/a/b.html.")
    for said in ("See http://evil.example/x.", "![x](//evil.example/p?d=1)", "Go to www.evil.io!"):
        assert unfounded(said, [fact])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("llama3", "provider:model"),
        ("ollama/llama3", "Perhaps 'ollama:llama3'"),
        ("http://localhost:8080/v1", "HUGGINGGRAPH_LLM_BASE_URL"),
        ("ollama:llama3", "pip install langchain-ollama"),
        ("openai:", "names no model"),
        ("huggingface:nobody/nothing", "is not on this machine, and offline is set"),
        ("openai:gpt-4o-mini", "OPENAI_API_KEY"),
    ],
)
def test_a_name_that_is_no_use_is_answered_with_one_that_is(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(LLMError) as caught:
        chat_model(Settings(offline=True, data_dir=tmp_path), name)
    assert said in str(caught.value) and "model_provider" not in str(caught.value)


async def test_small_talk_says_too_that_the_llm_could_not_be_asked(ask: Ask) -> None:
    with llm_server(401) as server:
        out = await ask(server, "Good morning!", ())
    assert out["status"] == "done" and "did not accept the key" in out["answer"]


async def test_an_llm_sees_what_was_found_in_earlier_turns_word_for_word(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = build_graph(InMemorySaver(), parts=parts)
    config: Any = {"configurable": {"thread_id": "1"}}
    with llm_server({"tasks": [DESCRIBE]}, "It shows a circle [0].", {"tasks": []}, "Yes.") as llm:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", llm.base_url)
        given: Any = {"llm": "openai:any"}
        first: Any = {"request": "Describe the picture.", "files": [SCENE]}
        await graph.ainvoke(first, config, context=given)
        await graph.ainvoke({"request": "Is that all?"}, config, context=given)
    assert "two orange hearts and the digit 6" not in llm.prompts[0]
    assert "image-to-text: a yellow circle, a blue triangle, two orange" in llm.prompts[2]


def test_more_things_than_were_found_are_noticed_though_the_number_stands_elsewhere() -> None:
    boxes = [{"label": "digit 6", "score": 0.9}, {"label": "heart", "score": 0.8}]
    fact = Fact("I found 2 objects: 1 digit 6 and 1 heart.", "boxes", boxes)
    assert unfounded("There are six objects.", [fact]) == ["six objects"]
    assert unfounded("It shows 6 different things.", [fact])
    assert not unfounded("There are two objects, one of them the digit 6.", [fact])
    assert not unfounded("It holds 6 objects.", [fact, Fact("The sign says: 6 objects.")])


async def test_a_long_thought_takes_nothing_from_the_answer_and_little_time(ask: Ask) -> None:
    thought = "<think>" + "Hmm, is it so? " * 6_000 + "</think>"
    told: list[str] = []
    aloud, began = Aloud(told.append), time.perf_counter()
    for start in range(0, len(thought + ANSWER), 4):
        aloud.take((thought + ANSWER)[start : start + 4])
    aloud.finish()
    assert "".join(told) == ANSWER and len(told) > 3 and time.perf_counter() - began < 2
    long = "<think>" + "h" * 60_000 + f"</think>{ANSWER}"
    with llm_server(BOTH, long) as server:
        assert (await ask(server))["answer"] == ANSWER


@pytest.mark.parametrize(
    "args",
    ['{"text": "explain <reasoning> tag, a <think>b</think> c"}', '{"text": "a // b # c"}'],
)
def test_json_that_is_whole_is_read_word_for_word(args: str) -> None:
    plan = f'{{"tasks": [{{"id": 0, "task": "x", "args": {args}}}]}}'
    for reply in (plan, f"```json\n{plan}\n```"):
        assert read_json(reply) == json.loads(plan)


@pytest.mark.parametrize(
    "bad",
    ['{"tasks": [{"id": ' + "7" * 30 + "}]}", '{"a": NaN, "b": [1e999]}',
     '{"a": ' + "[" * 900 + "]" * 900 + "}"],
)  # fmt: skip
def test_what_no_thread_could_keep_is_not_read_as_it_is(bad: str) -> None:
    found = json.dumps(read_json(bad), allow_nan=False)
    assert re.search(r"\d{20}(?!\d*\")", found) is None and "[" * 100 not in found
