"""What every request passes before it is answered: who asks, from where, how much and how fast.

Not covered: encryption (put a TLS proxy in front) and floods of connections from many machines.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import logging
import math
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hugginggraph.registry import Settings, SettingsError

from .refusals import Refusal, reply
from .sessions import COOKIE, SIGN_IN, Sessions, owner_of_token
from .shared import Buckets

log = logging.getLogger("hugginggraph.server")

UPLOADS = {"/files", "/gradio_api/upload"}
"""Paths that take files: the server's own, and the web page's."""
OPEN = {"/healthz", "/readyz"}
"""Paths that need no token."""
BODY_BYTES = 2_000_000
"""The largest body of a request that is not an upload."""
FORM_BYTES = 100_000
"""What an upload may take besides its file."""
PATIENCE = 20.0
"""Seconds that a client may take for the next piece of its body."""
SHORTEST_TOKEN = 16
LOCAL = "local"
"""The owner of everything where no token is set."""

CALLER: ContextVar[str] = ContextVar("owner of the request")
"""For LangServe's runnables, which are not told of the request; its batches drop metadata."""

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"SAMEORIGIN",
}


def owner_of(request: Request) -> str:
    """Whose threads and files a request is about."""
    return str(request.state.owner)


def tokens_of(settings: Settings) -> dict[str, str]:
    """Token to owner, for each token of the settings. An owner's name does not tell the token.

    Raises:
        SettingsError: a token is too short.
    """
    found = [t.strip() for t in settings.server_tokens.get_secret_value().split(",") if t.strip()]
    if any(len(token) < SHORTEST_TOKEN for token in found):
        raise SettingsError(
            f"A token in HUGGINGGRAPH_SERVER_TOKENS is shorter than {SHORTEST_TOKEN} characters.",
            "Make one with `python -c 'import secrets; print(secrets.token_urlsafe(24))'`.",
        )
    return {token: hashlib.sha256(token.encode()).hexdigest()[:20] for token in found}


def check_binding(host: str, settings: Settings) -> None:
    """Raises SettingsError where the server would face other machines without a token."""
    if tokens_of(settings) or is_loopback(host):
        return
    raise SettingsError(
        f"The server would be open to every machine that reaches {host}, without a token.",
        "Set HUGGINGGRAPH_SERVER_TOKENS to one or more secrets of 16 characters or more, divided "
        "by commas, or keep to --host 127.0.0.1.",
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """The middleware around the whole app."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        sessions: Sessions | None = None,
        shared: Path | None = None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens_of(settings)
        self._sessions = sessions
        self._places = {owner: n for n, owner in enumerate([LOCAL, *self._tokens.values()])}
        self._asked = Buckets(
            settings.server_requests_per_minute, len(self._places), shared and shared / "asked"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused, and pass on the rest."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = False

        async def tell(message: Message) -> None:
            nonlocal started
            if (cut := state.get("cut")) is not None:
                if not started:  # whatever was made of the body that was cut off
                    started = True
                    await self._refuse(cut, scope, receive, send, request_id)
                return
            if message["type"] == "http.response.start":
                started = True
                known = {name.lower() for name, _ in message["headers"]}
                extra = [(k, v) for k, v in _HEADERS.items() if k not in known]
                extra.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            self._check_host(scope, headers)
            state["owner"] = self._owner(scope, headers)
            CALLER.set(state["owner"])
            self._check_origin(scope, headers)
            self._check_rate(scope, state["owner"])
            bounded = self._bounded(scope, headers, receive)
            await self._app(scope, bounded, tell)
        except Refusal as exc:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            elif not started:
                await self._refuse(exc, scope, receive, send, request_id)
        except Exception as exc:
            log.error("request %s failed", request_id, exc_info=exc)
            if not started and scope["type"] == "http":
                failed = reply(
                    500, "The server failed.", "Its log has the cause under this request_id.",
                    name="ServerError", request_id=request_id,
                )  # fmt: skip
                await failed(scope, receive, tell)

    async def _refuse(
        self, exc: Refusal, scope: Scope, receive: Receive, send: Send, request_id: str
    ) -> None:
        headers = {**(exc.headers or {}), "x-request-id": request_id}
        body = reply(
            exc.status_code, str(exc.detail), exc.hint, request_id=request_id, headers=headers
        )
        await body(scope, receive, send)

    def _check_host(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Without tokens, a page whose name is made to lead here (DNS rebinding) gets nothing."""
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if not self._tokens and not is_loopback(host) and host not in self._settings.server_hosts:
            raise Refusal(
                421, f"This server does not answer to the name '{host:.100}'.",
                "Call it 127.0.0.1 or localhost, or set HUGGINGGRAPH_SERVER_HOSTS.",
            )  # fmt: skip

    def _owner(self, scope: Scope, headers: Mapping[str, str]) -> str:
        if not self._tokens:
            return LOCAL
        if scope["path"] in OPEN or (self._sessions and scope["path"] == SIGN_IN):
            return ""
        given = _credential(headers.get("authorization", ""))
        if owner := owner_of_token(self._tokens, given):
            return owner
        if not given and self._sessions:
            kept = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
            if owner := self._sessions.owner(kept):
                self._check_same_site(scope, headers)
                return owner
            if scope.get("method") in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
                onward = quote(scope["path"])
                raise Refusal(303, "Sign in first.", "", {"Location": f"{SIGN_IN}?next={onward}"})
        raise Refusal(
            401, "A token is needed." if not given else "This token is not known.",
            "Send `Authorization: Bearer TOKEN`; a browser takes the token as password.",
            {"WWW-Authenticate": self._challenge},
        )  # fmt: skip

    @property
    def _challenge(self) -> str:
        """Browsers are sent to sign in where there is a page for it, else asked for a password."""
        return "Bearer" if self._sessions else 'Basic realm="hugginggraph", charset="UTF-8"'

    def _check_same_site(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """A browser sends its cookie by itself: only this server's own pages may act with it."""
        own = urlsplit(headers.get("origin", "")).netloc.lower() == headers.get("host", "").lower()
        if not own and scope.get("method") not in ("GET", "HEAD", "OPTIONS"):
            raise Refusal(
                403, "Only a page of this server may act for who is signed in to it.",
                "Send `Authorization: Bearer TOKEN` instead of the cookie.",
            )  # fmt: skip

    def _check_origin(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """A page of another site may not act in the name of the person who looks at it."""
        origin = headers.get("origin")
        if origin is None or scope.get("method") in ("GET", "HEAD", "OPTIONS"):
            return
        if origin in self._settings.server_origins:
            return
        if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise Refusal(
                403, "Pages of other sites may not use this server.",
                "Name their origin in HUGGINGGRAPH_SERVER_ORIGINS.",
            )  # fmt: skip

    def _check_rate(self, scope: Scope, owner: str) -> None:
        """A bucket for each owner that holds a minute's requests."""
        limit = self._settings.server_requests_per_minute
        if not limit or not owner or scope.get("method") not in ("POST", "PUT", "DELETE"):
            return
        if wait := math.ceil(self._asked.wait(self._places[owner])):
            raise Refusal(
                429, f"More than {limit} requests in a minute.", f"Ask again in {wait} s.",
                {"Retry-After": str(wait)},
            )  # fmt: skip

    def _bounded(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Receive:
        """The body up to its limit, from a client that keeps sending."""
        upload = scope["path"] in UPLOADS
        limit = self._settings.server_upload_bytes + FORM_BYTES if upload else BODY_BYTES
        too_large = Refusal(413, f"The body is larger than {limit:,} bytes.", "Send less.")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise too_large
        size, whole, state = 0, scope["type"] != "http", scope["state"]

        async def bounded() -> Message:
            nonlocal size, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout(PATIENCE):
                    message = await receive()
            except TimeoutError as exc:
                state["cut"] = Refusal(408, "The body did not come in time.", "Send it faster.")
                raise state["cut"] from exc
            size += len(message.get("body", b""))
            if size > limit:
                state["cut"] = too_large
                raise too_large
            whole = not message.get("more_body", False)
            return message

        return bounded


def _credential(header: str) -> str:
    """The token in an Authorization header: a bearer's, or the password of a browser's form."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
