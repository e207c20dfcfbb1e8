"""The first node: what was asked, and the files that it is about."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

from hugginggraph.registry import (
    EmptyRequestError,
    FileMissingError,
    HuggingGraphError,
    Kind,
    RequestTooLongError,
    ResourceError,
)
from hugginggraph.tools import is_readable_file, sniff

from .attachments import has_files, spool, without_files
from .earlier import findings
from .parts import Parts, run_context
from .state import Resource, State

_SUFFIXES: dict[Kind, str] = {
    "image": "png jpg jpeg gif bmp webp tif tiff",
    "audio": "wav mp3 flac ogg oga opus m4a aac",
    "video": "mp4 mov avi mkv webm m4v",
    "text": "txt md",
    "table": "csv tsv",
}
_ENDING = "|".join("|".join(suffixes.split()) for suffixes in _SUFFIXES.values())
_PATH = re.compile(rf"(?<![\w/.:])(?:~|\.{{1,2}})?[\w/.\-]+\.(?:{_ENDING})(?!\w)", re.IGNORECASE)
_QUOTED = re.compile(rf"[\"'“‘`]([^\"'“”‘’`\n]{{1,300}}\.(?:{_ENDING}))[\"'”’`]", re.IGNORECASE)


def named_files(request: str) -> list[str]:
    """The paths that stand in a request, in order: bare words and quoted names with spaces."""
    found = [(m.start(1), m[1]) for m in _QUOTED.finditer(request)]
    inside = [(start, start + len(text)) for start, text in found]
    for match in _PATH.finditer(request):
        if not any(start <= match.start() < end for start, end in inside):
            found.append((match.start(), match[0]))
    return list(dict.fromkeys(text for _, text in sorted(found)))


def full_path(name: str) -> Path:
    """The absolute path of a file as a person names it."""
    return Path(name).expanduser().resolve()


def make_ingest(parts: Parts) -> Any:
    """The node ``ingest``: it clears what an earlier turn left and gathers the resources."""

    async def ingest(state: State) -> dict[str, Any]:
        settings = await parts.ready()
        fresh: dict[str, Any] = {
            "plan": None, "choices": {}, "results": {}, "answer": "", "error": None, "mending": 0,
            "rejected": None, "replans": [], "earlier": findings(state),
            "approve": bool(run_context().get("approve", settings.approve)),
            "started": time.time(), "usage": {"llm_calls": 0, "tokens": 0, "seconds": 0.0},
        }  # fmt: skip
        messages = state.get("messages") or []
        asked = messages[-1].text if messages and messages[-1].type == "human" else None
        request = (asked if asked is not None else state.get("request") or "").strip()
        if asked is None and request:
            fresh["messages"] = [HumanMessage(request)]
        attached = messages[-1] if asked is not None and has_files(messages[-1]) else None
        if attached is not None:
            fresh["messages"] = [without_files(attached)]
        files, names = list(state.get("files") or []), dict[str, str]()
        try:
            _check(request, settings.max_request_chars)
            found, known = dict[str, Resource](), state.get("resources") or {}
            if attached is not None:
                names = await asyncio.to_thread(spool, attached, parts.artifacts)
            if files or names or named_files(request):
                found = await asyncio.to_thread(gather, request, [*files, *names], known)
            older = len(known) - len(found.keys() & known.keys())
            fresh["earlier"] = [  # what was found before a file was given again is not of it
                {**finding, "resources": min(finding["resources"], older)}
                for finding in fresh["earlier"]
            ]
            fresh["resources"] = {
                key: Resource(**{**res, "name": names.get(res["path"], res["name"])})
                for key, res in found.items()
            }
        except HuggingGraphError as exc:
            fresh["error"] = exc.as_json()
        return {**fresh, "request": request}

    return ingest


def _check(request: str, limit: int) -> None:
    if not request:
        raise EmptyRequestError(
            "The request is empty.", 'Ask for something, for example "Describe photo.jpg".'
        )
    if len(request) > limit:
        raise RequestTooLongError(
            f"The request has {len(request):,} characters; {limit:,} are taken at most.",
            "Put the long text into a file and name it, or raise HUGGINGGRAPH_MAX_REQUEST_CHARS.",
        )


def gather(request: str, files: Collection[str], known: dict[str, Resource]) -> dict[str, Resource]:
    """The resources of a request by id, new ones counted on from those known.

    A file that is given again keeps its id and is the newest from now on.
    A file that is named in the request and does not exist is left to the check of the plan; one
    that exists and cannot be read carries its problem, so that other files can still be used.

    Raises:
        ResourceError: a file that was given does not exist, or no usable file is left.
    """
    out: dict[str, Resource] = {}
    ids = {res["path"]: key for key, res in known.items()}
    given, fresh = {str(full_path(name)) for name in files}, 0
    named = [name for name in named_files(request) if is_readable_file(full_path(name))]
    spelled = {full_path(name): name for name in named}
    for name in dict.fromkeys([*files, *named]):
        path = full_path(name)
        if not is_readable_file(path):
            raise FileMissingError(f"There is no file '{name}'.", "Check the path.")
        if str(path) not in ids:
            fresh += 1
            ids[str(path)] = f"r{len(known) + fresh}"
        elif str(path) not in given:
            continue
        out[ids[str(path)]] = _resource(path, spelled.get(path, path.name))
    problems = [res["problem"] for res in out.values() if "problem" in res]
    if problems and len(problems) == len(out):
        raise HuggingGraphError.from_json(problems[0])
    return out


def _resource(path: Path, name: str) -> Resource:
    try:
        return Resource(kind=sniff(path), path=str(path), name=name)
    except ResourceError as exc:
        suffix = path.suffix.lower().lstrip(".")
        kind: Kind = next((k for k, ends in _SUFFIXES.items() if suffix in ends.split()), "text")
        return Resource(kind=kind, path=str(path), name=name, problem=exc.as_json())
