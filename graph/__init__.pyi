from .answer import compose as compose
from .answer import shown_path as shown_path
from .build import build_graph as build_graph
from .check import check_plan as check_plan
from .check import read_tasks as read_tasks
from .ingest import gather as gather
from .ingest import named_files as named_files
from .llm import LLM as LLM
from .llm import chat_model as chat_model
from .llm import read_json as read_json
from .llm_planner import LLMPlanner as LLMPlanner
from .parts import Parts as Parts
from .planner import Draft as Draft
from .planner import Planner as Planner
from .planner import PlanRequest as PlanRequest
from .repair import repair as repair
from .respond import grounded as grounded
from .state import (
    Choice as Choice,
)
from .state import (
    Context as Context,
)
from .state import (
    Input as Input,
)
from .state import (
    Output as Output,
)
from .state import (
    Plan as Plan,
)
from .state import (
    Resource as Resource,
)
from .state import (
    Result as Result,
)
from .state import (
    State as State,
)
from .state import (
    Task as Task,
)
