"""A second look at the first candidates by a cross-encoder, which reads request and card together.

It is optional: a text classification checkpoint with one output, from a folder or the Hub. Its
scores, put on the scale of the sum that ranks, are one more addend. Not covered: cards after the
first `READ`, which keep their places behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from .errors import RegistryError
from .machine import loaded_from

READ = 20
"""Candidates that are read."""


def relevance(
    source: str, request: str, documents: Sequence[str], *, offline: bool = False
) -> list[float]:
    """How well each document fits the request, 0 to 1.

    Raises:
        RegistryError: the checkpoint cannot be loaded, or has more than one output.
    """
    import torch

    tokenizer, model = _loaded(source, offline)
    found: list[float] = []
    if documents:
        inputs = tokenizer(
            [request] * len(documents), list(documents), padding=True,
            truncation="longest_first", max_length=min(512, tokenizer.model_max_length),
            return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            found = torch.sigmoid(model(**inputs).logits[:, 0].float()).tolist()
    return found


@cache
def _loaded(source: str, offline: bool) -> tuple[Any, Any]:
    remedy = "Correct HUGGINGGRAPH_RERANKER, or unset it."
    try:
        import_module("transformers")  # waits while another thread imports it
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        found, here = loaded_from(source, offline)
        tokenizer = AutoTokenizer.from_pretrained(found, local_files_only=here)
        model = AutoModelForSequenceClassification.from_pretrained(found, local_files_only=here)
    except Exception as exc:  # Transformers raises many kinds
        why = " ".join(str(exc).split())[:200]
        raise RegistryError(f"The re-ranker '{source}' cannot be used: {why}", remedy) from exc
    if model.config.num_labels != 1:
        outputs = model.config.num_labels
        raise RegistryError(f"The re-ranker '{source}' has {outputs} outputs, not one.", remedy)
    return tokenizer, model.eval()
