"""Languages that a text names, or is written in.

Only what is plain: an English name ("German"), a script, or at least three different function words
of one language. English is what is assumed, so it is never reported as seen; a short text in a
language of the Latin alphabet is missed.
"""

from __future__ import annotations

import re
from functools import cache

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
    "af": "Afrikaans", "am": "Amharic", "az": "Azerbaijani", "be": "Belarusian", "cy": "Welsh",
    "eu": "Basque", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "hy": "Armenian",
    "is": "Icelandic", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada",
    "lb": "Luxembourgish", "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian",
    "mr": "Marathi", "mt": "Maltese", "my": "Burmese", "ne": "Nepali", "pa": "Punjabi",
    "ps": "Pashto", "si": "Sinhala", "so": "Somali", "sq": "Albanian", "tl": "Tagalog",
    "uz": "Uzbek", "yo": "Yoruba", "yue": "Cantonese", "zu": "Zulu", "hk": "Hokkien",
}  # fmt: skip
"""Language codes as the Hub writes them, with the English name."""

_OTHER_NAMES = {"mandarin": "zh", "farsi": "fa", "castilian": "es", "flemish": "nl"}
_CODES = {name.lower(): code for code, name in NAMES.items()} | _OTHER_NAMES
_NAMED = re.compile(rf"\b({'|'.join(_CODES)})\b", re.IGNORECASE)
_SCRIPTS = (
    ("ja", "\u3040-\u30ff"),
    ("ko", "\uac00-\ud7af"),
    ("zh", "\u4e00-\u9fff"),
    ("uk", "іїєґІЇЄҐ"),
    ("ru", "\u0400-\u04ff"),
    ("fa", "پچژگ"),
    ("ar", "\u0600-\u06ff"),
    ("he", "\u0590-\u05ff"),
    ("el", "\u0370-\u03ff"),
    ("th", "\u0e00-\u0e7f"),
    ("hi", "\u0900-\u097f"),
    ("bn", "\u0980-\u09ff"),
    ("ta", "\u0b80-\u0bff"),
)
_FUNCTION_WORDS = {
    "en": "the and of to is that in was for it with are this not a on he she you",
    "de": "der und ist nicht ich das mit für auf ein eine sich den dem wir sie es zu von wie",
    "fr": "le la les des est une dans pour pas que avec sur je nous vous du et il ce qui",
    "es": "el la los las una por con para que del está muy es y se un como pero lo mi",
    "it": "il che di per una non sono della gli questo è la un con mi ma anche nel del",
    "pt": "os uma não com para em do da que um é se mas como eu muito foi está ao",
    "nl": "het een van niet en dat voor ik met de op zijn maar wij ook deze aan te",
    "sv": "och att det som en på är av för med inte jag den till ett om har",
    "pl": "nie jest się na to że do w jak i z dla są był ale tak co",
    "tr": "ve bir bu için çok ile da de ne daha gibi ama olarak ben",
}


def named(text: str) -> dict[str, int]:
    """The codes of the languages that the text names, each with where it first does.

    "polish" without a capital is the verb.
    """
    found: dict[str, int] = {}
    for match in _NAMED.finditer(text):
        if match[0] != "polish":
            found.setdefault(_CODES[match[0].lower()], match.start())
    return found


def seen(text: str) -> str | None:
    """The code of the language that the text is plainly written in, if it is not English."""
    letters = sum(character.isalpha() for character in text)
    for code, span in _SCRIPTS:
        if (hits := len(re.findall(f"[{span}]", text))) >= 2 and hits > 0.02 * letters:
            return code
    present = set(re.findall(r"[^\W\d_]+", text.lower()))
    counts = {code: len(present & own) for code, own in _function_words().items()}
    *_, rival, best = sorted(counts, key=lambda code: counts[code])
    alone = counts[best] == 2 and counts[rival] < 2 and not counts["en"]
    return best if best != "en" and (counts[best] >= 3 or alone) else None


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {code: frozenset(line.split()) for code, line in _FUNCTION_WORDS.items()}


_DIRECTION = re.compile(
    rf"(?:\bfrom\s+(?P<source>{'|'.join(_CODES)})\b)"
    rf"|(?:\b(?:to|into|in)\s+(?P<target>{'|'.join(_CODES)})\b)"
    rf"|(?:\b(?P<left>{'|'.join(_CODES)})[\s-]+(?:to|into)[\s-]+(?P<right>{'|'.join(_CODES)})\b)",
    re.IGNORECASE,
)


def direction(text: str) -> tuple[str | None, str | None]:
    """What a translation is said to go from and to: ``(source, target)`` codes.

    None where nothing is said, or several things are, as in a request for two translations.
    """
    sources: set[str] = set()
    targets: set[str] = set()
    for match in _DIRECTION.finditer(text):
        if left := match["source"] or match["left"]:
            sources.add(_CODES[left.lower()])
        if right := match["target"] or match["right"]:
            targets.add(_CODES[right.lower()])
    return _only(sources), _only(targets)


def _only(codes: set[str]) -> str | None:
    return next(iter(codes)) if len(codes) == 1 else None


def code(name: str) -> str | None:
    """The code of a text that is nothing but a language's name or code, such as an argument."""
    word = name.strip().lower()
    return word if word in NAMES else _CODES.get(word)
