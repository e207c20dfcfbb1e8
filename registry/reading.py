"""What the words of a model's card say about it, where its facts do not: languages, direction, use.

The Hub's cards seldom carry these as data. Read are ids ("opus-mt-fr-es"), tags and the first
sentences. Not covered: a language that only the data sets hint at, and a checkpoint that hides that
it is only pretrained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from . import languages
from .cards import ModelCard

_ARCHITECTURES = {
    "ar": "arabert camelbert marbert", "bn": "banglabert", "de": "gbert gelectra gottbert",
    "es": "beto bertin", "fa": "parsbert", "fr": "camembert flaubert barthez",
    "he": "alephbert hebert", "id": "indobert indogpt", "it": "gilberto umberto",
    "ko": "kobart kobert koelectra kogpt", "nl": "bertje robbert", "pl": "herbert polbert",
    "pt": "bertimbau", "ru": "rubert rugpt ruroberta rut5", "tr": "berturk",
    "vi": "bartpho phobert", "zh": "macbert",
}  # fmt: skip
"""Names of architectures that know one language, by its code."""

_OF_ONE_LANGUAGE = {name: code for code, all_ in _ARCHITECTURES.items() for name in all_.split()}
_NOT_A_LANGUAGE = re.compile(r"\bHungarian (?:loss|matching|algorithm|bipartite)", re.IGNORECASE)
_MANY = re.compile(
    r"\bmulti-?lingual|\blanguage-agnostic|\bcross-?lingual|\b\d+\+? (?:different )?languages"
    r"|\b(?:many|several|various|dozens of|multiple|other|any) (?:\w+ )?languages",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?<![a-z0-9])(?=(?P<source>[a-z]{2,3})(?:[-_](?:to[-_])?|2)(?P<target>[a-z]{2,3})(?![a-z0-9]))"
)
_TRANSLATES = re.compile(r"translat|opus-mt|speech-to-speech|marian|textless|s2ut|unity", re.I)
_STUB = re.compile(
    r"tiny[-_]random|random[-_]tiny|tiny[-_]\w+[-_]random"
    r"|^(?:hf|trl)-(?:internal-testing|tiny-model-private)/|^(?:sshleifer|lysandre)/tiny"
    r"|(?:^|/)test[-_]|[-_]test$"
    r"|(?:^|/)tiny-(?:gpt2|bert|marian|wav2vec2|t5|bart|clip|vit)\b",
    re.IGNORECASE,
)
_STUB_WORDS = re.compile(r"\bis a tiny random|\brandom weights", re.IGNORECASE)
_PRETRAINED_WORDS = re.compile(
    r"\bpre-?trained[ -]only\b|\bonly (?:been )?pre-?trained\b"
    r"|\b(?:should|must|needs? to|has to|have to) be fine-?tuned\b"
    r"|\bmasked auto-?encod\w+[^.]* with a decoder on top for predicting pixel",
    re.IGNORECASE,
)
_FINE_TUNED = re.compile(
    r"fine-?tun|\bft\b|_ft_|[-_]ft(?:[-_]|$)|superb|960h|squad|mnli|kinetics|nli\b", re.IGNORECASE
)
_NEEDS_NO_TUNING = frozenset(
    {"fill-mask", "feature-extraction", "sentence-similarity", "text-generation",
     "image-feature-extraction", "graph-ml", "reinforcement-learning", "robotics"}
)  # fmt: skip
_BARE_WORDS = """
bert roberta distilbert distilroberta albert electra deberta xlm xlnet camembert mpnet
longformer bigbird funnel layoutlm layoutlmv2 layoutlmv3 layoutxlm lilt donut dit bart mbart
mt5 byt5 umt5 codet5 codebert prophetnet wav2vec2 wav2vec hubert wavlm data2vec unispeech
sat xls xlsr r videomae mae dino dinov2 beit vit pix2struct trocr tapas tapex conv convbert
wikibert indobert biobert scibert
"""
_BARE = frozenset(_BARE_WORDS.split())
_BESIDE_WORDS = """
tiny mini small medium base large xl xxl huge cased uncased multilingual pt v1 v2 v3 v1.1
v1.2 patch14 patch16 patch32 pixel audio vision text plus sv sd discriminator generator
stage1 short ssv2 in21k ll60k lv60 ls960 100k voxpopuli 50 53 224 384 512 300m 1b 2b 1 2 3
960 16384 4096
"""
_BARE_BESIDE = frozenset(_BESIDE_WORDS.split())
_CLASSIFIERS = re.compile(r"^(?:deit|vit|beit)[-_].*(?:224|384|512)$", re.IGNORECASE)


@cache  # for every card that is ranked, and these are remembered too
def is_stub(model_id: str, text: str = "") -> bool:
    """Whether a checkpoint exists only for tests: random weights, or a toy's name."""
    named = "test" in (name := model_id.lower()) or "tiny" in name
    told = "random" in text.lower()
    return bool((named and _STUB.search(model_id)) or (told and _STUB_WORDS.search(text)))


def is_base_only(model_id: str, task: str, text: str) -> bool:
    """Whether a checkpoint is only pretrained, and its task needs one that is trained further.

    Either its text says so, or its name holds nothing but an architecture, a size and the like.
    """
    if task in _NEEDS_NO_TUNING or _FINE_TUNED.search(model_id):
        return False
    name = model_id.rpartition("/")[2]
    if _PRETRAINED_WORDS.search(text):
        return True
    if _CLASSIFIERS.search(name):
        return False
    parts = [part for part in re.split(r"[-_]", name.lower()) if part]
    return bool(_BARE & set(parts)) and set(parts) <= _BARE | _BARE_BESIDE


def translation_pair(model_id: str, task: str, text: str) -> tuple[str, str] | None:
    """(source, target) of a model that translates one language into one other."""
    name = model_id.rpartition("/")[2].lower()
    if task != "translation" and not _TRANSLATES.search(f"{name} {text[:400]}"):
        return None
    for match in _PAIR.finditer(name):
        source, target = match["source"], match["target"]
        if {source, target} <= languages.NAMES.keys() - {"mt"}:  # machine translation, not Maltese
            return source, target
    if task == "translation" and not _MANY.search(text):
        source_, target_ = languages.direction(text[:400])
        named = languages.named(text[:400])
        if source_ and target_ and len(named) <= 2:
            return source_, target_
    return None


def languages_of(model_id: str, text: str, tags: Iterable[str] = ()) -> tuple[str, ...]:
    """The codes of the languages a model knows, as its tags, its id and its text tell."""
    codes = [code for tag in tags if (code := tag.lower()) in languages.NAMES]
    name = model_id.rpartition("/")[2]
    spoken = re.sub(r"[-_./]", " ", name)
    text = _NOT_A_LANGUAGE.sub("", text)
    found = [*codes, *languages.named(spoken.title()), *languages.named(text)]
    if _MANY.search(f"{spoken} {text}") or "multilingual" in tags:
        found.append("multilingual")
    if re.search(r"(?:^|[-_.])en(?:$|[-_.])", name.lower()):
        found.append("en")
    if not found:
        parts = re.split(r"[^a-z0-9]", name.lower())
        found = [_OF_ONE_LANGUAGE[part] for part in parts if part in _OF_ONE_LANGUAGE]
    return tuple(dict.fromkeys(found))


def card_from_words(
    model_id: str,
    task: str,
    description: str,
    *,
    library: str = "transformers",
    tags: Sequence[str] = (),
    known: Iterable[str] = (),
    **facts: Any,
) -> ModelCard:
    """A card with languages, direction and use read from its words; ``known`` are language codes.

    Facts that are given (``languages``, ``license``, ``downloads``, …) are taken as they are.
    """
    pair = translation_pair(model_id, task, description)
    read = {
        "languages": pair or languages_of(model_id, description, known),
        "translates": pair,
        "base_only": is_base_only(model_id, task, description),
    }
    return ModelCard(
        id=model_id,
        task=task,
        library=library,
        description=description,
        tags=tuple(tags),
        **{**read, **facts},
    )
