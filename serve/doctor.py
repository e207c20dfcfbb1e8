"""``hugginggraph doctor``: what this machine has, and what would work on it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hugginggraph.registry import (
    CardStore,
    HuggingGraphError,
    Settings,
    model_cards,
    reach_chroma,
    readable_size as size,
    task_types,
    with_synced,
)

_PACKAGES = ("torch", "transformers", "diffusers", "langgraph", "langchain", "chromadb")


def examine(settings: Settings, console: Console) -> bool:
    """Print one line for each thing examined; whether all that is needed is there."""
    sound = True
    for name, ok, text in _findings(settings):
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]·[/]"}[ok]
        console.print(f"{mark} [bold]{name:<10}[/] {escape(text)}")
        sound = sound and ok is not False
    return sound


def _findings(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    yield "system", None, f"{platform.platform()}, Python {platform.python_version()}"
    yield from _packages()
    yield from _hardware(settings)
    yield from _folder("registry", settings.registry_dir)
    yield from _folder("artifacts", settings.artifacts_dir)
    yield from _threads(settings)
    yield from _chroma(settings)
    yield from _models(settings)
    yield from _pins(settings)
    yield from _controller(settings)


def _packages() -> Iterator[tuple[str, bool | None, str]]:
    missing, found = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield "packages", False, f"not installed: {', '.join(missing)}. Run `make run` again."
    else:
        yield "packages", True, ", ".join(found)


def _hardware(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    import psutil
    import torch

    memory = psutil.virtual_memory()
    yield "memory", None, f"{size(memory.available)} free of {size(memory.total)}"
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    apple = torch.backends.mps.is_available()
    device = ", ".join(gpus) or ("Apple GPU (mps)" if apple else f"CPU, {os.cpu_count()} cores")
    wrong = _wrong_device(settings)
    told = f"{device}; {wrong}" if wrong else f"{device}; setting: {settings.device}"
    yield "device", False if wrong else None, told


def _wrong_device(settings: Settings) -> str:
    """What is wrong with the setting, which on a cluster its nodes alone can say."""
    from hugginggraph.tools import pick_device

    if settings.executor == "ray":
        return ""
    try:
        pick_device(settings.device)
    except HuggingGraphError as exc:
        return str(exc)
    return ""


def _folder(name: str, folder: Path) -> Iterator[tuple[str, bool | None, str]]:
    there = folder.expanduser().resolve()
    above = next(path for path in (there, *there.parents) if path.exists())
    if not os.access(above, os.W_OK):
        yield name, False, f"{there} cannot be written. Choose another folder in the settings."
    else:
        free = size(shutil.disk_usage(above).free)
        yield (
            name,
            True,
            f"{there} ({'there' if there.exists() else 'made when needed'}, {free} free)",
        )


def _threads(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    """Whether the store of threads opens; a file that is not there yet is not made."""
    from .threads import open_saver

    path = settings.data_dir / "threads.sqlite"
    if not settings.database_url and not path.exists():
        return

    async def look() -> None:
        await (await open_saver(settings)).conn.close()

    try:
        asyncio.run(look())
    except HuggingGraphError as exc:
        yield "threads", False, str(exc)
    else:
        yield "threads", True, "the database answers" if settings.database_url else str(path)


def _chroma(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    if not settings.chroma_url:
        return
    try:
        reach_chroma(settings.chroma_url)
    except HuggingGraphError as exc:
        yield "Chroma", False, str(exc)
    else:
        yield "Chroma", True, f"{settings.chroma_url} answers"


def _pins(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    """Each model that the settings pin, looked up in the registry where that is built already."""
    from .why import obstacle_of

    if not settings.pinned_models or not settings.registry_dir.exists():
        return
    try:
        store = CardStore.of(settings)
    except HuggingGraphError as exc:
        yield "pinned", False, str(exc)
        return
    for task, pin in settings.pinned_models.items():
        wrong = obstacle_of(store, pin, task, settings)
        yield "pinned", not wrong, wrong or f"{pin} for {task}"


def _models(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    from hugginggraph.registry import hub_reachable, is_local, remote_closed

    try:
        cards = with_synced(settings.registry_dir, model_cards())
    except HuggingGraphError as exc:
        yield "models", False, str(exc)
        return
    here = [card for card in cards if is_local(card)]
    ready = {
        row.id
        for row in task_types().values()
        if any(card.task in row.served_by and card.library in row.runners for card in here)
    }
    yield "models", bool(here), f"{len(cards)} known, {len(here)} on this machine"
    yield "ready now", None, ", ".join(task for task in task_types() if task in ready) or "no task"
    rest = ", ".join(task for task in task_types() if task not in ready)
    if settings.offline:
        hub = "not asked, as offline is set; only local models run"
    elif hub_reachable():
        hub = "can be reached"
    else:
        hub = "cannot be reached; only local models run"
    yield "Hub", None, hub
    if rest:
        yield "with Hub", None, rest
    closed = remote_closed(settings)
    yield "remote", None, f"closed: {closed}" if closed else f"open, mode {settings.mode}"


def _controller(settings: Settings) -> Iterator[tuple[str, bool | None, str]]:
    if not settings.llm:
        yield "LLM", None, "none set; the built-in planner is used (set HUGGINGGRAPH_LLM for one)"
        return
    from hugginggraph.graph import chat_model

    try:
        chat_model(settings)
        yield "LLM", True, f"{settings.llm} is set up (not asked)"
    except HuggingGraphError as exc:
        yield "LLM", False, str(exc)
