from .cards import ModelCard as ModelCard
from .cards import model_cards as model_cards
from .errors import (
    CycleError as CycleError,
)
from .errors import (
    DuplicateIdError as DuplicateIdError,
)
from .errors import (
    EmptyFileError as EmptyFileError,
)
from .errors import (
    EmptyPlanError as EmptyPlanError,
)
from .errors import (
    EmptyRequestError as EmptyRequestError,
)
from .errors import (
    FileMissingError as FileMissingError,
)
from .errors import (
    HuggingGraphError as HuggingGraphError,
)
from .errors import (
    LLMError as LLMError,
)
from .errors import (
    MissingArgumentError as MissingArgumentError,
)
from .errors import (
    MissingDependencyError as MissingDependencyError,
)
from .errors import (
    MissingExtraError as MissingExtraError,
)
from .errors import (
    ModelError as ModelError,
)
from .errors import (
    ModelLoadError as ModelLoadError,
)
from .errors import (
    ModelRunError as ModelRunError,
)
from .errors import (
    NoModelError as NoModelError,
)
from .errors import (
    NotUnderstoodError as NotUnderstoodError,
)
from .errors import (
    PlanError as PlanError,
)
from .errors import (
    PlanFileError as PlanFileError,
)
from .errors import (
    RegistryError as RegistryError,
)
from .errors import (
    RequestError as RequestError,
)
from .errors import (
    RequestTooLongError as RequestTooLongError,
)
from .errors import (
    ResourceError as ResourceError,
)
from .errors import (
    SettingsError as SettingsError,
)
from .errors import (
    TaskTimeoutError as TaskTimeoutError,
)
from .errors import (
    UnknownArgumentError as UnknownArgumentError,
)
from .errors import (
    UnknownModelError as UnknownModelError,
)
from .errors import (
    UnknownTaskError as UnknownTaskError,
)
from .errors import (
    UnreadableFileError as UnreadableFileError,
)
from .errors import (
    UnreadablePlanError as UnreadablePlanError,
)
from .errors import (
    UnsupportedFileError as UnsupportedFileError,
)
from .errors import (
    WrongKindError as WrongKindError,
)
from .settings import Settings as Settings
from .settings import load_settings as load_settings
from .tasks import (
    KINDS as KINDS,
)
from .tasks import (
    READS_AS as READS_AS,
)
from .tasks import (
    Kind as Kind,
)
from .tasks import (
    Slot as Slot,
)
from .tasks import (
    TaskType as TaskType,
)
from .tasks import (
    reads_as as reads_as,
)
from .tasks import (
    task_type as task_type,
)
from .tasks import (
    task_types as task_types,
)
