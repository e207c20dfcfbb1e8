"""Tasks run remotely: asked as the Inference API wants it, read as it answers, over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import mimetypes
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse, StreamingResponse
from hub_server import (
    TOKEN,
    Asked,
    HubServer,
    as_the_hub,
    film_bytes,
    hub_at,
    hub_server,
    mask_base64,
    picture_bytes,
    sound_bytes,
)
from huggingface_hub import InferenceClient, constants
from llm_server import llm_server
from PIL import Image

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import (
    HuggingGraphError,
    ModelCard,
    RemoteAccountError,
    RemoteBusyError,
    RemoteError,
    Settings,
    SettingsError,
    TaskType,
    load_settings,
    remote_closed,
    remote_obstacle,
    task_type,
    task_types,
)
from hugginggraph.tools import Artifacts, ModelPool, Output, TaskRunner, run_remotely

MODEL = "acme/model"
remote = import_module("hugginggraph.tools.remote")


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub may make requests; the tests' socket guard still keeps them on loopback."""
    monkeypatch.delenv("HUGGINGGRAPH_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub_at("http://127.0.0.1:9", monkeypatch)  # nobody answers there


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """What a task can be given."""
    (tmp_path / "tone.wav").write_bytes(sound_bytes())
    (tmp_path / "people.csv").write_text("name,age\nAda,36\nAlan,41\n")
    return {
        "image": Image.open(io.BytesIO(picture_bytes())).convert("RGB"),
        "audio": str(tmp_path / "tone.wav"),
        "table": str(tmp_path / "people.csv"),
    }


def ask(task: str, server: HubServer, args: Mapping[str, Any], model: str = MODEL) -> Output:
    function = getattr(remote, task.replace("-", "_"))
    with InferenceClient(base_url=f"{server.url}/models/{model}", timeout=5) as client:
        out: Output = function(client, model, args)
    return out


# ---- what each task sends and what comes of the reply -----------------------------------------

WORDS = {"text": "I love it"}
SPOTS = [{"label": "cat", "score": 0.7}, {"label": "dog", "score": 0.9}]
BEST = [{"label": "dog", "score": 0.9}, {"label": "cat", "score": 0.7}]
BOX = {"xmin": -3, "ymin": 2, "xmax": 90, "ymax": 20}

TEXT_TASKS: list[tuple[str, dict[str, Any], dict[str, Any], Any, Any]] = [
    ("text-classification", WORDS, {"inputs": "I love it", "parameters": {"top_k": 5}},
     [SPOTS], BEST),
    ("text-classification", WORDS, {"inputs": "I love it", "parameters": {"top_k": 5}},
     SPOTS[:1], SPOTS[:1]),  # an endpoint of one's own
    ("token-classification", {"text": "Ada met Alan."},
     {"inputs": "Ada met Alan.", "parameters": {"aggregation_strategy": "simple"}},
     [{"entity_group": "PER", "score": 0.9, "word": "alan", "start": 7, "end": 12},
      {"entity_group": "PER", "score": 0.8, "word": "ada", "start": 0, "end": 3}],
     [{"label": "PER", "score": 0.8, "text": "Ada", "start": 0, "end": 3},
      {"label": "PER", "score": 0.9, "text": "Alan", "start": 8, "end": 12}]),
    ("zero-shot-classification", {**WORDS, "candidate_labels": ["cat", "dog"]},
     {"inputs": "I love it",
      "parameters": {"candidate_labels": ["cat", "dog"], "multi_label": False}}, SPOTS, BEST),
    ("question-answering", {"question": "Who?", "context": "It was Ada."},
     {"inputs": {"question": "Who?", "context": "It was Ada."}, "parameters": {}},
     {"answer": "Ada", "score": 0.9, "start": 7, "end": 10}, "Ada"),
    ("summarization", {"text": "Long."},
     {"inputs": "Long.", "parameters": {"truncation": "longest_first"}},
     [{"summary_text": " Short. "}], "Short."),
    ("translation", {"text": "Hello", "target_language": "de"},
     {"inputs": "Hello", "parameters": {}}, [{"translation_text": "Hallo"}], "Hallo"),
    ("translation", {"text": "Hello", "source_language": "en", "target_language": "de"},
     {"inputs": "Hello", "parameters": {"src_lang": "en", "tgt_lang": "de"}},
     [{"translation_text": "Hallo"}], "Hallo"),
    ("text2text-generation", {"text": "Rephrase: hi"},
     {"inputs": "Rephrase: hi",
      "parameters": {"max_new_tokens": 256, "return_full_text": False}},
     [{"generated_text": "hello"}], "hello"),
    ("fill-mask", {"text": "Paris is the ___ of France."},
     {"inputs": "Paris is the [MASK] of France.", "parameters": {"top_k": 5}},
     [{"score": 0.9, "token": 3, "token_str": " capital", "sequence": "…"}],
     [{"label": "capital", "score": 0.9}]),
    ("sentence-similarity", {"text": "a", "sentences": ["b", "c"]},
     {"inputs": {"source_sentence": "a", "sentences": ["b", "c"]}, "parameters": {}},
     [0.1, 0.8], [{"label": "c", "score": 0.8}, {"label": "b", "score": 0.1}]),
    ("feature-extraction", {"text": "a"}, {"inputs": "a"}, [0.5, 0.25], [0.5, 0.25]),
    ("feature-extraction", {"text": "a"}, {"inputs": "a"}, [[[0.0, 1.0], [1.0, 2.0]]], [0.5, 1.5]),
]  # fmt: skip


@pytest.mark.parametrize(("task", "args", "sent", "reply", "value"), TEXT_TASKS)
def test_a_text_task_sends_what_the_api_wants_and_reads_its_reply(
    task: str, args: dict[str, Any], sent: dict[str, Any], reply: Any, value: Any
) -> None:
    with hub_server(reply) as server:
        out = ask(task, server, args)
    (call,) = server.calls
    assert call.path == f"/models/{MODEL}" and call.headers["content-type"] == "application/json"
    assert call.json == sent
    assert out.value == value and out.media == ()


def test_a_blank_is_spelled_as_the_model_spells_it() -> None:
    with hub_server([{"score": 0.9, "token_str": "x"}]) as server:
        ask("fill-mask", server, {"text": "A [MASK]."}, "acme/roberta-base")
    assert server.calls[0].json["inputs"] == "A <mask>."


def chat_reply(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
    }


def test_text_generation_asks_a_chat_model_as_a_user_would() -> None:
    with hub_server(chat_reply("A poem.")) as server:
        out = ask("text-generation", server, {"text": "Write a poem."})
    (call,) = server.calls
    assert call.path == f"/models/{MODEL}/v1/chat/completions"
    assert call.json["messages"] == [{"role": "user", "content": "Write a poem."}]
    assert call.json["model"] == MODEL and out.value == "A poem."


def test_text_generation_completes_where_the_model_does_not_chat() -> None:
    no_chat = JSONResponse({"error": "no chat template"}, 400)
    with hub_server(no_chat, [{"generated_text": "upon a time"}]) as server:
        out = ask("text-generation", server, {"text": "Once"})
    assert server.calls[1].path == f"/models/{MODEL}" and out.value == "upon a time"


def test_a_conversation_keeps_its_turns() -> None:
    with hub_server(chat_reply("Ada.")) as server:
        history = "User: I am Ada.\nAssistant: Hello!"
        ask("conversational", server, {"text": "Who am I?", "history": history})
    assert [(m["role"], m["content"]) for m in server.calls[0].json["messages"]] == [
        ("user", "I am Ada."), ("assistant", "Hello!"), ("user", "Who am I?"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("aggregator", "answer"),
    [("NONE", "36, 41"), ("SUM", "77"), ("AVERAGE", "38.5"), ("COUNT", "2")],
)
def test_a_question_about_a_table_sends_it_by_column(
    files: dict[str, Any], aggregator: str, answer: str
) -> None:
    reply = {"answer": "36, 41", "coordinates": [[0, 1], [1, 1]], "cells": ["36", "41"],
             "aggregator": aggregator}  # fmt: skip
    with hub_server(reply) as server:
        out = ask("table-question-answering", server, {**files, "question": "How old?"})
    table = {"name": ["Ada", "Alan"], "age": ["36", "41"]}
    assert server.calls[0].json["inputs"] == {"query": "How old?", "table": table}
    assert out.value == answer


def test_each_row_of_a_table_gets_a_class(files: dict[str, Any]) -> None:
    with hub_server(["young", "old"]) as server:
        out = ask("tabular-classification", server, files)
    assert server.calls[0].json["table"]["age"] == ["36", "41"]
    assert [(each["text"], each["label"]) for each in out.value] == [
        ("row 1", "young"),
        ("row 2", "old"),
    ]


IMAGE_TASKS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("image-classification", {}, SPOTS, BEST),
    ("zero-shot-image-classification", {"candidate_labels": ["cat", "dog"]}, SPOTS, BEST),
    ("image-to-text", {}, [{"generated_text": "a red wall"}], "a red wall"),
    ("visual-question-answering", {"question": "Colour?"},
     [{"answer": "blue", "score": 0.1}, {"answer": "red", "score": 0.9}], "red"),
    ("document-question-answering", {"question": "Total?"},
     [{"answer": "12", "score": 0.9, "start": 0, "end": 1}], "12"),
    ("object-detection", {}, [{"label": "cat", "score": 0.8, "box": BOX}],
     [{"label": "cat", "score": 0.8,
       "box": {"xmin": 0.0, "ymin": 2.0, "xmax": 40.0, "ymax": 20.0}}]),
    ("image-segmentation", {},
     [{"label": "wall", "score": None, "mask": mask_base64(40, 30, 0.25)},
      {"label": "sky", "score": 0.9, "mask": mask_base64(20, 15, 0.5)}],
     [{"label": "sky", "score": 0.9, "share": 0.5},
      {"label": "wall", "score": 1.0, "share": 0.25}]),
]  # fmt: skip


@pytest.mark.parametrize(("task", "args", "reply", "value"), IMAGE_TASKS)
def test_a_picture_task_sends_a_png_and_reads_the_reply(
    files: dict[str, Any], task: str, args: dict[str, Any], reply: Any, value: Any
) -> None:
    with hub_server(reply) as server:
        out = ask(task, server, {"image": files["image"], **args})
    (call,) = server.calls
    assert out.value == value
    if call.headers["content-type"] == "application/json":
        inputs = call.json["inputs"]
        png = base64.b64decode(inputs["image"] if isinstance(inputs, dict) else inputs)
        said = json.dumps(call.json)
        assert all(str(item) in said for given in args.values() for item in
                   (given if isinstance(given, list) else [given]))  # fmt: skip
    else:
        assert call.headers["content-type"] == "image/png"
        png = call.body
    assert Image.open(io.BytesIO(png)).size == (40, 30)
    if task in ("object-detection", "image-segmentation"):
        assert Image.open(io.BytesIO(out.media[0].data)).format == "PNG"


def test_one_label_for_a_picture_is_refused_with_a_reason(files: dict[str, Any]) -> None:
    with hub_server(SPOTS) as server, pytest.raises(RemoteError, match="two labels"):
        ask("zero-shot-image-classification", server, {**files, "candidate_labels": ["cat"]})
    assert server.calls == []


def test_a_chat_model_sees_the_picture_and_the_question(files: dict[str, Any]) -> None:
    with hub_server(chat_reply("Red.")) as server:
        out = ask("image-text-to-text", server, {**files, "text": "Which colour?"})
    picture, text = server.calls[0].json["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text["text"] == "Which colour?" and out.value == "Red."


@pytest.mark.parametrize("task", ["text-to-image", "image-to-image"])
def test_a_picture_that_is_made_is_kept_as_a_png(files: dict[str, Any], task: str) -> None:
    with hub_server(picture_bytes(64, 48)) as server:
        out = ask(task, server, {"text": "a fox", "seed": "7", **files})
    (call,) = server.calls
    assert "a fox" in call.body.decode() and call.headers["accept"] == "image/png"
    assert task == "image-to-image" or call.json["parameters"]["seed"] == 7
    assert out.value == {"width": 64, "height": 48}
    assert Image.open(io.BytesIO(out.media[0].data)).size == (64, 48)


@pytest.mark.parametrize(
    ("task", "reply", "value"),
    [
        ("automatic-speech-recognition", {"text": " hello "}, "hello"),
        ("audio-classification", SPOTS, BEST),
    ],
)
def test_a_sound_is_sent_as_its_file(
    files: dict[str, Any], task: str, reply: Any, value: Any
) -> None:
    with hub_server(reply) as server:
        assert ask(task, server, files).value == value
    (call,) = server.calls
    sound = Path(files["audio"]).read_bytes()
    sent = (
        call.body
        if call.headers["content-type"] == mimetypes.guess_type(files["audio"])[0]
        else b""
    )
    assert (sent or base64.b64decode(call.json["inputs"])) == sound


@pytest.mark.parametrize(("form", "suffix"), [("WAV", ".wav"), ("FLAC", ".flac"), ("MP3", ".mp3")])
def test_speech_is_kept_in_the_format_it_came_in(form: str, suffix: str) -> None:
    with hub_server(sound_bytes(form=form)) as server:
        out = ask("text-to-speech", server, {"text": "Hello"})
    assert server.calls[0].json["inputs"] == "Hello"
    assert out.value["sample_rate"] == 16_000 and 0.4 < out.value["seconds"] < 0.7
    assert out.media[0].suffix == suffix and out.media[0].data == sound_bytes(form=form)


def test_a_sound_that_is_parted_gives_each_part(files: dict[str, Any]) -> None:
    blob = base64.b64encode(sound_bytes(0.25)).decode()
    parts = [{"blob": blob, "content-type": "audio/wav", "label": f"s{i}"} for i in (1, 2)]
    with hub_server(parts) as server:
        out = ask("audio-to-audio", server, files)
    assert len(out.media) == 2 and out.value["note"] == "the first of 2"


def test_every_function_that_a_row_names_is_there() -> None:
    for row in task_types().values():
        if row.remote.startswith("hugginggraph."):
            assert callable(getattr(remote, row.remote.partition(":")[2])), row.id


# ---- through the Hub's router ------------------------------------------------------------------

CARD = ModelCard(id=MODEL, task="t", library="transformers", description="")


def hub(provider: str = "auto", **given: Any) -> Settings:
    return Settings(mode="remote", hf_token=TOKEN, hf_provider=provider, remote_timeout=5, **given)


def test_the_hub_is_asked_with_the_token_at_the_models_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hub_server([SPOTS], tag="text-classification") as server:
        as_the_hub(server, monkeypatch, provider="hf-inference")
        card = CARD.model_copy(update={"id": "acme/hub-model"})
        out = run_remotely(task_type("text-classification"), card, WORDS, hub())
    (call,) = server.calls
    assert call.path == "/hf-inference/models/acme/hub-model"
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert out.value == BEST


@pytest.mark.parametrize(
    ("task", "reply", "path"),
    [
        ("sentence-similarity", [0.5], "pipeline/sentence-similarity"),
        ("feature-extraction", [0.5], "pipeline/feature-extraction"),
    ],
)
def test_embeddings_have_an_address_below_the_models(
    monkeypatch: pytest.MonkeyPatch, task: str, reply: Any, path: str
) -> None:
    row = replace(task_type(task), remote=f"hugginggraph.tools.remote:{task.replace('-', '_')}")
    args = {"text": "a", "sentences": ["b"]}
    with hub_server(reply, tag=task) as server:
        as_the_hub(server, monkeypatch, provider="hf-inference")
        card = CARD.model_copy(update={"id": f"acme/{task}"})
        run_remotely(row, card, args, hub("hf-inference"))
        own = Settings(hf_base_url=server.url)
        run_remotely(row, card, args, own)
    assert server.calls[0].path == f"/hf-inference/models/acme/{task}/{path}"
    assert server.calls[1].path == f"/models/acme/{task}/{path}"


def test_a_chat_model_is_routed_by_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_server(chat_reply("Hi.")) as server:
        as_the_hub(server, monkeypatch, provider="together")
        run_remotely(task_type("text-generation"), CARD, {"text": "Hello"}, hub())
    (call,) = server.calls
    assert call.path == "/hf-inference/v1/chat/completions" and call.json["model"] == MODEL


@pytest.mark.parametrize("task", ["text-to-video", "image-to-video"])
def test_a_video_of_a_provider_is_kept(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, Any], task: str
) -> None:
    row = TaskType(
        task, "", (), "video", remote=f"hugginggraph.tools.remote:{task.replace('-', '_')}"
    )
    with hub_server(tag=task) as server:
        film = film_bytes()
        done = {"id": "7", "status": "completed"}
        server.replies = [{**done, "outputs": {"video_url": f"{server.url}/together/film.mp4"}}]
        as_the_hub(server, monkeypatch, provider="together")

        async def fetched(asked: Asked) -> Response:
            return JSONResponse(reply) if asked.method == "POST" else Response(film)

        reply, server.replies = server.replies[0], [fetched]
        card = CARD.model_copy(update={"id": f"acme/{task}"})
        out = run_remotely(row, card, {"text": "a fox", "image": files["image"]}, hub("together"))
    assert out.value == {"seconds": 0.5, "frame_rate": 24.0, "width": 64, "height": 48}
    assert out.media[0].suffix == ".mp4" and out.media[0].data == film
    assert server.calls[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.calls[0].json["model"] == "their-id"
    assert "authorization" not in server.asked[-1].headers  # the film lies elsewhere


def test_a_model_that_no_provider_serves_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_server(tag="text-classification") as server:
        as_the_hub(server, monkeypatch, provider="together")
        server.mapping = {}
        card = CARD.model_copy(update={"id": "acme/nobody-serves"})
        with pytest.raises(RemoteError, match="No inference provider serves the model 'acme/nob"):
            run_remotely(task_type("text-classification"), card, WORDS, hub())
        card = CARD.model_copy(update={"id": "acme/other-serves"})
        with pytest.raises(RemoteError, match="No inference provider serves the model 'acme/oth"):
            run_remotely(task_type("text-classification"), card, WORDS, hub("together"))


# ---- the token ---------------------------------------------------------------------------------


def test_a_token_never_goes_to_a_foreign_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    with hub_server([SPOTS]) as server:
        for token in (TOKEN, None):
            settings = Settings(mode="remote", hf_base_url=server.url, hf_token=token)
            run_remotely(task_type("text-classification"), CARD, WORDS, settings)
    assert len(server.calls) == 2
    for asked in server.asked:
        assert "authorization" not in asked.headers
        seen = str(asked.headers) + asked.body.decode()
        assert TOKEN not in seen and "hf_of_the_environment" not in seen


def test_a_token_goes_to_an_inference_endpoint_of_hugging_face(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}

    def keep(client: InferenceClient, model: str, args: Mapping[str, Any]) -> Output:
        seen[str(client.model)] = client.token
        return Output([])

    monkeypatch.setattr(remote, "text_classification", keep)
    for url in (
        "https://abc.eu.endpoints.huggingface.cloud",
        "http://abc.eu.endpoints.huggingface.cloud",
        "https://huggingface.cloud.evil.example",
        "https://evilhuggingface.co",
    ):
        settings = Settings(hf_base_url=url, hf_base_model=MODEL, hf_token=TOKEN)
        run_remotely(task_type("text-classification"), CARD, WORDS, settings)
    assert list(seen.values()) == [TOKEN, None, None, None]


def test_a_redirect_to_a_stranger_is_followed_without_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hub_server([SPOTS]) as stranger:
        away = Response(status_code=307, headers={"location": f"{stranger.url}/x"})
        with hub_server(away, tag="text-classification") as server:
            as_the_hub(server, monkeypatch, provider="hf-inference")
            card = CARD.model_copy(update={"id": "acme/moved"})
            run_remotely(task_type("text-classification"), card, WORDS, hub())
    assert server.calls[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert stranger.calls and "authorization" not in stranger.calls[0].headers


def test_an_error_that_repeats_the_token_does_not_show_it() -> None:
    echo = JSONResponse({"error": f"bad token {TOKEN}"}, 401)
    with hub_server(echo) as server, pytest.raises(RemoteAccountError) as failed:
        settings = Settings(hf_base_url=server.url, hf_token=TOKEN)
        run_remotely(task_type("text-classification"), CARD, WORDS, settings)
    assert TOKEN not in str(failed.value) and "***" in str(failed.value)


def test_the_token_is_taken_from_hf_token_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    settings = load_settings()
    assert settings.hf_token and settings.hf_token.get_secret_value() == TOKEN
    assert TOKEN not in repr(settings) + str(settings.model_dump())
    monkeypatch.setenv("HUGGINGGRAPH_HF_TOKEN", "hf_mine")
    given = load_settings().hf_token
    assert given and given.get_secret_value() == "hf_mine"


# ---- failures ----------------------------------------------------------------------------------


def failing(reply: Any, task: str = "text-classification", **given: Any) -> RemoteError:
    """The error of a task on a server with one reply."""
    row = task_types().get(task) or TaskType(
        task, "", (), "image", remote=f"hugginggraph.tools.remote:{task.replace('-', '_')}"
    )
    with hub_server(reply) as server, pytest.raises(RemoteError) as failed:
        run_remotely(row, CARD, WORDS, Settings(hf_base_url=server.url, **given))
    assert failed.value.hint
    return failed.value


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, RemoteError, "did not accept the request (400): as ordered."),
        (401, RemoteAccountError, "did not accept the token"),
        (402, RemoteAccountError, "credit for remote models is used up"),
        (403, RemoteError, "may not use the remote model 'acme/model'"),
        (404, RemoteError, "serves the model 'acme/model' for this: as ordered."),
        (422, RemoteError, "did not accept the request (422)"),
        (500, RemoteBusyError, "failed (500): as ordered."),
        (504, RemoteError, "took too long for its service (504)"),
    ],
)
def test_each_refusal_is_said_in_plain_words(
    status: int, kind: type[RemoteError], said: str
) -> None:
    error = failing(JSONResponse({"error": "as ordered"}, status))
    assert type(error) is kind and said in error.message


def test_too_many_requests_say_how_long_to_wait() -> None:
    error = failing(JSONResponse({"error": "slow down"}, 429, {"Retry-After": "7"}))
    assert isinstance(error, RemoteBusyError) and error.retry_after == 7
    assert "it asks to wait 7 s): slow down." in error.message
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    error = failing(Response("no JSON", 429, {"Retry-After": date}))
    assert isinstance(error, RemoteBusyError) and 27 < error.retry_after <= 30
    error = failing(Response(status_code=429))
    assert isinstance(error, RemoteBusyError) and 0 < error.retry_after < 10


def test_a_model_that_loads_says_for_how_long() -> None:
    body = {"error": "Model acme/model is currently loading", "estimated_time": 20.0}
    error = failing(JSONResponse(body, 503))
    assert isinstance(error, RemoteBusyError) and error.retry_after == 10
    assert "is loading; that takes about 20 s" in error.message


def test_a_slow_service_is_given_up_in_time() -> None:
    async def slow(asked: Asked) -> Response:
        await asyncio.sleep(3)
        return JSONResponse([SPOTS])

    start = time.monotonic()
    error = failing(slow, remote_timeout=0.3)
    assert "did not answer within 0.3 s" in error.message and time.monotonic() - start < 2
    assert "HUGGINGGRAPH_REMOTE_TIMEOUT" in error.hint


def test_a_connection_that_breaks_off_may_be_tried_again() -> None:
    async def broken(asked: Asked) -> Response:
        async def half() -> Any:
            yield b'[[{"label": '
            raise ConnectionError

        return StreamingResponse(half(), headers={"content-length": "400"})

    error = failing(broken)
    assert isinstance(error, RemoteBusyError) and "broke off" in error.message


def test_a_service_that_is_not_there_is_said_so() -> None:
    with hub_server() as server:
        url = server.url
    with pytest.raises(RemoteError, match="could not be reached"):
        run_remotely(task_type("text-classification"), CARD, WORDS, Settings(hf_base_url=url))


@pytest.mark.parametrize(
    "reply",
    [
        Response("<html>Welcome</html>", media_type="text/html"),
        Response('[[{"label": "cat", "sco', media_type="application/json"),
        Response(b"\xff\xfe\x00", media_type="application/json"),
        {"error": "in a reply of 200"},
        [[{"label": None, "score": 0.5}]],
        [[{"label": "cat"}]],
        [[{"label": "cat", "score": "much"}]],
        [],
        7,
    ],
)
def test_a_reply_that_is_not_what_it_should_be_is_a_named_error(reply: Any) -> None:
    assert "is not what was expected" in failing(reply).message


@pytest.mark.parametrize(
    "reply",
    [
        Response("<html>Welcome</html>", media_type="image/png"),
        Response(picture_bytes(200, 200)[:80], media_type="image/png"),
        Response(json.dumps({"error": "nsfw"}), media_type="application/json"),
    ],
)
def test_a_picture_that_is_none_is_never_kept(reply: Response) -> None:
    assert "is not what was expected" in failing(reply, "text-to-image").message


@pytest.mark.parametrize("task", ["text-to-speech", "text-to-video"])
def test_bytes_that_are_no_sound_and_no_video_are_never_kept(task: str) -> None:
    media = import_module("hugginggraph.tools.remote_media")
    with pytest.raises(RemoteError, match=r"is not a (sound|video) that can be read"):
        media._video(b"<html>") if task == "text-to-video" else media._sounds([b"<html>"])


def test_an_error_keeps_its_wait_on_the_way_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(RemoteBusyError("busy", "wait", retry_after=4)))
    assert (error.retry_after, error.message, error.hint) == (4, "busy", "wait")
    again = HuggingGraphError.from_json(error.as_json())
    assert isinstance(again, RemoteBusyError)


# ---- when the route is open --------------------------------------------------------------------


def test_the_remote_route_says_why_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_server() as server:
        own: dict[str, Any] = {"hf_base_url": server.url}
        assert remote_closed(Settings(**own)) == ""
        assert remote_closed(Settings(mode="local", **own)) == "The mode is local."
        assert remote_closed(Settings(offline=True, **own)) == "Offline is set."
        assert remote_closed(Settings()) == "No token of the Hub is set."
        assert "hf_" in remote_closed(Settings(hf_token="sk-123"))
        assert remote_closed(Settings(hf_token=TOKEN)) == "The Hub cannot be reached."
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        assert remote_closed(Settings(hf_token=TOKEN)) == ""
    closed = remote_closed(Settings(hf_base_url="http://me:secret@127.0.0.1:9"))
    assert closed == "Nothing answers at 127.0.0.1:9."
    with pytest.raises(SettingsError, match="HF_BASE_URL"):
        load_settings(hf_base_url="ftp://x")


def test_what_a_provider_cannot_do_is_said_before_it_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = "text-classification"
    with hub_server() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        served = CARD.model_copy(update={"providers": ("together",)})
        assert remote_obstacle(CARD, task, hub()) == ""
        assert remote_obstacle(CARD, task, hub("groq")) == f"'groq' never does {task}."
        assert "together" in remote_obstacle(served, "text-generation", hub("groq"))
        assert remote_obstacle(CARD, "text-generation", hub("groq")) == ""
        assert remote_obstacle(CARD, "canny-control", hub()) == (
            "The Inference API has no canny-control."
        )
        here = CARD.model_copy(update={"path": Path("/tmp")})
        assert remote_obstacle(here, task, hub()) == "It is on this machine only."
        one = Settings(hf_base_url=server.url, hf_base_model="acme/only")
        assert "acme/only" in remote_obstacle(CARD, task, one)


# ---- whole requests ----------------------------------------------------------------------------

STORY = "Write a story about a fox."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Waits of the executor cost nothing and are kept."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def keep(seconds: float, *rest: Any) -> None:
        if seconds > 0.5:  # the servers of the tests have short ones of their own
            waits.append(seconds)
            seconds = 0
        await sleep(seconds)

    monkeypatch.setattr("hugginggraph.graph.execute.asyncio.sleep", keep)
    yield waits


async def run(settings: Settings, request: str, *given: str, **context: Any) -> dict[str, Any]:
    graph = build_graph(parts=Parts(settings))
    asked: Any = {"request": request, "files": list(given)}
    out: dict[str, Any] = await graph.ainvoke(asked, context=context or None)  # type: ignore[arg-type]
    return out


def only(out: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    (choice,), (result,) = out["choices"].values(), out["results"].values()
    return choice, result


def ways(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(a["route"], a.get("error", {}).get("error", "")) for a in result["attempts"]]


def in_mode(
    mode: str, server: HubServer | None, data_dir: Path, folder: Path, **more: Any
) -> Settings:
    given: dict[str, Any] = {"mode": mode, "data_dir": data_dir, "artifacts_dir": folder, **more}
    return Settings(hf_base_url=server.url if server else "", remote_timeout=5, **given)


async def test_in_remote_mode_a_request_runs_on_the_server(data_dir: Path, folder: Path) -> None:
    scene = str(Path(__file__).parents[1] / "examples" / "scene.png")
    boxes = [{"label": "cat", "score": 0.9, "box": {"xmin": 9, "ymin": 9, "xmax": 99, "ymax": 99}}]
    with hub_server(boxes) as server:
        out = await run(in_mode("remote", server, data_dir, folder), "Count the objects.", scene)
    choice, result = only(out)
    assert out["status"] == "done" and choice["route"] == "remote"
    assert {c["route"] for c in choice["candidates"]} == {"remote"}
    assert ways(result) == [("remote", "")] and result["value"][0]["label"] == "cat"
    assert server.calls[0].path == f"/models/{choice['model']}"
    drawn = Path(out["resources"][result["files"][0]]["path"])
    assert drawn.suffix == ".png" and drawn.is_file() and "cat" in out["answer"]


async def test_through_the_hub_the_token_reaches_its_router_and_no_state(
    data_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_server(JSONResponse({"error": f"no, {TOKEN}"}, 403), chat_reply("A fox.")) as server:
        as_the_hub(server, monkeypatch, provider="together")
        settings = in_mode("remote", None, data_dir, folder, hf_token=TOKEN)
        out = await run(settings, STORY)
    _, result = only(out)
    assert result["value"] == "A fox." and ways(result) == [
        ("remote", "RemoteError"),
        ("remote", ""),
    ]
    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {TOKEN}"}
    assert TOKEN not in str(out)


async def test_in_hybrid_mode_nothing_leaves_while_a_local_model_does_the_task(
    data_dir: Path, folder: Path
) -> None:
    scene = str(Path(__file__).parents[1] / "examples" / "scene.png")
    with hub_server([]) as server:
        out = await run(in_mode("hybrid", server, data_dir, folder), "Count the objects.", scene)
    choice, result = only(out)
    assert choice["route"] == "local" and ways(result) == [("local", "")]
    routes = [c["route"] for c in choice["candidates"]]
    assert routes == sorted(routes) and routes[-1] == "remote"  # local before remote
    assert server.calls == []


async def test_a_local_model_that_fails_is_followed_by_a_remote_one_and_that_by_the_llm(
    data_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    down = JSONResponse({"error": "out of order"}, 500)
    with hub_server(down) as server, llm_server("Once there was a fox.") as llm:
        hub_at(server.url, monkeypatch)  # a Hub without files
        settings = in_mode("hybrid", server, data_dir, folder, llm=f"openai:{llm.base_url}",
                           llm_base_url=llm.base_url, planner="builtin", candidates=2)  # fmt: skip
        out = await run(settings, STORY)
    choice, result = only(out)
    routes = [route for route, _ in ways(result)]
    assert routes == ["local", "local", "remote", "remote", "remote", "llm"]  # a 500 may pass
    assert result["status"] == "done" and result["value"] == "Once there was a fox."
    assert choice["candidates"][-1]["route"] == "llm" == routes[-1]
    asked = [p for p in llm.prompts if "One Task" in p]
    assert len(asked) == 1 and "fox" in asked[0]
    assert out["usage"]["llm_calls"] == len(llm.requests)
    assert out["usage"]["tokens"] == 100 * len(llm.requests)


async def test_with_only_an_llm_it_does_the_text_tasks_itself(
    data_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    plan = {"tasks": [{"id": 0, "task": "text-generation", "dep": [], "args": {"text": STORY}}]}
    with llm_server(plan, "A fox ran.", "Here it is: a fox ran. [0]") as llm:
        settings = in_mode("local", None, data_dir, folder, llm=f"openai:{llm.base_url}",
                           llm_base_url=llm.base_url, offline=True)  # fmt: skip
        out = await run(settings, STORY)
    choice, result = only(out)
    assert choice["route"] == "llm" and choice["model"].startswith("openai:")
    assert result["value"] == "A fox ran." and out["usage"]["llm_calls"] == 3
    assert out["answer"] == "Here it is: a fox ran [0]."


async def test_without_a_token_and_without_an_llm_the_answer_says_what_to_set(
    data_dir: Path, folder: Path
) -> None:
    out = await run(in_mode("hybrid", None, data_dir, folder), STORY)
    assert out["status"] == "failed" and "Or set HF_TOKEN to run one remotely." in out["answer"]


async def test_offline_no_remote_model_is_offered_and_nobody_is_asked(
    data_dir: Path, folder: Path
) -> None:
    with hub_server(chat_reply("Hi.")) as server:
        out = await run(in_mode("remote", server, data_dir, folder, offline=True), STORY)
    assert out["status"] == "failed" and "Offline is set." in out["answer"]
    assert server.asked == []


async def test_a_busy_service_is_asked_again_after_the_time_it_names(
    data_dir: Path, folder: Path, fast: list[float]
) -> None:
    busy = JSONResponse({"error": "busy"}, 429, {"Retry-After": "4"})
    with hub_server(busy, busy, chat_reply("A fox.")) as server:
        out = await run(in_mode("remote", server, data_dir, folder), STORY)
    _, result = only(out)
    assert ways(result) == [("remote", "RemoteBusyError")] * 2 + [("remote", "")]
    assert len({a["model"] for a in result["attempts"]}) == 1
    first, second = (wait for wait in fast if wait >= 4)
    assert 4 <= first <= 5 and 8 <= second <= 10  # twice as long, and up to a quarter of jitter


async def test_a_service_that_wants_a_long_wait_is_left_for_the_next_model(
    data_dir: Path, folder: Path, fast: list[float]
) -> None:
    busy = JSONResponse({"error": "busy"}, 429, {"Retry-After": "3600"})
    with hub_server(busy, chat_reply("A fox.")) as server:
        out = await run(in_mode("remote", server, data_dir, folder), STORY)
    _, result = only(out)
    assert result["status"] == "done" and 3600 not in fast
    assert len({a["model"] for a in result["attempts"]}) == 2


async def test_where_the_token_is_refused_no_other_remote_model_is_tried(
    data_dir: Path, folder: Path
) -> None:
    with hub_server(JSONResponse({"error": "who are you?"}, 401)) as server:
        out = await run(in_mode("remote", server, data_dir, folder), STORY)
    choice, result = only(out)
    assert len(choice["candidates"]) > 1 and len(server.calls) == 1
    assert result["error"]["error"] == "RemoteAccountError" and "HF_TOKEN" in out["answer"]


async def test_a_pinned_model_runs_remotely_where_it_cannot_run_here(
    data_dir: Path, folder: Path
) -> None:
    pin = {"text-generation": "Qwen/Qwen2.5-7B-Instruct"}
    with hub_server(chat_reply("A fox.")) as server:
        settings = in_mode("hybrid", server, data_dir, folder)
        out = await run(settings, STORY, models=pin)
    choice, _ = only(out)
    assert (choice["model"], choice["route"]) == (pin["text-generation"], "remote")


def test_a_tool_called_by_itself_runs_remotely_where_the_mode_says_so(tmp_path: Path) -> None:
    card = ModelCard(id=MODEL, task="text-classification", library="transformers", description="")
    with hub_server([SPOTS]) as server:
        settings = Settings(mode="remote", hf_base_url=server.url)
        runner = TaskRunner(ModelPool(), Artifacts(tmp_path), settings)
        assert runner.run("text-classification", WORDS, card)["value"] == BEST
    assert server.calls[0].path == f"/models/{MODEL}"
