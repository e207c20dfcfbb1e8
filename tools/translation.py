"""Runners that rewrite a text with an encoder and a decoder: translation, and text to text.

How a model is told the language differs by family, and is read from its tokenizer:

- Marian (opus-mt) of one pair needs nothing; of several targets, a first word ``>>deu<<``;
- M2M100 (``__de__``), NLLB (``deu_Latn``) and mBART-50 (``de_DE``) begin with the language's token;
- MADLAD begins the text with ``<2de>``; T5 with "translate English to German: ".

Not covered: mBART-25's checkpoints of one pair, which want the language as the start token.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hugginggraph.registry import (
    MissingArgumentError,
    MissingExtraError,
    ModelRunError,
    languages,
)

from .loading import greedy, load_model, load_tokenizer, max_tokens
from .runner import Checkpoint, Output, Run
from .sentences import split_sentences

INPUT_TOKENS = 512
NEW_TOKENS = 256
TOGETHER = 8
"""How many sentences are translated at once."""

_LANGUAGE_TOKEN = re.compile(
    r"__[a-z]{2,3}__|[a-z]{2,3}_[A-Z]{2}|[a-z]{3}_[A-Z][a-z]{3}|>>\w+<<|<2\w+>"
)
_NO_SPACES = {"ja", "th", "zh"}

# The three-letter codes of NLLB and OPUS for those of the Hub; macrolanguages have several.
THREE = {
    "ar": "arb ara", "bg": "bul", "bn": "ben", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu",
    "el": "ell", "en": "eng", "es": "spa", "et": "est", "fa": "pes fas", "fi": "fin", "fr": "fra",
    "he": "heb", "hi": "hin", "hr": "hrv", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn",
    "ko": "kor", "lt": "lit", "lv": "lvs lav", "ms": "zsm msa", "nl": "nld", "no": "nob nb nor",
    "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sk": "slk", "sl": "slv", "sr": "srp",
    "sv": "swe", "sw": "swh swa", "ta": "tam", "te": "tel", "th": "tha", "tr": "tur", "uk": "ukr",
    "ur": "urd", "vi": "vie", "zh": "zho cmn",
}  # fmt: skip


def language_token(tokens: Iterable[str], said: str) -> str | None:
    """The token of a language among a model's, or None.

    ``said`` is a name ("German"), a code ("de", "de-AT") or the model's own code ("deu_Latn").
    """
    by_code: dict[str, str] = {}
    for token in sorted(tokens, reverse=True):  # so that zho_Hans wins over zho_Hant
        name = token.strip("_<>").removeprefix("2")
        by_code[name.lower()] = token
        by_code[re.split("[_-]", name)[0].lower()] = token
    code = languages.code(said) or said.strip().lower().replace("-", "_")
    codes = [code, code.split("_")[0]]
    codes += THREE.get(codes[-1], "").split()
    return next((by_code[each] for each in codes if each in by_code), None)


def languages_wanted(
    args: Mapping[str, Any], pair: tuple[str, str] | None = None
) -> tuple[str, str]:
    """The codes of a task's languages: said, else seen in the text, else those of the model's pair.

    The target is empty where nothing tells it.
    """
    given, wanted = args.get("source_language"), args.get("target_language")
    default = pair[0] if pair else "en"
    source = languages.code(given) or given if given else languages.seen(args["text"]) or default
    target = languages.code(wanted) or wanted if wanted else (pair[1] if pair else "")
    return source, target


def need_target(source: str, target: str) -> str:
    """The language to translate into: English, where nobody says and the text is in another.

    Raises:
        MissingArgumentError: nobody says, and the text is English.
    """
    if not target and source == "en":
        raise MissingArgumentError(
            "translation needs 'target_language' with a model of many languages.",
            "Say into which language.",
        )
    return target or "en"


def language_name(code: str) -> str:
    """The English name of a language's code."""
    return languages.NAMES.get(code, code.capitalize())


def _load(checkpoint: Checkpoint) -> tuple[Any, Any]:
    # One idempotent filter; the normaliser that Marian would like only straightens quotes.
    warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
    try:
        tokenizer = load_tokenizer(checkpoint)
    except ImportError as exc:
        if "sentencepiece" not in str(exc).lower():
            raise
        raise MissingExtraError(
            f"The tokenizer of '{checkpoint.card.id}' needs the library 'sentencepiece'.",
            "`pip install 'hugginggraph[translation]'`, or choose another model.",
        ) from exc
    return tokenizer, load_model(checkpoint, "AutoModelForSeq2SeqLM")


def _rewrite(tokenizer: Any, model: Any, texts: list[str], limit: int, **options: Any) -> list[str]:
    """What the model makes of each text."""
    settings = model.generation_config
    most = settings.max_new_tokens or settings.max_length or 0
    out: list[str] = []
    for start in range(0, len(texts), TOGETHER):
        inputs = tokenizer(
            texts[start : start + TOGETHER],
            truncation=True,
            max_length=limit,
            padding=True,
            return_tensors="pt",
        )
        inputs.pop("token_type_ids", None)
        tokens = model.generate(
            **inputs.to(model.device),
            generation_config=greedy(
                model, max_new_tokens=most if most > 20 else NEW_TOKENS, **options
            ),
        )
        tokens = tokens[:, 2 if "forced_bos_token_id" in options else 1 :]
        out += [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
    return out


def translation(checkpoint: Checkpoint) -> Run:
    """The text in another language, sentence by sentence; its paragraphs stay.

    Without a target language, a model of one pair gives its own; any other gives English, unless
    the text is English.
    """
    tokenizer, model = _load(checkpoint)
    limit = max_tokens(tokenizer, model, INPUT_TOKENS)
    own = getattr(tokenizer, "lang_token_to_id", {})  # M2M100 keeps its own beside its vocabulary
    known = {*tokenizer.get_vocab(), *tokenizer.all_special_tokens, *own}
    tokens = [token for token in known if _LANGUAGE_TOKEN.fullmatch(token)]
    says_it = not tokens and "t5" in model.config.model_type
    pair = checkpoint.card.translates

    def begin(source: str, target: str) -> tuple[str, dict[str, Any]]:
        """The words before each text, and the options of the generation."""
        if says_it:
            return f"translate {language_name(source)} to {language_name(target)}: ", {}
        token = _token(target)
        if token[0] in "<>":
            return f"{token} ", {}
        tokenizer.src_lang = _token(source).strip("_")
        return "", {"forced_bos_token_id": tokenizer.convert_tokens_to_ids(token)}

    def _token(said: str) -> str:
        token = language_token(tokens, said)
        if token is None:
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' does not know the language '{said}'; it knows "
                f"{len(tokens)} languages.",
                "Choose another model, or write the language as its code.",
            )
        return token

    def run(args: Mapping[str, Any]) -> Output:
        text: str = args["text"]
        source, target = languages_wanted(args, pair)
        if pair and target != pair[1]:
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' translates from {language_name(pair[0])} to "
                f"{language_name(pair[1])}, not to {language_name(target)}.",
                "Choose a model of the wanted pair.",
            )
        first: str = ""
        options: dict[str, Any] = {}
        if tokens or says_it:
            first, options = begin(source, need_target(source, target))
        room = limit - len(tokenizer(first)["input_ids"])
        space = "" if target in _NO_SPACES else " "
        paragraphs = [
            _rewrite(
                tokenizer,
                model,
                [first + part for part in _parts(tokenizer, paragraph, room)],
                limit,
                **options,
            )
            for paragraph in re.split(r"\n\s*\n", text)
            if paragraph.strip()
        ]
        return Output("\n\n".join(space.join(filter(None, parts)) for parts in paragraphs))

    return run


def _parts(tokenizer: Any, text: str, limit: int) -> Iterator[str]:
    """The sentences of a text; one that is too long for the model in halves, between words."""
    for sentence in split_sentences(text):
        yield from _halves(tokenizer, sentence, limit)


def _halves(tokenizer: Any, text: str, limit: int) -> Iterator[str]:
    words = text.split() if " " in text else list(text)
    if len(words) < 2 or len(tokenizer(text, verbose=False)["input_ids"]) <= limit:
        yield text
        return
    space = " " if " " in text else ""
    for part in (words[: len(words) // 2], words[len(words) // 2 :]):
        yield from _halves(tokenizer, space.join(part), limit)


def text2text_generation(checkpoint: Checkpoint) -> Run:
    """What the model writes for a text; of one longer than the model takes, the start counts."""
    tokenizer, model = _load(checkpoint)
    limit = max_tokens(tokenizer, model, INPUT_TOKENS)
    return lambda args: Output(_rewrite(tokenizer, model, [args["text"]], limit)[0])
