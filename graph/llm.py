"""The controller LLM, asked for a text or for a value; its replies may be anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, SecretStr

from hugginggraph.registry import LLMError

from .background import in_background
from .llm_errors import explain, refuses
from .reading import in_shape, read_json
from .thoughts import Aloud, without_thoughts

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage


LONGEST_REPLY = 40_000
"""Characters of a text that are taken from an LLM."""

LONGEST_THOUGHT = 100_000
"""Characters that an LLM may think aloud and say together."""

_QUIET: RunnableConfig = {"tags": ["nostream"]}
"""Keeps what the LLM says out of the graph's message stream: plans and unchecked answers."""


@dataclass(frozen=True)
class Reply:
    """What an LLM call gave: its text, its JSON value where one was asked for, and its cost.

    ``cut`` is whether it ends at a limit of tokens or where the line broke.
    """

    text: str
    value: Any = None
    tokens: int = 0
    llm_calls: int = 1
    cut: bool = False


class LLM:
    """A chat model that is asked for text or for a value in the shape of a schema.

    ``seconds`` is how long one reply may take in all, however slowly it drips; one that is made in
    this process takes as long as it takes. ``secrets`` are shown in no error.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        local: bool = False,
        seconds: float | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.model = model
        self._seconds = None if local else seconds
        self._local = local
        self._streams = not local
        self._methods = ["text"] if local else ["function_calling", "json_mode", "text"]
        self._tools: dict[type[BaseModel], Any] = {}
        given = vars(model).values()
        own = [v.get_secret_value() for v in given if isinstance(v, SecretStr)]
        self._keys = [*own, *secrets]

    async def write(
        self, messages: Sequence[BaseMessage], tell: Callable[[str], None] | None = None
    ) -> Reply:
        """The model's reply as text without its thoughts; ``tell`` gets its pieces as they come.

        A server that does not stream is asked again for the whole, and from then on only for that.
        What is longer than ``LONGEST_REPLY`` characters is cut. A thought that only its end shows
        to be one was told, and is not in the reply.

        Raises:
            LLMError: it could not be reached, refused, or said nothing.
        """
        calls, message = 1, None
        try:
            if tell and self._streams:
                try:
                    message = await self._stream(messages, tell)
                except LLMError as exc:
                    if not refuses(exc):
                        raise
                calls += not (message and _text_of(message))
            streamed, silent = bool(message and _text_of(message)), message is None
            if message is None or not streamed:
                message = await self._ask(self.model, messages)
                self._streams &= not (tell and silent)  # it answers this way and not the other
        except LLMError as exc:
            exc.llm_calls = calls
            raise
        whole = _text_of(message)
        text = without_thoughts(whole).strip()[:LONGEST_REPLY]
        if tell and not streamed:
            tell(text)
        if not text:
            empty = LLMError(
                "The LLM gave an empty reply.",
                "It thought until its limit of tokens; raise that limit." if whole
                else "Ask again, or choose another model.",
            )  # fmt: skip
            empty.llm_calls, empty.tokens = calls, _tokens(message)
            raise empty
        return Reply(text, tokens=_tokens(message), llm_calls=calls, cut=_is_cut(message, streamed))

    async def fill(self, schema: type[BaseModel], messages: Sequence[BaseMessage]) -> Reply:
        """A JSON value in the shape of a schema, as good as the model gives it (not validated).

        Tries tool calling, then JSON mode, then plain text, and remembers what the server takes.
        A model that answers a tool call with text is read all the same; ``value`` is None where
        its reply holds no JSON.

        Raises:
            LLMError: it could not be reached, or refused.
        """
        message, calls = None, 0
        for method in list(self._methods):
            calls += 1
            try:
                message = await self._ask(self._bound(schema, method), messages)
            except LLMError as exc:
                exc.llm_calls = calls
                if method == self._methods[-1] or not refuses(exc):
                    raise
                continue
            while self._methods[0] != method and method in self._methods:
                self._methods.pop(0)  # what was refused while this is taken
            break
        return Reply(
            _text_of(message),
            in_shape(_value_of(message, schema), next(iter(schema.model_fields))),
            _tokens(message), calls, _is_cut(message),
        )  # fmt: skip

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
            whole, left = None, LONGEST_THOUGHT
            aloud = Aloud(tell)
            async with asyncio.timeout(self._seconds):
                async for piece in self.model.astream(list(messages), _QUIET, **more):
                    whole = piece if whole is None else whole + piece
                    aloud.take(str(piece.text)[: LONGEST_REPLY - aloud.told])
                    left -= len(str(piece.text))
                    if left <= 0 or aloud.told >= LONGEST_REPLY:
                        break
            aloud.finish()
            return whole

        try:
            return await asyncio.wrap_future(in_background(read()))
        except Exception as exc:  # every provider's package raises its own
            raise LLMError(*explain(exc, self._keys)) from exc

    async def _ask(self, model: Any, messages: Sequence[BaseMessage]) -> AIMessage:
        try:
            if self._local:  # a pipeline of Transformers knows no async
                message: AIMessage = await asyncio.to_thread(model.invoke, list(messages), _QUIET)
            else:
                asked = asyncio.wait_for(model.ainvoke(list(messages), _QUIET), self._seconds)
                message = await asyncio.wrap_future(in_background(asked))
        except Exception as exc:  # every provider's package raises its own
            raise LLMError(*explain(exc, self._keys)) from exc
        return message


def _value_of(message: Any, schema: type[BaseModel]) -> Any:
    """The JSON value of a reply: of its tool calls, else of its text.

    Of several calls the lists are joined; a call whose JSON is broken is read as a text is.
    """
    bad = [call["args"] or "" for call in getattr(message, "invalid_tool_calls", None) or []]
    calls = getattr(message, "tool_calls", None) or []
    field = next(iter(schema.model_fields))
    values = [
        in_shape(call["args"], field) if call["name"] == schema.__name__
        else call["args"] if field in call["args"]
        else {field: [{"name": call["name"], "arguments": call["args"]}]}
        for call in calls
    ] + [in_shape(read_json(text), field) for text in bad]  # fmt: skip
    if not values:
        return read_json(_text_of(message))
    lists = [v[field] for v in values if isinstance(v, dict) and isinstance(v.get(field), list)]
    return {field: [each for part in lists for each in part]} if len(lists) > 1 else values[0]


def _is_cut(message: Any, streamed: bool = False) -> bool:
    """Whether the reply ends before its end: at a limit, or a stream without a last word."""
    told = getattr(message, "response_metadata", None) or {}
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason")
    why = next((str(told[name]) for name in names if told.get(name)), "")
    if why:
        return why.lower() in ("length", "max_tokens", "max_output_tokens")
    return streamed and bool(re.search(r"[a-z,;:(-]$", _text_of(message)))


def _text_of(message: Any) -> str:
    """The text of a message, whatever content blocks it is made of."""
    return str(message.text).strip()


def _tokens(message: Any) -> int:
    usage = getattr(message, "usage_metadata", None) or {}
    return int(usage.get("total_tokens", 0))
