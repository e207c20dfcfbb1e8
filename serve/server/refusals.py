"""One JSON shape for every error of the server, and the codes that go with them.

{"error": "FileMissingError", "message": "…", "hint": "…", "request_id": "…"}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hugginggraph.registry import HuggingGraphError, RequestError, ResourceError

from ..folders import without_folders

log = logging.getLogger("hugginggraph.server")

_NAMES = {
    303: "Unauthorized", 400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound",
    405: "MethodNotAllowed", 408: "RequestTimeout", 409: "Conflict", 413: "TooLarge",
    415: "UnsupportedMediaType", 416: "RangeNotSatisfiable", 421: "MisdirectedRequest",
    422: "Invalid", 429: "TooManyRequests", 503: "Unavailable",
}  # fmt: skip


_BARE = (b'{"detail":"Not Found"}', b'{"detail":"Method Not Allowed"}')


class Refusal(HTTPException):
    """A request that the server does not take: a status code, what was wrong, what to do."""

    def __init__(
        self,
        status: int,
        message: str,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.hint = hint


def reply(
    status: int,
    message: str,
    hint: str = "",
    *,
    name: str = "",
    request_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The JSON reply for an error."""
    error = name or _NAMES.get(status, "Error")
    body = {"error": error, "message": message, "hint": hint, "request_id": request_id}
    return JSONResponse(body, status, headers=headers)


def add_handlers(app: FastAPI) -> None:
    """Let every error of the app's routes end in the one shape."""
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _invalid_item)
    app.add_exception_handler(HuggingGraphError, _ours)
    app.add_exception_handler(UnicodeDecodeError, _no_text)


class InShape:
    """The page, which takes every path that is left, with its own bare 404 and 405 in our shape."""

    def __init__(self, app: FastAPI, page: ASGIApp) -> None:
        self._app, self._page = app, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the page, unless the app has this path for other methods only.

        Raises:
            HTTPException: 404 or 405; nothing was sent.
        """
        for route in self._app.routes:
            match, more = route.matches(scope)
            if match is Match.PARTIAL:  # which its handling refuses
                await route.handle({**scope, **more}, receive, send)
                return
        begun: Message | None = None
        bare, allow = 0, ""

        async def pass_on(message: Message) -> None:
            nonlocal begun, bare, allow
            if message["type"] == "http.response.start" and message["status"] in (404, 405):
                begun = message
                return
            if begun and message.get("body") in _BARE:
                bare = begun["status"]
                allow = Headers(raw=begun["headers"]).get("allow", "")
            if begun and not bare:
                await send(begun)
            begun = None
            if not bare:
                await send(message)

        await self._page(scope, receive, pass_on)
        if bare:
            raise StarletteHTTPException(bare, headers={"Allow": allow} if allow else None)


def _id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def _refused(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, StarletteHTTPException)
    if exc.status_code == 400 and not isinstance(exc, Refusal):  # FastAPI's word for no text
        return _no_text(request, exc)
    hint = exc.hint if isinstance(exc, Refusal) else _way_out(exc)
    message = str(exc.detail) if isinstance(exc, Refusal) else _plain(exc.status_code, request)
    return reply(exc.status_code, message, hint, request_id=_id(request), headers=exc.headers)


def _plain(status: int, request: Request) -> str:
    if status == 404:
        return "There is nothing here."
    if status == 405:
        return f"{request.method} is not possible here."
    return f"The request could not be taken ({status})."


def _way_out(exc: StarletteHTTPException) -> str:
    if exc.status_code == 405 and (allowed := (exc.headers or {}).get("Allow")):
        return f"Use {allowed}; see /docs."
    return "See /docs for what there is." if exc.status_code in (404, 405) else ""


def _invalid(request: Request, exc: Exception) -> JSONResponse:
    """Which field is wrong and why; what was sent is not repeated."""
    assert isinstance(exc, RequestValidationError)
    found = [_field(error) for error in exc.errors()[:5]]
    return reply(422, "; ".join(found) + ".", "See /docs.", request_id=_id(request))


def _invalid_item(request: Request, exc: Exception) -> JSONResponse:
    """An item of LangServe's batch, which it checks by itself; any other is the server's fault.

    Raises:
        ValidationError: the server's own.
    """
    assert isinstance(exc, ValidationError)
    if not request.url.path.endswith("/batch"):
        raise exc
    return _invalid(request, RequestValidationError(exc.errors()))


def _no_text(request: Request, exc: Exception) -> JSONResponse:
    return reply(422, "The body is not JSON in UTF-8.", "See /docs.", request_id=_id(request))


def _field(error: Any) -> str:
    if not isinstance(error, Mapping) or error.get("type") == "json_invalid":
        return "the body is not the JSON that is wanted"
    where = ".".join(str(part) for part in error.get("loc", ()) if part != "body") or "the body"
    return f"{where:.100}: {str(error.get('msg', 'is not valid')).rstrip('.')}"


def _ours(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HuggingGraphError)
    status = 400 if isinstance(exc, RequestError | ResourceError) else 500
    if status == 500:
        log.error("request %s failed: %s", _id(request), type(exc).__name__)
    message, hint = without_folders(exc.message), without_folders(exc.hint)
    return reply(status, message, hint, name=type(exc).__name__, request_id=_id(request))
