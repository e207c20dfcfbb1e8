"""The planner that needs no LLM: from the words of a request to a draft of a plan."""

from .cues import cues
from .languages import speaks
from .mentions import kind_of_path
from .planner import BuiltinPlanner, plan
from .rows import FAMILIES, LATER, traits
from .talk import foreign_language

__all__ = [
    "FAMILIES",
    "LATER",
    "BuiltinPlanner",
    "cues",
    "foreign_language",
    "kind_of_path",
    "plan",
    "speaks",
    "traits",
]  # fmt: skip
