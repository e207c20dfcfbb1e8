"""Runners that make sound: speech from text, music from a description, another voice.

Chance plays a part in most of these models; each run starts from the same seed, so the same input
gives the same sound. Not covered: a voice of the caller's choice.
"""

from __future__ import annotations

import re
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import (
    VOCODER,
    MissingExtraError,
    ModelLoadError,
    ModelRunError,
    base_folder,
)

from .audio import windows
from .griffin_lim import griffin_lim
from .loading import load_config, load_feature_extractor, load_model, load_tokenizer
from .runner import Checkpoint, Output, Run
from .sentences import split_sentences
from .sound import sound_output

if TYPE_CHECKING:
    from .sound import Samples

    Say = Callable[[Any], Any]

SEED = 0
PAUSE = 0.2
"""Seconds of silence between sentences."""
LONGEST_PART = 300
"""Characters that are spoken at once; a longer sentence is cut between words."""
BARK_PART = 150
"""Bark speaks for 13 s at most."""
MUSIC_SECONDS = 10.0
VOICE_WINDOW = 15.0
VOICE_LONGER = 2.5
"""SpeechT5 hears 50 frames a second and makes 62.5: so a window becomes at most twice as long."""
FEW = 8
"""Words that a note about strange ones names."""
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[^\w\s.,;:?!'\"’‘“”«»()\[\]…–—-]")
"""A word, or a sign that would be read as one."""
SPEAKER_FILE = "speaker.safetensors"

_EXTRAS = ("g2p-en", "phonemizer", "uroman", "sentencepiece")
"""Packages that some tokenizers of speech need."""

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def same_chance() -> Iterator[None]:
    """The same random numbers in each run, and nobody else's disturbed afterwards.

    They come from one generator of the process, so only one run at a time draws from it.
    """
    import torch

    with _ONE_AT_A_TIME, torch.random.fork_rng():
        torch.manual_seed(SEED)
        yield


@contextmanager
def _naming_extras(model_id: str) -> Iterator[None]:
    """Turns a tokenizer's complaint about a library into what to install."""
    try:
        yield
    except ImportError as exc:
        package = next((each for each in _EXTRAS if each in str(exc).lower()), None)
        if package is None:
            raise
        raise MissingExtraError(
            f"The model '{model_id}' needs the library '{package}' to read text aloud.",
            f"`pip install {package}`, or choose another model.",
        ) from exc


def text_to_speech(checkpoint: Checkpoint) -> Run:
    """A text read aloud, sentence by sentence: VITS (and MMS), SpeechT5, Bark, FastSpeech2."""
    kind = load_config(checkpoint).model_type
    load = _VOICES.get(kind)
    if load is None:
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' ({kind}) cannot read a text aloud here.",
            f"Choose one of the kind {', '.join(_VOICES)}.",
        )
    with _naming_extras(checkpoint.card.id):
        return load(checkpoint)


def _reader(
    checkpoint: Checkpoint,
    tokenizer: Any,
    rate: int,
    say: Say,
    longest: int = LONGEST_PART,
    note: Callable[[str], str] = lambda text: "",
) -> Run:
    """A run that reads sentence by sentence. ``say`` turns one tokenized part into samples.

    ``note`` is what the answer adds about how a text was read.
    """

    def part(text: str) -> Samples | None:
        with _naming_extras(checkpoint.card.id):
            _check_alphabet(checkpoint, tokenizer, text)
            inputs = tokenizer(text, return_tensors="pt").to(checkpoint.device)
        if not inputs["input_ids"].numel():
            return None
        with same_chance():
            samples: Samples = say(inputs).float().cpu().numpy().reshape(-1)
        return samples

    def run(args: Mapping[str, Any]) -> Output:
        sentences = split_sentences(args["text"])
        texts = [piece for each in sentences for piece in textwrap.wrap(each, longest)]
        spoken = [samples for each in texts if (samples := part(each)) is not None]
        if not spoken:
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' knows no letter of the text.",
                "Choose a model for the language of the text.",
            )
        samples = _with_pauses(spoken, rate)
        return sound_output(checkpoint.card.id, samples, rate, note(args["text"]))

    return run


def _check_alphabet(checkpoint: Checkpoint, tokenizer: Any, text: str) -> None:
    """Raises where the tokenizer would silently drop a text that it cannot turn into Latin."""
    from transformers.utils import is_uroman_available

    if getattr(tokenizer, "is_uroman", False) and not text.isascii() and not is_uroman_available():
        raise ImportError("uroman")


def _with_pauses(parts: Iterable[Samples], rate: int) -> Samples:
    import numpy as np

    pause = np.zeros(int(PAUSE * rate), np.float32)
    together: list[Samples] = []
    for samples in parts:
        together += [pause, samples] if together else [samples]
    return np.concatenate(together)


def _vits(checkpoint: Checkpoint) -> Run:
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "VitsModel")
    chosen = {"speaker_id": 0} if model.config.num_speakers > 1 else {}

    def say(inputs: Any) -> Any:
        return model(**inputs, **chosen).waveform[0]

    return _reader(checkpoint, tokenizer, model.config.sampling_rate, say)


def _speecht5(checkpoint: Checkpoint) -> Run:
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "SpeechT5ForTextToSpeech")
    vocoder = _vocoder(checkpoint)
    speaker = _speaker(checkpoint, model)

    def say(inputs: Any) -> Any:
        return model.generate_speech(inputs["input_ids"], speaker, vocoder=vocoder)

    return _reader(checkpoint, tokenizer, vocoder.config.sampling_rate, say)


def _vocoder(checkpoint: Checkpoint) -> Any:
    """The HiFi-GAN in the checkpoint's folder `vocoder`, else Microsoft's, from the cache or Hub.

    Raises:
        ModelLoadError: it is in none of these places.
    """
    beside = Path(checkpoint.location) / "vocoder"
    place = beside if beside.is_dir() else base_folder(VOCODER.id)
    if place is None:
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' needs the vocoder '{VOCODER.id}', which is not on "
            "this machine.",
            f"Fetch it once where there is a network: `hf download {VOCODER.id}`.",
        )
    card = checkpoint.card.model_copy(update={"id": VOCODER.id, "path": place, "size_bytes": None})
    return load_model(replace(checkpoint, card=card, location=str(place)), "SpeechT5HifiGan")


def _speaker(checkpoint: Checkpoint, model: Any) -> Any:
    """The vector (1, size) of `speaker.safetensors` in the folder, else nobody's: zeros."""
    import torch
    from safetensors.torch import load_file

    path = Path(checkpoint.location) / SPEAKER_FILE
    size = model.config.speaker_embedding_dim
    vector = next(iter(load_file(path).values())) if path.is_file() else torch.zeros(size)
    return vector.reshape(1, size).to(model.device, model.dtype)


def _bark(checkpoint: Checkpoint) -> Run:
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "BarkModel")
    settings = model.generation_config
    longest = settings.semantic_config["max_input_semantic_length"]

    def read(text: str, **options: Any) -> Any:
        return tokenizer(
            text,
            padding="max_length",
            truncation=True,
            max_length=longest,
            add_special_tokens=False,
            return_token_type_ids=False,
            **options,
        )

    return _reader(
        checkpoint, read, settings.sample_rate, lambda inputs: model.generate(**inputs), BARK_PART
    )


def _fastspeech2(checkpoint: Checkpoint) -> Run:
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "FastSpeech2ConformerWithHifiGan")
    rate = model.config.vocoder_config.sampling_rate
    return _reader(
        checkpoint,
        tokenizer,
        rate,
        lambda inputs: model(inputs["input_ids"], return_dict=True)["waveform"],
    )


def _fastspeech2_alone(checkpoint: Checkpoint) -> Run:
    """FastSpeech2 without a vocoder, whose spectrograms become sound by guessed phases."""
    import torch

    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "FastSpeech2ConformerModel")
    extractor = load_feature_extractor(checkpoint)

    def say(inputs: Any) -> Any:
        made = model(inputs["input_ids"], return_dict=True).spectrogram[0]
        return torch.from_numpy(griffin_lim(made.float().cpu().numpy(), extractor))

    def note(text: str) -> str:
        return _strange_words(text, tokenizer)

    return _reader(checkpoint, tokenizer, extractor.sampling_rate, say, note=note)


def _strange_words(text: str, tokenizer: Any) -> str:
    """What a tokenizer that lists its ``known_words`` spells, reads by digits, or leaves out."""
    known = tokenizer.init_kwargs.get("known_words")
    if known is None:
        return ""
    told: dict[str, dict[str, None]] = {}
    for whole in _WORD.findall(text.replace("’", "'")):
        parts = [whole] if whole.lower() in known else re.split("['-]", whole)
        for part in parts:
            if not tokenizer(part)["input_ids"]:
                told.setdefault("left out", {})[part] = None
            elif part.lower() not in known and len(part) > 1:
                how = "digit by digit" if part.isdecimal() else "spelled letter by letter"
                told.setdefault(how, {})[part] = None
    return "; ".join(f"{how}: {_few(list(words))}" for how, words in told.items())


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - FEW} more" if len(words) > FEW else ""
    return ", ".join(words[:FEW]) + more


_VOICES: Mapping[str, Callable[[Checkpoint], Run]] = {
    "vits": _vits,
    "speecht5": _speecht5,
    "bark": _bark,
    "fastspeech2_conformer": _fastspeech2_alone,
    "fastspeech2_conformer_with_hifigan": _fastspeech2,
}


def text_to_audio(checkpoint: Checkpoint) -> Run:
    """Ten seconds of music or sound as described (MusicGen), in as many channels as it makes."""
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "AutoModelForTextToWaveform")
    codec = getattr(model.config, "audio_encoder", None)
    if codec is None:
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' ({model.config.model_type}) makes no sound from a "
            "description here.",
            "Choose a MusicGen model.",
        )
    tokens = min(
        int(MUSIC_SECONDS * codec.frame_rate), model.generation_config.max_length or 1 << 30
    )

    def run(args: Mapping[str, Any]) -> Output:
        inputs = tokenizer(args["text"], truncation=True, return_tensors="pt")
        with same_chance():
            made = model.generate(**inputs.to(model.device), max_new_tokens=tokens)
        channels = made[0].float().cpu().numpy()  # (channels, samples)
        samples = channels[0] if len(channels) == 1 else channels.T
        return sound_output(checkpoint.card.id, samples, codec.sampling_rate)

    return run


def audio_to_audio(checkpoint: Checkpoint) -> Run:
    """The same words in the voice of the checkpoint's speaker (SpeechT5 voice conversion)."""
    kind = load_config(checkpoint).model_type
    if kind != "speecht5":
        raise ModelLoadError(
            f"The model '{checkpoint.card.id}' ({kind}) does not change a sound here.",
            "Choose a SpeechT5 model for voice conversion.",
        )
    extractor = load_feature_extractor(checkpoint)
    model = load_model(checkpoint, "SpeechT5ForSpeechToSpeech")
    vocoder = _vocoder(checkpoint)
    speaker = _speaker(checkpoint, model)
    rate = extractor.sampling_rate

    def convert(piece: Samples) -> Samples:
        inputs = extractor(audio=piece, sampling_rate=rate, return_tensors="pt").to(model.device)
        with same_chance():
            made = model.generate_speech(
                inputs["input_values"].to(model.dtype),
                speaker,
                maxlenratio=VOICE_LONGER,
                vocoder=vocoder,
            )
        samples: Samples = made.float().cpu().numpy().reshape(-1)
        return samples

    def run(args: Mapping[str, Any]) -> Output:
        import numpy as np

        heard = windows(args["audio"].waveform(rate), rate, VOICE_WINDOW, 0.0)
        samples = np.concatenate([convert(piece) for piece, _, _ in heard])
        return sound_output(checkpoint.card.id, samples, vocoder.config.sampling_rate)

    return run
