"""The server answers over real HTTP: runs, threads, files, events, and the original's shapes."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from http_app import Running, invoke, sound, upload
from langserve import RemoteRunnable
from typer.testing import CliRunner

from hugginggraph.registry import Settings, SettingsError
from hugginggraph.serve.cli import app
from hugginggraph.serve.server.refusals import add_handlers
from hugginggraph.serve.server.shapes import RunInput

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")  # LangServe's own
ROOT = Path(__file__).parents[1]
SCENE = ROOT / "examples" / "scene.png"


@pytest.fixture(scope="module")
def http(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("server")
    with Running(
        Settings(offline=True, data_dir=data_dir, artifacts_dir=folder / "artifacts")
    ) as client:
        yield client


def events(http: httpx.Client, path: str, given: Any) -> list[tuple[str, Any]]:
    with http.stream("POST", path, json=given) as reply:
        lines = [line for line in reply.iter_lines() if line.startswith(("event: ", "data: "))]
    names, data = lines[::2], lines[1::2]
    return [(n[7:], json.loads(d[6:])) for n, d in zip(names, data, strict=True)]


def test_a_picture_is_uploaded_asked_about_and_its_boxes_fetched(http: httpx.Client) -> None:
    out = invoke(http, "Count the objects in scene.png", upload(http, SCENE))
    assert out["status"] == "done" and "In scene.png I found 5 objects" in out["answer"]
    (made,) = [r for r in out["resources"].values() if "task" in r]
    assert made["url"] in out["answer"]
    picture = http.get(made["url"])
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_no_reply_names_a_path_of_the_server(http: httpx.Client, data_dir: Path) -> None:
    given = {"request": "Draw the edges of scene.png and describe them",
             "files": [upload(http, SCENE)]}  # fmt: skip
    told = json.dumps(events(http, "/agent/events", given))
    assert "scene.png" in told
    assert str(data_dir) not in told and "artifacts" not in told and "/tmp" not in told


def test_a_part_of_a_file_can_be_fetched(http: httpx.Client) -> None:
    reply = http.get(f"/files/{upload(http, SCENE)}", headers={"range": "bytes=10-19"})
    assert reply.status_code == 206 and reply.content == SCENE.read_bytes()[10:20]


def test_a_run_tells_its_plan_its_tasks_and_its_answer_as_they_come(http: httpx.Client) -> None:
    given = {"request": "Describe it and count the objects", "files": [upload(http, SCENE)]}
    told = events(http, "/agent/events", given)
    names = [name for name, _ in told]
    assert names[0] == "started" and names[-1] == "done"
    assert names.index("plan") < names.index("task") < names.index("token")
    states = {data["task"]: data["state"] for name, data in told if name == "task"}
    assert states == {0: "done", 1: "done"}
    spoken = "".join(data["text"] for name, data in told if name == "token")
    assert spoken == told[-1][1]["answer"]


def test_the_first_event_comes_at_once(http: httpx.Client) -> None:
    given = {"request": "Count the objects", "files": [upload(http, SCENE)]}
    began = time.perf_counter()
    with http.stream("POST", "/agent/events", json=given) as reply:
        lines = reply.iter_lines()
        assert next(lines) == "event: started"
        first = time.perf_counter() - began
        list(lines)
    assert first < 0.3


def test_a_thread_remembers_its_files_and_its_messages(http: httpx.Client) -> None:
    invoke(http, "Count the objects", upload(http, SCENE), thread_id="kept")
    out = invoke(http, "Describe scene.png", thread_id="kept")
    assert "yellow circle" in out["answer"]
    said = http.get("/threads/kept").json()["messages"]
    assert [m["role"] for m in said] == ["user", "assistant"] * 2
    assert said[2]["content"] == "Describe scene.png"


def test_a_run_that_waits_for_approval_goes_on_with_the_decision(http: httpx.Client) -> None:
    file = upload(http, SCENE)
    out = invoke(http, "Count the objects", file, options={"approve": True})
    assert out["status"] == "interrupted" and out["results"] == {}
    asked = out["interrupt"][0]["value"]["action_requests"][0]
    assert asked["args"]["tasks"][0]["task"] == "object-detection"
    decision = {"decisions": [{"type": "approve"}]}
    given = {"thread_id": out["thread_id"], "answer": decision}
    done = http.post("/agent/resume", json=given).json()
    assert done["status"] == "done" and "5 objects" in done["answer"]
    again = http.post("/agent/resume", json=given)
    assert again.status_code == 409 and again.json()["error"] == "Conflict"


def test_what_is_wrong_with_a_body_is_said_and_no_fault_of_the_server(http: httpx.Client) -> None:
    bodies: list[Any] = [[{"request": "hello"}, {"request": 7}], "x", [{}]]
    for inputs in bodies:
        reply = http.post("/agent/batch", json={"inputs": inputs})
        assert reply.status_code == 422 and reply.json()["error"] == "Invalid", reply.text
    reply = http.post("/agent/batch", json={"inputs": [{"request": 7}]})
    assert reply.json()["message"] == "request: Input should be a valid string."
    for path in ("/agent/invoke", "/agent/batch", "/agent/events", "/hugginggpt"):
        reply = http.post(path, content=b"{", headers={"content-type": "application/json"})
        assert reply.status_code == 422, path
        assert reply.json()["message"] == "the body is not the JSON that is wanted."


async def test_a_value_that_the_server_itself_got_wrong_is_not_the_callers_fault() -> None:
    broken = FastAPI()
    add_handlers(broken)

    @broken.post("/agent/{kind}")
    def fail(kind: str) -> None:
        RunInput.model_validate({"request": 7})

    transport = httpx.ASGITransport(broken, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        for kind, status in (("invoke", 500), ("stream", 500), ("batch", 422)):
            assert (await client.post(f"/agent/{kind}")).status_code == status, kind


def test_an_empty_file_is_refused_by_its_name(http: httpx.Client) -> None:
    reply = http.post("/files", files={"file": ("empty.txt", b"")})
    assert reply.status_code == 422
    assert reply.json()["message"] == "The file 'empty.txt' is empty (0 bytes)."


def test_langserves_client_invokes_streams_and_batches(http: httpx.Client) -> None:
    agent: Any = RemoteRunnable(f"{http.base_url}/agent")
    assert "Hello" in agent.invoke({"request": "hello"})["answer"]
    whole = None
    for part in agent.stream({"request": "hello"}):
        whole = part if whole is None else {**whole, **part}
    assert whole and whole["status"] == "done" and "Hello" in whole["answer"]
    both = agent.batch([{"request": "hello"}, {"request": "thanks"}])
    assert [out["status"] for out in both] == ["done", "done"]
    assert http.get("/agent/playground/").status_code == 200


async def test_langserve_streams_the_events_of_the_graph(http: httpx.Client) -> None:
    agent: Any = RemoteRunnable(f"{http.base_url}/agent")
    names = {e["name"] async for e in agent.astream_events({"request": "hello"}, version="v2")}
    assert {"plan", "respond"} <= names


def test_the_chat_endpoint_takes_messages_and_answers_with_one(http: httpx.Client) -> None:
    chat: Any = RemoteRunnable(f"{http.base_url}/chat")
    reply = chat.invoke({"messages": [{"type": "human", "content": "hello"}]})
    assert reply.type == "ai" and reply.content.startswith("Hello")
    assert http.get("/chat/playground/").status_code == 200


@pytest.mark.parametrize("stage", ["invoke", "stream"])
def test_files_in_a_chat_message_are_looked_at(http: httpx.Client, stage: str) -> None:
    data = base64.b64encode(SCENE.read_bytes()).decode()
    blocks: list[dict[str, Any]] = [
        {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": data},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "image", "url": f"/files/{upload(http, SCENE)}"},
    ]
    for block in blocks:
        content = [{"type": "text", "text": "Count the objects"}, block]
        given = {"input": {"messages": [{"type": "human", "content": content}]}}
        reply = http.post(f"/chat/{stage}", json=given)
        assert reply.status_code == 200 and "5 objects" in reply.text, (block["type"], reply.text)


def test_sounds_and_texts_in_a_chat_message_are_read(http: httpx.Client) -> None:
    files = {"audio": sound(), "file": (ROOT / "examples" / "article.txt").read_bytes()}
    for request, kind, mime, task in (
        ("Remove the noise from the recording", "audio", "audio/wav", "audio-to-audio"),
        ("Summarize the file", "file", "text/plain", "summarization"),
    ):
        data = base64.b64encode(files[kind]).decode()
        block = {"type": kind, "source_type": "base64", "mime_type": mime, "data": data}
        content = [{"type": "text", "text": request}, block]
        given = {"input": {"messages": [{"type": "human", "content": content}]}}
        said = http.post("/chat/invoke", json=given).json()["output"]["content"]
        assert f"Models: {task} by" in said, said


def test_a_file_in_a_chat_message_that_is_none_is_refused(http: httpx.Client) -> None:
    page = base64.b64encode(b"<svg onload='alert(1)'/>").decode()
    wrong = [
        ({"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "!"}, 400),
        ({"type": "image", "source_type": "base64", "mime_type": "image/png", "data": page}, 415),
        ({"type": "image", "url": "http://127.0.0.1:1/a.png"}, 400),
        ({"type": "image", "url": "/files/" + "a" * 32}, 404),
    ]
    for block, status in wrong:
        content = [{"type": "text", "text": "Count the objects"}, block]
        given = {"input": {"messages": [{"type": "human", "content": content}]}}
        reply = http.post("/chat/invoke", json=given)
        assert reply.status_code == status, (block, reply.text)
        assert set(reply.json()) == {"error", "message", "hint", "request_id"}


def test_closing_the_connection_cancels_the_run(http: httpx.Client) -> None:
    article = upload(http, ROOT / "examples" / "article.txt")
    given = {"request": "Summarize article.txt", "files": [article], "thread_id": "left"}
    with http.stream("POST", "/agent/events", json=given) as reply:
        next(reply.iter_lines())
    deadline = time.monotonic() + 10
    while "hugginggraph_runs 0.0" not in http.get("/metrics").text:
        assert time.monotonic() < deadline
    assert http.get("/threads/left").status_code == 404  # it was not run to its end


def original(http: httpx.Client, path: str, content: str) -> Any:
    body = {"messages": [{"role": "user", "content": content}], "api_key": "sk-x",
            "api_type": "openai", "api_endpoint": "http://127.0.0.1:1/"}  # fmt: skip
    reply = http.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_the_three_stages_answer_in_the_originals_shapes(http: httpx.Client) -> None:
    link = f"/images/{upload(http, SCENE)}"
    asked = f"Draw the edges of {link} and describe the edge picture"
    tasks = original(http, "/tasks", asked)
    assert [set(task) for task in tasks] == [{"task", "id", "dep", "args"}] * 2
    assert tasks[0]["dep"] == [-1] and tasks[0]["args"] == {"image": link}
    assert tasks[1]["dep"] == [0] and tasks[1]["args"] == {"image": "<GENERATED>-0"}
    results = original(http, "/results", asked)
    assert set(results) == {"0", "1"}
    assert set(results["0"]) == {"task", "inference result", "choose model result"}
    made = results["0"]["inference result"]["generated image"]
    assert made.startswith("/images/") and http.get(made).content.startswith(b"\x89PNG")
    assert results["1"]["inference result"]["generated text"]
    message = original(http, "/hugginggpt", asked)
    assert set(message) == {"message"} and made in message["message"]


def test_small_talk_is_a_message_at_every_stage(http: httpx.Client) -> None:
    for stage in ("/tasks", "/results", "/hugginggpt"):
        assert original(http, stage, "hello")["message"].startswith("Hello")


def test_the_models_server_tells_what_is_there_and_runs_it(http: httpx.Client) -> None:
    assert http.get("/running").json() == {"running": True}
    assert http.get("/status/hugginggraph/shapes-captioner").json() == {"loaded": True}
    assert http.get("/status/no/such").json() == {"loaded": False}
    picture = {"img_url": f"/images/{upload(http, SCENE)}"}
    said = http.post("/models/hugginggraph/shapes-captioner", json=picture).json()
    assert "yellow circle" in said["generated text"]
    found = http.post("/models/hugginggraph/shapes-detector", json=picture).json()
    assert http.get(found["path"]).headers["content-type"] == "image/png"
    assert http.post("/models/no/such", json=picture).status_code == 404
    lacking = http.post("/models/hugginggraph/shapes-detector", json={"text": "a cat"})
    assert lacking.status_code == 422 and "object-detection needs: image" in lacking.text


def test_health_and_figures(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ready"}
    assert 'route="/healthz"' in http.get("/metrics").text


@pytest.mark.parametrize("page", [True, False])
def test_paths_and_methods_that_do_not_exist_are_told_in_the_one_shape(
    data_dir: Path, tmp_path: Path, page: bool
) -> None:
    settings = Settings(offline=True, data_dir=data_dir, artifacts_dir=tmp_path / "artifacts")
    with Running(settings, page=page) as http:
        for method, path, status, hint in (
            ("GET", "/nopath", 404, "/docs"),
            ("GET", "/files", 405, "POST"),
            ("DELETE", "/agent/invoke", 405, "POST"),
            ("PUT", "/no/such/path", 404, "/docs"),
        ):
            reply = http.request(method, path)
            told = reply.json()
            assert reply.status_code == status, (method, path)
            assert set(told) == {"error", "message", "hint", "request_id"}
            assert told["message"] and hint in told["hint"] and told["request_id"]
        if page:
            assert "HuggingGraph" in http.get("/").text
            assert "GET" in http.delete("/config").headers["allow"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_is_named_with_a_way_out(workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = ["serve", "--port", str(port), "--workers", workers]
        found = CliRunner().invoke(app, given).exception
        assert isinstance(found, SettingsError)
        assert found.message == f"Port {port} of 127.0.0.1 is taken." and "--port" in found.hint


def test_the_port_is_one_of_this_machine_only_unless_a_token_is_set() -> None:
    from hugginggraph.registry import SettingsError
    from hugginggraph.serve.server.guard import check_binding

    check_binding("127.0.0.1", Settings())
    with pytest.raises(SettingsError, match="HUGGINGGRAPH_SERVER_TOKENS"):
        check_binding("0.0.0.0", Settings())
    check_binding("0.0.0.0", Settings(server_tokens="a-token-of-some-length"))
