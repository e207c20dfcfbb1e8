from .answer import compose as compose, limits as limits
from .approve import read_decision as read_decision
from .attachments import attached as attached
from .attempts import attempt as attempt
from .background import both as both
from .budget import Budget as Budget
from .build import build_graph as build_graph
from .builtin_planner import (
    LATER as LATER,
    NOUNS as NOUNS,
    BuiltinPlanner as BuiltinPlanner,
    kind_of_path as kind_of_path,
)
from .check import check_plan as check_plan, read_tasks as read_tasks
from .claims import Fact as Fact, unfounded as unfounded
from .demonstrate import Demonstrations as Demonstrations
from .display import (
    Shown as Shown,
    plan_svg as plan_svg,
    task_states as task_states,
)
from .execute import make_execute as make_execute
from .gate import Gate as Gate, path_lengths as path_lengths
from .ground import Grounding as Grounding, grounded as grounded
from .ingest import gather as gather, named_files as named_files
from .llm import LLM as LLM
from .llm_planner import LLMPlanner as LLMPlanner, recent as recent
from .llm_setup import chat_model as chat_model
from .naming import shown_path as shown_path
from .parts import Parts as Parts
from .plan import LLM_TURNS as LLM_TURNS
from .planner import (
    Draft as Draft,
    Planner as Planner,
    PlanRequest as PlanRequest,
    Setback as Setback,
)
from .reading import read_json as read_json
from .references import references as references
from .repair import repair as repair
from .result_cache import (
    ResultCache as ResultCache,
    result_key as result_key,
)
from .spoken import astray as astray, language_of as language_of
from .state import (
    Choice as Choice,
    Context as Context,
    Finding as Finding,
    Input as Input,
    Limits as Limits,
    Output as Output,
    Plan as Plan,
    Replan as Replan,
    Resource as Resource,
    Result as Result,
    State as State,
    Task as Task,
)
from .thoughts import Aloud as Aloud
