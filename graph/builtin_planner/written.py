"""What language a text is in, from the words that it holds.

``language_of`` guesses, which is enough for a hint to a model or a voice. ``plain_language`` is for
what is said to a person, and names none rather than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hugginggraph.registry import languages

from .cues import words

_FOREIGN: Mapping[str, tuple[str, ...]] = {
    "German": words(
        "der die das und ist ein eine einen den dem was wie viele auf im bild zu mir bitte von mit "
        "beschreibe diesen diese übersetze fasse zusammen welche "
        "wird gesagt welches mehr "
        "guten morgen tag abend nacht hallo welt danke gibt es einen ich wir sie nicht"
    ),
    "French": words(
        "le la les des est une un du dans que quoi combien et cette ce image sur pour s'il vous "
        "plaît décris décrivez traduis résume moi quelle quel "
        "bonjour bonsoir salut merci tout mon je nous vous avec pas"
    ),
    "Spanish": words(
        "el la los las es una un del en que qué cuántos cuántas y esta este imagen por favor "
        "describe para resume traduce con hay cuál "
        "hola adiós buenos buenas dias días tardes noches gracias muy"
    ),
    "Italian": words(
        "il lo gli è una un del della dell nella che cosa quanti quante e questa questo immagine "
        "per favore descrivi ciao buongiorno grazie mondo con ci sono "
        "riassumi traduci l'immagine di inglese tedesco francese testo"
    ),
    "Portuguese": words(
        "o os as é uma um do da na que quantos quantas e esta este imagem por favor descreva com "
        "há olá obrigado mundo bom dia resuma traduza para"
    ),
    "Dutch": words(
        "het een van dat niet beschrijf vat samen hoeveel afbeelding tekst vertaal naar graag "
        "alsjeblieft staan zijn deze welke goedemorgen dank je plaatje lees hardop engels duits de"
    ),
}
_ENGLISH = words(
    "the is of and to in what how many this that a are it please with for from on describe count i "
    "my your you he she they we have has not at by or who when where there hello hi today"
)
SCRIPTS: Mapping[str, str] = {
    "Japanese": r"[\u3040-\u30ff]", "Chinese": r"[\u4e00-\u9fff]", "Korean": r"[\uac00-\ud7af]",
    "Russian": r"[\u0400-\u04ff]", "Arabic": r"[\u0600-\u06ff]", "Greek": r"[\u0370-\u03ff]",
    "Hebrew": r"[\u0590-\u05ff]", "Hindi": r"[\u0900-\u097f]", "Thai": r"[\u0e00-\u0e7f]",
}  # fmt: skip

_OWN: Mapping[str, frozenset[str]] = {
    language: frozenset(words(line))
    for language, line in {
        "German": "und ist nicht ich wir auf für eine einen einem zu auch aber durch sind bin mein "
        "meine dein guten morgen abend danke bitte freund heute dich mich kein keine über wird "
        "wurde schon noch gibt",
        "French": "une ils elle elles dans pour avec je nous vous cette ces mais aux bonjour "
        "bonsoir merci tout tous monde suis sont être très où leur c'est n'est j'ai qu'il d'une",
        "Spanish": "los las pero muy hay hola buenos buenas días tardes noches gracias qué "
        "cuál dónde cómo también usted yo mucho estoy eres ella "
        "ellos nosotros",
        "Italian": "che gli sono della dello degli questo questa anche ciao buongiorno buonasera "
        "grazie più molto perché nella è mondo",
        "Portuguese": "uma não olá obrigado obrigada você são muito isso ele ela nós pelo minha",
        "English": "the and of is to that this with what how are you they from not was were it's "
        "he she your my has had been would i'm don't love",
        "": "het een van niet dat wij ook deze aan hij zijn maar naar jullie och att det som på är "
        "för inte jag ikke og jeg er til este și să sunt els amb és són meu molt aquest "
        "unha máis nie jest się bir için ech hunn",
    }.items()
}
"""Words that tell a language from its neighbours; those of languages not told stand under ""."""
_LETTERS: Mapping[str, str] = {
    "Japanese": "\u3040-\u30ff", "Korean": "\uac00-\ud7af", "Greek": "\u0370-\u03ff",
    "Hebrew": "\u0590-\u05ff", "Thai": "\u0e00-\u0e7f",
}  # fmt: skip
"""Scripts in which one language is written: not those of Russian, Arabic, Hindi or Chinese."""


def plain_language(text: str, least: int = 2) -> str:
    """The language that a text is in beyond doubt, empty for any other.

    That takes ``least`` different words which only one language has, next to none of another, and a
    tenth of all words among them, or a script which only one language uses.
    """
    letters = len(re.findall(r"[^\W\d_]", text))
    for language, span in _LETTERS.items():
        share = 0.3 if language == "Japanese" else 0.7
        if len(re.findall(f"[{span}]", text)) > max(1, share * letters):
            return language
    found = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.replace("’", "'"))
    said = [word if word == "I" else word.lower() for word in found]
    counts = {language: len(own.intersection(said)) for language, own in _OWN.items()}
    *_, second, best = sorted(counts, key=lambda language: counts[language])
    share = sum(word in _OWN[best] for word in said)
    sure = counts[best] >= max(least, 8 * counts[second]) and 10 * share >= len(said)
    return best if sure else ""


def language_of(text: str) -> str:
    """The language that a text seems to be in, English among them; empty where nothing tells."""
    if found := languages.NAMES.get(languages.seen(text) or "", "") or foreign_language(text):
        return found
    counts = _counts(text)
    return "English" if counts["English"] > max(1, *_foreign(counts)) else ""


def may_be(text: str, language: str) -> bool:
    """Whether a text is in a language or, where none is plain, rather in it than in another."""
    if seems := language_of(text):
        return seems == language
    counts = _counts(text)
    if language == "English":
        return bool(text.isascii() or counts[language]) and counts[language] >= max(
            _foreign(counts)
        )
    said = re.findall(r"[^\W\d_]+", text)
    accented = 2 * sum(not word.isascii() for word in said) > len(said)
    return counts.get(language, 0) > counts["English"] or (accented and not counts["English"])


def foreign_language(text: str) -> str:
    """The language that a request seems to be in where it is not English, else empty."""
    letters = re.findall(r"[^\W\d_]", text)
    for language, script in SCRIPTS.items():
        if letters and len(re.findall(script, text)) > 0.2 * len(letters):
            return language
    counts = _counts(text)
    best = max(_FOREIGN, key=lambda name: counts[name])
    return best if counts[best] >= 2 and counts[best] > counts["English"] else ""


def english_words(text: str) -> int:
    """How many common words of English a text has."""
    return _counts(text)["English"]


def _counts(text: str) -> dict[str, int]:
    """How many words of each language a text has; "La La Land" says one word twice."""
    said = set(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower()))
    tables = {**_FOREIGN, "English": _ENGLISH}
    return {name: len(said.intersection(own)) for name, own in tables.items()}


def _foreign(counts: Mapping[str, int]) -> list[int]:
    return [counts[name] for name in _FOREIGN]
