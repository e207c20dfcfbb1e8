from .bench import (
    Figure as Figure,
    ask_all as ask_all,
    bare_calls as bare_calls,
    fakes as fakes,
    faults as faults,
)
from .plan import (
    Outcome as Outcome,
    predict_all as predict_all,
    read_predictions as read_predictions,
    report as report,
    rows_for as rows_for,
)
from .plan_scores import (
    OWN_REQUESTS as OWN_REQUESTS,
    Labelled as Labelled,
    Shape as Shape,
    edit_distance as edit_distance,
    read_labelled as read_labelled,
)
from .retrieval import (
    LabelledQuery as LabelledQuery,
    Scores as Scores,
    read_cards as read_cards,
    read_queries as read_queries,
    retrieval_report as retrieval_report,
)
from .scale import scale_report as scale_report
