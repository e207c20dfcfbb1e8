"""Loading Diffusers checkpoints: safetensors only, no code unasked, nothing left random."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from hugginggraph.registry import ModelCard, ModelLoadError, base_folder, base_of

from .loading import from_pretrained, one_load, quiet, refuse_random
from .runner import Checkpoint
from .watch import watch


@cache
def _quiet_diffusers() -> None:
    quiet()
    import_module("diffusers")  # as a whole, see `quiet`
    from diffusers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def index(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint's ``model_index.json``, or ``config.json`` where it is a single part.

    Raises:
        ModelLoadError: it has neither.
    """
    for name in ("model_index.json", "config.json"):
        path = Path(checkpoint.location) / name
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return found
    raise ModelLoadError(
        f"The model '{checkpoint.card.id}' is no Diffusers checkpoint: it has no model_index.json.",
        "Choose another model.",
    )


def load(checkpoint: Checkpoint, auto: str, **parts: Any) -> Any:
    """What a Diffusers class makes of a checkpoint, on its device: safetensors only.

    ``parts`` are given in place of those in the checkpoint. Its models are loaded once, for all
    the pipelines that are made of it.

    Raises:
        ModelLoadError: weights are missing, or the checkpoint brings code that it may not run.
    """
    _quiet_diffusers()
    import diffusers
    import torch

    options: dict[str, Any] = {
        "variant": _variant(checkpoint),
        # bfloat16, not float16: the VAE of SDXL overflows in float16.
        "dtype": torch.bfloat16 if "cuda" in checkpoint.device else torch.float32,
    }
    made = getattr(diffusers, auto)
    loaded_parts = checkpoint.parts.setdefault((checkpoint.location, "diffusers"), {})
    taken = inspect.signature(made.__init__).parameters
    parts = {**{name: loaded_parts[name] for name in loaded_parts if name in taken}, **parts}
    parts = {**_encoders(checkpoint, parts, options), **parts}
    with one_load(checkpoint):
        loaded = made.from_pretrained(
            checkpoint.location,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=checkpoint.may_run_code,
            **options,
            **parts,
        )
    _refuse_gaps(checkpoint, loaded)
    own = getattr(loaded, "components", {}).items()
    loaded_parts.update({name: part for name, part in own if isinstance(part, torch.nn.Module)})
    if hasattr(loaded, "set_progress_bar_config"):
        loaded.set_progress_bar_config(disable=True)
    if checkpoint.offload and hasattr(loaded, "enable_model_cpu_offload"):
        loaded.enable_model_cpu_offload(device=checkpoint.device)
        return watch(loaded)
    return watch(loaded.to(checkpoint.device))


def _encoders(
    checkpoint: Checkpoint, given: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The parts that Transformers loads; Diffusers would fill their gaps with random weights."""
    import transformers

    encoders: dict[str, Any] = {}
    for name, entry in index(checkpoint).items():
        library, kind = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        made = getattr(transformers, kind or "", None) if library == "transformers" else None
        model = isinstance(made, type) and issubclass(made, transformers.PreTrainedModel)
        if name in given or not model or kind is None:
            continue
        encoders[name], report = from_pretrained(
            checkpoint, str(kind), subfolder=name, use_safetensors=True, output_loading_info=True,
            **options,
        )  # fmt: skip
        refuse_random(checkpoint, report["missing_keys"], f"of its {name}")
    return encoders


def _refuse_gaps(checkpoint: Checkpoint, loaded: Any) -> None:
    parts = getattr(loaded, "components", None) or {checkpoint.card.id: loaded}
    for name, part in parts.items():
        weights = part.named_parameters() if hasattr(part, "named_parameters") else ()
        missing = [key for key, weight in weights if weight.is_meta]
        if missing:
            raise ModelLoadError(
                f"The files of '{checkpoint.card.id}' lack {len(missing)} of the weights of its "
                f"{name} ({', '.join(missing[:3])}).",
                "Fetch them again, or choose another model.",
            )


def _variant(checkpoint: Checkpoint) -> str | None:
    """``"fp16"`` where a folder holds the large part in half precision only."""
    folder = Path(checkpoint.location)
    files = [
        file.name
        for part in ("", "unet", "transformer", "prior")
        for file in (folder / part).glob("*.safetensors")
    ]
    return "fp16" if files and all(".fp16." in name for name in files) else None


def load_for(checkpoint: Checkpoint, task: str, slot: str) -> Any:
    """The pipeline that Diffusers' auto classes know for a task and the checkpoint's family.

    ``task`` is their word for it (``"TEXT2IMAGE"``). A family that they do not know for the task
    runs as the checkpoint says, where that takes the argument ``slot``.

    Raises:
        ModelLoadError: the checkpoint's pipeline is for something else.
    """
    name = str(index(checkpoint).get("_class_name", ""))
    _quiet_diffusers()
    import diffusers
    from diffusers.pipelines import auto_pipeline as known

    table = getattr(known, f"AUTO_{task}_PIPELINES_MAPPING")
    family = known._get_task_class(table, name, throw_error_if_not_exist=False)
    if family is not None:
        return load(checkpoint, family.__name__)
    own = getattr(diffusers, name, None)
    if own is None or slot not in inspect.signature(own.__call__).parameters:
        raise ModelLoadError(
            f"'{checkpoint.card.id}' is a {name}, which does not do {checkpoint.card.task}.",
            "Choose another model.",
        )
    return load(checkpoint, name)


def base_checkpoint(checkpoint: Checkpoint, usual: str) -> Checkpoint:
    """Where the model is that a part (a ControlNet, a motion module) is used with.

    Its card names it, or the kind of part does (`base_of`); ``usual`` goes by the files.

    Raises:
        ModelLoadError: it is not known, or is not on this machine.
    """
    known = base_of(checkpoint.card)
    said = known.id if known else ""
    given = checkpoint.card.base_model
    name = said or given if given else usual or said
    if not name:
        raise ModelLoadError(
            f"Which model '{checkpoint.card.id}' is a part of is not known.",
            "Set `base_model` in its card.",
        )
    folder = base_folder(name)
    if folder is None:
        raise ModelLoadError(
            f"'{checkpoint.card.id}' works inside the model '{name}', which is not here.",
            f"Fetch it once where there is a network: `hf download {name}`.",
        )
    card = ModelCard(
        id=name, task=checkpoint.card.task, library="diffusers", description="", path=folder
    )
    return replace(checkpoint, card=card, location=str(folder))
