"""How the models that hear and speak are measured. Needs eSpeak NG, for what they hear."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.fft import dct
from scipy.signal import resample_poly

from .asking import Ask, Figures
from .espeak import Samples, speak
from .scores import si_sdr, time_warp, word_error_rate
from .sentences import FRENCH_COLOURS, FRENCH_COUNTS, FRENCH_GROUNDS, NOUNS, draw_sentence
from .sounds import sound
from .speech import HERTZ, clips_of, sentence
from .world import seeds

RIVALS = 5
SPEAKERS = {"en": "world-speaker", "fr": "world-speaker-french"}


def listener(ask: Ask, seed: int, count: int) -> Figures:
    """Spoken sentences over noise, and the same without, in voices that no training heard."""
    clips = clips_of("measure", seed, count)
    texts = [clip.text for clip in clips]

    return {
        "word_errors": _errors(ask, (clip.samples for clip in clips), texts),
        "word_errors_without_noise": _errors(ask, (clip.clean for clip in clips), texts),
    }


def _errors(ask: Ask, heard: Iterable[Samples], texts: Sequence[str]) -> float:
    """The recogniser's word error rate."""
    said = [ask("world-listener", {"audio": (samples, HERTZ)}).value for samples in heard]
    return word_error_rate(said, texts)


def speaker(ask: Ask, seed: int, count: int) -> Figures:
    """By the recogniser: how much worse than eSpeak NG's own voice, reading the same texts.

    It knows the words of the world only; rows of everyday words are measured as the French is.
    """
    from .train_speaker import everyday_words

    drawn = seeds("measure", seed, count)
    texts = [sentence(np.random.default_rng((each, 7))) for each in drawn]
    said, own, nearest = [], [], []
    for each, text in zip(drawn, texts, strict=True):
        made = _spoken(ask, "world-speaker", text)
        said.append(ask("world-listener", {"audio": (made, HERTZ)}).value)
        own.append(ask("world-listener", {"audio": (_read(text, "en"), HERTZ)}).value)
        rng = np.random.default_rng((each, 15))
        first, *rest = (str(x) for x in rng.choice(everyday_words(), RIVALS + 5, replace=False))
        row, others = " ".join(rest[:4]), rest[4:]
        nearest.append(_nearest(ask, "en", f"{row} {first}", [f"{row} {x}" for x in others]))
    errors, real_errors = word_error_rate(said, texts), word_error_rate(own, texts)
    return {
        "errors_above_own": errors - real_errors,
        "word_errors": errors,
        "word_errors_of_espeak": real_errors,
        "everyday_nearest": float(np.mean(nearest)),
    }


def french_speaker(ask: Ask, seed: int, count: int) -> Figures:
    """No recogniser here knows French: what is made must be nearer to eSpeak NG's reading of its
    text than to those of texts with another colour, shape, number or ground."""
    nearest = []
    for each in seeds("measure", seed, count):
        text = draw_sentence(each).french
        nearest.append(_nearest(ask, "fr", text, rivals(text, np.random.default_rng((each, 14)))))
    return {"nearest": float(np.mean(nearest))}


def _nearest(ask: Ask, language: str, text: str, others: Iterable[str]) -> bool:
    made = cepstra(_spoken(ask, SPEAKERS[language], text))
    far = [time_warp(made, cepstra(_read(each, language))) for each in (text, *others)]
    return far[0] == min(far)


def _spoken(ask: Ask, name: str, text: str) -> Samples:
    return _sound_of(ask(name, {"text": text}))


def _sound_of(output: Any) -> Samples:
    """The samples of an output's first file."""
    import soundfile

    samples: Samples
    samples, rate = soundfile.read(io.BytesIO(output.media[0].data), dtype="float32")
    assert rate == HERTZ
    return samples


def _read(text: str, language: str) -> Samples:
    from .train_speaker import SPEED, VOICES

    real = speak(text, VOICES[language], speed=SPEED)
    return np.asarray(resample_poly(real.samples, HERTZ, real.rate), np.float32)


def rivals(text: str, rng: np.random.Generator) -> Iterator[str]:
    """The text with one of its words exchanged, each time another."""
    tables: list[Sequence[str]] = [
        *zip(*FRENCH_COLOURS.values(), strict=True),
        [noun.one for noun in NOUNS.values()],
        [noun.many for noun in NOUNS.values()],
        FRENCH_COUNTS[2:],
        list(FRENCH_GROUNDS.values()),
    ]
    words = text.split(" ")
    exchanged = sorted(
        (place, word.replace(said, other))
        for place, word in enumerate(words)
        for said in [word.strip(".,")]
        for other in {x for table in tables if said in table for x in table} - {said}
    )
    for i in rng.permutation(len(exchanged))[:RIVALS]:
        place, other = exchanged[i]
        yield " ".join([*words[:place], other, *words[place + 1 :]])


def cepstra(samples: Samples) -> np.ndarray:
    """What a voice says rather than how high: 20 cepstra, (n, 20), 42 a second."""
    from .train_speaker import new_extractor

    logs = new_extractor()._extract_mel_features(samples)
    return np.asarray(dct(logs, norm="ortho")[::2, :20])


def sounds(ask: Ask, seed: int, count: int) -> Figures:
    """Which of the eight kinds it is."""
    made = [sound(each) for each in seeds("measure", seed, count)]
    heard = [ask("world-sounds", {"audio": (each.samples, HERTZ)}).value for each in made]
    right = [labels[0]["label"] == each.kind for labels, each in zip(heard, made, strict=True)]
    return {"top_1": float(np.mean(right))}


def denoiser(ask: Ask, seed: int, count: int) -> Figures:
    """Spoken sentences, and the same without their noise; and what becomes of clean ones.

    The recogniser must not hear worse what was cleaned.
    """
    clips = clips_of("measure", seed, count)
    texts = [clip.text for clip in clips]
    cleaned = [_cleaned(ask, clip.samples) for clip in clips]
    gains = [
        si_sdr(made, clip.clean) - si_sdr(clip.samples, clip.clean)
        for made, clip in zip(cleaned, clips, strict=True)
    ]
    kept = [si_sdr(_cleaned(ask, clip.clean), clip.clean) for clip in clips]
    before = _errors(ask, (clip.samples for clip in clips), texts)
    return {
        "gain_db": float(np.mean(gains)),
        "least_gain_db": min(gains),
        "clean_kept_db": float(np.mean(kept)),
        "word_errors_added": _errors(ask, cleaned, texts) - before,
    }


def _cleaned(ask: Ask, samples: Samples) -> Samples:
    return _sound_of(ask("world-denoiser", {"audio": (samples, HERTZ)}))
