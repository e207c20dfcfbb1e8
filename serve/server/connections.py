"""How several workers share one port: the first process accepts, and each takes its turn.

Sockets of their own on one port would be given connections by a hash of the address, 30 of one
and 20 of the other as often as not; of one common socket, the first to wake was seen to take 50 of
50. So the first process accepts each connection and hands the socket itself to the next worker
(``SCM_RIGHTS``); what is said on it never passes through the first process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from .patience import Protocol

MOST = 16
"""Connections that a worker takes over at a time."""
WAIT_SECONDS = 0.05
"""How long a connection waits before it is offered again, where there is no worker; and how long
a worker has to say that it listens, before it is asked again."""


class Door:
    """Accepts the connections of a bound socket, from a thread, and hands them out by turns."""

    def __init__(self, bound: socket.socket, folder: Path, backlog: int) -> None:
        self._bound, self._folder, self._backlog = bound, folder, backlog
        self._workers: dict[int, socket.socket] = {}
        self._turns: list[int] = []

    def own_socket(self) -> Any:
        """What a worker unpickles as the socket on which it waits for its connections."""
        return _OwnSocket(self._folder)

    def open(self) -> None:
        """Begin. Where no worker is left, connections wait for the next."""
        self._bound.listen(self._backlog)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more, and tell the workers so."""
        with suppress(OSError):  # it wakes the thread, and macOS knows no shutdown of it
            self._bound.shutdown(socket.SHUT_RDWR)
        self._bound.close()
        self.know([])

    def know(self, workers: list[int]) -> bool:
        """Hand connections to the workers with these process ids.

        Returns:
            whether all of them wait for connections, and so are ready.
        """
        for gone in self._workers.keys() - set(workers):
            self._workers.pop(gone).close()
        for pid in set(workers) - self._workers.keys():
            line = socket.socket(socket.AF_UNIX)
            line.settimeout(WAIT_SECONDS)
            try:
                line.connect(_name(self._folder, pid))
                listens = line.recv(1)  # a connection sent before that would be lost
            except OSError:  # it is still starting
                listens = b""
            if not listens:
                line.close()
                continue
            line.setblocking(False)  # who hangs is passed over once its line is full
            self._workers[pid] = line
        return len(self._workers) == len(workers)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._bound.accept()
            except ConnectionError:  # who connected has left again
                continue
            except OSError:  # closed, or too many files are open for a while
                if self._bound.fileno() < 0:
                    return
                time.sleep(WAIT_SECONDS)
                continue
            with connection:
                while not self._hand(connection) and self._bound.fileno() >= 0:
                    time.sleep(WAIT_SECONDS)

    def _hand(self, connection: socket.socket) -> bool:
        self._turns = [pid for pid in self._turns if pid in self._workers] or [*self._workers]
        while self._turns:
            pid = self._turns.pop(0)
            with suppress(OSError, KeyError):  # it has just ended
                socket.send_fds(self._workers[pid], [b"."], [connection.fileno()])
                return True
        return False


class Handed(asyncio.Protocol):
    """uvicorn's protocol for the line to the first process: serves what is handed over it."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any
    ) -> None:
        self._config, self._app_state = config, app_state
        self._state: Any = server_state

    def connection_made(self, transport: Any) -> None:
        """Take the line from the event loop, which would lose what comes with the bytes."""
        self._transport = transport
        self._line = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._state.connections.add(self)  # which uvicorn shuts down when it ends
        asyncio.get_running_loop().call_soon(self._begin)  # uvloop reads from then on only

    def _begin(self) -> None:
        self._transport.pause_reading()
        asyncio.get_running_loop().add_reader(self._line.fileno(), self._take)
        with suppress(OSError):  # the first process has gone, which is told by the line's end
            self._line.send(b".")

    def shutdown(self) -> None:
        """Take no more."""
        asyncio.get_running_loop().remove_reader(self._line.fileno())
        self._line.close()
        self._transport.abort()
        self._state.connections.discard(self)

    def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            said, handed, *_ = socket.recv_fds(self._line, MOST, MOST)
        except BlockingIOError:
            return
        except ConnectionError:  # the first process asks again
            said, handed = b"", []
        for number in handed:
            connection = socket.socket(fileno=number)
            connection.setblocking(False)
            task = loop.create_task(loop.connect_accepted_socket(self._protocol, connection))
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)
        if not said:
            self.shutdown()

    def _protocol(self) -> Protocol:
        return Protocol(self._config, self._state, self._app_state)


class _OwnSocket:
    """Becomes, in the process that it is sent to, the socket where that one waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> Any:
        return _own_socket, (self._folder,)


def _own_socket(folder: Path) -> socket.socket:
    own = socket.socket(socket.AF_UNIX)
    own.bind(_name(folder, os.getpid()))
    return own


def _name(folder: Path, pid: int) -> str:
    return str(folder / f"{pid}.sock")
