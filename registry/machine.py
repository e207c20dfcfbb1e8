"""Facts about this machine: what is free, what is already here, and whether the Hub answers.

Nothing here fetches a model or loads torch. The Hub is asked whether it answers, and for a while
its answer holds; a network that comes is noticed within a minute, one that goes by whoever uses it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from typing import Protocol
from weakref import WeakSet

from .bases import Base, base_of, own_size
from .cards import ModelCard

WITHOUT_FILES = frozenset({"opencv", "scipy"})
"""Libraries whose models are code, so that there is nothing to find."""

EXTRAS = {"controlnet_aux": "control", "skops": "tabular"}
"""Libraries that only an extra installs, and that extra's name."""

PICKLED = frozenset({"controlnet_aux"})
"""Libraries whose models are published as pickles only; `hugginggraph models convert` saves one."""

PICKLES = (".pkl", ".pickle", ".joblib")
CGROUP = Path("/sys/fs/cgroup")
HUB_SECONDS = 3.0
"""Seconds that an address may take to answer, also over a satellite and on a slow machine."""
ANSWER_HOLDS, SILENCE_HOLDS = 600.0, 60.0
"""Seconds after which an address is asked again that answered, and that did not."""
NOTHING = 1000
"""What stands for a status where no reply came."""


def memory_free() -> int:
    """The bytes of memory that a model could take now, within the container's limit."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = (_cgroup(name) for name in ("memory.max", "memory.current"))
    return free if limit is None else max(0, min(free, limit - (used or 0)))


class Keeper(Protocol):
    """Who keeps models in memory for their next use (a pool of them)."""

    def kept(self) -> tuple[int, frozenset[str]]:
        """The bytes that idle models would leave to another one, and the ids of all here."""


_keepers: WeakSet[Keeper] = WeakSet()
_counting = Lock()


def keeps_models(keeper: Keeper) -> None:
    """What the keeper holds counts in `memory_to_have`, for as long as it lives."""
    with _counting:
        _keepers.add(keeper)


def memory_to_have() -> tuple[int, frozenset[str]]:
    """The bytes of memory that a model could have once idle ones leave.

    And the ids of the models that are loaded already, so that they need none.
    """
    with _counting:
        keepers = list(_keepers)
    kept = [keeper.kept() for keeper in keepers]
    return memory_free() + sum(idle for idle, _ in kept), frozenset().union(*(i for _, i in kept))


def memory_total() -> int:
    """The bytes of memory of the machine, or of the container where that has a limit."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = _cgroup("memory.max")
    return total if limit is None else min(total, limit)


def _cgroup(name: str) -> int | None:
    """A figure of the container, None where there is no container or no limit."""
    try:
        return int((CGROUP / name).read_text("ascii"))
    except (OSError, ValueError):  # "max" is no limit
        return None


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
    return _status(constants.ENDPOINT) < 500


def loaded_from(source: str, offline: bool) -> tuple[str, bool]:
    """A folder, or an id of the Hub, as Transformers takes it; and whether to look here only.

    Raises:
        FileNotFoundError: it is written as a folder, and there is none.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return str(folder), True
    if source.startswith(("/", ".", "~")) or source.count("/") > 1:
        raise FileNotFoundError(f"There is no folder '{folder}'.")
    return source, not hub_reachable(offline)


def hub_lost() -> None:
    """The Hub did not answer someone just now: nobody else need try for a while."""
    from huggingface_hub import constants

    _statuses[constants.ENDPOINT] = (NOTHING, time.monotonic())


_statuses: dict[str, tuple[int, float]] = {}
"""By address, what it answered and when."""
_asking = Lock()


def _status(endpoint: str) -> int:
    """The HTTP status of an address, or `NOTHING`; asked again when the last answer is old."""
    with _asking:
        status, when = _statuses.get(endpoint, (NOTHING, -math.inf))
        holds = ANSWER_HOLDS if status < NOTHING else SILENCE_HOLDS
        if time.monotonic() - when > holds:
            status = _status_now(endpoint)
            _statuses[endpoint] = (status, time.monotonic())
        return status


def _status_now(endpoint: str) -> int:
    """The HTTP status that comes, through the proxy where the environment has one, or `NOTHING`.

    In a thread, because looking up a name cannot be given a time limit.
    """
    import httpx  # before the time runs: on a slow machine it takes a second

    replies: list[int] = []

    def ask() -> None:
        try:
            replies.append(httpx.head(endpoint, timeout=HUB_SECONDS).status_code)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            replies.append(NOTHING)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_SECONDS)
    return replies[0] if replies else NOTHING


def answers(url: str) -> bool:
    """Whether anything at all answers there; asked now and then, False when set offline."""
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and _status(url) < NOTHING


def is_local(card: ModelCard) -> bool:
    """Whether the model can be loaded on this machine without fetching anything, its base too."""
    return _is_here(card) and missing_base(card) is None


def to_fetch(card: ModelCard) -> int:
    """The bytes to fetch before the model runs, its base's too; 0 where its own are not known."""
    here = _is_here(card)
    own = 0 if here else own_size(card)
    base = missing_base(card) if here or own else None
    return own + (base.size_bytes if base else 0)


def _is_here(card: ModelCard) -> bool:
    if card.library in WITHOUT_FILES:
        return True
    folder = folder_of(card)
    return folder is not None and not missing_parts(folder)


def folder_of(card: ModelCard) -> Path | None:
    """Where a model's files are on this machine, if they are: its own folder, or the Hub's cache.

    A checkpoint of one's own is never what the Hub has under its name.
    """
    return card.path or (None if card.source == "local" else cached_snapshot(card.id))


def missing_base(card: ModelCard) -> Base | None:
    """The model that this one needs and that is not on this machine.

    A folder that is a whole pipeline, or holds its ``vocoder``, needs none, whatever its card says.
    """
    base = base_of(card)
    if base is None or base_folder(base.id):
        return None
    folder = folder_of(card)
    whole = folder and any((folder / name).exists() for name in ("model_index.json", "vocoder"))
    return None if whole else base


def base_folder(name: str) -> Path | None:
    """The folder of a base's id, or the one whose whole path it is, where its files are complete.

    An id is never a folder that happens to lie below the working directory.
    """
    folder = Path(name) if Path(name).is_absolute() else cached_snapshot(name)
    return folder if folder and not missing_parts(folder) else None


def cached_snapshot(model_id: str) -> Path | None:
    """The folder of the model's main revision in the Hugging Face cache, where there is one."""
    from huggingface_hub.constants import HF_HUB_CACHE

    repository = Path(f"{HF_HUB_CACHE}/models--{model_id.replace('/', '--')}")
    if not repository.is_dir():  # asked of many cards at each choice, and a failed open is slow
        return None
    try:
        revision = (repository / "refs" / "main").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / revision
    return folder if revision and folder.is_dir() else None


def missing_parts(folder: Path) -> list[str]:
    """What a checkpoint's folder lacks to be loaded, in words; empty where it is complete.

    It needs a configuration and all weights that belong to it, as safetensors. A Diffusers folder
    has a ``model_index.json`` and its parts in folders; each part with a configuration of its own
    needs its weights. A scikit-learn model is a skops file; a pickle is not weights.
    """
    names = _names(folder)
    if any(name.endswith(".skops") for name in names):
        return []
    pickles = [name for name in names if name.endswith(PICKLES)]
    if pickles and not any(name.endswith(".safetensors") for name in names):
        return [f"a skops file ('{pickles[0]}' is a pickle, which could run any code)"]
    if "model_index.json" not in names:
        config = [] if (folder / "config.json").is_file() else ["config.json"]
        return config + _missing_weights(folder, names)
    parts = [folder / name for name in _components(folder / "model_index.json")]
    weighty = [part for part in parts if (part / "config.json").is_file()]
    missing = [part.name for part in parts if not part.is_dir()]
    missing += [f"{p.name}/{name}" for p in weighty for name in _missing_weights(p, _names(p))]
    return missing if weighty else [*missing, "any part with weights"]


def _components(index: Path) -> list[str]:
    """The parts that a ``model_index.json`` names: ``{"unet": ["diffusers", "UNet2D…"], …}``."""
    try:
        entries = json.loads(index.read_text("utf-8")).items()
    except (OSError, ValueError, AttributeError):
        return ["an unreadable index"]
    return [name for name, value in entries if isinstance(value, list) and value and value[0]]


def _names(folder: Path) -> list[str]:
    """What is in a folder, by name; one listing is quicker than many patterns."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []


def _missing_weights(folder: Path, names: Sequence[str]) -> list[str]:
    """Empty where there is a whole file of weights, or every shard that an index names."""
    indexes = [folder / name for name in names if name.endswith(".safetensors.index.json")]
    if indexes:
        return min((_missing_shards(index) for index in indexes), key=len)
    whole = (n for n in names if n.endswith(".safetensors") and "-of-" not in n)
    found = any((folder / name).is_file() for name in whole)  # a link of a broken download is none
    return [] if found else ["model.safetensors"]


def _missing_shards(index: Path) -> list[str]:
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return [f"a readable {index.name}"]
    return sorted(name for name in names if not (index.parent / name).is_file())


def missing_extra(library: str) -> str:
    """The extra that brings a library and is not installed; empty where nothing is missing."""
    module = {"sklearn": "skops"}.get(library, library)
    if module not in EXTRAS:
        return ""
    try:
        return "" if find_spec(module) else EXTRAS[module]
    except ValueError:  # it was marked as missing
        return EXTRAS[module]


def way_to_get(card: ModelCard) -> str:
    """The command that brings a model's files here."""
    command = "hugginggraph models convert" if card.library in PICKLED else "hf download"
    return f"`{command} {card.id}`"


def readable_size(size: int) -> str:
    """A number of bytes as people write it: "90 MB", "1.7 GB"."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.{1 if size < 10 * unit else 0}f} {name}"
    return f"{size} bytes"
