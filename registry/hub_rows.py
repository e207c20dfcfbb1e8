"""What the Hub's listing, or a dump of it, says of one model, as a card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import languages
from .cards import ModelCard
from .distill import distill
from .reading import card_from_words

BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
"""Bytes of one parameter by its type; types that are not here take one."""

_LIBRARIES = (
    "diffusers", "sentence-transformers", "transformers", "timm", "espnet", "flair", "keras",
    "stable-baselines3", "sklearn", "speechbrain", "fairseq", "nemo", "pyannote-audio",
    "ultralytics", "asteroid", "open_clip",
)  # fmt: skip
MANY_LANGUAGES = 6
MOST_TAGS = 8
_ID = re.compile(r"[\w.-]{1,96}(?:/[\w.-]{1,96})?")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")
_NOISE = re.compile(
    r":|^(?:pytorch|tf|jax|rust|onnx|safetensors|transformers|diffusers|keras|gguf|autotrain_comp"
    r"|endpoints|text-generation-inference|has_space|model-index|generated_from|custom_code|region"
    r"|autotrain$|license|mteb$|hf-asr|co2|tensorboard$|trl$|peft$|merge$|openvino|coreml)",
    re.IGNORECASE,
)


def card_of(row: Mapping[str, Any], text: str | bytes | None) -> ModelCard | None:
    """The card of a row of the listing and its card text; None without an id or a task.

    Rows of dumps may have other names (``modelId``, ``meta``, ``task``). Facts of a wrong type are
    left out.
    """
    model_id = str(row.get("id") or row.get("modelId") or "")
    meta = _mapping(row.get("cardData") or row.get("card_data") or row.get("meta"))
    task = str(row.get("pipeline_tag") or row.get("task") or meta.get("pipeline_tag") or "")
    if not _ID.fullmatch(model_id) or not _SLUG.fullmatch(task):
        return None
    tags = list(_texts(row.get("tags"))) or list(_texts(meta.get("tags")))
    codes = [*_codes(meta.get("language") or meta.get("languages")), *_codes(tags)]
    weights = _mapping(_mapping(row.get("safetensors")).get("parameters"))
    counts = {str(kind): n for kind, n in weights.items() if isinstance(n, int) and n >= 0}
    facts: dict[str, Any] = {
        "license": next(_texts(meta.get("license")), None) or _tagged(tags, "license"),
        "parameters": sum(counts.values()) or None,
        "size_bytes": sum(n * BYTES.get(kind, 1) for kind, n in counts.items()) or None,
        "gated": row.get("gated") not in (None, False, "False", "false"),
        "downloads": _count(row.get("downloads")),
        "likes": _count(row.get("likes")),
        "providers": tuple(_providers(row.get("inferenceProviderMapping"))),
        "base_model": next(filter(_ID.fullmatch, _texts(meta.get("base_model"))), None),
        "datasets": tuple(_texts(meta.get("datasets")))[:MOST_TAGS],
        "metrics": tuple(_metrics(meta.get("model-index") or row.get("model-index")))[:4],
        "revision": str(row.get("sha") or ""),
        "changed": str(row.get("lastModified") or row.get("last_modified") or "")[:10],
        "source": "hub",
    }
    library = row.get("library_name") or meta.get("library_name") or _library(tags)
    plain = [t for t in tags if not _NOISE.search(t) and t != task and t not in languages.NAMES]
    words = [t[:60] for t in dict.fromkeys(plain)]
    description = distill(text or "")
    if many := len(set(codes)) >= MANY_LANGUAGES:
        codes.append("multilingual")
    read = card_from_words(
        model_id,
        task,
        description,
        library=str(library),
        tags=words[:MOST_TAGS],
        known=[] if many else codes,
        **facts,
    )
    if codes and not read.translates:  # what the author says goes before what the words suggest
        return read.model_copy(update={"languages": tuple(dict.fromkeys(codes))})
    return read


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> Iterator[str]:
    values = value if isinstance(value, list | tuple) else [value]
    yield from (v.strip() for v in values if isinstance(v, str) and v.strip())


def _codes(value: Any) -> list[str]:
    """Language codes as the Hub writes them ("en", "pt-BR", "multilingual")."""
    found = (text.lower().partition("-")[0] for text in _texts(value) if len(text) < 20)
    return [code for code in found if code in languages.NAMES or code == "multilingual"]


def _tagged(tags: list[str], name: str) -> str | None:
    return next((t.partition(":")[2] for t in tags if t.startswith(f"{name}:")), None)


def _library(tags: list[str]) -> str:
    return next((name for name in _LIBRARIES if name in tags), "transformers")


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _providers(value: Any) -> Iterator[str]:
    """Both shapes of the Hub: a list of mappings, and a mapping by name."""
    if isinstance(value, Mapping):
        yield from (str(name) for name in value)
    elif isinstance(value, list):
        yield from (str(v["provider"]) for v in value if isinstance(v, Mapping) and "provider" in v)


def _metrics(index: Any) -> Iterator[str]:
    """Reported figures as "accuracy 0.91 (glue)"."""
    for entry in index if isinstance(index, list) else []:
        for result in _mapping(entry).get("results") or []:
            data = _mapping(_mapping(result).get("dataset")).get("name")
            for metric in _mapping(result).get("metrics") or []:
                value = _mapping(metric).get("value")
                if isinstance(value, int | float):
                    yield f"{str(metric.get('type'))[:30]} {value:.4g} ({str(data)[:60]})"
