"""A caller brings what was said before: it is the history of the request, and no way to more."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_app import Running, upload

from hugginggraph.graph import Finding, Parts, build_graph
from hugginggraph.graph.earlier import findings
from hugginggraph.registry import Settings, task_types
from hugginggraph.serve.server.files import Files
from hugginggraph.serve.server.original import _turn
from hugginggraph.serve.server.recall import MOST_FILES, Fetched, found_in, recalled
from hugginggraph.serve.server.shapes import Message, Turn

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


@pytest.mark.parametrize("stage", STAGES)
def test_what_an_answer_says_was_found_can_be_worked_on_further(
    server: httpx.Client, stage: str
) -> None:
    text = "The river rose for a week. Farmers moved their cows to the hills."
    first = f"Summarize this: {text}"
    summary = "In short, “The river rose for a week. Farmers moved…” says: Cows went to the hills."
    summary += "\nModels: summarization by hugginggraph/minilm-summarizer."
    spoken = say(server, stage, first, summary, "now read it aloud")
    assert "The summary is read aloud" in spoken or "“Cows went to the hills.” is" in spoken, spoken
    assert "summarization by" not in spoken and ".wav" in spoken
    picture = f"Count the objects in {given(server)}"
    counted = say(server, stage, picture)
    sentence = "“They won 3-1” reads as positive.\nModels: text-classification by a/b."
    talk = (picture, counted, first, summary, "Is 'They won 3-1' nice?", sentence)
    assert "Cows went" in say(server, stage, *talk, "read the summary aloud")
    assert "needs the text" in say(server, stage, first, "I do not know.", "now read it aloud")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Hello.", []),
        ("a.png shows a cat.\nThe caption is read aloud: 5.8 s of sound. It is in b.wav.\nModels: "
         "image-to-text by a/b, text-to-speech by c/d. b knows only cats.",
         [("image-to-text", "a cat")]),
        ("“I love it.” reads as positive (0.98).\n“Who?” Bob.\nOne line.\n\nTwo lines.\nModels: "
         "text-classification by a/b, question-answering by c/d, text-generation by e/f.",
         [("text-classification", "“I love it.” reads as positive (0.98)."),
          ("question-answering", "Bob."), ("text-generation", "One line.\n\nTwo lines.")]),
        ("The summary in translation: Eins.\nZwei.\nModels: translation by a/b.",
         [("translation", "Eins.\nZwei.")]),
        ("In short, x (((((((\nModels: summarization by a/b.", []),
        ("“" * 2000 + "\nModels: question-answering by a/b, no-such-task by c/d.", []),
        ("“He said “no” twice” fits anger (0.80) best, before joy (0.10).\na.b.png is most likely "
         "a cat (0.9), before a dog (0.1).\nmy dog.png shows a dog.\nModels: "
         "zero-shot-classification by a/b, image-classification by c/d, image-to-text by e/f.",
         [("zero-shot-classification",
           "“He said “no” twice” fits anger (0.80) best, before joy (0.10)."),
          ("image-classification", "a.b.png is most likely a cat (0.9), before a dog (0.1)."),
          ("image-to-text", "a dog")]),
        ("“He said ” shows it” is nearest in meaning to a (0.9), before b (0.1).\nWords.\n"
         "Models: sentence-similarity by a/b.",
         [("sentence-similarity",
           "“He said ” shows it” is nearest in meaning to a (0.9), before b (0.1).\nWords.")]),
    ],
)  # fmt: skip
def test_what_tasks_found_is_read_back_from_an_answer(
    answer: str, found: list[tuple[str, str]]
) -> None:
    assert found_in(answer) == found


@pytest.mark.parametrize("length", [19_000, 100_000])
@pytest.mark.parametrize("repeated", [
    "” fits x best, before ", " is most likely ", "”", "“", " ", "a.b ", "\n", "x\n", "“”\n",
    "The \n", "a.b shows \n", " sounds most like a, before ", "the  best, before .",
])  # fmt: skip
def test_no_answer_that_a_caller_makes_up_takes_long_to_read(repeated: str, length: int) -> None:
    models = ", ".join(f"{task} by a/b" for task in task_types())
    begun = time.process_time()
    for start in ("“", "a.b", "The ", ""):
        found_in(f"{start}{repeated * (length // len(repeated))}\nModels: {models}.")
    assert time.process_time() - begun < 4 * 0.5


def test_of_which_files_something_was_found_is_told_by_how_many_there_were(tmp_path: Path) -> None:
    files = Files(tmp_path, 100)
    ids = [f"{n:032x}" for n in range(MOST_FILES + 2)]
    for each in ids:
        (home := tmp_path / "me" / each).mkdir(parents=True)
        (home / "a.txt").write_text("x")

    def given(*names: str) -> Turn:
        return Turn(role="user", text="Summarize", files=[f"{name}.txt" for name in names])

    def known(*turns: Turn) -> tuple[list[str], list[int]]:
        _, paths, found = recalled(files, Fetched(files), "me", turns, 1000)
        return [path.parent.name for path in paths], [each["resources"] for each in found]

    said = "In short, a.txt says: It rained.\nModels: summarization by a/b."
    answer = Turn(role="assistant", text=said)
    assert known(given(*ids[:3]), answer) == (ids[:3], [3])
    again = given(*ids[:3]), answer, given(ids[1])  # the finding is not of what is given again
    assert known(*again) == ([ids[0], ids[2], ids[1]], [2])
    many = given(*ids[:5]), answer, given(*ids[5:]), answer
    assert known(*many) == (ids[-MOST_FILES:], [3, MOST_FILES])
    assert known(given(ids[0]), answer, given(*ids[1:]))[1] == [0]


def test_a_file_given_again_in_every_message_is_recalled_in_no_time(tmp_path: Path) -> None:
    (home := tmp_path / "me" / f"{1:032x}").mkdir(parents=True)
    (home / "a.txt").write_text("x")
    said = Turn(role="assistant", text="“a” reads as b.\n" * 1100 + "Models: "
                "text-classification by a/b.")  # fmt: skip
    asked = Turn(role="user", text="And now?", files=[f"{1:032x}.txt"] * 500)
    begun = time.process_time()
    files = Files(tmp_path, 100)
    _, _, found = recalled(files, Fetched(files), "me", (said, asked) * 10, 100_000)
    assert [each["resources"] for each in found] == [0] * 11_000
    assert time.process_time() - begun < 3


def test_what_was_found_is_not_of_a_picture_that_is_given_again(server: httpx.Client) -> None:
    data = base64.b64encode(SCENE.read_bytes()).decode()
    block = {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": data}
    first, then = ([{"type": "text", "text": text}, block] for text in ("Hm", "Put it into French"))
    answer = "image.png shows a purple cow.\nModels: image-to-text by a/b."
    assert "image-to-text by" in say(server, "chat", first, answer, then)


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


def test_an_address_that_is_none_is_left_as_it_is(server: httpx.Client) -> None:
    for wrong in ("http://[x.png", "http://[::1/a.png", "http://\u2100.com/a.png"):
        assert say(server, "original", f"Look at {wrong} now", "Yes", "hello").startswith("Hello")
        assert say(server, "original", f"hello {wrong}")
        block = {"type": "image", "url": wrong}
        chat = [{"type": "human", "content": [{"type": "text", "text": "Look"}, block]}]
        reply = server.post(
            "/chat/invoke", json={"input": {"messages": chat}},
            headers={"authorization": f"Bearer {ALICE}"},
        )  # fmt: skip
        assert reply.status_code == 400 and "The address is none" in reply.json()["message"]


def test_a_message_full_of_addresses_takes_no_time_to_read() -> None:
    begun = time.process_time()
    for text in ("http://a" * 50_000, "http://a.png," * 10, "http://" + ".png" * 50_000):
        found = _turn(Message(role="user", content=f"See {text}b and https://b.de/c.JPG?d=1"))
        assert found.files[-1] == "https://b.de/c.JPG" and found.text.endswith("c.jpg?d=1")
        assert found.files[0].endswith((".png", "JPG")) and len(found.files) < 3
    assert time.process_time() - begun < 1


def test_a_message_with_too_many_files_is_refused_in_plain_words(server: httpx.Client) -> None:
    many = [f"http://127.0.0.1:1/{n}.png" for n in range(65)]
    blocks = [{"type": "text", "text": "Look"}, *({"type": "image", "url": url} for url in many)]
    chat = {"input": {"messages": [{"type": "human", "content": blocks}]}}
    original = {"messages": [{"role": "user", "content": " ".join(many)}]}
    for path, body in (("/chat/invoke", chat), ("/hugginggpt", original)):
        reply = server.post(path, json=body, headers={"authorization": f"Bearer {ALICE}"})
        assert reply.status_code == 422 and "more than 64 files" in reply.json()["message"]


@pytest.mark.parametrize("wrong", [
    [{"task": "summarization", "text": "x"}], "x", 7, [None], [["task"]],
    [{"task": "no-such-task", "text": "x", "resources": 0}],
    [{"task": ["summarization"], "text": "x", "resources": 0}],
    [{"task": "summarization", "text": 7, "resources": 0}],
    [{"task": "summarization", "text": "x", "resources": "1"}],
    [{"task": "summarization", "text": "x", "resources": -1}],
    {"task": "summarization"},
])  # fmt: skip
async def test_findings_that_are_none_end_a_run_in_plain_words(
    settings: Settings, wrong: Any
) -> None:
    given: Any = {"request": "read it aloud", "earlier": wrong}
    out = await build_graph(parts=Parts(settings)).ainvoke(given)
    assert out["status"] == "failed" and "Number 1 of 'earlier' is no finding" in out["answer"]


def test_of_earlier_findings_the_latest_that_are_short_enough_are_known() -> None:
    many = [Finding(task="summarization", text=str(n), resources=0) for n in range(9)]
    long = Finding(task="summarization", text="x" * 20_001, resources=0)
    empty = Finding(task="summarization", text="", resources=0)
    assert findings({"earlier": [*many, long, empty]}) == many[1:]
