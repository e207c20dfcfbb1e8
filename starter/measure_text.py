"""Measures the checkpoints of sentences and of the table on fresh seeds, as users load them.

- mood `right`: share of sentences whose best class is the mood they were drawn in.
- tagger `f1`: of the named pieces, where a piece is right if its tag, its start and its end are;
  `f1_names`: of first names and places alone, none of which stands in a training sentence.
- translators `bleu`: corpus BLEU-4 (Papineni and others, 2002) over words and marks, 0 to 100, one
  reference each; `exact`: share of sentences translated as the world would, letter for letter.
- table `right`: share of rows whose best class is the shape that was measured.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

from .sentences import draw_opinion, draw_sentence
from .train_tabular import COLUMNS, measures
from .world import seeds

Figures = dict[str, float]
Split = Literal["measure", "test"]
TOGETHER = 50


def measure_mood(folder: Path, split: Split, run: int, count: int) -> Figures:
    """Accuracy of the classifier of moods."""
    classify: Any = pipeline("text-classification", model=str(folder), device="cpu")
    rows = [draw_opinion(seed) for seed in seeds(split, run, count)]
    said = [classify(text)[0]["label"] for text, _ in rows]
    return {"right": float(np.mean([a == b for a, (_, b) in zip(said, rows, strict=True)]))}


def measure_tagger(folder: Path, split: Split, run: int, count: int) -> Figures:
    """F1 of the pieces that the tagger names."""
    tag: Any = pipeline(
        "token-classification", model=str(folder), device="cpu", aggregation_strategy="simple"
    )
    wanted, found = Counter[tuple[int, str, int, int]](), Counter[tuple[int, str, int, int]]()
    for seed in seeds(split, run, count):
        sentence = draw_sentence(seed)
        wanted.update((seed, *piece) for piece in sentence.pieces)
        for piece in tag(sentence.english):
            words = sentence.english[piece["start"] : piece["end"]]
            start = piece["start"] + len(words) - len(words.lstrip())
            found[(seed, piece["entity_group"], start, start + len(words.strip()))] += 1

    def f1(tags: Sequence[str] | None = None) -> float:
        a, b = (
            Counter({k: n for k, n in each.items() if tags is None or k[1] in tags})
            for each in (wanted, found)
        )
        return 2 * (a & b).total() / (a.total() + b.total())

    return {"f1": f1(), "f1_names": f1(("PER", "LOC"))}


def measure_translator(
    folder: Path, source: Literal["en", "fr"], split: Split, run: int, count: int
) -> Figures:
    """BLEU and exact match of a translator between English and French."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    rows = [draw_sentence(seed) for seed in seeds(split, run, count)]
    pairs = [(r.english, r.french) if source == "en" else (r.french, r.english) for r in rows]
    said: list[str] = []
    for start in range(0, count, TOGETHER):
        texts = [text for text, _ in pairs[start : start + TOGETHER]]
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            tokens = model.generate(**inputs, num_beams=1)
        said += [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
    wanted = [text for _, text in pairs]
    return {
        "bleu": bleu(said, wanted),
        "exact": float(np.mean([a == b for a, b in zip(said, wanted, strict=True)])),
    }


def bleu(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Corpus BLEU-4, 0 to 100, with one reference each; case counts."""
    right, total, lengths = [0] * 4, [0] * 4, [0, 0]
    for pair in zip(said, wanted, strict=True):
        a, b = (re.findall(r"\w+|[^\w\s]", text) for text in pair)
        lengths = [lengths[0] + len(a), lengths[1] + len(b)]
        for n in range(1, 5):
            grams = [Counter(_grams(words, n)) for words in (a, b)]
            right[n - 1] += (grams[0] & grams[1]).total()
            total[n - 1] += grams[0].total()
    if not all(right):
        return 0.0
    short = min(0.0, 1 - lengths[1] / lengths[0])
    return 100 * math.exp(
        short + sum(math.log(r / t) for r, t in zip(right, total, strict=True)) / 4
    )


def _grams(words: Sequence[str], n: int) -> Iterable[tuple[str, ...]]:
    return zip(*(words[i:] for i in range(n)), strict=False)


def measure_table(folder: Path, split: Split, run: int, count: int) -> Figures:
    """Accuracy of the table's model. Needs the extra `tabular`."""
    import skops.io as skops
    from pandas import DataFrame

    model = skops.load(folder / "model.skops", trusted=[])
    rows = [measures(seed) for seed in seeds(split, run, count)]
    table = DataFrame([row for row, _ in rows], columns=list(COLUMNS))
    return {"right": float(model.score(table, [shape for _, shape in rows]))}
