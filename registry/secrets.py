"""Keys, tokens and passwords that a message of another's code may hold, kept out of what is shown.

Not covered: a secret of under 6 characters, one of the environment that is a word of under 12
letters, and one that is neither set here nor has a known form.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import SecretStr

if TYPE_CHECKING:
    from .settings import Settings

_SECRET = re.compile(r"(?:_KEY|_TOKEN|_SECRET|PASSWORD)S?$")
_MIXED = r"(?:[\d*]|(?-i:[a-z][A-Z]))"
"""What keys have and words have not."""
_KNOWN = re.compile(
    rf"(?<=bearer )(?=\S{{0,80}}?{_MIXED}|\S{{20}})\S+"
    rf"|\b(?:sk|hf|gsk|xai|nvapi|pplx)[-_](?=[\w*-]{{0,80}}?{_MIXED})[\w*-]{{6,}}",
    re.IGNORECASE,
)
_KEY = re.compile(r".*\d|.{12}", re.DOTALL)
"""What a value of the environment is like that is a key, and no choice such as "default"."""
_PASSWORD = re.compile(r"\w+://[^:/@\s]*:(.+)@")
_SHORTEST = 6


def secrets_of(settings: Settings) -> list[str]:
    """What the settings hold that nobody else is to see, passwords inside of addresses too."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    texts = [v.get_secret_value() if isinstance(v, SecretStr) else v for v in values]
    given = [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
    found = [part.strip() for text in given for part in (text, *text.split(","))]
    for text in texts:
        if isinstance(text, str) and (address := _PASSWORD.match(text)):
            found += [address[1], unquote(address[1])]
    return [each for each in found if each]


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these, without those of the environment, and without what looks like one.

    Some servers repeat the key that they were sent.
    """
    named = [value for name, value in os.environ.items() if _SECRET.search(name.upper())]
    parts = {part.strip() for value in named for part in (value, *value.split(","))}
    known = {*secrets, *filter(_KEY.match, parts)}
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, "***") if len(secret) >= _SHORTEST else text
    return _KNOWN.sub("***", text)
