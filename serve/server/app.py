"""The app: every way in over HTTP, on one graph."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from hugginggraph.graph import Parts
from hugginggraph.registry import Settings

from .figures import Count, Figures
from .files import content_type
from .guard import LOCAL, Guard, owner_of, tokens_of
from .langserve_routes import routes as langserve_routes
from .late_page import LatePage, has_page
from .one_page import OnePage
from .original import routes as original_routes
from .refusals import InShape, add_handlers
from .runs import Runs, failure
from .sessions import Sessions
from .shapes import ResumeInput, RunInput, RunOutput
from .sign_in import routes as sign_in_routes
from .sweep import Sweeper
from .uploads import uploaded

log = logging.getLogger("hugginggraph.server")


def create_app(
    settings: Settings,
    parts: Parts | None = None,
    *,
    page: bool = True,
    shared: Path | None = None,
    alone: bool = False,
) -> FastAPI:
    """The server as an ASGI app. Models are loaded when a run first needs them.

    ``parts`` let it share models and store with other graphs. ``page`` puts the web page at ``/``
    where Gradio is installed; with tokens set, people sign in to it with theirs. ``shared`` is a
    folder for what the workers of one server keep together, where there are several. ``alone``
    says that the process does nothing but serve, and stays with this app until it ends.

    Raises:
        SettingsError: a token is too short.
    """
    figures = Figures()
    runs = Runs(settings, parts, figures=figures, shared=shared)
    tokens = tokens_of(settings)
    late: LatePage | OnePage | None = None
    if page and has_page():
        own = LatePage(runs)
        late = OnePage(own, runs.held, shared) if shared else own
    sessions = None
    if late is not None and tokens:
        sessions = Sessions(settings.data_dir / "server" / "sessions.json", tokens.values())

    sweeper = Sweeper(settings, runs.files, runs.expire) if settings.server_keep_days else None

    async def warm() -> None:
        await asyncio.to_thread(runs.parts.open_store)
        if late is not None:
            await late.warm("" if tokens else LOCAL)
        if alone:
            _search_less()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await runs.open()
        if sweeper is not None:
            sweeper.start()
        warming = asyncio.create_task(warm())
        warming.add_done_callback(_tell_of_failure)
        try:
            yield
        finally:
            warming.cancel()
            if sweeper is not None:
                await asyncio.to_thread(sweeper.close)
            if late is not None:
                await late.close()
            await runs.close()

    app = FastAPI(title="HuggingGraph", lifespan=life)
    app.state.runs = runs
    add_handlers(app)
    _add_health(app, runs, figures)
    _add_files(app, runs)
    _add_runs(app, runs)
    app.include_router(langserve_routes(runs))
    app.include_router(original_routes(runs))
    if sessions is not None:
        app.include_router(sign_in_routes(tokens, sessions, shared))
    if late is not None:
        app.mount("/", InShape(app, late))
    if settings.server_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.server_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    app.add_middleware(Guard, settings=settings, sessions=sessions, shared=shared)
    app.add_middleware(Count, requests=figures.requests)
    return app


def _tell_of_failure(warming: asyncio.Task[None]) -> None:
    """Requests will meet what went wrong, too, and try again; the operator hears of it now."""
    if not warming.cancelled() and (failed := warming.exception()):
        log.warning("Requests cannot be served yet: %s", failed)


def _search_less() -> None:
    """Search for garbage less often, and not in what is loaded once and for all.

    Else each search holds up all requests, some for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def _add_health(app: FastAPI, runs: Runs, figures: Figures) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz(response: Response) -> dict[str, str]:
        """Whether runs can start."""
        if runs.graph is None:
            response.status_code = 503
        return {"status": "starting" if runs.graph is None else "ready"}

    @app.get("/metrics", tags=["health"])
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return figures.told()


def _add_files(app: FastAPI, runs: Runs) -> None:
    @app.post("/files", status_code=201, tags=["files"])
    async def upload(request: Request) -> dict[str, str]:
        """Upload one file (multipart/form-data); the id goes into a run's ``files``."""
        name, pieces = await uploaded(request)
        file_id, kind = await runs.files.save(owner_of(request), name, pieces)
        return {"id": file_id, "kind": kind, "url": f"/files/{file_id}"}

    @app.get("/files/{file_id}", tags=["files"])
    @app.get("/images/{file_id}", include_in_schema=False)
    @app.get("/audios/{file_id}", include_in_schema=False)
    @app.get("/videos/{file_id}", include_in_schema=False)
    async def download(file_id: str, request: Request) -> FileResponse:
        """A file, or the part of it that ``Range`` names."""
        path = await asyncio.to_thread(runs.files.find, owner_of(request), file_id)
        kind, in_place = content_type(path)
        return FileResponse(
            path,
            media_type=kind,
            filename=path.name,
            content_disposition_type="inline" if in_place else "attachment",
            headers={"Content-Security-Policy": "sandbox; default-src 'none'"},
        )


def _add_runs(app: FastAPI, runs: Runs) -> None:
    @app.post("/agent/resume", tags=["runs"])
    async def resume(given: ResumeInput, request: Request) -> RunOutput:
        """Answer what an interrupted run asked."""
        return await runs.resume(owner_of(request), given)

    @app.post("/agent/events", tags=["runs"])
    async def events(given: RunInput, request: Request) -> EventSourceResponse:
        """A run as server-sent events: started, plan, models, task, token, then done or interrupt.

        Closing the connection cancels the run.
        """
        return EventSourceResponse(_events(runs, owner_of(request), given))

    @app.post("/agent/resume/events", tags=["runs"])
    async def resume_events(given: ResumeInput, request: Request) -> EventSourceResponse:
        """As /agent/events, going on after an interrupt."""
        return EventSourceResponse(_events(runs, owner_of(request), given))

    @app.get("/threads/{thread_id}", tags=["runs"])
    async def history(thread_id: str, request: Request) -> dict[str, Any]:
        """The messages of a thread."""
        messages = await runs.history(owner_of(request), thread_id)
        return {"thread_id": thread_id, "messages": messages}


async def _events(
    runs: Runs, owner: str, given: RunInput | ResumeInput
) -> AsyncIterator[dict[str, str]]:
    told = runs.events(owner, given)
    try:
        async for event in told:
            yield {"event": event.name, "data": json.dumps(event.data, ensure_ascii=False)}
    except Exception as exc:  # the reply has begun: what went wrong is its last event
        yield {"event": "error", "data": json.dumps(failure(exc))}
    finally:
        await told.aclose()
