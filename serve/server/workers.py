"""Several processes of one server: started, watched, replaced and stopped together."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.supervisors.multiprocess import Multiprocess

from hugginggraph.registry import Settings, SettingsError

from .connections import Door, Handed

log = logging.getLogger("hugginggraph.server")

SILENT_SECONDS = 60
"""Seconds without a sign of life after which a worker is replaced; a model's loading takes some."""
STOP_SECONDS = 8.0
"""Seconds that workers have to stop in; uvicorn gives open requests five of them."""


def _app(settings: Settings, shared: Path) -> FastAPI:
    from .app import create_app

    return create_app(settings, shared=shared, alone=True)


def serve_with_workers(
    settings: Settings,
    ready: Callable[[int], None],
    make_app: Callable[[Settings, Path], FastAPI] = _app,
    **options: Any,
) -> int:
    """Serve with ``settings.server_workers`` processes until told to stop; gives the exit code.

    ``ready`` is told the port once all of them answer; ``make_app`` makes the app of each, given
    its settings and the folder that they share; ``options`` are uvicorn's.

    Raises:
        SettingsError: this system has no locks that end with their process.
    """
    if sys.platform == "win32":
        raise SettingsError("Windows has one worker only.", "Leave out --workers.")
    from .figures import SHARED_BY

    with tempfile.TemporaryDirectory(prefix="hugginggraph-", ignore_cleanup_errors=True) as name:
        shared = Path(name)
        os.environ[SHARED_BY] = str(shared / "figures")
        (shared / "figures").mkdir()
        config = Config(
            partial(worker_app, make_app, _share_of(settings), shared), factory=True,
            workers=settings.server_workers, timeout_worker_healthcheck=SILENT_SECONDS,
            http=Handed, **options,
        )  # fmt: skip
        with config.bind_socket() as bound:  # which fails where the port is taken
            door = Door(bound, shared, config.backlog)
            workers = Workers(config, door, partial(ready, bound.getsockname()[1]))
            workers.run()
    return max(0, *(process.exitcode or 0 for process in workers.processes))


def worker_app(
    make_app: Callable[[Settings, Path], FastAPI], settings: Settings, shared: Path
) -> FastAPI:
    """The app of one worker, which ends when the process that started it does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return make_app(settings, shared)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _share_of(settings: Settings) -> Settings:
    """Each worker loads its own models, within its share of the memory."""
    from hugginggraph.tools import Memory

    bound = Memory(settings.max_memory).bound // settings.server_workers
    return settings.model_copy(update={"max_memory": bound})


class Workers(Multiprocess):
    """uvicorn's supervisor, which also tells when all are ready and who was replaced."""

    def __init__(self, config: Config, door: Door, ready: Callable[[], None]) -> None:
        super().__init__(config, [door.own_socket()])
        self._door = door
        self._ready: Callable[[], None] | None = ready

    def keep_subprocess_alive(self) -> None:
        """Replace who has ended or hangs."""
        from prometheus_client.multiprocess import mark_process_dead

        for process in self.processes:  # or who waits for a sign of one would not see its end
            process.child_conn.close()
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            log.error("the worker with process id %s ended; another one takes its place", pid)
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
        if self._door.know([process.pid or 0 for process in self.processes]) and self._ready:
            self._door.open()
            self._ready()
            self._ready = None

    def terminate_all(self) -> None:
        """Accept nothing more, and tell all to end."""
        self._door.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for all to end, and end who takes too long."""
        until = time.monotonic() + STOP_SECONDS
        for process in self.processes:
            process.process.join(max(0.0, until - time.monotonic()))
            if process.process.exitcode is None:
                process.process.kill()
                process.process.join()
