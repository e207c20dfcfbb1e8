"""What a run does after each node of the graph, in words for a person."""

from __future__ import annotations

STAGES = {
    "ingest": "Planning",
    "plan": "Checking the plan",
    "check_plan": "Choosing models",
    "choose_models": "Running",
    "approve_plan": "Running",
    "replan": "Checking the new plan",
    "execute": "Writing the answer",
}
