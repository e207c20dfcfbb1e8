"""What a task asks of the Inference API and makes of its reply: texts and tables.

Each function is named like its task and is a ``RemoteRun`` (``inference.py``). Replies come in the
kinds' shapes (``values.py``), as the local runners give them.

Not covered: an endpoint that answers zero-shot classification in the old form with two lists.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import EmptyFileError

from .inference import said
from .media import read_text
from .remote_media import (
    audio_classification as audio_classification,
    audio_to_audio as audio_to_audio,
    automatic_speech_recognition as automatic_speech_recognition,
    document_question_answering as document_question_answering,
    image_classification as image_classification,
    image_segmentation as image_segmentation,
    image_text_to_text as image_text_to_text,
    image_to_image as image_to_image,
    image_to_text as image_to_text,
    image_to_video as image_to_video,
    labels_of,
    object_detection as object_detection,
    reply,
    text_to_image as text_to_image,
    text_to_speech as text_to_speech,
    text_to_video as text_to_video,
    visual_question_answering as visual_question_answering,
    zero_shot_image_classification as zero_shot_image_classification,
)
from .remote_translation import translation as translation
from .runner import Output
from .values import Label

if TYPE_CHECKING:
    from huggingface_hub import InferenceClient

TOP = 5
NEW_TOKENS = 256
ANGLED = re.compile(r"roberta|camembert|/bart|xlm|longformer|modernbert-ja", re.IGNORECASE)
"""Models whose blank is ``<mask>``; that of the others is ``[MASK]``."""
BLANK = re.compile(r"\[MASK\]|<mask>|_{2,}", re.IGNORECASE)
TURN = re.compile(r"^\s*(user|assistant|system)\s*:\s*", re.IGNORECASE | re.MULTILINE)

Args = Mapping[str, Any]


def text_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """The five best classes."""
    found: Any = client.text_classification(args["text"], top_k=TOP)
    # an endpoint of one's own gives a plain list, of which the client keeps the first
    return Output(labels_of([found] if isinstance(found, dict) else found))


def token_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """The named pieces in the text's order."""
    text: str = args["text"]
    found = client.token_classification(text, aggregation_strategy="simple")
    pieces: list[Label] = []
    for each in sorted(found, key=lambda item: item.start):
        start, end = int(each.start), int(each.end)
        words = text[start:end]
        start += len(words) - len(words.lstrip())
        pieces.append(
            {
                "label": said(each.entity_group or each.entity),
                "score": float(each.score),
                "text": words.strip(),
                "start": start,
                "end": start + len(words.strip()),
            }
        )
    return Output(pieces)


def zero_shot_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """The labels, best first."""
    labels = list(dict.fromkeys(args["candidate_labels"]))
    return Output(labels_of(client.zero_shot_classification(args["text"], labels)))


def question_answering(client: InferenceClient, model: str, args: Args) -> Output:
    """The words of the context that answer the question."""
    found = client.question_answering(question=args["question"], context=args["context"])
    best = max(found, key=lambda each: each.score) if isinstance(found, list) else found
    return Output(said(best.answer))


def summarization(client: InferenceClient, model: str, args: Args) -> Output:
    """A shorter text; one that is longer than the model takes is cut."""
    found = client.summarization(args["text"], truncation="longest_first")
    return Output(said(found.summary_text))


def text_generation(client: InferenceClient, model: str, args: Args) -> Output:
    """What the model writes after the prompt; a chat model is asked as a user would."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Output(reply(client, model, args["text"]))
    except HfHubHTTPError as exc:
        if exc.response.status_code not in (400, 404, 405, 422):
            raise
        return text2text_generation(client, model, args)  # no chat model


def text2text_generation(client: InferenceClient, model: str, args: Args) -> Output:
    """What the model writes after the prompt, as a completion."""
    made = client.text_generation(args["text"], max_new_tokens=NEW_TOKENS, return_full_text=False)
    return Output(said(made))


def conversational(client: InferenceClient, model: str, args: Args) -> Output:
    """The next turn of a conversation; ``history`` has a line ``User: …`` for each turn."""
    pieces = TURN.split(args.get("history") or "")
    turns = [
        {"role": name.lower(), "content": words.strip()}
        for name, words in zip(pieces[1::2], pieces[2::2], strict=True)
        if words.strip()
    ]
    return Output(reply(client, model, args["text"], turns))


def fill_mask(client: InferenceClient, model: str, args: Args) -> Output:
    """The words that fit the first blank best."""
    mask = "<mask>" if ANGLED.search(model) else "[MASK]"
    text = BLANK.sub(mask, args["text"])
    found: Any = client.fill_mask(text, top_k=TOP)
    found = found[0] if found and isinstance(found[0], list) else found
    return Output(labels_of(found, name="token_str"))


def sentence_similarity(client: InferenceClient, model: str, args: Args) -> Output:
    """The sentences by cosine to the text, nearest first."""
    sentences = list(args["sentences"])
    scores = client.sentence_similarity(args["text"], sentences)
    found = [
        {"label": sentence, "score": score}
        for sentence, score in zip(sentences, scores, strict=True)
    ]
    return Output(labels_of(found))


def feature_extraction(client: InferenceClient, model: str, args: Args) -> Output:
    """The text's vector; of a model that gives one for each token, their mean."""
    vector: Any = client.feature_extraction(args["text"])
    while vector.ndim > 1:
        vector = vector.mean(axis=0)
    return Output([float(number) for number in vector])


def table_question_answering(client: InferenceClient, model: str, args: Args) -> Output:
    """The answer: cells of the table, or their count, sum or average where the model says so."""
    found = client.table_question_answering(_columns(args["table"]), args["question"])
    cells = [str(cell) for cell in found.cells or []]
    return Output(_aggregated(found.aggregator or "", cells) or said(found.answer))


def tabular_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """A class for each row."""
    found = client.tabular_classification(_columns(args["table"]))
    rows: list[Label] = [
        {"label": str(label), "score": 1.0, "text": f"row {i}"} for i, label in enumerate(found, 1)
    ]
    return Output(rows)


def _columns(table: Any) -> dict[str, list[str]]:
    """A table by column, from a CSV file's path, CSV text, or a ``Table``."""
    if isinstance(table, Mapping):
        names: Sequence[str] = table["columns"]
        rows: Iterable[Sequence[Any]] = table["rows"]
    else:
        text = read_text(table) if "\n" not in str(table) else str(table)
        sample = text[:4096]
        delimiter = max(",;\t", key=sample.count)
        names, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    found = {name: [str(row[i]) if i < len(row) else "" for row in rows]
             for i, name in enumerate(names)}  # fmt: skip
    if not any(found.values()):
        where = Path(table).name if isinstance(table, str) and "\n" not in table else "table"
        raise EmptyFileError(f"The table '{where}' has no rows.", "Give one with rows.")
    return found


def _aggregated(how: str, cells: Sequence[str]) -> str:
    """The count, sum or average of a table's cells; empty where the model asks for none."""
    if how == "COUNT":
        return str(len(cells))
    if how not in ("SUM", "AVERAGE") or not cells:
        return ""
    try:
        numbers = [float(cell.replace(",", "")) for cell in cells]
    except ValueError:
        return ""
    return f"{sum(numbers) / (len(numbers) if how == 'AVERAGE' else 1):g}"
