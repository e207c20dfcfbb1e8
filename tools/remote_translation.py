"""Translation over the Inference API: each family of models is told the languages in its own codes.

The API hands ``src_lang`` and ``tgt_lang`` to the model's tokenizer as they come, so NLLB wants
``deu_Latn``, mBART-50 ``de_DE``, M2M100 ``de``; opus-mt of several targets and MADLAD want the
language as the first word, and T5 a sentence. The family is read from the model's id, since its
tokenizer is not here; the codes are those of Transformers.

Not covered: a model whose id does not tell its family gets the Hub's codes, where the plan names
both languages, else none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelRunError, languages, translation_pair

from .inference import said
from .runner import Output
from .translation import THREE, language_name, language_token, languages_wanted, need_target

if TYPE_CHECKING:
    from huggingface_hub import InferenceClient

_TABLES = (
    (re.compile("nllb", re.IGNORECASE), "nllb", ""),
    (re.compile("mbart-?(?:large-)?50", re.IGNORECASE), "mbart50", ""),
    (re.compile("m2m-?100", re.IGNORECASE), "m2m_100", "m2m100"),
    (re.compile(r"wmt-?21-dense", re.IGNORECASE), "m2m_100", "wmt21"),
)
"""By the model's id, the module of Transformers that lists the family's codes, and their key."""

_OPUS = re.compile(r"opus-mt-(?:tc-)?(?:big-|base-)?[\w+]+-(\w+)$", re.IGNORECASE)
_MADLAD = re.compile("madlad", re.IGNORECASE)
_T5 = re.compile(r"(?:^|[/_-])(?:flan-)?t5(?:[_-]|$)", re.IGNORECASE)


def translation(client: InferenceClient, model: str, args: Mapping[str, Any]) -> Output:
    """The text in the language that the model makes, or in that asked for.

    Raises:
        MissingArgumentError: a model of many languages was not told into which.
        ModelRunError: the model does not know a language, or translates another pair.
    """
    pair = translation_pair(model, "translation", "")
    source, target = languages_wanted(args, pair)
    other = bool(args.get("source_language")) and pair is not None and source != pair[0]
    if pair and (other or target != pair[1]):
        raise ModelRunError(
            f"The model '{model}' translates from {language_name(pair[0])} to "
            f"{language_name(pair[1])}, not from {language_name(source)} to "
            f"{language_name(target)}.",
            "Choose a model of the wanted pair.",
        )
    first, codes = ("", {}) if pair else _told(model, args, source, target)
    return Output(said(client.translation(first + args["text"], **codes).translation_text))


def _told(
    model: str, args: Mapping[str, Any], source: str, target: str
) -> tuple[str, dict[str, Any]]:
    """The words before the text, and the languages as the family's tokenizer knows them."""
    for named, module, key in _TABLES:
        if named.search(model):
            found = import_module(f"transformers.models.{module}.tokenization_{module}")
            known = found.FAIRSEQ_LANGUAGE_CODES
            target = need_target(source, target)
            codes = [_code(model, known[key] if key else known, each) for each in (source, target)]
            return "", dict(zip(("src_lang", "tgt_lang"), codes, strict=True))
    if opus := _OPUS.search(model):
        return _opus(model, opus[1], source, target), {}
    if _MADLAD.search(model):
        return f"<2{need_target(source, target)}> ", {}
    if _T5.search(model):
        into = language_name(need_target(source, target))
        return f"translate {language_name(source)} to {into}: ", {}
    both = args.get("source_language") and args.get("target_language")
    return "", {"src_lang": source, "tgt_lang": target} if both else {}


def _opus(model: str, makes: str, source: str, target: str) -> str:
    """The first word of opus-mt: nothing for one target, ``>>deu<<`` for a group of languages."""
    if makes in languages.NAMES:
        if target not in ("", makes):
            raise ModelRunError(
                f"The model '{model}' translates to {language_name(makes)}, not to "
                f"{language_name(target)}.",
                "Choose a model of the wanted pair.",
            )
        return ""
    target = need_target(source, target)
    two = makes == "ROMANCE"  # the one group of theirs with codes of two letters
    return f">>{target if two else THREE.get(target, target).split()[0]}<< "


def _code(model: str, known: Iterable[str], language: str) -> str:
    code = language_token(known, language)
    if code is None:
        raise ModelRunError(
            f"The model '{model}' does not know the language '{language}'.",
            "Choose another model, or write the language as its code.",
        )
    return code
