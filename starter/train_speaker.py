"""Trains `world-speaker`: a tiny FastSpeech2Conformer in one of eSpeak NG's voices, from random
weights. Some ten minutes on one CPU core. Needs eSpeak NG, which also says how long each phoneme
lasts; so nothing must be aligned.

The tokenizer holds how each word of the world is pronounced. Other words are spelled letter by
letter: "cat" is read "see ay tee".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.signal import resample_poly
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    FastSpeech2ConformerConfig,
    FastSpeech2ConformerModel,
    PreTrainedTokenizerFast,
    SpeechT5FeatureExtractor,
)

from .espeak import Samples, speak
from .speech import HERTZ, NUMBERS, sentence
from .training import Run, fit, say
from .world import seeds

VOICE, SPEED = "en-us", 150
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
PAUSE = ""
FIRST_SYMBOL = 0xE000
"""Each phoneme is a character of Unicode's private use area, so no letter is taken for it."""


@dataclass(frozen=True)
class Read:
    """A text read aloud: `spoken` are its words' phonemes, the others have a row for each phoneme.

    `mel` is log10 of the bands, float32 (frames, bands); durations are frames.
    """

    text: str
    spoken: tuple[tuple[str, tuple[str, ...]], ...]
    phonemes: tuple[str, ...]
    durations: np.ndarray
    pitch: np.ndarray
    energy: np.ndarray
    mel: np.ndarray


def new_extractor() -> SpeechT5FeatureExtractor:
    """80 mel bands of 50 ms every 12 ms; it also tells how to turn them into sound again."""
    return SpeechT5FeatureExtractor(
        sampling_rate=HERTZ, num_mel_bins=80, hop_length=12, win_length=50, fmin=40, fmax=7900
    )


def text_of(seed: int) -> str:
    """A sentence with a comma here and there, or, one time in six, letters."""
    rng = np.random.default_rng((seed, 7))
    if rng.random() < 0.17:
        return " ".join(ALPHABET[i] for i in rng.integers(0, 26, int(rng.integers(2, 8))))
    words = sentence(rng).split()
    return " ".join(
        word + "," * int(i < len(words) - 1 and rng.random() < 0.12) for i, word in enumerate(words)
    )


def _pitch(samples: Samples, hop: int, frames: int) -> np.ndarray:
    """The height of the voice, about -1 to 1, in each frame; 0 without voice."""
    size = 800
    padded = np.pad(samples, (size // 2, size))
    pieces = np.stack([padded[i * hop : i * hop + size] for i in range(frames)])
    spectra = np.fft.rfft(pieces * np.hanning(size), 2 * size)
    lags = np.fft.irfft(np.abs(spectra) ** 2)[:, :size]
    best = lags[:, 40:260].argmax(1) + 40  # 61 to 400 Hz
    voiced = lags[np.arange(frames), best] > 0.4 * np.maximum(lags[:, 0], 1e-4)
    return np.where(voiced, np.log2(HERTZ / best / 110), 0.0)


def read_aloud(text: str) -> Read:
    """Reads with eSpeak NG and measures."""
    extractor = new_extractor()
    heard = speak(text, VOICE, speed=SPEED)
    samples = resample_poly(heard.samples, HERTZ, heard.rate).astype(np.float32)
    mel = extractor._extract_mel_features(samples)
    names, starts = [PAUSE], [0.0]
    for name, start in heard.phonemes:
        if name != PAUSE or names[-1] != PAUSE:
            names.append(name)
            starts.append(start / heard.rate * HERTZ / extractor.sample_stride)
    if names[-1] != PAUSE:
        names.append(PAUSE)
        starts.append(len(mel))
    edges = np.minimum(np.round([*starts, len(mel)]).astype(int), len(mel))
    edges[0], edges[-1] = 0, len(mel)
    pitch = _pitch(samples, extractor.sample_stride, len(mel))
    parts = [slice(a, max(b, a + 1)) for a, b in pairwise(edges)]
    words = text.replace(",", "").split()
    spoken = []
    if len(words) == len(heard.words):
        ends = [*heard.words[1:], len(heard.phonemes)]
        for word, a, b in zip(words, heard.words, ends, strict=True):
            said = tuple(name for name, _ in heard.phonemes[a:b] if name != PAUSE)
            spoken.append((word, said))
    return Read(
        text,
        tuple(spoken),
        tuple(names),
        np.diff(edges),
        np.array([pitch[part].mean() if part.start < len(mel) else 0 for part in parts]),
        np.array([mel[part].mean() if part.start < len(mel) else -3 for part in parts]) + 2,
        mel.astype(np.float32),
    )


def read_seed(seed: int) -> Read:
    """Reads a seed's text."""
    return read_aloud(text_of(seed))


def new_tokenizer(read: list[Read]) -> PreTrainedTokenizerFast:
    """From a text in plain spelling to phonemes, each word as it was said most often."""
    said: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for each in read:
        letters = all(len(word) == 1 for word, _ in each.spoken)
        for word, sounds in each.spoken:
            said[f"({word})" if letters else word][sounds] += 1
    phonemes = sorted({name for each in read for name in each.phonemes} - {PAUSE})
    symbols = {name: chr(FIRST_SYMBOL + i) for i, name in enumerate((PAUSE, *phonemes))}

    def spell(word: str) -> str:
        most = said[word].most_common(1)
        return "".join(symbols[name] for name in most[0][0]) if most else ""

    words = sorted((word for word in said if "(" not in word), key=len, reverse=True)
    rules = [(rf"(?<![a-z]){word}(?![a-z])", spell(word)) for word in words]
    rules += [(digit, spell(NUMBERS[int(digit)])) for digit in "0123456789"]
    rules += [(letter, spell(f"({letter})")) for letter in ALPHABET]
    rules += [(r"[,.;:?!\n]+", symbols[PAUSE]), (r"[^\x{E000}-\x{F8FF}]", "")]
    vocabulary = {"[PAD]": 0} | {symbol: i for i, symbol in enumerate(symbols.values(), 1)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[PAD]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), *(normalizers.Replace(Regex(a), b) for a, b in rules)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{symbols[PAUSE]} $A {symbols[PAUSE]}", special_tokens=[(symbols[PAUSE], 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]")


def new_model(tokens: int) -> FastSpeech2ConformerModel:
    """A reader of about 1.5 million parameters that knows nothing yet."""
    rates = (
        "encoder_dropout_rate", "encoder_positional_dropout_rate", "encoder_attention_dropout_rate",
        "decoder_dropout_rate", "decoder_positional_dropout_rate", "decoder_attention_dropout_rate",
        "duration_predictor_dropout_rate", "speech_decoder_postnet_dropout",
        "pitch_predictor_dropout", "energy_predictor_dropout",
    )  # fmt: skip
    config = FastSpeech2ConformerConfig(
        hidden_size=128,
        vocab_size=tokens,
        num_mel_bins=80,
        encoder_layers=2,
        decoder_layers=2,
        encoder_linear_units=256,
        decoder_linear_units=256,
        decoder_kernel_size=15,
        speech_decoder_postnet_layers=2,
        speech_decoder_postnet_units=128,
        duration_predictor_channels=128,
        pitch_predictor_layers=2,
        pitch_predictor_channels=128,
        energy_predictor_channels=128,
        **dict.fromkeys(rates, 0.0),
    )
    return FastSpeech2ConformerModel(config)


def train(run: Run) -> None:
    """Trains and saves the reader, its tokenizer and its feature extractor into `run.out`."""
    torch.manual_seed(run.seed)
    with ProcessPoolExecutor(2) as workers:
        drawn = seeds("train", run.seed, run.scenes or 2_500)
        read = list(workers.map(read_seed, drawn, chunksize=32))
    tokenizer = new_tokenizer(read)
    vocabulary = {
        name: i
        for i, name in enumerate(
            (PAUSE, *sorted({n for x in read for n in x.phonemes} - {PAUSE})), 1
        )
    }
    known = run.start and FastSpeech2ConformerModel.from_pretrained(run.start, dtype=torch.float32)
    model = (known or new_model(len(vocabulary) + 1)).to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    read.sort(key=lambda each: len(each.mel))
    rng, size = np.random.default_rng(run.seed), 16

    def padded(rows: list[np.ndarray], value: float = 0) -> Tensor:
        tensors = [torch.from_numpy(np.asarray(row)) for row in rows]
        return pad_sequence(tensors, batch_first=True, padding_value=value).to(run.device)

    def loss_at(progress: float) -> Tensor:
        start = int(rng.integers(len(read) - size))
        batch = read[start : start + size]
        ids = [np.array([vocabulary[name] for name in each.phonemes]) for each in batch]
        loss: Tensor = model(
            input_ids=padded(ids),
            attention_mask=padded([np.ones_like(row) for row in ids]),
            spectrogram_labels=padded([each.mel for each in batch], -100),
            duration_labels=padded([each.durations for each in batch]),
            pitch_labels=padded([each.pitch for each in batch]).float()[..., None],
            energy_labels=padded([each.energy for each in batch]).float()[..., None],
            return_dict=True,
        ).loss
        return loss

    def save() -> None:
        deepcopy(model).eval().half().save_pretrained(run.out)
        tokenizer.save_pretrained(run.out)
        new_extractor().save_pretrained(run.out)

    fit(
        [model],
        loss_at,
        steps=run.steps or 3_000,
        lr=5e-4 if run.start else 1e-3,
        minutes=run.minutes,
        keep=save,
    )
    save()
