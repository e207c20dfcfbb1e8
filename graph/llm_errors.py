"""What a failed call of an LLM means: its cause in plain words, and whether another way may do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hugginggraph.registry import LLMError, without_secrets

_TOO_LONG = re.compile(r"context (?:length|window|size)|context_length|prompt is too long", re.I)

_REASONS = {
    401: ("did not accept the key", "Check the key in the environment."),
    402: ("asks for payment", "Check the account's credit, or choose another model."),
    403: ("does not allow this model for this key", "Choose another model, or another key."),
    404: ("does not know this model or address", "Check the model's name and the base URL."),
    429: ("has no capacity for this key now (429)", "Wait a little, or check the quota."),
}


def refuses(error: LLMError) -> bool:
    """Whether the server does not take this way of asking, so that another may do."""
    status = getattr(error.__cause__, "status_code", None)
    if is_too_long(error):
        return False
    return status in (400, 404, 405, 422, 501) or isinstance(
        error.__cause__, NotImplementedError | ValueError | TypeError
    )


def is_too_long(error: LLMError) -> bool:
    """Whether the server refused what was said to it as too long; shorter texts may pass."""
    return bool(_TOO_LONG.search(str(error.__cause__)))


def explain(exc: Exception, keys: Sequence[str]) -> tuple[str, str]:
    """What went wrong in a call and what to do, without any of the ``keys``."""
    status = getattr(exc, "status_code", None)
    name = type(exc).__name__
    if status in _REASONS:
        what, hint = _REASONS[status]
        return f"The LLM server {what}.", hint
    if isinstance(status, int) and status >= 500:
        return f"The LLM server failed ({status}).", "Try again later, or choose another model."
    if isinstance(exc, AttributeError | IndexError | KeyError):  # LangChain found no reply in it
        return (
            "What the LLM server sent is no chat completion.",
            "Check the base URL, which often ends in /v1.",
        )
    if "Timeout" in name:
        return "The LLM did not answer in time.", "Raise HUGGINGGRAPH_LLM_TIMEOUT, or try again."
    if "Connection" in name:
        return "The LLM server could not be reached.", "Check the base URL and the network."
    said = first_line(exc, keys)
    if _TOO_LONG.search(said):
        return (
            f"The request is too long for this LLM: {said}",
            "Choose a model, or start its server, with a longer context.",
        )
    return f"The LLM call failed: {said}", "Check the model's name and its server."


def first_line(exc: Exception, keys: Sequence[str]) -> str:
    """The first line of what an exception says, as a sentence without any of the ``keys``."""
    first = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
    said = without_secrets(first, keys)[:300]
    return said if said.endswith((".", "!", "?")) else f"{said}."
