"""``hugginggraph serve``: the app on a socket."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hugginggraph.registry import Settings


def listen(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that answer; each loads its own models.  "
            "[default: HUGGINGGRAPH_SERVER_WORKERS, else 1]",
        ),
    ] = None,
) -> None:
    """Serve the graph over HTTP: LangServe, event streams, files, the original's API."""
    import asyncio

    from hugginggraph.registry import load_settings

    from .guard import check_binding
    from .workers import serve_with_workers

    settings = load_settings(server_workers=workers)
    check_binding(host, settings)
    _check_free(host, port)
    asyncio.run(_check_threads(settings))

    def ready(number: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"HuggingGraph is ready at http://{shown}:{number}", err=True)

    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 5,
        "ws": "none",
    }
    if settings.server_workers > 1:
        raise typer.Exit(serve_with_workers(settings, ready, **options))

    import uvicorn

    from .app import create_app
    from .patience import Protocol

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(self.servers[0].sockets[0].getsockname()[1])

    Server(uvicorn.Config(create_app(settings, alone=True), http=Protocol, **options)).run()


async def _check_threads(settings: Settings) -> None:
    """See that threads can be kept, or each worker would find out, again and again.

    Raises:
        HuggingGraphError: they cannot; it names the file or the setting.
    """
    from ..threads import open_saver
    from .runs import THREADS

    saver = await open_saver(settings, settings.data_dir / THREADS)
    await saver.conn.close()


def _check_free(host: str, port: int) -> None:
    """See that the port can be listened on.

    Raises:
        SettingsError: it is taken, may not be used, or the address is none of this machine.
    """
    from hugginggraph.registry import SettingsError

    hint = f"Name another with --port, such as --port {port + 1 if port < 65535 else 8000}."
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise SettingsError(f"Port {port} of {host} is taken.", hint) from exc
        if exc.errno == errno.EACCES:
            raise SettingsError(f"Port {port} may not be used by you.", hint) from exc
        raise SettingsError(
            f"'{host}' is not an address of this machine.", "Name one of its own with --host."
        ) from exc
