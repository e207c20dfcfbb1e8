"""Where a model's files are: in the card's folder, in the Hugging Face cache, or on the Hub."""

from __future__ import annotations

import json
from pathlib import Path

from hugginggraph.registry import ModelCard, ModelLoadError

from .loading import set_environment
from .runner import Checkpoint

WITHOUT_FILES = frozenset({"opencv"})
"""Libraries whose models are code, so that there is nothing to find."""

_PROCESSORS = (
    "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "tokenizer.model",
    "spiece.model", "sentencepiece.bpe.model", "preprocessor_config.json", "processor_config.json",
)  # fmt: skip


def readable_size(size: int) -> str:
    """A number of bytes as people write it: "90 MB", "1.7 GB"."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.{1 if size < 10 * unit else 0}f} {name}"
    return f"{size} bytes"


def missing_parts(folder: Path) -> list[str]:
    """What a checkpoint's folder lacks to be loaded, in words; empty where it is complete."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError):
            shards = {f"a readable {index.name}"}
        missing += sorted(name for name in shards if not (folder / name).is_file())
    elif not (folder / "model.safetensors").is_file():
        missing.append("model.safetensors")
    if not any((folder / name).is_file() for name in _PROCESSORS):
        missing.append("a tokenizer or image processor")
    return missing


def _cached(model_id: str) -> Path | None:
    """The snapshot folder in the Hugging Face cache, where config.json is in it."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model_id, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def is_local(card: ModelCard) -> bool:
    """Whether the model can be loaded from this machine without fetching anything."""
    if card.library in WITHOUT_FILES:
        return True
    folder = card.path or _cached(card.id)
    return folder is not None and not missing_parts(folder)


def pick_device(device: str) -> str:
    """The torch device string; `auto` takes CUDA, then MPS, then the processor."""
    set_environment()
    if device != "auto":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def locate(card: ModelCard, *, offline: bool, device: str, max_download_bytes: int) -> Checkpoint:
    """Where to load the model from.

    Raises:
        ModelLoadError: its files are not here and may not be fetched; the message says why.
    """
    if card.library in WITHOUT_FILES:
        return Checkpoint(card, "", "cpu")
    folder = card.path or _cached(card.id)
    missing = missing_parts(folder) if folder else []
    if folder and not missing:
        return Checkpoint(card, str(folder), pick_device(device))
    if card.path:
        raise ModelLoadError(
            f"The folder '{card.path}' of the model '{card.id}' lacks {', '.join(missing)}.",
            "Install or build it again.",
        )
    from huggingface_hub import constants

    fetch = f"Fetch it once where there is a network: `hf download {card.id}`."
    if offline or constants.HF_HUB_OFFLINE:
        lacks = f"lacks {', '.join(missing)}" if missing else "is not on this machine"
        raise ModelLoadError(
            f"The model '{card.id}' {lacks}, and offline nothing may be fetched.", fetch
        )
    size = card.size_bytes or (card.parameters or 0) * 4
    if not size or size > max_download_bytes:
        known = f"has {readable_size(size)}" if size else "is of unknown size"
        raise ModelLoadError(
            f"The model '{card.id}' is not on this machine and {known}; "
            f"at most {readable_size(max_download_bytes)} are fetched unasked.",
            f"{fetch} Or raise HUGGINGGRAPH_MAX_DOWNLOAD_BYTES.",
        )
    if not _answers(constants.ENDPOINT):
        raise ModelLoadError(
            f"The model '{card.id}' is not on this machine, and {constants.ENDPOINT} cannot be "
            "reached to fetch it.",
            "Check the network, or set HUGGINGGRAPH_OFFLINE=1 to use only what is here.",
        )
    return Checkpoint(card, card.id, pick_device(device), local_only=False)


def _answers(url: str) -> bool:
    """Whether a server is there; the library itself would try for three quarters of a minute."""
    import httpx

    try:
        httpx.head(url, timeout=5)
    except httpx.HTTPError:
        return False
    return True
