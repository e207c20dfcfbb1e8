"""``hugginggraph serve``: the app on a socket."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def listen(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
) -> None:
    """Serve the graph over HTTP: LangServe, event streams, files, the original's API."""
    import uvicorn

    from hugginggraph.registry import load_settings

    from .app import create_app
    from .guard import check_binding
    from .patience import protocol

    settings = load_settings()
    check_binding(host, settings)
    config = uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        http=protocol(),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        ws="none",
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                number = self.servers[0].sockets[0].getsockname()[1]
                shown = f"[{host}]" if ":" in host else host
                typer.echo(f"HuggingGraph is ready at http://{shown}:{number}", err=True)

    Server(config).run()
