"""The chat model that one string names: of a provider, of a server, or of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import LLMError, Settings, secrets_of
from hugginggraph.tools import pick_device, quiet

from .llm_errors import first_line

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_LOCAL = "huggingface:"


def chat_model(settings: Settings, name: str = "") -> BaseChatModel:
    """The chat model that ``settings.llm`` (or ``name``) names as ``provider:model``.

    Raises:
        LLMError: no such provider, a missing package, or a missing key.
    """
    from langchain.chat_models import init_chat_model

    name = (name or settings.llm).strip()
    if name.endswith(":"):
        raise LLMError(f"'{name}' names no model.", "Give it as provider:model.")
    options: dict[str, Any] = {}
    if is_local(name):
        quiet()
        name = f"{_LOCAL}{_on_disk(name.removeprefix(_LOCAL), settings)}"
        options = {
            "backend": "pipeline",
            "model_kwargs": {"use_safetensors": True},
            "task": "text-generation",
            "device": _device_number(settings.device),
            "pipeline_kwargs": {
                "max_new_tokens": 512, "return_full_text": False, "do_sample": False
            },
        }  # fmt: skip
    else:
        options = {"temperature": 0, "timeout": settings.llm_timeout, "max_retries": 1}
        if settings.llm_base_url:
            options |= {"base_url": settings.llm_base_url, "api_key": "none"}
        if settings.llm_api_key:
            options["api_key"] = settings.llm_api_key.get_secret_value()
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except Exception as exc:  # every provider's package raises its own
        raise LLMError(*_not_set_up(name, exc, secrets_of(settings))) from exc
    return model


def is_local(name: str) -> bool:
    """Whether a model's name means that it runs in this process."""
    return name.startswith(_LOCAL)


def _on_disk(model: str, settings: Settings) -> str:
    """The model, offline as its folder on this machine, so that nothing asks the Hub for it.

    Raises:
        LLMError: offline is set and it is not here.
    """
    if not settings.offline or Path(model).expanduser().is_dir():
        return model
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(model, local_files_only=True)
    except (OSError, ValueError) as exc:
        raise LLMError(
            f"The LLM '{model}' is not on this machine, and offline is set.",
            "Unset HUGGINGGRAPH_OFFLINE once to fetch it, or name a folder that holds it.",
        ) from exc


def _not_set_up(name: str, exc: Exception, keys: Sequence[str]) -> tuple[str, str]:
    """Why a model cannot be asked, and how its name, its package or its server is given."""
    served = "HUGGINGGRAPH_LLM_BASE_URL, with the model as openai:MODEL"
    if "://" in name:
        what, hint = "is an address, not a model", f"Give the address in {served}."
    elif "infer model provider" in str(exc):
        what = "does not say which provider the model is of"
        hint = (
            f"Write provider:model, as openai:gpt-4o-mini; name a server of your own in {served}."
        )
        if "/" in name and ":" not in name:
            hint = f"Perhaps '{name.replace('/', ':', 1)}' or '{_LOCAL}{name}'? {hint}"
    elif isinstance(exc, ImportError):
        what = f"needs a package that is not here: {first_line(exc, keys)}"
        hint = f"Or, where its server speaks OpenAI's protocol (Ollama's does at /v1): {served}."
    else:
        what = f"could not be set up: {first_line(exc, keys)}"
        hint = (
            "Give it as provider:model, for example openai:gpt-4o-mini, with its key in the "
            "environment, or leave it out to use the built-in planner."
        )
    return f"The LLM '{name}' {what.rstrip('.')}.", hint


def _device_number(device: str) -> int:
    """A torch device as pipelines count them: -1 for the processor."""
    kind, _, number = pick_device(device).partition(":")
    return int(number or 0) if kind == "cuda" else -1
