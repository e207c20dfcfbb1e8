"""Rows of the table: texts and tables in, words, labels and numbers out."""

from __future__ import annotations

from .slots import LABELS, TEXT
from .tasks import Slot, TaskType

ROWS: tuple[TaskType, ...] = (
    TaskType(
        "text-classification",
        "say which of a model's own classes a text belongs to: its sentiment, emotion, topic, "
        "toxicity or language",
        (TEXT,),
        "labels",
        {"transformers": "hugginggraph.tools.text:text_classification"},
        says="{text} reads as {best}.",
        noun="class",
        remote="hugginggraph.tools.remote:text_classification",
    ),
    TaskType(
        "token-classification",
        "find the names in a text (people, places, organisations) or mark each word",
        (TEXT,),
        "labels",
        {"transformers": "hugginggraph.tools.text:token_classification"},
        says="Found in {text}: {value}.",
        noun="names",
        remote="hugginggraph.tools.remote:token_classification",
    ),
    TaskType(
        "zero-shot-classification",
        "say which of the labels given in the request fits a text best",
        (
            TEXT,
            LABELS,
        ),
        "labels",
        {
            "transformers": "hugginggraph.tools.text:zero_shot_classification",
            "sentence-transformers": "hugginggraph.tools.embedding:zero_shot_classification",
        },
        says="{text} fits {best} best, before {rest}.",
        noun="label",
        remote="hugginggraph.tools.remote:zero_shot_classification",
    ),
    TaskType(
        "question-answering",
        "answer a question from a text that is given with it",
        (
            Slot("question", "text", "the question", names=("query",)),
            Slot("context", "text", "the text that holds the answer", names=("text", "document")),
        ),
        "text",
        {
            "transformers": "hugginggraph.tools.text:question_answering",
            "sentence-transformers": "hugginggraph.tools.embedding:question_answering",
        },
        says="{question} {value}",
        noun="answer",
        remote="hugginggraph.tools.remote:question_answering",
    ),
    TaskType(
        "summarization",
        "make a long text short, keeping what matters",
        (TEXT,),
        "text",
        {
            "transformers": "hugginggraph.tools.text:summarization",
            "sentence-transformers": "hugginggraph.tools.embedding:summarization",
        },
        says="In short, {text} says: {value}",
        noun="summary",
        remote="hugginggraph.tools.remote:summarization",
        by_llm=True,
    ),
    TaskType(
        "text-generation",
        "write new text that follows a prompt: a story, a poem, an e-mail, code",
        (Slot("text", "text", "the prompt", names=("prompt", "input", "inputs", "instruction")),),
        "text",
        {"transformers": "hugginggraph.tools.text:text_generation"},
        says="{value}",
        noun="new text",
        remote="hugginggraph.tools.remote:text_generation",
        by_llm=True,
    ),
    TaskType(
        "sentence-similarity",
        "measure how near in meaning a sentence is to other sentences",
        (
            Slot(
                "text",
                "text",
                "the sentence to compare",
                names=("source", "source_sentence", "text1", "sentence"),
            ),
            Slot(
                "sentences",
                "text",
                "the sentences it is compared with",
                many=True,
                names=("text2", "texts", "candidates", "others"),
            ),
        ),
        "labels",
        {"sentence-transformers": "hugginggraph.tools.embedding:sentence_similarity"},
        says="{text} is nearest in meaning to {best}, before {rest}.",
        noun="comparison",
        remote="hugginggraph.tools.remote:sentence_similarity",
    ),
    TaskType(
        "feature-extraction",
        "turn a text into a vector (an embedding) for search or comparison",
        (TEXT,),
        "vector",
        {
            "sentence-transformers": "hugginggraph.tools.embedding:feature_extraction",
            "transformers": "hugginggraph.tools.text:feature_extraction",
        },
        says="{text} as an embedding is {value}.",
        noun="embedding",
    ),
)
