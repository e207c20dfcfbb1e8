"""Facts about this machine: what is free, what is already here, and whether the Hub answers.

Nothing here fetches a model or loads torch. The question to the Hub is asked once per process; a
network that comes or goes later is not noticed.
"""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from threading import Thread

from .cards import ModelCard

WITHOUT_FILES = frozenset({"opencv"})
"""Libraries whose models are code, so that there is nothing to find."""

HUB_SECONDS = 1.5


def memory_free() -> int:
    """The bytes of memory that a model could take now."""
    import psutil

    return int(psutil.virtual_memory().available)


def disk_free() -> int:
    """The free bytes where the Hugging Face cache is, or will be."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE).absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def hub_reachable(offline: bool = False) -> bool:
    """Whether the Hub answers within a second and a half; False at once when set offline."""
    from huggingface_hub import constants

    if offline or constants.HF_HUB_OFFLINE:
        return False
    return _answers(constants.ENDPOINT)


@cache
def _answers(endpoint: str) -> bool:
    """Whether any HTTP reply below 500 comes; through the proxy, where the environment has one.

    In a thread, because looking up a name cannot be given a time limit.
    """
    replies: list[int] = []
    thread = Thread(target=_ask, args=(endpoint, replies), daemon=True)
    thread.start()
    thread.join(HUB_SECONDS)
    return bool(replies) and replies[0] < 500


def _ask(endpoint: str, replies: list[int]) -> None:
    import httpx

    try:
        replies.append(httpx.head(endpoint, timeout=HUB_SECONDS).status_code)
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        replies.append(599)


def is_local(card: ModelCard) -> bool:
    """Whether the model can be loaded on this machine without fetching anything."""
    if card.library in WITHOUT_FILES:
        return True
    folder = card.path or cached_snapshot(card.id)
    return folder is not None and is_complete(folder)


def cached_snapshot(model_id: str) -> Path | None:
    """The folder of the model's main revision in the Hugging Face cache, where there is one."""
    from huggingface_hub.constants import HF_HUB_CACHE

    repository = Path(HF_HUB_CACHE) / f"models--{model_id.replace('/', '--')}"
    try:
        revision = (repository / "refs" / "main").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / revision
    return folder if revision and folder.is_dir() else None


def is_complete(folder: Path) -> bool:
    """Whether a folder has a configuration and all weights that belong to it.

    A Diffusers folder has a ``model_index.json`` and its parts in folders; each part that has a
    ``config.json`` of its own must have weights.
    """
    index = folder / "model_index.json"
    if index.is_file():
        parts = [folder / name for name in _components(index)]
        weighty = [part for part in parts if (part / "config.json").is_file()]
        return bool(weighty) and all(p.is_dir() for p in parts) and all(map(_weights, weighty))
    return (folder / "config.json").is_file() and _weights(folder)


def _components(index: Path) -> list[str]:
    """The parts that a ``model_index.json`` names: ``{"unet": ["diffusers", "UNet2D…"], …}``."""
    try:
        entries = json.loads(index.read_text("utf-8")).items()
    except (OSError, ValueError, AttributeError):
        return ["an unreadable index"]
    return [name for name, value in entries if isinstance(value, list) and value and value[0]]


def _weights(folder: Path) -> bool:
    """Whether there is a whole file of weights, or every shard that some index names."""
    kinds = ("*.safetensors", "pytorch_model*.bin", "diffusion_pytorch_model*.bin")
    files = (file for kind in kinds for file in folder.glob(kind) if "-of-" not in file.name)
    return any(file.is_file() for file in files) or any(map(_shards, folder.glob("*.index.json")))


def _shards(index: Path) -> bool:
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return bool(names) and all((index.parent / name).is_file() for name in names)
