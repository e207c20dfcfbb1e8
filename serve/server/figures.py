"""Figures for Prometheus: of this process, or of all workers where the environment says so."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARED_BY = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which workers keep their figures; it has to be set from the start."""


class Figures:
    """What one app counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "hugginggraph_requests", "Requests by route and status.", ["route", "status"],
            registry=self._registry,
        )  # fmt: skip
        self.runs = Gauge(
            "hugginggraph_runs", "Runs at work now.",
            registry=self._registry, multiprocess_mode="livesum",
        )  # fmt: skip

    def told(self) -> Response:
        """All figures as Prometheus reads them."""
        registry = self._registry
        if SHARED_BY in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped there
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Count:
    """The middleware that counts replies."""

    def __init__(self, app: ASGIApp, requests: Counter) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                self._requests.labels(route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, tell)
