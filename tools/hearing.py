"""Several sounds heard at once by one model, each as if it were heard alone.

Sounds go together whose inputs have one shape: all for Whisper, which fills up to 30 s, and those
of one length for models that mix what they hear with the silence that would fill it up. Wav2Vec2
and its kin with layer norms look at no filling that is masked, and take sounds of any lengths.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sound import Samples

DITHERED = ("SeamlessM4TFeatureExtractor",)
"""Extractors that scale each band of a sound for itself: exact silence, as in edited or synthetic
speech, is so far below everything else that the speech in it looks all alike."""
DITHER = 1e-3


def hear(
    extractor: Any,
    model: Any,
    pieces: Sequence[Samples],
    answer: Callable[[Any, list[int]], Sequence[Any]],
) -> list[Any]:
    """What ``answer`` gives for each piece of samples, in their order.

    It is called with the inputs of pieces that go together, and with the places of those.
    """
    dithers = type(extractor).__name__ in DITHERED
    inputs = [
        extractor(
            dithered(piece) if dithers else piece,
            sampling_rate=extractor.sampling_rate,
            return_tensors="pt",
        )
        for piece in pieces
    ]
    alike: defaultdict[Any, list[int]] = defaultdict(list)
    for place, each in enumerate(inputs):
        shapes = tuple((name, each[name].shape) for name in sorted(each))
        alike[() if looks_at_no_filling(model, each) else shapes].append(place)
    found: list[Any] = [None] * len(pieces)
    for places in alike.values():
        stacked = _stacked([inputs[place] for place in places])
        answers = answer(stacked.to(model.device, model.dtype), places)
        for place, each in zip(places, answers, strict=True):
            found[place] = each
    return found


def dithered(samples: Samples) -> Samples:
    """The same over faint noise, always the same: 60 dB below its loudest sample."""
    import numpy as np

    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    return samples + np.float32(DITHER * np.abs(samples).max(initial=0)) * noise


def looks_at_no_filling(model: Any, inputs: Any) -> bool:
    """Whether what a sound is filled up with is masked for the model from its first layer on."""
    return getattr(model.config, "feat_extract_norm", "") == "layer" and "attention_mask" in inputs


def _stacked(inputs: list[Any]) -> Any:
    """The inputs as rows of one, the shorter ones filled up with zeros at their ends."""
    import torch

    rows = {}
    for name in inputs[0]:
        long = max(each[name].shape[-1] for each in inputs)
        filled = [
            torch.nn.functional.pad(each[name], (0, long - each[name].shape[-1])) for each in inputs
        ]
        rows[name] = torch.cat(filled)
    return type(inputs[0])(rows)
