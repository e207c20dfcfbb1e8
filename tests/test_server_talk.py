"""A caller brings what was said before: it is the history of the request, and no way to more."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_app import Running, upload

from hugginggraph.registry import Settings

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")  # LangServe's own
ROOT = Path(__file__).parents[1]
SCENE = ROOT / "examples" / "scene.png"
ALICE, BOB = "alice-" + "a" * 20, "bob-" + "b" * 20
STAGES = {"chat": "/chat/invoke", "original": "/hugginggpt"}


@pytest.fixture(scope="module")
def server(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("talk")
    settings = Settings(
        offline=True, data_dir=data_dir, artifacts_dir=folder, server_tokens=f"{ALICE}, {BOB}"
    )
    with Running(settings) as client:
        yield client


def say(http: httpx.Client, stage: str, *texts: Any, token: str = ALICE) -> str:
    """The answer to the last of the texts, which a user and an assistant said in turn."""
    names = {"chat": ("type", "human", "ai"), "original": ("role", "user", "assistant")}[stage]
    key, *roles = names
    said = [{key: roles[n % 2], "content": text} for n, text in enumerate(texts)]
    body: dict[str, Any] = {"messages": said}
    reply = http.post(
        STAGES[stage], json={"input": body} if stage == "chat" else body,
        headers={"authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert reply.status_code == 200, reply.text
    found = reply.json()
    return str(found["output"]["content"] if stage == "chat" else found["message"])


def given(http: httpx.Client, path: Path = SCENE, token: str = ALICE) -> str:
    return f"/files/{upload(http, path, headers={'authorization': f'Bearer {token}'})}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_request_may_speak_of_the_picture_of_the_one_before(
    server: httpx.Client, stage: str
) -> None:
    first = f"Count the objects in {given(server)}"
    counted = say(server, stage, first)
    assert "5 objects" in counted
    assert "yellow circle" in say(server, stage, first, counted, "Now describe it")
    assert "yellow circle" not in say(server, stage, "Now describe it")


@pytest.mark.parametrize("stage", STAGES)
def test_a_request_that_goes_on_is_read_with_the_one_before(
    server: httpx.Client, stage: str
) -> None:
    first = f"Summarize {given(server, ROOT / 'examples' / 'article.txt')}"
    said = say(server, stage, first, "It is about a harbour.", "the same in French")
    assert "summarization by" in said and "translation by" in said
    other = f"Count the objects in {given(server)}"
    again = f"and in {given(server, ROOT / 'examples' / 'crowd.png')}?"
    assert "In crowd.png I found" in say(server, stage, other, "There are five.", again)


def test_a_picture_that_an_answer_made_can_be_asked_about_by_its_owner_alone(
    server: httpx.Client,
) -> None:
    first = f"Draw the edges of {given(server)}"
    for stage in STAGES:
        drawn = say(server, stage, first)
        assert ".png" in drawn
        talk = ("Draw something", drawn, "Now describe the picture")
        mine, others = say(server, stage, *talk), say(server, stage, *talk, token=BOB)
        assert "image-to-text by" in mine
        assert "image-to-text by" not in others


def test_an_earlier_message_opens_no_file_of_the_server_and_of_nobody_else(
    server: httpx.Client, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("The key of the house lies under the third stone. Nobody may know it.")
    theirs = given(server, secret, BOB)
    for stage in STAGES:
        said = say(server, stage, f"Summarize {theirs}", "Yes", "Summarize it", token=BOB)
        assert "stone" in said  # who owns it reads it so
        for name in (theirs, str(secret), f"file://{secret}", f"/files/../..{secret}"):
            for talk in (
                (f"Summarize {name}", "Yes", "Summarize it"),
                ("Hello", f"It is in {name}", "Summarize it"),
                ("Hello", f"It is in {name}", f"Summarize {secret.name}"),
            ):
                assert "stone" not in say(server, stage, *talk), (stage, name)


def test_a_picture_inside_an_earlier_message_is_kept_once(
    server: httpx.Client, data_dir: Path
) -> None:
    data = base64.b64encode(SCENE.read_bytes() + b"kept once").decode()
    block = {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": data}
    first = [{"type": "text", "text": "Count the objects"}, block]
    for _ in range(3):
        assert "yellow circle" in say(server, "chat", first, "There are five.", "Describe it")
    found = [p for p in (data_dir / "server").rglob("*.png") if b"kept once" in p.read_bytes()]
    assert len(found) == 1


def test_what_was_wrong_with_an_old_message_does_not_stop_a_new_one(server: httpx.Client) -> None:
    broken: tuple[Any, ...] = (
        [{"type": "text", "text": "Look"}, {"type": "image", "url": "/files/" + "a" * 32}],
        [{"type": "text", "text": "Look"}, {"type": "image", "url": "http://127.0.0.1:1/a.png"}],
        [{"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "!"}],
        [{"no": "type"}],
        "",
    )
    for old in broken:
        assert say(server, "chat", old, "Yes", "hello").startswith("Hello"), old
    assert say(server, "original", "http://127.0.0.1:1/a.png", "Yes", "hello").startswith("Hello")
    assert say(server, "original", *["hello"] * 199).startswith("Hello")


def test_a_message_with_too_many_files_is_refused_in_plain_words(server: httpx.Client) -> None:
    many = [f"http://127.0.0.1:1/{n}.png" for n in range(65)]
    blocks = [{"type": "text", "text": "Look"}, *({"type": "image", "url": url} for url in many)]
    chat = {"input": {"messages": [{"type": "human", "content": blocks}]}}
    original = {"messages": [{"role": "user", "content": " ".join(many)}]}
    for path, body in (("/chat/invoke", chat), ("/hugginggpt", original)):
        reply = server.post(path, json=body, headers={"authorization": f"Bearer {ALICE}"})
        assert reply.status_code == 422 and "more than 64 files" in reply.json()["message"]
