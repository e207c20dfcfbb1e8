"""The first node: what was asked, and the files that it is about."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

from hugginggraph.registry import (
    EmptyRequestError,
    FileMissingError,
    HuggingGraphError,
    Kind,
    RequestError,
    RequestTooLongError,
    ResourceError,
    SettingsError,
    UnknownTaskError,
    task_type,
)
from hugginggraph.tools import SUFFIXES, is_readable_file, sniff

from .attachments import has_files, spool, without_files
from .builtin_planner.files import UNREAD
from .earlier import findings
from .parts import Parts, run_context
from .state import Context, Resource, State

_ENDING = "|".join(
    suffix.strip(".") for ends in (*SUFFIXES.values(), UNREAD) for suffix in ends.split()
)
_PATH = re.compile(rf"(?<![\w/.:-])(?:~|\.{{1,2}})?[\w/.\-]+\.(?:{_ENDING})(?!\w)", re.IGNORECASE)
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
            "rejected": None, "replans": [], "earlier": [],
            "approve": bool(run_context().get("approve", settings.approve)),
            "started": time.time(), "usage": {"llm_calls": 0, "tokens": 0, "seconds": 0.0},
        }  # fmt: skip
        messages = state.get("messages") or []
        asked = messages[-1].text if messages and messages[-1].type == "human" else None
        given: Any = asked if asked is not None else state.get("request") or ""
        request = given.strip() if isinstance(given, str) else ""
        if asked is None and request:
            fresh["messages"] = [HumanMessage(request)]
        attached = messages[-1] if asked is not None and has_files(messages[-1]) else None
        if attached is not None:
            fresh["messages"] = [without_files(attached)]
        names = dict[str, str]()
        try:
            fresh["earlier"] = findings(state)
            _check(given, settings.max_request_chars)
            _check_context(run_context(), settings.pinned_models)
            files = _paths(state.get("files") or [])
            found, known = dict[str, Resource](), state.get("resources") or {}
            if attached is not None:
                names = await asyncio.to_thread(spool, attached, parts.artifacts)
            if files or names or named_files(request):
                found = await asyncio.to_thread(gather, request, [*files, *names], known)
            older = len(known) - len(found.keys() & known.keys())
            fresh["earlier"] = [  # what was found before a file was given again is not of it
                {**finding, "resources": min(finding["resources"], older)} if known else finding
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


def _check(request: Any, limit: int) -> None:
    if not isinstance(request, str):
        raise RequestError(
            f"The request is a text, and {type(request).__name__} was given.",
            'Give {"request": "Describe photo.jpg"}.',
        )
    if not (request := request.strip()):
        raise EmptyRequestError(
            "The request is empty.", 'Ask for something, for example "Describe photo.jpg".'
        )
    if len(request) > limit:
        raise RequestTooLongError(
            f"The request has {len(request):,} characters; {limit:,} are taken at most.",
            "Put the long text into a file and name it, or raise HUGGINGGRAPH_MAX_REQUEST_CHARS.",
        )


def _check_context(context: Context, pinned: Mapping[str, str]) -> None:
    """What a caller set for this run, as far as it would be passed by where it is wrong.

    Other names are left alone: LangGraph's server adds some of its own.
    """
    planner: Any = context.get("planner")
    if planner not in (None, "auto", "llm", "builtin"):
        raise SettingsError(f"There is no planner {planner!r}.", "Give auto, llm or builtin.")
    models: Any = context.get("models") or {}
    if not isinstance(models, Mapping):
        raise SettingsError(
            "Models are named as a mapping from task types.",
            'Give {"object-detection": "facebook/detr-resnet-50"}.',
        )
    for task in models:
        task_type(task)
    for task in pinned:
        try:
            task_type(task)
        except UnknownTaskError as exc:
            raise SettingsError(exc.message, "Correct HUGGINGGRAPH_PINNED_MODELS.") from exc


def _paths(files: Any) -> list[str]:
    """The paths of the files that were given, of which one need not be in a list."""
    given = [files] if isinstance(files, str | os.PathLike) else files
    wrong = (
        [file for file in given if not isinstance(file, str | os.PathLike)]
        if isinstance(given, Iterable)
        else [given]
    )
    if wrong:
        raise RequestError(
            f"A file is given by its path, and {type(wrong[0]).__name__} was given.",
            'Give {"files": ["photo.jpg"]}.',
        )
    return [os.fspath(file) for file in given]


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
        suffix = path.suffix.lower()
        kind: Kind = next((k for k, ends in SUFFIXES.items() if suffix in ends.split()), "text")
        return Resource(kind=kind, path=str(path), name=name, problem=exc.as_json())
