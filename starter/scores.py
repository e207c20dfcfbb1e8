"""The scores that the checks of the starter pack use, each a function of a few lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np


def word_error_rate(said: Sequence[str], truth: Sequence[str]) -> float:
    """Words to insert, delete and replace over all texts, as a share of the true words."""
    wrong = sum(_distance(a.split(), b.split()) for a, b in zip(said, truth, strict=True))
    return wrong / sum(len(each.split()) for each in truth)


def _distance(a: list[str], b: list[str]) -> int:
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def bleu(said: Sequence[str], truth: Sequence[str]) -> float:
    """Corpus BLEU of up to four words, 0 to 100 (Papineni et al., 2002), one reference a text."""
    matches, totals = [0] * 4, [0] * 4
    lengths = [0, 0]
    for text, reference in zip(said, truth, strict=True):
        a, b = text.split(), reference.split()
        lengths[0] += len(a)
        lengths[1] += len(b)
        for n in range(4):
            mine, theirs = (
                Counter(tuple(x[i : i + n + 1]) for i in range(len(x) - n)) for x in (a, b)
            )
            matches[n] += sum((mine & theirs).values())
            totals[n] += sum(mine.values())
    if not min(matches):
        return 0.0
    brevity = min(0.0, 1 - lengths[1] / lengths[0])
    shares = [math.log(match / total) for match, total in zip(matches, totals, strict=True)]
    return 100 * math.exp(brevity + sum(shares) / 4)


def si_sdr(said: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal to distortion of samples (n,), in decibels (Le Roux et al., 2019)."""
    length = min(len(said), len(truth))
    a, b = said[:length] - said[:length].mean(), truth[:length] - truth[:length].mean()
    part = (a @ b) / (b @ b) * b
    return float(10 * np.log10((part @ part) / max(float((a - part) @ (a - part)), 1e-12)))


def mean_iou(said: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Mean over the classes that are there of intersection over union, over all pictures."""
    both: Counter[int] = Counter()
    either: Counter[int] = Counter()
    there: set[int] = set()
    for a, b in zip(said, truth, strict=True):
        there.update(np.unique(b).tolist())
        for number in {*np.unique(a).tolist(), *np.unique(b).tolist()}:
            both[number] += int(((a == number) & (b == number)).sum())
            either[number] += int(((a == number) | (b == number)).sum())
    return float(np.mean([both[number] / either[number] for number in there]))


def time_warp(a: np.ndarray, b: np.ndarray) -> float:
    """How far two rows of vectors (n, size) and (m, size) are, stretched to fit: the mean distance
    along the best path (Sakoe and Chiba, 1978)."""
    far = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    before = np.full(len(b) + 1, np.inf)
    before[0] = 0.0
    for row in far:
        now = np.full(len(b) + 1, np.inf)
        for j, step in enumerate(row, 1):
            now[j] = step + min(before[j], before[j - 1], now[j - 1])
        before = now
    return float(before[-1] / (len(a) + len(b)))
