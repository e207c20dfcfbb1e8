from .retrieval import (
    LabelledQuery as LabelledQuery,
    Scores as Scores,
    read_cards as read_cards,
    read_queries as read_queries,
    retrieval_report as retrieval_report,
)
