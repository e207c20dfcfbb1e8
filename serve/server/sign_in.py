"""The door of the web page where tokens are set: a form that takes a token and gives a session.

The cookie holds a random id, out of reach of scripts and of other sites' requests. Whatever is
changed with it must come from a page of this server (`guard.py`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from .refusals import Refusal
from .sessions import COOKIE, LASTS, SIGN_IN, Sessions, Tries, owner_of_token

_OWN_PATH = re.compile(r"/(?![/\\])[\w\-./?=&%~+]*")
_HERE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@cache
def _page() -> Template:
    return Template(Path(__file__).with_name("sign_in.html").read_text(encoding="utf-8"))


@cache
def _policy() -> str:
    """Only the page's own script and style, known by their hashes; a form for this server only."""
    allowed = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in _HERE.findall(_page().template)
    }
    return (
        f"default-src 'none'; style-src 'sha256-{allowed['style']}'; connect-src 'self'; "
        f"script-src 'sha256-{allowed['script']}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def routes(tokens: Mapping[str, str], sessions: Sessions, shared: Path | None = None) -> APIRouter:
    """``/sign-in`` and ``/sign-out`` for the owners of these tokens."""
    router, tries = APIRouter(include_in_schema=False), Tries(shared)

    @router.api_route(SIGN_IN, methods=["GET", "HEAD"])
    async def form(request: Request, next: str = "/") -> Response:
        """The form; who is signed in goes on."""
        if sessions.owner(request.cookies.get(COOKIE, "")):
            return RedirectResponse(_own(next), 303)
        return _form(_own(next))

    @router.post(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        """A session for a token that is known."""
        given = parse_qs((await request.body()).decode("utf-8", "replace"))
        token, onward = (given.get(name, [""])[0] for name in ("token", "next"))
        address = request.client.host if request.client else ""
        try:
            tries.check(address)
        except Refusal as exc:
            return _form(_own(onward), f"{exc.detail} {exc.hint}", exc.status_code, exc.headers)
        owner = owner_of_token(tokens, token.strip())
        if not owner:
            tries.wrong(address)
            said = "This token is not known. Check it and try again."
            return _form(_own(onward), said if token.strip() else "Enter your token.", 401)
        await _ended(request)
        session = await asyncio.to_thread(sessions.begin, owner)
        reply = RedirectResponse(_own(onward), 303)
        return _with_cookie(reply, request, session, LASTS)

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        """The session's end, here and wherever its cookie was copied to."""
        await _ended(request)
        reply = RedirectResponse(SIGN_IN, 303)
        return _with_cookie(reply, request, "", 0)

    async def _ended(request: Request) -> None:
        await asyncio.to_thread(sessions.end, request.cookies.get(COOKIE, ""))

    return router


def _with_cookie(reply: Response, request: Request, session: str, seconds: int) -> Response:
    secure = request.url.scheme == "https"
    reply.set_cookie(COOKIE, session, seconds, secure=secure, httponly=True, samesite="strict")
    return reply


def _own(path: str) -> str:
    """The path on this server to go on to; the page itself where it would lead elsewhere."""
    return path if _OWN_PATH.fullmatch(path) else "/"


def _form(
    onward: str, wrong: str = "", status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    said = f'<p id="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    marked = ' aria-invalid="true" aria-describedby="wrong"' if wrong else ""
    page = _page().substitute(wrong=said, marked=marked, next=escape(onward, quote=True))
    kept = {
        "Content-Security-Policy": _policy(),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",  # without a referrer a form's origin would be "null"
    }
    return HTMLResponse(page, status, {**kept, **(headers or {})})
