from .annotators import save_as_safetensors as save_as_safetensors
from .cancel import (
    cancel_scope as cancel_scope,
    check_cancelled as check_cancelled,
)
from .checkpoint import (
    locate as locate,
    pick_device as pick_device,
)
from .degenerate import degenerate as degenerate
from .denoise import Denoiser as Denoiser
from .draw import (
    draw_boxes as draw_boxes,
    draw_masks as draw_masks,
)
from .film import (
    Clip as Clip,
    encode_film as encode_film,
    open_film as open_film,
)
from .hum import hum_of as hum_of
from .inference import (
    RemoteRun as RemoteRun,
    run_remotely as run_remotely,
)
from .loading import (
    quiet as quiet,
)
from .media import (
    SUFFIXES as SUFFIXES,
    Artifacts as Artifacts,
    encode_png as encode_png,
    is_readable_file as is_readable_file,
    open_image as open_image,
    open_table as open_table,
    read_text as read_text,
    reading_only as reading_only,
    sniff as sniff,
)
from .memory import Memory as Memory
from .pool import ModelPool as ModelPool
from .progress import (
    Progress as Progress,
    progress_to as progress_to,
    report as report,
)
from .runner import (
    Batched as Batched,
    Checkpoint as Checkpoint,
    Media as Media,
    Output as Output,
    Run as Run,
    Runner as Runner,
)
from .sentences import split_sentences as split_sentences
from .sound import (
    Recording as Recording,
    draw_waveform as draw_waveform,
    open_sound as open_sound,
)
from .task_tool import (
    FindCard as FindCard,
    TaskResult as TaskResult,
    TaskRunner as TaskRunner,
    card_finder as card_finder,
    hugginggraph_tools as hugginggraph_tools,
)
from .values import (
    NUMBER_WORDS as NUMBER_WORDS,
    Box as Box,
    Corners as Corners,
    Film as Film,
    Label as Label,
    Mask as Mask,
    Picture as Picture,
    Sound as Sound,
    Table as Table,
    as_text as as_text,
    count_labels as count_labels,
    listed as listed,
    plural as plural,
)
