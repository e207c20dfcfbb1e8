"""The files that runs made, by their links, on the server of LangGraph Studio.

Studio's chat and agent-chat-ui show a message's Markdown, so an answer there names files as links
to this path (``graph/attachments.py``). Not covered: owners. Studio is a tool for one person.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from hugginggraph.registry import load_settings

from .files import ID, content_type


@cache
def _folder() -> Path:
    return load_settings().artifacts_dir.resolve()


def _artifact(request: Request) -> FileResponse:
    """A file of the artifacts folder, or the part of it that ``Range`` names."""
    name = request.path_params["name"]
    path = _folder() / name
    if not ID.fullmatch(name) or path.is_symlink() or not path.is_file():
        raise HTTPException(404)
    kind, in_place = content_type(path)
    return FileResponse(
        path,
        media_type=kind,
        filename=name,
        content_disposition_type="inline" if in_place else "attachment",
        headers={
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


studio_app = Starlette(routes=[Route("/artifacts/{name}", _artifact)])
