"""The controller LLM: any chat model that one string names, and replies that may be anything."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langchain_core.utils.json import parse_json_markdown, parse_partial_json
from pydantic import BaseModel

from hugginggraph.registry import LLMError, Settings
from hugginggraph.tools import pick_device, quiet

from .background import in_background

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage


LONGEST_REPLY = 40_000
"""Characters of a text that are taken from an LLM."""

_QUIET: RunnableConfig = {"tags": ["nostream"]}
"""Keeps what the LLM says out of the graph's message stream: plans and unchecked answers."""


@dataclass(frozen=True)
class Reply:
    """What an LLM call gave: its text, its JSON value where one was asked for, and its cost."""

    text: str
    value: Any = None
    tokens: int = 0
    calls: int = 1


def chat_model(settings: Settings, name: str = "") -> BaseChatModel:
    """The chat model that ``settings.llm`` (or ``name``) names as ``provider:model``.

    Raises:
        LLMError: no such provider, a missing package, or a missing key.
    """
    from langchain.chat_models import init_chat_model

    name = name or settings.llm
    options: dict[str, Any] = {}
    if is_local(name):
        quiet()
        options = {
            "backend": "pipeline",
            "task": "text-generation",
            "device": _device_number(settings.device),
            "pipeline_kwargs": {
                "max_new_tokens": 512, "return_full_text": False, "do_sample": False
            },
        }  # fmt: skip
    else:
        options = {"temperature": 0, "timeout": settings.llm_timeout, "max_retries": 1}
        if settings.llm_base_url:
            options |= {"base_url": settings.llm_base_url, "api_key": "none"}
        if settings.llm_api_key:
            options["api_key"] = settings.llm_api_key.get_secret_value()
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except Exception as exc:  # every provider's package raises its own
        raise LLMError(
            f"The LLM '{name}' could not be set up: {_first_line(exc)}",
            "Give it as provider:model, for example openai:gpt-4o-mini, with its key in the "
            "environment, or leave it out to use the built-in planner.",
        ) from exc
    return model


def is_local(name: str) -> bool:
    """Whether a model's name means that it runs in this process."""
    return name.startswith("huggingface:")


def _device_number(device: str) -> int:
    """A torch device as pipelines count them: -1 for the processor."""
    kind, _, number = pick_device(device).partition(":")
    return int(number or 0) if kind == "cuda" else -1


class LLM:
    """A chat model that is asked for text or for a value in the shape of a schema.

    ``seconds`` is how long one reply may take in all, however slowly it drips; one that is made in
    this process takes as long as it takes.
    """

    def __init__(
        self, model: BaseChatModel, *, local: bool = False, seconds: float | None = None
    ) -> None:
        self.model = model
        self._seconds = None if local else seconds
        self._local = local
        self._streams = not local
        self._methods = ["text"] if local else ["function_calling", "json_mode", "text"]
        self._tools: dict[type[BaseModel], Any] = {}

    async def write(
        self, messages: Sequence[BaseMessage], tell: Callable[[str], None] | None = None
    ) -> Reply:
        """The model's reply as text; ``tell`` gets its pieces as they come.

        A server that does not stream is asked again for the whole, and from then on only for that.
        What is longer than ``LONGEST_REPLY`` characters is cut.

        Raises:
            LLMError: it could not be reached, refused, or said nothing.
        """
        calls, message = 1, None
        if tell and self._streams:
            try:
                message = await self._stream(messages, tell)
                calls += not (message and text_of(message))
                self._streams = message is not None
            except LLMError as exc:
                if not _refuses(exc):
                    raise
                self._streams = False
        if message is None or not text_of(message):
            message = await self._ask(self.model, messages)
            if tell:
                tell(text_of(message)[:LONGEST_REPLY])
        text = text_of(message)[:LONGEST_REPLY]
        if not text:
            raise LLMError("The LLM gave an empty reply.", "Ask again, or choose another model.")
        return Reply(text, tokens=_tokens(message), calls=calls)

    async def fill(self, schema: type[BaseModel], messages: Sequence[BaseMessage]) -> Reply:
        """A JSON value in the shape of a schema, as good as the model gives it (not validated).

        Tries tool calling, then JSON mode, then plain text, and remembers what the server takes.
        A model that answers a tool call with text is read all the same; ``value`` is None where
        its reply holds no JSON.

        Raises:
            LLMError: it could not be reached, or refused.
        """
        calls = 0
        while True:
            method = self._methods[0]
            calls += 1
            try:
                message = await self._ask(self._bound(schema, method), messages)
                break
            except LLMError as exc:
                if method == self._methods[-1] or not _refuses(exc):
                    raise
                if method == self._methods[0]:  # else another call has found it out meanwhile
                    self._methods.pop(0)
        tool_calls = getattr(message, "tool_calls", None)
        value = tool_calls[0]["args"] if tool_calls else read_json(text_of(message))
        return Reply(text_of(message), value, _tokens(message), calls)

    def _bound(self, schema: type[BaseModel], method: str) -> Any:
        if method == "function_calling":
            if schema not in self._tools:  # a schema takes milliseconds to write
                tool = self.model.bind_tools([schema], tool_choice=schema.__name__)
                self._tools[schema] = tool
            return self._tools[schema]
        if method == "json_mode":
            return self.model.bind(response_format={"type": "json_object"})
        return self.model

    async def _stream(
        self, messages: Sequence[BaseMessage], tell: Callable[[str], None]
    ) -> AIMessage | None:
        """The reply, told in pieces; None where none came."""
        more: dict[str, Any] = {"stream_usage": True} if hasattr(self.model, "stream_usage") else {}

        async def read() -> AIMessage | None:
            whole, left = None, LONGEST_REPLY
            async with asyncio.timeout(self._seconds):
                async for piece in self.model.astream(list(messages), _QUIET, **more):
                    whole = piece if whole is None else whole + piece
                    tell(str(piece.text)[:left])
                    left -= len(str(piece.text))
                    if left <= 0:
                        break
            return whole

        try:
            return await asyncio.wrap_future(in_background(read()))
        except Exception as exc:  # every provider's package raises its own
            raise LLMError(*_explain(exc)) from exc

    async def _ask(self, model: Any, messages: Sequence[BaseMessage]) -> AIMessage:
        try:
            if self._local:  # a pipeline of Transformers knows no async
                message: AIMessage = await asyncio.to_thread(model.invoke, list(messages), _QUIET)
            else:
                asked = asyncio.wait_for(model.ainvoke(list(messages), _QUIET), self._seconds)
                message = await asyncio.wrap_future(in_background(asked))
        except Exception as exc:  # every provider's package raises its own
            raise LLMError(*_explain(exc)) from exc
        return message


def _refuses(error: LLMError) -> bool:
    """Whether the server does not take this way of asking, so that another may do."""
    status = getattr(error.__cause__, "status_code", None)
    return status in (400, 404, 405, 422, 501) or isinstance(
        error.__cause__, NotImplementedError | ValueError | TypeError
    )


_REASONS = {
    401: ("did not accept the key", "Check the key in the environment."),
    402: ("asks for payment", "Check the account's credit, or choose another model."),
    403: ("does not allow this model for this key", "Choose another model, or another key."),
    404: ("does not know this model or address", "Check the model's name and the base URL."),
    429: ("has no capacity for this key now (429)", "Wait a little, or check the quota."),
}


def _explain(exc: Exception) -> tuple[str, str]:
    status = getattr(exc, "status_code", None)
    name = type(exc).__name__
    if status in _REASONS:
        what, hint = _REASONS[status]
        return f"The LLM server {what}.", hint
    if isinstance(status, int) and status >= 500:
        return f"The LLM server failed ({status}).", "Try again later, or choose another model."
    if "Timeout" in name:
        return "The LLM did not answer in time.", "Raise HUGGINGGRAPH_LLM_TIMEOUT, or try again."
    if "Connection" in name:
        return "The LLM server could not be reached.", "Check the base URL and the network."
    return f"The LLM call failed: {_first_line(exc)}", "Check the model's name and its server."


def _first_line(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]


def text_of(message: Any) -> str:
    """The text of a message, whatever content blocks it is made of."""
    return str(message.text).strip()


def _tokens(message: Any) -> int:
    usage = getattr(message, "usage_metadata", None) or {}
    return int(usage.get("total_tokens", 0))


_MOST_MENDED = 8_000
"""Characters of cut JSON that are mended: the time for it grows with the square."""


def _fenced(text: str) -> Any:
    return parse_json_markdown(text, parser=json.loads)


def read_json(text: str) -> Any:
    """The JSON value in an LLM's reply, or None where there is none.

    Reads JSON that is fenced, inside prose, cut short, or in Python's spelling.
    """
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL)[:200_000]
    start = min((i for i in (text.find("{"), text.find("[")) if i >= 0), default=-1)
    if start < 0:
        return None
    end = max(text.rfind("}"), text.rfind("]")) + 1
    for reader, part in (
        (json.loads, text[start:end]),
        (_fenced, text),
        (ast.literal_eval, text[start:end]),
        (parse_partial_json, text[start : start + _MOST_MENDED]),
    ):
        try:
            value = reader(part)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict | list):
            return value
    return None
