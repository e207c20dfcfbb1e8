"""The planner that needs no LLM: from the words of a request to a draft of a plan."""

from .counted import to_count
from .cues import NOUNS, cues
from .files import kind_of_path
from .languages import speaks, unquoted
from .planner import BuiltinPlanner, plan
from .rows import FAMILIES, LATER, traits
from .unmodelled import asks_language_only
from .written import foreign_language

__all__ = [
    "FAMILIES",
    "LATER",
    "NOUNS",
    "BuiltinPlanner",
    "asks_language_only",
    "cues",
    "foreign_language",
    "kind_of_path",
    "plan",
    "speaks",
    "to_count",
    "traits",
    "unquoted",
]  # fmt: skip
