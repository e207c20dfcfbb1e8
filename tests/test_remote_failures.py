"""Every row that runs remotely meets every failure of the service, and names it in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse, StreamingResponse
from hub_server import Asked, hub_server
from PIL import Image
from test_remote import CARD, _online as _online
from test_tools_media import save_wav

from hugginggraph.registry import (
    RemoteAccountError,
    RemoteBusyError,
    RemoteError,
    Settings,
    Slot,
    remote_obstacle,
    task_types,
)
from hugginggraph.tools import run_remotely

ROWS = [row.id for row in task_types().values() if row.remote]


async def breaking_off(asked: Asked) -> Response:
    async def half() -> Any:
        yield b'[{"lab'
        raise ConnectionError

    return StreamingResponse(half(), headers={"content-length": "400"})


LOADING = {"error": "Model acme/model is currently loading", "estimated_time": 20.0}
FAILURES: dict[str, tuple[Any, type[RemoteError], str]] = {
    "401": (JSONResponse({"error": "x"}, 401), RemoteAccountError, "did not accept the token"),
    "402": (JSONResponse({"error": "x"}, 402), RemoteAccountError, "credit for remote models"),
    "404": (JSONResponse({"error": "x"}, 404), RemoteError, "serves the model 'acme/model'"),
    "429": (
        JSONResponse({"error": "x"}, 429, {"Retry-After": "7"}),
        RemoteBusyError,
        "asks to wait 7 s",
    ),
    "503": (JSONResponse(LOADING, 503), RemoteBusyError, "is loading"),
    "504": (Response(status_code=504), RemoteError, "took too long for its service (504)"),
    "dropped": (breaking_off, RemoteBusyError, "broke off"),
    "wrong body": (
        Response("<html>Welcome</html>", media_type="application/json"),
        RemoteError,
        "",
    ),
}


def an_input(slot: Slot, folder: Path) -> Any:
    if slot.kind == "image":
        return Image.new("RGB", (40, 30), "red")
    if slot.kind == "audio":
        save_wav(folder / "a.wav")
        return str(folder / "a.wav")
    if slot.kind == "table":
        return "name,age\nAda,36\n"
    return ["cat", "dog"] if slot.many else "some words"


@pytest.mark.parametrize("task", ROWS)
def test_every_remote_row_names_every_failure(tmp_path: Path, task: str) -> None:
    row = task_types()[task]
    args = {slot.name: an_input(slot, tmp_path) for slot in row.required}
    with hub_server(None) as server:
        settings = Settings(hf_base_url=server.url)
        if obstacle := remote_obstacle(CARD, task, settings):  # only a provider has it
            assert obstacle == f"An Inference API of one's own never does {task}."
            return
        for name, (reply, kind, said) in FAILURES.items():
            server.replies[:] = [reply]
            with pytest.raises(RemoteError) as failed:
                run_remotely(row, CARD, args, settings)
            error = failed.value
            assert (name, type(error)) == (name, kind)
            assert said in error.message and error.hint
            if name == "429":
                assert isinstance(error, RemoteBusyError) and error.retry_after == 7
