"""Control pictures that controlnet_aux draws, an extra: soft edges (HED), straight lines (M-LSD).

Their weights are published as pickles only, which no run loads. `save_as_safetensors` reads one
once, with torch's reader that runs no code, and keeps its tensors in the Hugging Face cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import MissingExtraError, ModelLoadError, UnknownModelError

from .download import named_errors
from .picture import picture_output
from .runner import Checkpoint, Output, Run

if TYPE_CHECKING:
    from PIL.Image import Image

REPOSITORY, REVISION = "lllyasviel/Annotators", "982e7edaec38759d914a963c48c4726685de7d96"
"""Where ControlNet's author publishes them."""


@dataclass(frozen=True)
class Annotator:
    """A network of controlnet_aux, the class that runs it, and the file of its weights."""

    detector: str
    network: str
    file: str
    note: str


ANNOTATORS: Mapping[str, Annotator] = {
    "controlnet_aux/hed": Annotator(
        "HEDdetector",
        "hed:ControlNetHED_Apache2",
        "ControlNetHED.pth",
        "soft edges, white on black",
    ),
    "controlnet_aux/mlsd": Annotator(
        "MLSDdetector",
        "mlsd.models.mbv2_mlsd_large:MobileV2_MLSD_Large",
        "mlsd_large_512_fp32.pth",
        "straight lines, white on black",
    ),
}
HED, MLSD = ANNOTATORS


def _library() -> Any:
    try:
        import controlnet_aux  # type: ignore[import-not-found, unused-ignore]  # an extra
    except ImportError as exc:
        raise MissingExtraError(
            f"Soft edges and straight lines need the library controlnet_aux: {exc}.",
            'Install it with `pip install "hugginggraph[control]"`.',
        ) from exc
    return controlnet_aux


def _network(model_id: str, weights: Mapping[str, Any], known: Annotator) -> Any:
    """The network with these weights, all of them and no others."""
    module, _, name = known.network.partition(":")
    net = getattr(import_module(f"controlnet_aux.{module}"), name)()
    try:
        net.load_state_dict(weights, strict=True)
    except (RuntimeError, TypeError) as exc:
        raise ModelLoadError(
            f"The weights of '{model_id}' are not those of {name}.",
            f"Save them again: `hugginggraph models convert {model_id}`.",
        ) from exc
    return net.float().eval()


def _annotator(model_id: str, checkpoint: Checkpoint) -> Run:
    """The runner of one of them."""
    library, known = _library(), ANNOTATORS[model_id]
    from safetensors.torch import load_file

    weights = load_file(next(Path(checkpoint.location).glob("*.safetensors")))
    net = _network(model_id, weights, known)
    detect = getattr(library, known.detector)(net).to(checkpoint.device)

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        return picture_output(detect(image).convert("RGB").resize(image.size), known.note)

    return run


hed_control = partial(_annotator, HED)
"""The soft edges of a picture, white on black (HED, 2015)."""

mlsd_control = partial(_annotator, MLSD)
"""The straight lines of a picture, white on black (M-LSD, 2022)."""


def save_as_safetensors(
    model_id: str, pickle: Path | None = None, *, token: str | None = None
) -> Path:
    """Keeps the weights of a pickle as safetensors where runs look for them; gives their folder.

    ``pickle`` is the file where it is here already; else it is fetched from its author's
    repository. Nothing in it is run: a file that holds more than weights is refused.

    Raises:
        UnknownModelError: it is none of those that are published as a pickle.
        MissingExtraError: controlnet_aux, which the weights are checked against, is not installed.
        DownloadError: the file could not be fetched.
        ModelLoadError: it holds something else.
    """
    if model_id not in ANNOTATORS:
        known = ", ".join(ANNOTATORS)
        raise UnknownModelError(f"'{model_id}' needs no converting.", f"Those that do: {known}.")
    _library()
    known_as = ANNOTATORS[model_id]
    from huggingface_hub import hf_hub_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from safetensors.torch import save_file

    if pickle is None:
        with named_errors(f"{REPOSITORY}/{known_as.file}"):
            fetched = hf_hub_download(REPOSITORY, known_as.file, revision=REVISION, token=token)
        pickle = Path(fetched)
    weights = _unpickled(model_id, pickle)
    _network(model_id, weights, known_as)
    home = Path(HF_HUB_CACHE) / f"models--{model_id.replace('/', '--')}"
    revision = hashlib.sha256(pickle.read_bytes()).hexdigest()[:40]
    folder = home / "snapshots" / revision
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}", "utf-8")
    save_file(weights, folder / "model.safetensors")
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text(revision, "utf-8")
    return folder


def _unpickled(model_id: str, pickle: Path) -> dict[str, Any]:
    """The tensors of a pickle, each with memory of its own."""
    from pickle import UnpicklingError

    import torch

    try:
        found = torch.load(pickle, map_location="cpu", weights_only=True)
        return {name: tensor.clone().contiguous() for name, tensor in found.items()}
    except (UnpicklingError, RuntimeError, OSError, EOFError, ValueError, AttributeError) as exc:
        raise ModelLoadError(
            f"'{pickle.name}' does not hold the weights of '{model_id}', or more than weights.",
            f"Fetch '{ANNOTATORS[model_id].file}' from {REPOSITORY} again.",
        ) from exc
