"""LangServe's endpoints: ``/agent`` and ``/chat``, as typed runnables around the runs.

LangServe is in maintenance only, so all that touches it is here. It strips ``thread_id`` from
configs and drops interrupts; both are fields of ``RunInput`` and ``RunOutput`` in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

from fastapi import APIRouter
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage
from langchain_core.runnables import RunnableGenerator
from langchain_core.runnables.utils import AddableDict
from langserve import add_routes
from pydantic import BaseModel, Field

from hugginggraph.graph import attached

from .guard import CALLER
from .refusals import Refusal
from .runs import Event, Runs
from .shapes import RunInput, RunOutput, ThreadId

_WAITS = "The run waits for an answer at POST /agent/resume."


class ChatInput(BaseModel):
    """A conversation; its last message is the request."""

    messages: list[AnyMessage] = Field(
        description="The conversation so far, oldest first.",
        json_schema_extra={"widget": {"type": "chat", "input": "messages"}},
    )
    thread_id: ThreadId | None = None


def _is_quiet() -> bool:
    """Whether only what comes out at the end is wanted."""
    return CALLER.get()[1].endswith(("/invoke", "/batch"))


def routes(runs: Runs) -> APIRouter:
    """The router with all of LangServe's endpoints."""

    async def agent(given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in given:
            quiet = _is_quiet()
            wanted = RunInput.model_validate(item)
            async for event in _told(runs, CALLER.get()[0], wanted, quiet):
                for part in _parts(event, quiet):
                    yield AddableDict(part)

    async def chat(given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in given:
            wanted = ChatInput.model_validate(item)
            asked = await _asked(runs, CALLER.get()[0], wanted)
            if _is_quiet():
                async for event in _told(runs, CALLER.get()[0], asked, True):
                    yield AIMessage(content=event.data["answer"] or _WAITS)
                return
            async for event in _told(runs, CALLER.get()[0], asked, False):
                if event.name == "token":
                    yield AIMessageChunk(content=event.data["text"])
                elif event.name == "interrupt":
                    yield AIMessageChunk(content=_WAITS)

    router = APIRouter()
    options: Any = {
        "enabled_endpoints": [
            "invoke", "batch", "stream", "stream_events", "playground",
            "input_schema", "output_schema", "config_schema",
        ],
        "config_keys": (),
    }  # fmt: skip
    agent_runnable = RunnableGenerator[Any, Any](agent).with_types(
        input_type=RunInput, output_type=RunOutput
    )
    add_routes(router, agent_runnable, path="/agent", **options)
    chat_runnable = RunnableGenerator[Any, Any](chat).with_types(
        input_type=ChatInput, output_type=AIMessage
    )
    add_routes(router, chat_runnable, path="/chat", playground_type="chat", **options)
    return router


async def _told(runs: Runs, owner: str, given: RunInput, quiet: bool) -> AsyncGenerator[Event]:
    """The events of a run; where nothing was sent yet, a refusal is the caller's status code."""
    events = runs.events(owner, given, quiet=quiet)
    try:
        async for event in events:
            yield event
    finally:
        await events.aclose()


def _parts(event: Event, quiet: bool) -> Iterable[dict[str, Any]]:
    """What a streaming client adds up to a ``RunOutput``."""
    if quiet:
        yield event.data
    elif event.name == "token":
        yield {"answer": event.data["text"]}
    elif event.name in ("done", "interrupt"):
        yield {key: value for key, value in event.data.items() if key != "answer"}


async def _asked(runs: Runs, owner: str, given: ChatInput) -> RunInput:
    """The last message as a request; the files in it become the owner's, as uploads do."""
    request, files = talk(given.messages), list[str]()
    for file in await asyncio.to_thread(lambda: list(attached(given.messages[-1]))):
        if file.url:
            files.append(file.url)
        else:
            files.append((await runs.files.save(owner, file.name, _whole(file.data)))[0])
    return RunInput(request=request, files=files, thread_id=given.thread_id)


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def talk(messages: list[Any]) -> str:
    """The request of a conversation: its last message.

    Raises:
        Refusal: it is not a person's, or has no text.
    """
    last = messages[-1] if messages else None
    text = str(last.text).strip() if last is not None and last.type == "human" else ""
    if not text:
        raise Refusal(422, "The last message is not a person's request.", "Add one.")
    return text
