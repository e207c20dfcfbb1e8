"""Where a model's files are: in the card's folder, in the Hugging Face cache, or on the Hub."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hugginggraph.registry import (
    PICKLED,
    WITHOUT_FILES,
    ModelCard,
    ModelLoadError,
    SettingsError,
    folder_of,
    hub_reachable,
    missing_base,
    missing_parts,
    way_to_get,
)

from .download import fetch
from .loading import set_environment
from .runner import Checkpoint


def pick_device(device: str) -> str:
    """The torch device string; `auto` takes CUDA, then MPS, then the processor.

    Raises:
        SettingsError: the device has a name that torch does not know, or is not there.
    """
    set_environment()
    if device == "cpu":
        return device
    import torch

    if device != "auto":
        try:
            wanted = torch.device(device)
        except RuntimeError as exc:
            hint = "Set HUGGINGGRAPH_DEVICE to auto, cpu, cuda, cuda:1 or mps."
            raise SettingsError(f"There is no device '{device}'.", hint) from exc
        there = torch.cuda.device_count() if wanted.type == "cuda" else 1
        if (wanted.index or 0) >= there or (
            wanted.type == "mps" and not torch.backends.mps.is_available()
        ):
            raise SettingsError(
                f"The device '{device}' is not on this machine, or torch is built without it.",
                "Set HUGGINGGRAPH_DEVICE to auto or cpu, or install the torch that fits.",
            )
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


_whole: dict[Path, int] = {}
"""Folders that lacked nothing when they last changed; looking through one costs 0.1 ms a call."""


def _missing(folder: Path) -> list[str]:
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    if changed and _whole.get(folder) == changed:
        return []
    missing = missing_parts(folder)
    if not missing:
        _whole[folder] = changed
    return missing


def locate(
    card: ModelCard,
    *,
    offline: bool,
    device: str,
    token: str | None = None,
    trusted: Iterable[str] = (),
) -> Checkpoint:
    """Where the model's files are; what is not on this machine is fetched from the Hub.

    A model that works inside another (a ControlNet) brings that one too. ``trusted`` are models
    that may run code of their own.

    Raises:
        ModelLoadError: they are not here and cannot be fetched; the message says why.
    """
    if card.library in WITHOUT_FILES:
        return Checkpoint(card, "", "cpu")
    found = _files(card, offline, token, code=card.id in trusted)
    if base := missing_base(card):
        inside = ModelCard(id=base.id, task=card.task, library=card.library, description="")
        try:
            _files(inside, offline, token)
        except ModelLoadError as exc:
            message = f"'{card.id}' works inside another model. {exc.message}"
            raise type(exc)(message, exc.hint) from exc
    return Checkpoint(card, str(found), pick_device(device), trusted=frozenset(trusted))


def _files(card: ModelCard, offline: bool, token: str | None, *, code: bool = False) -> Path:
    """The folder of a model's files, fetched where it must be."""
    folder = folder_of(card)
    missing = _missing(folder) if folder else []
    if folder and not missing:
        return folder
    if card.path:
        raise ModelLoadError(
            f"The folder '{card.path}' of the model '{card.id}' lacks {', '.join(missing)}.",
            "Install or build it again.",
        )
    if card.source == "local":
        raise ModelLoadError(
            f"The model '{card.id}' is in a folder of another machine.",
            "Copy it here and import it: `hugginggraph models sync --from FILE`.",
        )
    if not hub_reachable(offline):
        lacks = f"lacks {', '.join(missing)}" if missing else "is not on this machine"
        why = "offline is set" if offline else "the Hub cannot be reached"
        raise ModelLoadError(
            f"The model '{card.id}' {lacks}, and {why}, so nothing can be fetched.",
            f"Fetch it once where there is a network: {way_to_get(card)}.",
        )
    if card.library in PICKLED:
        raise ModelLoadError(
            f"The model '{card.id}' is published as a pickle only, which is not loaded.",
            f"{way_to_get(card)} saves it as safetensors, once.",
        )
    return fetch(card, token, code=code)
