"""LangServe's endpoints: ``/agent`` and ``/chat``, as typed runnables around the runs.

LangServe is in maintenance only, so all that touches it is here. It strips ``thread_id`` from
configs and drops interrupts; both are fields of ``RunInput`` and ``RunOutput`` in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage
from langchain_core.runnables import RunnableGenerator
from langchain_core.runnables.utils import AddableDict
from langserve import add_routes
from pydantic import BaseModel, Field

from hugginggraph.graph import attached
from hugginggraph.registry import HuggingGraphError

from .guard import CALLER
from .recall import MOST_TURNS
from .refusals import Refusal
from .runs import Event, Runs
from .shapes import Conversation, RunInput, RunOutput, ThreadId, Turn

_WAITS = "The run waits for an answer at POST /agent/resume."


class ChatInput(BaseModel):
    """A conversation; its last message is the request, and those before it are its history.

    With a ``thread_id`` the thread's own history stands in the place of theirs.
    """

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


async def _asked(runs: Runs, owner: str, given: ChatInput) -> Conversation:
    """The last message as a request; the files in it become the owner's, as uploads do."""
    request = talk(given.messages)
    files = await _files(runs, owner, given.messages[-1])
    before: list[Turn] = []
    for message in [] if given.thread_id else given.messages[-MOST_TURNS - 1 : -1]:
        if message.type == "human":
            with suppress(Refusal, HuggingGraphError):  # it was answered when it was the last
                kept = await _files(runs, owner, message)
                before.append(Turn(role="user", text=str(message.text), files=kept))
        elif message.type == "ai":
            before.append(Turn(role="assistant", text=str(message.text)))
    return Conversation(request=request, files=files, before=before, thread_id=given.thread_id)


async def _files(runs: Runs, owner: str, message: Any) -> list[str]:
    found: list[str] = []
    for file in await asyncio.to_thread(lambda: list(attached(message))):
        found.append(file.url or await runs.files.keep(owner, file.name, file.data))
    return found


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
