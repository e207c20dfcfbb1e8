"""LangServe's endpoints: ``/agent`` and ``/chat``, as typed runnables around the runs.

LangServe is in maintenance only, so all that touches it is here. It strips ``thread_id`` from
configs and drops interrupts; both are fields of ``RunInput`` and ``RunOutput`` in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage
from langchain_core.runnables import RunnableGenerator
from langchain_core.runnables.utils import AddableDict
from langserve import add_routes
from pydantic import BaseModel, Field

from hugginggraph.graph import attached
from hugginggraph.registry import HuggingGraphError

from .guard import CALLER, owner_of
from .recall import MOST_TURNS, conversation
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


class Invocation(BaseModel):
    """What LangServe's clients send; whatever else is in it is not looked at."""

    input: RunInput


class _Door(RunnableGenerator[Any, Any]):
    """A runnable that streams one way, and gives its whole output another, which is quicker."""

    def __init__(self, stream: Any, whole: Callable[[Any], Awaitable[Any]], name: str) -> None:
        super().__init__(stream, name=name)
        self._whole = whole

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return await self._whole(input)


def routes(runs: Runs) -> APIRouter:
    """The router with all of LangServe's endpoints."""

    async def agent(given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in given:
            async for event in _told(runs, RunInput.model_validate(item)):
                for part in _parts(event):
                    yield AddableDict(part)

    async def agent_whole(item: Any) -> dict[str, Any]:
        out = await runs.run(CALLER.get(), RunInput.model_validate(item))
        return dict(out)

    async def chat(given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in given:
            asked = await _asked(runs, CALLER.get(), ChatInput.model_validate(item))
            async for event in _told(runs, asked):
                if event.name == "token":
                    yield AIMessageChunk(content=event.data["text"])
                elif event.name == "interrupt":
                    yield AIMessageChunk(content=_WAITS)

    async def chat_whole(item: Any) -> AIMessage:
        owner = CALLER.get()
        out = await runs.run(owner, await _asked(runs, owner, ChatInput.model_validate(item)))
        return AIMessage(content=out.answer or _WAITS)

    router = APIRouter()

    @router.post("/agent/invoke", tags=["/agent"])
    async def invoke(given: Invocation, request: Request) -> JSONResponse:
        """A whole run; LangServe's own way to it takes a tenth more of a quick run's time."""
        out = await runs.run(owner_of(request), given.input)
        about = {"run_id": str(uuid4()), "feedback_tokens": []}
        return JSONResponse({"output": dict(out), "metadata": about})

    endpoints: Any = (
        "invoke", "batch", "stream", "stream_events", "playground",
        "input_schema", "output_schema", "config_schema",
    )  # fmt: skip
    agent_runnable = _Door(agent, agent_whole, "/agent").with_types(
        input_type=RunInput, output_type=RunOutput
    )
    add_routes(
        router, agent_runnable, path="/agent", enabled_endpoints=endpoints[1:], config_keys=()
    )
    chat_runnable = _Door(chat, chat_whole, "/chat").with_types(
        input_type=ChatInput, output_type=AIMessage
    )
    add_routes(
        router, chat_runnable, path="/chat", playground_type="chat",
        enabled_endpoints=endpoints, config_keys=(),
    )  # fmt: skip
    return router


async def _told(runs: Runs, given: RunInput) -> AsyncGenerator[Event]:
    """The events of a run; where nothing was sent yet, a refusal is the caller's status code."""
    events = runs.events(CALLER.get(), given)
    try:
        async for event in events:
            yield event
    finally:
        await events.aclose()


def _parts(event: Event) -> Iterable[dict[str, Any]]:
    """What a streaming client adds up to a ``RunOutput``."""
    if event.name == "token":
        yield {"answer": event.data["text"]}
    elif event.name in ("done", "interrupt"):
        yield {key: value for key, value in event.data.items() if key != "answer"}


async def _asked(runs: Runs, owner: str, given: ChatInput) -> Conversation:
    """The last message as a request; the files in it become the owner's, as uploads do."""
    request = talk(given.messages)
    asked = Turn(role="user", text=request, files=await _files(runs, owner, given.messages[-1]))
    before: list[Turn] = []
    for message in [] if given.thread_id else given.messages[-MOST_TURNS - 1 : -1]:
        if message.type == "human":
            with suppress(Refusal, HuggingGraphError):  # it was answered when it was the last
                kept = await _files(runs, owner, message)
                before.append(Turn(role="user", text=str(message.text), files=kept))
        elif message.type == "ai":
            before.append(Turn(role="assistant", text=str(message.text)))
    return conversation(asked, before, given.thread_id)


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
