"""Loading a checkpoint's parts through Transformers: safetensors only, and no code that a model
brings, unless the person allows that model by its name (``trusted_models``)."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from hugginggraph.registry import ModelLoadError

from .runner import Checkpoint
from .watch import watch


def set_environment() -> None:
    """Sets what the libraries read once, when they are first imported; a person's own wins."""
    # Threads that spin while they wait made a detection 27 times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")  # it asks a bot on the Hub


_ONE_AT_A_TIME = threading.Lock()
"""Transformers switches global state while it loads: two loads at once leave tied weights out."""


@cache
def quiet() -> None:
    """Keeps the progress bars and advice of the libraries off the terminal, once a process.

    After it Transformers is there as a whole. While another thread imports it, the statement
    ``import transformers`` gives a module that is then thrown away; ``import_module`` waits.
    """
    set_environment()
    import_module("transformers")
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # untyped there
    disable_progress_bars()
    warnings.filterwarnings("ignore", module=r"(transformers|torch|huggingface_hub)\b")


@contextmanager
def one_load(checkpoint: Checkpoint) -> Iterator[None]:
    """The one load of this moment.

    Raises:
        ModelLoadError: the checkpoint brings code that it may not run.
    """
    try:
        with _ONE_AT_A_TIME:
            yield
    except ValueError as exc:
        if "trust_remote_code" not in str(exc):
            raise
        model_id = checkpoint.card.id
        raise ModelLoadError(
            f"The model '{model_id}' brings code of its own, which is not run unasked.",
            f"Read that code; to allow it, set HUGGINGGRAPH_TRUSTED_MODELS='[\"{model_id}\"]'.",
        ) from exc


def from_pretrained(checkpoint: Checkpoint, auto: str, **options: Any) -> Any:
    """What a class of Transformers makes of the checkpoint."""
    quiet()
    import transformers

    with one_load(checkpoint):
        return getattr(transformers, auto).from_pretrained(
            checkpoint.location,
            local_files_only=True,
            trust_remote_code=checkpoint.may_run_code,
            **options,
        )


def refuse_random(checkpoint: Checkpoint, missing: Iterable[str], of: str) -> None:
    """Raises the named error of weights that the files lack, and that would be random."""
    names = sorted(name for name in missing if not any(part in name for part in _UNUSED))
    if names:
        raise ModelLoadError(
            f"The files of '{checkpoint.card.id}' lack {len(names)} of the weights {of} "
            f"({', '.join(names[:3])}); they would be random.",
            "Choose a model that was trained for the task, or fetch its files again.",
        )


_UNUSED = ("pooler", "masked_spec_embed")
"""Weights that may lack: a pooler is not used by our tasks unless the head is there too, and
speech models mask their input in training only."""


def load_model(checkpoint: Checkpoint, auto: str) -> Any:
    """The model of an auto class's name, on its device, ready to run; loaded once for all tasks.

    Raises:
        ModelLoadError: the files lack weights of the task's head, which would be random.
    """
    import torch

    key = (checkpoint.location, auto)
    if key in checkpoint.parts:
        return checkpoint.parts[key]
    placed = {"device_map": "auto"} if checkpoint.offload else {}
    model, report = from_pretrained(
        checkpoint, auto, use_safetensors=True, output_loading_info=True, **placed
    )
    refuse_random(checkpoint, report["missing_keys"], f"that {checkpoint.card.task} needs")
    if checkpoint.device == "cpu" and model.dtype == torch.float16:
        model = model.float()  # half precision is slow or missing on processors
    model = model if checkpoint.offload else model.to(checkpoint.device)
    checkpoint.parts[key] = watch(model.eval())
    return model


def load_config(checkpoint: Checkpoint) -> Any:
    """The checkpoint's configuration, which tells its architecture before it is loaded."""
    return from_pretrained(checkpoint, "AutoConfig")


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer; padding is taken from the end token where none is set."""
    tokenizer = from_pretrained(checkpoint, "AutoTokenizer")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_feature_extractor(checkpoint: Checkpoint) -> Any:
    """What turns samples into the inputs of a model of sounds; ``sampling_rate`` says at what."""
    return from_pretrained(checkpoint, "AutoFeatureExtractor")


def load_image_processor(checkpoint: Checkpoint) -> Any:
    """The image processor."""
    return from_pretrained(checkpoint, "AutoImageProcessor")


def load_processor(checkpoint: Checkpoint) -> Any:
    """The processor of a model for text and pictures, or the one part of it that is there."""
    return from_pretrained(checkpoint, "AutoProcessor")


def max_tokens(tokenizer: Any, model: Any, most: int = 1_000_000) -> int:
    """How many tokens the model takes at once, special ones included."""
    config = model.config.get_text_config()
    positions = [
        getattr(config, name, None)
        for name in ("max_position_embeddings", "n_positions", "max_sequence_length")
    ]
    # RoBERTa counts two positions more than it takes tokens (514): down to a multiple of eight.
    known = [each // 8 * 8 for each in positions if isinstance(each, int) and each > 8]
    if tokenizer.model_max_length < 1e6:  # else it says that it has no limit
        known.append(int(tokenizer.model_max_length))
    return min(most, *(known or [512]))


def greedy(model: Any, **options: Any) -> Any:
    """The checkpoint's own generation settings without sampling, and with these options."""
    import copy

    config = copy.deepcopy(model.generation_config)
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "max_length"):
        setattr(config, name, None)
    config.do_sample = False
    for name, value in options.items():
        setattr(config, name, value)
    return config
