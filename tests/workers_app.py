"""A server of two workers for tests: ``python tests/workers_app.py FOLDER`` tells its port.

With ``--page`` it has the page. A summary is "made" once the file ``go`` is in the folder, so that
a run lasts as long as is wanted.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from langchain_core.messages import ToolMessage

from hugginggraph.graph import Parts
from hugginggraph.registry import Settings
from hugginggraph.serve.server import create_app
from hugginggraph.serve.server.workers import serve_with_workers

ALICE, BOB = "alice-has-this-token", "bob-has-another-token"
PER_MINUTE, RUNS = 120, 3


class Waiting:
    """A tool that gives its result when it is let."""

    def __init__(self, go: Path) -> None:
        self._go = go

    async def ainvoke(self, call: Any) -> ToolMessage:
        while not self._go.exists():
            await asyncio.sleep(0.02)
        made = {"kind": "text", "value": "short", "files": [], "model": "stub", "seconds": 0.0}
        return ToolMessage("short", tool_call_id=call["id"], artifact=made)


class WaitingParts(Parts):
    """The product's parts, but for summaries."""

    @property
    def tools(self) -> Any:
        return {**super().tools, "summarization": Waiting(self.settings.data_dir / "go")}


def app_of(page: bool, settings: Settings, shared: Path) -> FastAPI:
    return create_app(settings, WaitingParts(settings), page=page, shared=shared)


def main() -> None:
    folder, page = Path(sys.argv[1]), "--page" in sys.argv
    settings = Settings(
        offline=True, data_dir=folder, artifacts_dir=folder / "artifacts", cache_bytes=0,
        server_workers=2, server_tokens=f"{ALICE},{BOB}", server_runs=RUNS,
        server_requests_per_minute=PER_MINUTE,
        pinned_models={"summarization": "hugginggraph/minilm-summarizer"},
    )  # fmt: skip
    ready = partial(print, flush=True)
    options: dict[str, Any] = {"port": 0, "log_level": "error", "timeout_graceful_shutdown": 1}
    sys.exit(serve_with_workers(settings, ready, partial(app_of, page), **options))


if __name__ == "__main__":
    main()
