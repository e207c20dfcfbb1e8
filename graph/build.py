"""The graph: nodes, edges, and how it is compiled.

    ingest → plan → check_plan ⇄ repair_plan
                        ↓
                  choose_models → approve_plan → execute → respond

A request with nothing to run goes from ``plan`` to ``respond``; so does an error of the request,
and a plan that stays invalid. ``approve_plan`` is passed by where nobody asked for it. A rejected
plan and failed tasks lead from ``approve_plan`` and ``execute`` to ``replan``, and from there to
``check_plan`` or, where there is no other plan, to ``respond``.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph

from hugginggraph.registry import Settings

from .approve import make_approve_plan
from .background import both, edge_step
from .choose_models import make_choose_models
from .execute import make_execute
from .ingest import make_ingest
from .parts import Parts
from .plan import after_check, after_plan, make_check_plan, make_plan, make_repair_plan
from .replan import after_approval, after_execute, make_replan
from .respond import make_respond
from .state import Context, Input, Output, State
from .stoppable import StoppableGraph

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


def build_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
) -> CompiledStateGraph[State, Context, Input, Output]:
    """The compiled graph, with ``invoke``, ``ainvoke``, ``stream``, ``astream`` and ``batch``.

    Nothing is opened or loaded until a run needs it. ``settings`` default to the environment's;
    ``parts`` (which hold settings of their own) let several graphs share models and store. Give a
    ``checkpointer`` for threads that remember and runs that can be resumed.
    """
    parts = parts or Parts(settings)
    builder = StateGraph(State, Context, input_schema=Input, output_schema=Output)
    for name, make in {
        "ingest": make_ingest,
        "plan": make_plan,
        "check_plan": make_check_plan,
        "repair_plan": make_repair_plan,
        "choose_models": make_choose_models,
        "approve_plan": make_approve_plan,
        "execute": make_execute,
        "replan": make_replan,
        "respond": make_respond,
    }.items():
        node = make(parts)
        goes_to = ("check_plan", "respond") if name == "replan" else None
        action = both(node, name) if iscoroutinefunction(node) else node
        builder.add_node(name, action, destinations=goes_to)
    builder.add_edge(START, "ingest")
    builder.add_edge("repair_plan", "check_plan")
    for source, choose, targets in _CHOICES:
        builder.add_conditional_edges(source, edge_step(choose, f"after_{source}"), [*targets])
    builder.add_edge("respond", END)
    graph = builder.compile(checkpointer=checkpointer, name="hugginggraph")
    graph.stream_eager = True  # events of @task calls arrive while the node runs
    return StoppableGraph(**vars(graph))


def after_ingest(state: State) -> str:
    """A request that cannot be read is answered at once."""
    return "respond" if state.get("error") else "plan"


def after_choice(state: State) -> str:
    """A plan is shown for approval where that was asked for."""
    return "approve_plan" if state.get("approve") else "execute"


_CHOICES = (
    ("ingest", after_ingest, ("plan", "respond")),
    ("plan", after_plan, ("check_plan", "respond")),
    ("check_plan", after_check, ("choose_models", "repair_plan", "respond")),
    ("choose_models", after_choice, ("approve_plan", "execute")),
    ("approve_plan", after_approval, ("execute", "replan")),
    ("execute", after_execute, ("replan", "respond")),
)
"""The node after which a choice is made, how, and what it can lead to."""
