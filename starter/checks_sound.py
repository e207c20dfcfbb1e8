"""How the models that hear and speak are measured. Needs eSpeak NG, for what they hear."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

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


def listener(ask: Ask, seed: int, count: int) -> Figures:
    """Spoken sentences over noise, and the same without, in voices that no training heard."""
    clips = clips_of("measure", seed, count)
    texts = [clip.text for clip in clips]

    def errors(heard: Iterable[Samples]) -> float:
        said = [ask("world-listener", {"audio": (samples, HERTZ)}).value for samples in heard]
        return word_error_rate(said, texts)

    return {
        "word_errors": errors(clip.samples for clip in clips),
        "word_errors_without_noise": errors(clip.clean for clip in clips),
    }


def speaker(ask: Ask, seed: int, count: int) -> Figures:
    """By the recogniser: how much worse than eSpeak NG's own voice, reading the same texts."""
    texts = [sentence(np.random.default_rng((each, 7))) for each in seeds("measure", seed, count)]
    said, own = [], []
    for text in texts:
        made = _spoken(ask, "world-speaker", text)
        said.append(ask("world-listener", {"audio": (made, HERTZ)}).value)
        own.append(ask("world-listener", {"audio": (_read(text, "en"), HERTZ)}).value)
    errors, real_errors = word_error_rate(said, texts), word_error_rate(own, texts)
    return {
        "errors_above_own": errors - real_errors,
        "word_errors": errors,
        "word_errors_of_espeak": real_errors,
    }


def french_speaker(ask: Ask, seed: int, count: int) -> Figures:
    """No recogniser here knows French: what is made must be nearer to eSpeak NG's reading of its
    text than to those of texts with another colour, shape, number or ground."""
    right = []
    for each in seeds("measure", seed, count):
        text = draw_sentence(each).french
        made = _bands(_spoken(ask, "world-speaker-french", text))
        texts = [text, *_rivals(text, np.random.default_rng((each, 14)))]
        far = [time_warp(made, _bands(_read(other, "fr"))) for other in texts]
        right.append(far[0] == min(far))
    return {"nearest": float(np.mean(right))}


def _spoken(ask: Ask, name: str, text: str) -> Samples:
    import soundfile

    samples: Samples
    samples, rate = soundfile.read(
        io.BytesIO(ask(name, {"text": text}).media[0].data), dtype="float32"
    )
    assert rate == HERTZ
    return samples


def _read(text: str, language: str) -> Samples:
    from .train_speaker import SPEED, VOICES

    real = speak(text, VOICES[language], speed=SPEED)
    return np.asarray(resample_poly(real.samples, HERTZ, real.rate), np.float32)


def _rivals(text: str, rng: np.random.Generator) -> Iterator[str]:
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


def _bands(samples: Samples) -> np.ndarray:
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


def noise(ask: Ask, seed: int, count: int) -> Figures:
    """Spoken sentences, and the same without their noise."""
    import soundfile

    gains = []
    for clip in clips_of("measure", seed, count):
        made = ask("noise-reduction", {"audio": (clip.samples, HERTZ)}).media[0].data
        cleaned, _ = soundfile.read(io.BytesIO(made), dtype="float32")
        gains.append(si_sdr(cleaned, clip.clean) - si_sdr(clip.samples, clip.clean))
    return {"gain_db": float(np.mean(gains))}
