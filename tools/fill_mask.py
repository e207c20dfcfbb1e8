"""The runner that says which words fit a blank in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hugginggraph.registry import MissingArgumentError, ModelLoadError

from .loading import load_model, load_tokenizer, max_tokens
from .runner import Checkpoint, Output, Run
from .values import Label

TOP = 5
_BLANK = re.compile(r"\[mask\]|<mask>|\[blank\]|<blank>|_{2,}", re.IGNORECASE)


def fill_mask(checkpoint: Checkpoint) -> Run:
    """The five words that fit the blank best; with several blanks the best for each, in order.

    A blank is ``[MASK]``, ``<mask>``, ``[blank]`` or a line of two and more ``_``, whatever mark
    the model has. Of a text that is longer than the model takes, the part around the first counts.
    """
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForMaskedLM")
    mark = tokenizer.mask_token
    if mark is None:
        raise ModelLoadError(
            f"The tokenizer of '{checkpoint.card.id}' has no mark for a blank.",
            "Choose a model that was trained to fill blanks.",
        )
    limit = max_tokens(tokenizer, model)

    def run(args: Mapping[str, Any]) -> Output:
        blanks = list(_BLANK.finditer(args["text"]))
        if not blanks:
            raise MissingArgumentError(
                "'text' of fill-mask has no blank.", "Mark it with [MASK] or ___."
            )
        text = _BLANK.sub(lambda _: mark, args["text"])
        windows = tokenizer(
            text,
            truncation=True,
            max_length=limit,
            stride=limit // 2,
            padding=True,
            return_overflowing_tokens=True,
            return_tensors="pt",
        )
        windows.pop("overflow_to_sample_mapping", None)
        first = [_first(row, tokenizer.mask_token_id) for row in windows["input_ids"].tolist()]
        window = min(range(len(first)), key=lambda i: abs(first[i] - limit // 2))
        inputs = {name: value[window : window + 1] for name, value in windows.items()}
        inputs = {name: value.to(model.device) for name, value in inputs.items()}
        places = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0]
        scores = model(**inputs).logits[0, places].float().softmax(-1)
        if len(places) == 1:
            values, words = scores[0].topk(TOP)
            return Output([_word(w, v) for w, v in zip(words, values, strict=True)])
        values, words = scores.max(-1)
        return Output(
            [
                {
                    **_word(word, value),
                    "text": blank[0],
                    "start": blank.start(),
                    "end": blank.end(),
                }
                for blank, word, value in zip(blanks, words, values, strict=False)
            ]
        )

    def _word(token: Any, score: Any) -> Label:
        return {"label": tokenizer.decode([int(token)]).strip(), "score": float(score)}

    return run


def _first(ids: list[int], token: int) -> int:
    """Where the token first stands; far away where it does not."""
    return ids.index(token) if token in ids else 10**9
