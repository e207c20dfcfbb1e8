"""Running a task over the Inference API: the client, the call, and every failure as a named error.

The functions that speak for each task stand in ``remote.py`` and ``remote_media.py``; a row names
its own in ``remote``. The token goes to the Hub and to Hugging Face's Inference Endpoints only.

Not covered: keys of the providers' own, and stopping a provider's queue once a call is given up.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from hugginggraph.registry import (
    HuggingGraphError,
    ModelCard,
    RemoteAccountError,
    RemoteBusyError,
    RemoteError,
    Settings,
    TaskType,
    base_host,
    endpoint_url,
    hub_token,
    is_hugging_face,
    secrets_of,
    without_secrets,
)

from .runner import Output, row_function
from .values import flaw

if TYPE_CHECKING:
    from huggingface_hub import InferenceClient

RemoteRun: TypeAlias = Callable[["InferenceClient", str, Mapping[str, Any]], Output]
"""Runs one task over the API: the client (which knows the model's address), the model's id, and
the arguments by slot name: pictures as ``PIL.Image.Image``, sounds, videos and tables by path."""

BUSY_SECONDS = 2.0
"""The wait before asking again, where the service names none."""

FAILED_SECONDS = 0.5
"""The same where it failed (500) instead of being busy: often that is one bad machine of many."""

LOADING_SECONDS = 10.0
"""The longest wait for a model that loads; its estimate is no demand, so it may be asked sooner."""

NO_TOKEN = {"authorization": None}
"""Keeps huggingface_hub from adding the token that it finds in the environment by itself."""


def run_remotely(
    row: TaskType, card: ModelCard, args: Mapping[str, Any], settings: Settings
) -> Output:
    """What the task gives on the remote model.

    Raises:
        RemoteBusyError: the service cannot answer now.
        RemoteAccountError: the token or its credit is not enough.
        RemoteError: the service failed, refused, or gave no result that can be used.
    """
    call = resolve_remote(row)
    try:
        with _client(row, card, settings) as client:
            output = call(client, card.id, args)
        wrong = flaw(row.output, output.value)
    except HuggingGraphError:
        raise
    except Exception as exc:  # the door: whatever the client raises becomes a named error
        raise explained(exc, card.id, settings) from exc
    if wrong:
        raise RemoteError(
            f"The remote model '{card.id}' gave no usable result: {wrong}.", "Try another model."
        )
    return output


def resolve_remote(row: TaskType) -> RemoteRun:
    """The function that runs a row over the API.

    Raises:
        RemoteError: the row has none.
        SettingsError: the row names a function that is not there.
    """
    if not row.remote:
        raise RemoteError(f"The Inference API has no {row.id}.", "Run it on this machine.")
    return cast(RemoteRun, row_function(row, row.remote, "remote function"))


def _client(row: TaskType, card: ModelCard, settings: Settings) -> InferenceClient:
    from huggingface_hub import InferenceClient

    token = hub_token(settings) or None
    if not settings.hf_base_url:
        provider: Any = settings.hf_provider
        return InferenceClient(
            card.id, provider=provider, token=token, timeout=settings.remote_timeout
        )
    url = endpoint_url(settings, card.id, row.id)
    known = bool(token) and is_hugging_face(url)
    headers: Any = {} if known else NO_TOKEN
    return InferenceClient(
        base_url=url,
        token=token if known else None,
        headers=headers,
        timeout=settings.remote_timeout,
    )


_REFUSED: Mapping[int, tuple[type[RemoteError], str, str]] = {
    401: (
        RemoteAccountError,
        "The remote service did not accept the token",
        "Set HF_TOKEN to a token that may make calls to Inference Providers "
        "(https://huggingface.co/settings/tokens).",
    ),
    402: (
        RemoteAccountError,
        "The credit for remote models is used up",
        "Buy more (https://huggingface.co/settings/billing), or run models here with "
        "HUGGINGGRAPH_MODE=local.",
    ),
    403: (
        RemoteError,
        "The token may not use the remote model '{model}'",
        "Accept its terms on its page on the Hub, or choose another model.",
    ),
    404: (
        RemoteError,
        "{who} serves the model '{model}' for this",
        "Choose another model, or run it on this machine.",
    ),
}
_TOO_LATE = (408, 504, 524)
_NOT_SERVED = re.compile(r"support|provider|selected|auto-router", re.IGNORECASE)


def explained(exc: Exception, model: str, settings: Settings) -> RemoteError:
    """The named error of whatever the client or the network raised."""
    import httpx

    response = getattr(exc, "response", None) or getattr(exc.__cause__, "response", None)
    if isinstance(response, httpx.Response):
        return _of_status(response, model, settings)
    if isinstance(exc, httpx.TimeoutException | TimeoutError):
        return RemoteError(
            f"The remote model '{model}' did not answer within {settings.remote_timeout:g} s.",
            "Raise HUGGINGGRAPH_REMOTE_TIMEOUT, or choose another model.",
        )
    if isinstance(exc, httpx.ConnectError):
        return RemoteError(
            f"The remote service of '{model}' could not be reached.", "Check the network."
        )
    if isinstance(exc, httpx.TransportError):
        return RemoteBusyError(
            f"The connection to the remote model '{model}' broke off.",
            "Try again.",
            retry_after=BUSY_SECONDS,
        )
    text = _short(str(exc), settings)
    if type(exc).__name__ == "OfflineModeIsEnabled":
        return RemoteError(
            "Offline is set, so no remote model can be asked.", "Unset HF_HUB_OFFLINE."
        )
    if isinstance(exc, StopIteration) or (type(exc) is ValueError and _NOT_SERVED.search(text)):
        _, message, hint = _REFUSED[404]
        return RemoteError(_sentence(message.format(model=model, who=_who(settings)), text), hint)
    return RemoteError(
        _sentence(f"The reply of the remote model '{model}' is not what was expected", text),
        "Try again, or choose another model.",
    )


def _who(settings: Settings) -> str:
    return f"Nothing at {base_host(settings)}" if settings.hf_base_url else "No inference provider"


def _of_status(response: Any, model: str, settings: Settings) -> RemoteError:
    status: int = response.status_code
    text, seconds = _error_of(response)
    detail = _short(text, settings)
    if status in _REFUSED or status == 410:
        kind, message, hint = _REFUSED.get(status, _REFUSED[404])
        return kind(_sentence(message.format(model=model, who=_who(settings)), detail), hint)
    if status == 503 and seconds is not None:
        return RemoteBusyError(
            f"The remote model '{model}' is loading; that takes about {seconds:.0f} s.",
            "Try again then.",
            retry_after=min(seconds, LOADING_SECONDS),
        )
    if status in (429, 502, 503):
        wait = _retry_after(response.headers.get("retry-after", ""))
        why = "allows no more requests now" if status == 429 else "is overloaded"
        when = f"; it asks to wait {wait:g} s" if wait is not None else ""
        return RemoteBusyError(
            _sentence(f"The remote service {why} ({status}{when})", detail),
            "Try again later, or choose another model.",
            retry_after=BUSY_SECONDS if wait is None else wait,
        )
    if status in _TOO_LATE:
        return RemoteError(
            f"The remote model '{model}' took too long for its service ({status}).",
            "Try again with less, or choose another model.",
        )
    if status >= 500:
        return RemoteBusyError(
            _sentence(f"The remote model '{model}' failed ({status})", detail),
            "Try again, or choose another model.",
            retry_after=FAILED_SECONDS,
        )
    return RemoteError(
        _sentence(f"The remote model '{model}' did not accept the request ({status})", detail),
        "Try another model or another input.",
    )


def _error_of(response: Any) -> tuple[str, float | None]:
    """What a failing service says, and the seconds that it estimates for loading."""
    try:
        body = response.json()
    except Exception:  # not JSON, or cut off, or not read: then it says nothing of use
        return "", None
    error = body.get("error") if isinstance(body, dict) else None
    error = error.get("message") if isinstance(error, dict) else error
    seconds = body.get("estimated_time") if isinstance(body, dict) else None
    text = "; ".join(map(str, error)) if isinstance(error, list) else str(error or "")
    return text, float(seconds) if isinstance(seconds, int | float) else None


def _retry_after(value: str) -> float | None:
    """The seconds of a ``Retry-After`` header, which holds seconds or a date."""
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None


def _short(text: str, settings: Settings) -> str:
    text = without_secrets(" ".join(text.split()), secrets_of(settings))
    return text if len(text) <= 200 else text[:199] + "…"


def _sentence(message: str, detail: str) -> str:
    return f"{message}: {detail.rstrip('.')}." if detail else f"{message}."


def said(value: Any) -> str:
    """A text of a reply.

    Raises:
        TypeError: it is none, which the door makes a named error of.
    """
    if not isinstance(value, str):
        raise TypeError(f"it holds {json.dumps(value, default=repr)[:60]} where a text should be")
    return value.strip()
