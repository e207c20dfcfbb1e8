"""The packaged catalogue: well-known models of the Hub, readable without the Hub."""

from __future__ import annotations

import json
from importlib.resources import files

from .cards import ModelCard


def cards() -> list[ModelCard]:
    """The cards of ``catalogue.jsonl``, facts as published, descriptions in our words."""
    text = files(__package__).joinpath("catalogue.jsonl").read_text(encoding="utf-8")
    return [ModelCard.model_validate(json.loads(line)) for line in text.splitlines() if line]
