"""LangGraph Studio's server runs the graph: threads, stream, state, history, fork, interrupt."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_app import sound

ROOT = Path(__file__).parents[1]
SCENE = ROOT / "examples" / "scene.png"
pytestmark = pytest.mark.slow
langgraph_sdk = pytest.importorskip("langgraph_sdk")
pytest.importorskip("langgraph_api", reason="the extra `studio` is not installed")

GUARD = """
import socket
_connect = socket.socket.connect
def connect(self, address):
    if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        with open({log!r}, "a") as file:
            file.write(repr(address) + "\\n")
    return _connect(self, address)
socket.socket.connect = connect
"""


@pytest.fixture(scope="module")
def outbound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server tried to reach outside of this machine, a line each."""
    return tmp_path_factory.mktemp("studio") / "outbound"


@pytest.fixture(scope="module")
def url(data_dir: Path, outbound: Path) -> Iterator[str]:
    folder = outbound.parent
    (folder / "sitecustomize.py").write_text(GUARD.format(log=str(outbound)))
    shutil.copy(ROOT / "langgraph.json", folder)
    for room in ("graph", "serve"):
        (folder / room).symlink_to(ROOT / room)
    shutil.copy(ROOT / "pyproject.toml", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")} | {
        "LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true",
        "LANGSMITH_TRACING": "false", "HUGGINGGRAPH_DATA_DIR": str(data_dir),
        "HUGGINGGRAPH_ARTIFACTS_DIR": str(folder / "artifacts"),
        "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }  # fmt: skip
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [str(Path(sys.executable).parent / "langgraph"), "dev", "--no-browser", "--no-reload",
             "--port", str(port)],
            cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 120
            while True:
                assert server.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                try:
                    if httpx.get(f"{address}/ok").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture
async def client(url: str) -> AsyncIterator[Any]:
    async with langgraph_sdk.get_client(url=url) as client:
        yield client


async def test_a_thread_streams_is_kept_can_be_read_and_forked(client: Any, outbound: Path) -> None:
    thread: Any = await client.threads.create()
    seen = []
    given: Any = {"messages": [{"role": "user", "content": "hello"}]}
    async for part in client.runs.stream(
        thread["thread_id"], "hugginggraph", input=given, stream_mode=["updates"]
    ):
        if part.event == "updates":
            seen += list(part.data)
    assert seen == ["ingest", "plan", "respond"]
    state = await client.threads.get_state(thread["thread_id"])
    assert state["values"]["status"] == "done"
    assert state["values"]["messages"][-1]["type"] == "ai"
    history = await client.threads.get_history(thread["thread_id"])
    (planned,) = [found for found in history if found["next"] == ["respond"]]
    forked = await client.runs.wait(
        thread["thread_id"], "hugginggraph", input=None, checkpoint=planned["checkpoint"]
    )
    assert forked["answer"] == state["values"]["answer"]
    assert not outbound.exists(), outbound.read_text()


async def test_a_plan_waits_for_approval_and_goes_on(client: Any, outbound: Path) -> None:
    thread: Any = await client.threads.create()
    given: Any = {"request": "Count the objects.", "files": [str(ROOT / "examples" / "scene.png")]}
    await client.runs.wait(
        thread["thread_id"], "hugginggraph", input=given, context={"approve": True}
    )
    state: Any = await client.threads.get_state(thread["thread_id"])
    assert state["next"] == ["approve_plan"] and state["interrupts"]
    decision: Any = {"resume": {"decisions": [{"type": "approve"}]}}
    done: Any = await client.runs.wait(thread["thread_id"], "hugginggraph", command=decision)
    assert "5 objects" in done["answer"]
    assert not outbound.exists(), outbound.read_text()


async def test_the_fields_that_studio_offers_are_named(client: Any) -> None:
    (assistant,) = await client.assistants.search(graph_id="hugginggraph")
    schemas: Any = await client.assistants.get_schemas(assistant["assistant_id"])
    fields = schemas["context_schema"]["properties"]
    assert set(fields) == {"planner", "llm", "models", "approve", "budget"}
    assert all(field["description"] for field in fields.values())
    assert fields["llm"]["langgraph_nodes"] == ["plan", "choose_models", "respond"]


async def test_a_picture_in_a_message_is_put_on_disk_and_looked_at(client: Any) -> None:
    thread = await client.threads.create()
    data = base64.b64encode((ROOT / "examples" / "scene.png").read_bytes()).decode()
    content: list[dict[str, Any]] = [
        {"type": "text", "text": "Count the objects in the picture."},
        {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": data,
         "metadata": {"name": "scene.png"}},
    ]  # fmt: skip
    given = {"messages": [{"role": "user", "content": content}]}
    done = await client.runs.wait(thread["thread_id"], "hugginggraph", input=given)
    assert "In scene.png I found 5 objects" in done["answer"]
    state = await client.threads.get_state(thread["thread_id"])
    assert data[:100] not in json.dumps(state["values"])
    content[1]["data"] = "no base64"
    refused = await client.runs.wait(thread["thread_id"], "hugginggraph", input=given)
    assert refused["status"] == "failed" and "'scene.png' is not base64" in refused["answer"]


@pytest.mark.parametrize(
    ("request_", "data", "mime", "link"),
    [
        ("Draw the edges of it.", SCENE.read_bytes(), "image/png", "![{}]({})"),
        ("Remove the noise from the recording.", sound(), "audio/wav", "[{}]({})"),
    ],
)
async def test_a_file_that_was_made_is_a_link_in_the_chat(
    client: Any, url: str, outbound: Path, request_: str, data: bytes, mime: str, link: str
) -> None:
    thread: Any = await client.threads.create()
    kind = mime.partition("/")[0]
    file = {"type": kind, "source_type": "base64", "mime_type": mime,
            "data": base64.b64encode(data).decode()}  # fmt: skip
    content = [{"type": "text", "text": request_}, file]
    given: Any = {"messages": [{"role": "user", "content": content}]}
    done: Any = await client.runs.wait(thread["thread_id"], "hugginggraph", input=given)
    (made,) = [Path(r["path"]).name for r in done["resources"].values()
               if "task" in r and r["kind"] == kind]  # fmt: skip
    shown = f"{url}/artifacts/{made}"
    said = done["messages"][-1]["content"]
    assert link.format(made, shown) in said and str(outbound.parent) not in said
    assert made in done["answer"] and url not in done["answer"]  # programs read paths
    reply = httpx.get(shown)
    assert reply.headers["content-type"] == mime and reply.content[:4] == data[:4]
    part = httpx.get(shown, headers={"range": "bytes=1-3"})
    assert part.status_code == 206 and part.content == reply.content[1:4]


def test_the_links_lead_to_nothing_but_artifacts(url: str, outbound: Path) -> None:
    folder = outbound.parent / "artifacts"
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("of somebody")
    outside = folder / f"{'a' * 32}.png"
    outside.symlink_to(ROOT / "examples" / "scene.png")
    for name in ("notes.txt", outside.name, "..%2flog", "..%2f..%2fetc%2fpasswd", "f" * 32):
        assert httpx.get(f"{url}/artifacts/{name}").status_code == 404, name


def test_the_assistant_is_a_tool_for_mcp_clients(url: str) -> None:
    """The protocol's own messages over its HTTP transport; no client package is needed."""
    headers = {"accept": "application/json, text/event-stream"}

    def call(number: int, method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        reply = httpx.post(f"{url}/mcp", json=body, headers=headers, timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()["result"]

    about = {"protocolVersion": "2025-03-26", "capabilities": {}}
    started = call(1, "initialize", **about, clientInfo={"name": "test", "version": "1"})
    assert started["serverInfo"]
    assert [tool["name"] for tool in call(2, "tools/list")["tools"]] == ["hugginggraph"]
    said = call(3, "tools/call", name="hugginggraph", arguments={"request": "hello"})
    assert "Hello" in said["content"][0]["text"]


async def test_the_mcp_library_finds_the_assistant_and_calls_it(url: str) -> None:
    mcp = pytest.importorskip("mcp", reason="the library `mcp` is not installed")
    transport = pytest.importorskip("mcp.client.streamable_http")
    async with (
        transport.streamable_http_client(f"{url}/mcp") as streams,
        mcp.ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        (tool,) = (await session.list_tools()).tools
        assert tool.name == "hugginggraph" and tool.description
        said = await session.call_tool(tool.name, {"request": "hello"})
        assert "Hello" in said.content[0].text
