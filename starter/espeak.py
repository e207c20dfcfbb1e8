"""Speech of the program eSpeak NG, with the time of every phoneme, through its library.

Needed for training and for the checks only; the checkpoints run without it. Debian and Ubuntu:
`apt install espeak-ng`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE, PITCH, RANGE = 1, 3, 4
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA = 2, 1, 2
_END, _WORD, _PHONEME = 0, 1, 7
_UTF8 = 1


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Spoken:
    """Float32 samples (n,) in -1..1; `phonemes` are (name, first sample), in order, "" a pause.

    `words` holds for each word, or words that run together ("of the"), its first letter in the
    text, counted from 0, and the index of its first phoneme.
    """

    samples: Samples
    rate: int
    phonemes: tuple[tuple[str, int], ...]
    words: tuple[tuple[int, int], ...]


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise FileNotFoundError("eSpeak NG is not installed: `apt install espeak-ng`.")
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _IPA)
    return library, rate


def available() -> bool:
    """Whether the library is on this machine."""
    return ctypes.util.find_library("espeak-ng") is not None


def speak(text: str, voice: str, *, speed: int = 160, pitch: int = 50, lively: int = 50) -> Spoken:
    """The text in a voice such as "en-us+f2"; speed in words a minute, the others from 0 to 100.

    Raises:
        FileNotFoundError: eSpeak NG is not installed.
        ValueError: it has no such voice.
    """
    library, rate = _library()
    if library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"eSpeak NG has no voice {voice!r}; `espeak-ng --voices` lists them.")
    for setting, value in ((RATE, speed), (PITCH, pitch), (RANGE, lively)):
        library.espeak_SetParameter(setting, value, 0)
    blocks: list[Samples] = []
    phonemes: list[tuple[str, int]] = []
    words: list[tuple[int, int]] = []

    def hear(samples: ctypes._Pointer[ctypes.c_short], count: int, events: object) -> int:
        if count > 0 and samples:
            block = np.ctypeslib.as_array(samples, (count,)) / 32768
            blocks.append(block.astype(np.float32))
        place = 0
        while (event := events[place]).type != _END:  # type: ignore[index]  # a C array
            if event.type == _PHONEME:
                phonemes.append((event.id.text.decode("utf-8", "ignore"), event.sample))
            elif event.type == _WORD and event.length:  # 0: the end of a clause
                words.append((event.text_position - 1, len(phonemes)))
            place += 1
        return 0

    data, callback = text.encode() + b"\0", _CALLBACK(hear)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
    return Spoken(np.concatenate(blocks), rate, tuple(phonemes), tuple(words))
