"""Runners that compare meanings: sentence embeddings through plain Transformers.

sentence-transformers itself is not imported (6 s); its checkpoints are read as they are: the
pooling and the length come from the files beside the weights. Not covered: prompts that some
checkpoints want before a text (E5's "query: ").
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .loading import load_model, load_tokenizer, max_tokens
from .runner import Batched, Checkpoint, Output, Run
from .sentences import split_sentences
from .values import Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

BATCH = 32

HYPOTHESES = ("{}", "This text is about {}.", "This example is {}.")
TEMPERATURE = 0.04
"""Both tuned on 45 sentences over five sets of labels with all-MiniLM-L6-v2: 91 % right, and the
lowest log loss of the temperatures tried."""

SUMMARY_SHARE, MOST_SENTENCES = 1 / 3, 4
REDUNDANT = 0.8
AS_NEAR = 0.03


@dataclass(frozen=True)
class Embedder:
    """A loaded embedding model. ``first_token``: its vector counts, not the mean of all."""

    model: Any
    tokenizer: Any
    length: int
    first_token: bool = False


def load_embedder(checkpoint: Checkpoint) -> Embedder:
    """The embedder of a checkpoint, with the pooling that its files name (mean where none)."""
    model = load_model(checkpoint, "AutoModel")
    tokenizer = load_tokenizer(checkpoint)
    pooling = _read(checkpoint, "1_Pooling/config.json")
    length = _read(checkpoint, "sentence_bert_config.json").get("max_seq_length")
    limit = max_tokens(tokenizer, model, 512)
    return Embedder(
        model,
        tokenizer,
        min(limit, length) if isinstance(length, int) else limit,
        bool(pooling.get("pooling_mode_cls_token")),
    )


def _read(checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    from transformers.utils import cached_file

    found = cached_file(
        checkpoint.location,
        name,
        local_files_only=True,
        _raise_exceptions_for_missing_entries=False,
    )
    return dict(json.loads(Path(found).read_text("utf-8"))) if found else {}


def sentence_vectors(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """One vector of length 1 for each text, float32 (n_texts, n_dimensions)."""
    import numpy as np
    import torch

    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows: list[Any] = [None] * len(texts)
    for start in range(0, len(texts), BATCH):
        chosen = order[start : start + BATCH]
        inputs = embedder.tokenizer(
            [texts[i] for i in chosen],
            padding=True,
            truncation=True,
            max_length=embedder.length,
            return_tensors="pt",
        ).to(embedder.model.device)
        hidden = embedder.model(**inputs).last_hidden_state.float()
        if embedder.first_token:
            pooled = hidden[:, 0]
        else:
            mask = inputs["attention_mask"][..., None].float()
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        unit = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        for i, row in zip(chosen, unit, strict=True):
            rows[i] = row
    return np.stack(rows)


def _sorted(labels: Sequence[str], scores: Vectors) -> list[Label]:
    pairs = sorted(zip(labels, scores.tolist(), strict=True), key=lambda pair: -pair[1])
    return [{"label": label, "score": score} for label, score in pairs]


def feature_extraction(checkpoint: Checkpoint) -> Run:
    """The vector of a text, of length 1."""
    embedder = load_embedder(checkpoint)

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        vectors = sentence_vectors(embedder, [args["text"] for args in calls])
        return [Output(vector.tolist()) for vector in vectors]

    return Batched(batch)


def sentence_similarity(checkpoint: Checkpoint) -> Run:
    """The sentences by their cosine to the text, nearest first; a negative one counts as 0."""
    embedder = load_embedder(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        sentences: list[str] = args["sentences"]
        vectors = sentence_vectors(embedder, [args["text"], *sentences])
        return Output(_sorted(sentences, (vectors[1:] @ vectors[0]).clip(0, 1)))

    return run


def zero_shot_classification(checkpoint: Checkpoint) -> Run:
    """The labels by nearness to the text; scores are a softmax and add up to 1.

    A label's vector is the mean over ``HYPOTHESES``.
    """
    import numpy as np

    embedder = load_embedder(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        labels = list(dict.fromkeys(args["candidate_labels"]))
        said = [hypothesis.format(label) for label in labels for hypothesis in HYPOTHESES]
        vectors = sentence_vectors(embedder, [args["text"], *said])
        means = vectors[1:].reshape(len(labels), len(HYPOTHESES), -1).mean(1)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        logits = means @ vectors[0] / TEMPERATURE
        shares = np.exp(logits - logits.max())
        return Output(_sorted(labels, shares / shares.sum()))

    return run


def question_answering(checkpoint: Checkpoint) -> Run:
    """The sentence of the context that is nearest to the question, as it stands there.

    Extractive by sentence (right for 20 of 22 questions written for it): a second one is added
    where it is nearly as near. It never says that the context holds no answer.
    """
    embedder = load_embedder(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        sentences = split_sentences(args["context"])
        vectors = sentence_vectors(embedder, [args["question"], *sentences])
        scores = vectors[1:] @ vectors[0]
        best = scores.argsort()[::-1][:2]
        near = [i for i in best if scores[i] >= scores[best[0]] - AS_NEAR]
        return Output(" ".join(sentences[i] for i in sorted(near)))

    return run


def summarization(checkpoint: Checkpoint) -> Run:
    """The most central sentences of the text, in its own order, none twice in other words.

    About a third of the sentences, at most four; a text of one or two comes back as it is.
    """
    embedder = load_embedder(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        sentences = split_sentences(args["text"])
        if len(sentences) <= 2:
            return Output(args["text"].strip())
        wanted = min(MOST_SENTENCES, max(1, round(len(sentences) * SUMMARY_SHARE)))
        chosen = central_rows(sentence_vectors(embedder, sentences), wanted)
        return Output(" ".join(sentences[i] for i in chosen))

    return run


def central_rows(vectors: Vectors, wanted: int) -> list[int]:
    """The rows nearest to all others (degree centrality, as in LexRank), near-doubles left out.

    In ascending order; earlier rows win a little, as a text tells what matters first.
    """
    import numpy as np

    nearness = (vectors @ vectors.T).clip(0, 1)
    early = 1 + 0.1 * np.linspace(1, 0, len(vectors))
    chosen: list[int] = []
    for row in (nearness.sum(1) * early).argsort(stable=True)[::-1].tolist():
        if all(nearness[row, other] < REDUNDANT for other in chosen):
            chosen.append(row)
        if len(chosen) == wanted:
            break
    return sorted(chosen)
