"""Connections that send nothing are closed: uvicorn waits for a request's head without end."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 10.0
"""Seconds that a client may take for a request's first line and headers."""

_base: Any = AutoHTTPProtocol  # whichever is installed


class Protocol(_base):  # type: ignore[misc]  # known only when it runs
    """uvicorn's HTTP protocol with a limit on the time that a request's head takes."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has come."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """A piece of a head or a body has come."""
        if self._waiting is None and self._between_requests():
            self._wait()
        super().data_received(data)
        if not self._between_requests():
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._stop()
        super().connection_lost(exc)

    def _between_requests(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_slow(self) -> None:
        self._waiting = None
        if self._between_requests() and not self.transport.is_closing():
            self.transport.close()
