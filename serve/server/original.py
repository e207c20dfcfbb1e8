"""The original's HTTP API: its chat server's three stages and its models server, in its shapes.

Its web client works unchanged. What its bodies could do beyond that is left out on purpose: keys
and endpoints in a body are not looked at.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from hugginggraph.registry import HuggingGraphError, UnknownModelError, task_type
from hugginggraph.tools import as_text, reading_only

from ..folders import without_folders
from .fetch import fetch
from .files import LINK, safe_name
from .guard import owner_of
from .recall import conversation
from .refusals import Refusal
from .runs import BEFORE_ANSWER, PLAN_ONLY, Runs
from .shapes import Conversation, Message, RunOutput, Turn

_ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.I)
_ENDING = re.compile(r"\.(?:jpe?g|tiff?|gif|png|flac|wav|mp3|mp4)\b", re.I)
"""Where an address of media ends, in what goes on without a blank."""
_FOLDER = {"image": "images", "audio": "audios", "video": "videos"}
_REFERENCE = re.compile(r"<resource>-(\d+)")


class Body(BaseModel):
    """What all three stages take. Keys and endpoints in it are not looked at."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=200)]


class ModelBody(BaseModel):
    """What the models server takes."""

    text: str | None = None
    img_url: str | None = None
    audio_url: str | None = None


def routes(runs: Runs) -> APIRouter:
    """The router with the original's endpoints."""
    router = APIRouter(tags=["the original's API"])

    @router.post("/tasks")
    async def tasks(body: Body, request: Request) -> Any:
        """Stage 1: the list of tasks, or a message where there is nothing to run."""
        out = await runs.run(owner_of(request), _given(body), before=PLAN_ONLY)
        planned = (out.plan or {}).get("tasks") or []
        valid = bool(out.plan and out.plan["valid"])
        return [_task(task, out) for task in planned] if planned and valid else _message(out)

    @router.post("/results")
    async def results(body: Body, request: Request) -> Any:
        """Stages 1–3: each task with its result and the choice of its model, or a message."""
        out = await runs.run(owner_of(request), _given(body), before=BEFORE_ANSWER)
        if not out.results or not out.plan:
            return _message(out)
        return {
            str(task["id"]): {
                "task": _task(task, out),
                "inference result": _result(out.results[str(task["id"])], out),
                "choose model result": {
                    "id": out.models[str(task["id"])]["model"],
                    "reason": out.models[str(task["id"])]["reason"],
                },
            }
            for task in out.plan["tasks"]
        }

    @router.post("/hugginggpt")
    async def hugginggpt(body: Body, request: Request) -> Any:
        """All stages: the answer."""
        return _message(await runs.run(owner_of(request), _given(body)))

    @router.get("/running")
    async def running() -> dict[str, bool]:
        """Whether the models server is there."""
        return {"running": True}

    @router.get("/status/{model:path}")
    async def status(model: str) -> dict[str, bool]:
        """Whether a model can be used."""
        try:
            await asyncio.to_thread(runs.parts.store.card, model)
        except HuggingGraphError:
            return {"loaded": False}
        return {"loaded": True}

    @router.post("/models/{model:path}")
    async def models(model: str, body: ModelBody, request: Request) -> Any:
        """Run one model on a text, a picture or a sound."""
        try:
            card = await asyncio.to_thread(runs.parts.store.card, model)
        except UnknownModelError as exc:
            raise Refusal(404, f"There is no model '{model:.100}'.", exc.hint) from exc
        row, owner = task_type(card.task), owner_of(request)
        given: dict[str, Any] = {"text": body.text}
        for kind, address in (("image", body.img_url), ("audio", body.audio_url)):
            given[kind] = str(await _file(runs, owner, address)) if address else None
        args = {
            slot.name: [given[slot.kind]] if slot.many else given[slot.kind]
            for slot in row.inputs
            if given.get(slot.kind)
        }
        if lacking := [slot.name for slot in row.required if slot.name not in args]:
            raise Refusal(
                422,
                f"{row.id} needs: {', '.join(lacking)}.",
                "The body takes text, img_url and audio_url; POST /agent/invoke takes any file.",
            )
        try:
            with reading_only(*runs.readable(owner)):
                tools = await runs.parts.get_tools()
                call = {"type": "tool_call", "name": row.id, "id": "0",
                        "args": {**args, "model": model}}  # fmt: skip
                message = await tools[row.id].ainvoke(call)
        except HuggingGraphError as exc:
            return {"error": {"message": without_folders(str(exc))}}
        made = message.artifact
        if not made["files"]:
            return _value(made["kind"], made["value"])
        return {"path": f"/{_link(runs, owner, made['files'][0])}"}

    return router


async def _file(runs: Runs, owner: str, address: str) -> Any:
    """The file that a body names: one of the owner's, or one of the web."""
    if own := LINK.search(address):
        return runs.files.find(owner, own[1])
    return await fetch(address, owner, runs.files)


def _link(runs: Runs, owner: str, file: dict[str, Any]) -> str:
    return f"{_FOLDER.get(file['kind'], 'files')}/{runs.files.adopt(owner, Path(file['path']))}"


def _given(body: Body) -> Conversation:
    """The request of a conversation with the media that it names, and what was said before it."""
    last = body.messages[-1]
    if last.role != "user" or not last.content.strip():
        raise Refusal(422, "The last message is not a user's request.", "Add one.")
    before = [_turn(said) for said in body.messages[:-1] if said.role in ("user", "assistant")]
    return conversation(_turn(last), before)


def _turn(message: Message) -> Turn:
    files: list[str] = []

    def named(match: re.Match[str]) -> str:
        ends = [end.end() for end in _ENDING.finditer(match[0], match[0].index("//") + 3)]
        address = match[0][: ends[-1]] if ends else ""
        try:
            path = urlsplit(address).path
        except ValueError:
            address = ""
        if not address:
            return match[0]
        files.append(address)
        return safe_name(path) + match[0][ends[-1] :]

    own = LINK.sub(lambda link: f"/files/{link[1]}", message.content)
    text = _ADDRESS.sub(named, own)
    return Turn(
        role="assistant" if message.role == "assistant" else "user",
        text=text, files=list(dict.fromkeys(files)),
    )  # fmt: skip


def _message(out: RunOutput) -> dict[str, str]:
    faults = [out.error] if out.error else (out.plan or {}).get("errors") or []
    text = out.answer or " ".join(f"{fault['message']} {fault['hint']}" for fault in faults)
    for resource in out.resources.values():
        if resource["url"]:
            text = text.replace(resource["url"], _shown(resource))
    return {"message": text}


def _shown(resource: dict[str, Any]) -> str:
    """A resource's link where the original's client looks for media."""
    link: str = resource["url"]
    return link.replace("/files/", f"/{_FOLDER.get(resource['kind'], 'files')}/", 1)


def _task(task: dict[str, Any], out: RunOutput) -> dict[str, Any]:
    """A task in the original's words: ``dep: [-1]`` for none, ``<GENERATED>-N``, three inputs."""
    args: dict[str, Any] = {}
    for slot in task_type(task["task"]).inputs:
        if slot.name in task["args"]:
            name = slot.kind if slot.kind in ("text", "image", "audio") else slot.name
            args[name if name not in args else slot.name] = _argument(task["args"][slot.name], out)
    return {"task": task["task"], "id": task["id"], "dep": task["dep"] or [-1], "args": args}


def _argument(value: Any, out: RunOutput) -> str:
    if isinstance(value, list):
        return ",".join(_argument(item, out) for item in value)
    if value in out.resources:
        return _shown(out.resources[value])
    return _REFERENCE.sub(r"<GENERATED>-\1", str(value))


def _result(result: dict[str, Any], out: RunOutput) -> Any:
    """A result under the original's keys."""
    if result["status"] != "done":
        return {"error": {"message": (result.get("error") or {}).get("message", "")}}
    if result["files"]:
        made = out.resources[result["files"][0]]
        found = {f"generated {made['kind']}": _shown(made)}
        return found if result["kind"] == made["kind"] else {**found, "predicted": result["value"]}
    return _value(result["kind"], result["value"])


def _value(kind: Any, value: Any) -> Any:
    return {"generated text": as_text(kind, value)} if kind == "text" else value
