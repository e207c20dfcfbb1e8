"""The planner that needs no LLM: from the words of a request to a draft of a plan."""

from .planner import BuiltinPlanner, plan

__all__ = ["BuiltinPlanner", "plan"]
