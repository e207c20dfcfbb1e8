"""What models need and what they may have: bytes of RAM and of each GPU's memory.

RAM is bounded for the whole process: what it holds already, models or not, counts. The memory that
a run needs beside its model's weights is not known before it runs; it is watched while it does.
"""

from __future__ import annotations

import ctypes
import gc
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from hugginggraph.registry import base_folder, base_of, memory_free, memory_total

from .runner import Checkpoint

SHARE = 0.8
"""The share of the machine's memory that the process may take where nothing is set."""
BESIDE = 1.05
"""What a model takes for each byte of its weights: its code, its tables, its tokenizer."""


class Memory:
    """The memory of this machine, and how much of it this process may take."""

    def __init__(self, bound: int | None = None) -> None:
        self.bound = int(bound or memory_total() * SHARE)

    def taken(self, device: str) -> int:
        """Bytes that this process holds there now."""
        if device.startswith("cuda"):
            import torch

            return int(torch.cuda.memory_allocated(device))
        import psutil

        return int(psutil.Process().memory_info().rss)

    def free(self, device: str) -> int:
        """Bytes that it may still take there."""
        if device.startswith("cuda"):
            import torch

            kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            return int(torch.cuda.mem_get_info(device)[0] + kept)
        return min(self.bound - self.taken(device), memory_free())

    def cards(self) -> list[str]:
        """The GPUs of this machine."""
        import torch

        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]

    def trim(self) -> None:
        """Gives back to the system what is no longer used."""
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if sys.platform == "linux":
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
            if trim is not None:
                trim(0)


def needed(checkpoint: Checkpoint) -> int:
    """Bytes that a model takes when it is loaded, from the headers of its weights and its device.

    The most at any moment of loading: where numbers are widened, both widths are in memory.
    """
    folder = Path(checkpoint.location)
    if not checkpoint.location or not folder.is_dir():
        return checkpoint.card.size_bytes or 0
    base = base_of(checkpoint.card)
    inside = base_folder(base.id) if base else None
    stored = loaded = 0
    for file in (*_weights(folder), *(_weights(inside) if inside else ())):
        for dtype, size in _tensors(file):
            stored += size
            loaded += size * _wider(dtype, checkpoint) // 2
    return int(BESIDE * (loaded + (stored if loaded > stored else 0)))


def _wider(dtype: str, checkpoint: Checkpoint) -> int:
    """Twice the factor by which numbers grow as they are loaded (`loading.load_model`, `load`)."""
    half = dtype in ("F16", "BF16")
    if checkpoint.card.library == "diffusers":
        if "cuda" in checkpoint.device:
            return 1 if dtype == "F32" else 2
        return 4 if half else 2
    return 4 if dtype == "F16" and checkpoint.device == "cpu" else 2


def _weights(folder: Path) -> list[Path]:
    """The files of weights that are loaded: of each part, the whole file or the shards."""
    parts = [folder]
    if (folder / "model_index.json").is_file():
        parts = [part for part in folder.iterdir() if part.is_dir()]
    found = []
    for part in parts:
        files = sorted(part.glob("*.safetensors"))
        whole = [file for file in files if "-of-" not in file.name]
        plain = [file for file in whole or files if ".fp16." not in file.name]
        named = [f for f in plain if f.stem in ("model", "diffusion_pytorch_model")]
        found += named or plain or files
    return found


def _tensors(file: Path) -> Iterator[tuple[str, int]]:
    """The dtype and the bytes of each tensor, from the header of a safetensors file."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(min(length, 100_000_000)))
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        rows = [
            (str(e["dtype"]), int(e["data_offsets"][1] - e["data_offsets"][0])) for e in entries
        ]
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError):
        return  # loading it will say what is wrong
    yield from rows
