"""Where a task can run: on this machine, on a remote service, or by the controller LLM.

A remote service is the Hub's inference providers, reached with a token, or an Inference API of
one's own at ``hf_base_url``. It is closed where the mode, the settings or the network forbid it;
and where it is open, a model or a row that it cannot serve is told apart before it is chosen.

Not covered: whether a provider serves a model whose card names no providers, which only asking
shows; and the health of a provider.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote, urlsplit

from . import machine
from .tasks import task_types

if TYPE_CHECKING:
    from .cards import ModelCard
    from .settings import Settings

Route: TypeAlias = Literal["local", "remote", "llm"]

_HUGGING_FACE = (".huggingface.co", ".endpoints.huggingface.cloud")
"""Hosts that may be sent a token of the Hub."""

_ASKED_AS = {
    "text-generation": ("conversational", "text-generation"),
    "text2text-generation": ("text-generation",),
    "image-text-to-text": ("conversational",),
}
"""The tasks of the Inference API that serve a row, where they are not called like it."""

_OWN_PATH = ("feature-extraction", "sentence-similarity")
"""Tasks that the Inference API has below the model's own address, since one model serves both."""


def hub_token(settings: Settings) -> str:
    """The token for the Hub, empty where there is none."""
    return settings.hf_token.get_secret_value().strip() if settings.hf_token else ""


def is_hugging_face(url: str) -> bool:
    """Whether an address is one of Hugging Face's own over HTTPS, so that it may see a token."""
    parts = urlsplit(url)
    host = f".{(parts.hostname or '').lower()}"
    return parts.scheme == "https" and host.endswith(_HUGGING_FACE)


def base_host(settings: Settings) -> str:
    """The host and port of ``hf_base_url``, without a password that may stand in it."""
    return urlsplit(settings.hf_base_url).netloc.rpartition("@")[2]


def endpoint_url(settings: Settings, model_id: str, task: str) -> str:
    """The address of a model at ``hf_base_url``."""
    base = settings.hf_base_url.rstrip("/")
    if settings.hf_base_model:
        return base
    own = f"/pipeline/{task}" if task in _OWN_PATH else ""
    return f"{base}/models/{quote(model_id)}{own}"


def remote_closed(settings: Settings) -> str:
    """Why no model at all can run remotely, in one sentence; empty where it can."""
    if settings.mode == "local":
        return "The mode is local."
    base, token = settings.hf_base_url, hub_token(settings)
    if not base and not token:
        return "No token of the Hub is set."
    if not base and not token.startswith("hf_"):
        return "The token is none of the Hub: it does not begin with 'hf_'."
    if settings.offline:
        return "Offline is set."
    if base and not machine.answers(base):
        return f"Nothing answers at {base_host(settings)}."
    if not base and not machine.hub_reachable():
        return "The Hub cannot be reached."
    return ""


def remote_obstacle(card: ModelCard, task: str, settings: Settings) -> str:
    """Why a model cannot run a task remotely, in one sentence; empty where it can."""
    row = task_types().get(task)
    if row is None or not row.remote:
        return f"The Inference API has no {task}."
    if card.path or card.source == "local" or card.library in machine.WITHOUT_FILES:
        return "It is on this machine only."
    if closed := remote_closed(settings):
        return closed
    provider = "hf-inference" if settings.hf_base_url else settings.hf_provider
    if not any(name in _served(provider) for name in _ASKED_AS.get(task, (task,))):
        who = "An Inference API of one's own" if settings.hf_base_url else f"'{provider}'"
        who = "No inference provider" if provider == "auto" else f"{who} never"
        return f"{who} does {task}."
    if settings.hf_base_url:
        other = settings.hf_base_model not in ("", card.id)
        return f"The endpoint serves {settings.hf_base_model} only." if other else ""
    if provider != "auto" and card.providers and provider not in card.providers:
        return f"It is served by {', '.join(card.providers)}, not by {provider}."
    return ""


@cache
def _served(provider: str) -> frozenset[str]:
    """The tasks that huggingface_hub can ask of a provider, or of any for ``auto``."""
    from huggingface_hub.inference._providers import PROVIDERS

    known = {str(name): frozenset(tasks) for name, tasks in PROVIDERS.items()}
    return (
        frozenset().union(*known.values())
        if provider == "auto"
        else known.get(provider) or (frozenset())
    )
