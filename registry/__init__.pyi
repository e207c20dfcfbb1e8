from . import languages as languages
from .bases import (
    SD15 as SD15,
    SD21 as SD21,
    SDXL as SDXL,
    VOCODER as VOCODER,
    Base as Base,
    base_of as base_of,
)
from .cards import ModelCard as ModelCard, model_cards as model_cards
from .chroma import (
    chroma_files as chroma_files,
    is_chromas as is_chromas,
    reach_chroma as reach_chroma,
)
from .conditions import Rejected as Rejected
from .embedders import embedder_of as embedder_of
from .embedding import Embedder as Embedder, MiniLM as MiniLM
from .errors import (
    ApprovalError as ApprovalError,
    BudgetError as BudgetError,
    CancelledRunError as CancelledRunError,
    CycleError as CycleError,
    DownloadError as DownloadError,
    DuplicateIdError as DuplicateIdError,
    EmptyFileError as EmptyFileError,
    EmptyPlanError as EmptyPlanError,
    EmptyRequestError as EmptyRequestError,
    FileMissingError as FileMissingError,
    HuggingGraphError as HuggingGraphError,
    LLMError as LLMError,
    MissingArgumentError as MissingArgumentError,
    MissingDependencyError as MissingDependencyError,
    MissingExtraError as MissingExtraError,
    ModelError as ModelError,
    ModelLoadError as ModelLoadError,
    ModelRunError as ModelRunError,
    NoModelError as NoModelError,
    NotUnderstoodError as NotUnderstoodError,
    OutOfMemoryError as OutOfMemoryError,
    PlanError as PlanError,
    PlanFileError as PlanFileError,
    PolicyError as PolicyError,
    RegistryError as RegistryError,
    RemoteAccountError as RemoteAccountError,
    RemoteBusyError as RemoteBusyError,
    RemoteError as RemoteError,
    RequestError as RequestError,
    RequestTooLongError as RequestTooLongError,
    ResourceError as ResourceError,
    SettingsError as SettingsError,
    TaskTimeoutError as TaskTimeoutError,
    UnknownArgumentError as UnknownArgumentError,
    UnknownModelError as UnknownModelError,
    UnknownTaskError as UnknownTaskError,
    UnreadableFileError as UnreadableFileError,
    UnreadablePlanError as UnreadablePlanError,
    UnsupportedFileError as UnsupportedFileError,
    WrongKindError as WrongKindError,
)
from .hub import (
    SyncReport as SyncReport,
    sync as sync,
    synced_cards as synced_cards,
    with_synced as with_synced,
)
from .imported import import_file as import_file
from .machine import (
    PICKLED as PICKLED,
    WITHOUT_FILES as WITHOUT_FILES,
    base_folder as base_folder,
    cached_snapshot as cached_snapshot,
    disk_free as disk_free,
    folder_of as folder_of,
    hub_lost as hub_lost,
    hub_reachable as hub_reachable,
    is_local as is_local,
    keeps_models as keeps_models,
    memory_free as memory_free,
    memory_total as memory_total,
    missing_base as missing_base,
    missing_parts as missing_parts,
    readable_size as readable_size,
    to_fetch as to_fetch,
    way_to_get as way_to_get,
)
from .observed import (
    Attempt as Attempt,
    Observations as Observations,
    Seen as Seen,
    memory_used as memory_used,
    write_soon as write_soon,
)
from .prior import NO_TASK as NO_TASK, meant as meant
from .ranking import Lookups as Lookups, rank_cards as rank_cards, unwanted as unwanted
from .reading import (
    card_from_words as card_from_words,
    translation_pair as translation_pair,
)
from .records import store_error as store_error
from .retrieval import (
    Candidate as Candidate,
    Ranking as Ranking,
    can_serve as can_serve,
    clear_winner as clear_winner,
    explain as explain,
    pinned as pinned,
    retrieve as retrieve,
    route_of as route_of,
    search as search,
)
from .routes import (
    Route as Route,
    base_host as base_host,
    endpoint_url as endpoint_url,
    hub_token as hub_token,
    is_hugging_face as is_hugging_face,
    remote_closed as remote_closed,
    remote_obstacle as remote_obstacle,
)
from .secrets import secrets_of as secrets_of, without_secrets as without_secrets
from .settings import Settings as Settings, load_settings as load_settings
from .store import CardStore as CardStore
from .tasks import (
    KINDS as KINDS,
    Kind as Kind,
    Slot as Slot,
    TaskType as TaskType,
    reads_as as reads_as,
    task_type as task_type,
    task_types as task_types,
    unknown_task as unknown_task,
)
