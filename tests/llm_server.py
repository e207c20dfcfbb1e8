"""A real HTTP server on loopback that speaks the OpenAI chat protocol, with replies in a queue."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from loopback import serving


@dataclass(frozen=True)
class Message:
    """A reply that is sent as it stands: a text, calls of tools as (name, arguments), its end."""

    text: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    finish: str | None = "stop"


@dataclass(frozen=True)
class Refusal:
    """An HTTP error with the server's own words."""

    status: int
    words: str


@dataclass
class LLMServer:
    """``replies`` are given out in order; the last one again and again.

    A reply is a JSON value (given as a tool call where tools are offered and ``speaks_tools``,
    else as text), a string (given as text), a number (an HTTP error of that status), a ``Message``
    or a ``Refusal``. A streamed reply comes word by word with a ``pause`` in seconds after each.
    """

    replies: list[Any]
    speaks_tools: bool = True
    speaks_json: bool = True
    delay: float = 0.0
    streams: bool = True
    pause: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    base_url: str = ""

    @property
    def prompts(self) -> list[str]:
        """All text of each request, one string a request."""
        return ["\n".join(str(m["content"]) for m in r["messages"]) for r in self.requests]

    def answer(self, body: dict[str, Any]) -> Response:
        self.requests.append(body)
        if body.get("stream") and not self.streams:
            return _error(400, "this server does not stream")
        if ("tools" in body and not self.speaks_tools) or (
            "response_format" in body and not self.speaks_json
        ):
            return _error(400, "this server does not support that")
        given = [r for r in self.requests if self._served(r)]
        reply = self.replies[min(len(given), len(self.replies)) - 1]
        if isinstance(reply, int):
            return _error(reply, "as ordered")
        if isinstance(reply, Refusal):
            return _error(reply.status, reply.words)
        message: dict[str, Any] = {"role": "assistant", "content": None}
        finish: str | None = "stop"
        if isinstance(reply, Message):
            message["content"], finish = reply.text, reply.finish
            functions = [{"name": name, "arguments": given} for name, given in reply.calls]
            message["tool_calls"] = [
                {"id": f"call_{n}", "type": "function", "function": function}
                for n, function in enumerate(functions)
            ]
        elif "tools" in body and not isinstance(reply, str):
            function = {
                "name": body["tools"][0]["function"]["name"],
                "arguments": json.dumps(reply),
            }
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        else:
            message["content"] = reply if isinstance(reply, str) else json.dumps(reply)
        if body.get("stream"):
            return StreamingResponse(
                self._streamed(message, finish), media_type="text/event-stream"
            )
        return JSONResponse(
            {
                "id": "chat-1",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
            }
        )

    async def _streamed(self, message: dict[str, Any], finish: str | None) -> AsyncIterator[str]:
        chunk = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        calls = [{"index": 0, **call} for call in message.get("tool_calls", [])]
        words = [{"content": f"{word} "} for word in (message["content"] or "").split(" ")]
        for delta in [{"tool_calls": calls}] if calls else words:
            part = {"index": 0, "delta": {"role": "assistant", **delta}}
            yield f"data: {json.dumps({**chunk, 'choices': [part]})}\n\n"
            await asyncio.sleep(self.pause)
        if finish:
            part = {"index": 0, "delta": {}, "finish_reason": finish}
            yield f"data: {json.dumps({**chunk, 'choices': [part]})}\n\n"
        usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
        yield f"data: {json.dumps({**chunk, 'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n"

    def _served(self, body: dict[str, Any]) -> bool:
        return not (
            (body.get("stream") and not self.streams)
            or ("tools" in body and not self.speaks_tools)
            or ("response_format" in body and not self.speaks_json)
        )


def _error(status: int, message: str) -> JSONResponse:
    error = {"error": {"message": message, "type": "ordered", "code": status}}
    return JSONResponse(error, status_code=status)


@contextmanager
def llm_server(*replies: Any, **options: Any) -> Iterator[LLMServer]:
    """The server, running in a thread on a free port, until the end of the block."""
    state = LLMServer(list(replies), **options)
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        if state.delay:
            await asyncio.sleep(state.delay)
        return state.answer(await request.json())

    with serving(app) as url:
        state.base_url = f"{url}/v1"
        yield state
