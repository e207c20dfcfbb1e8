"""Other embedders than the packaged MiniLM: a sentence-transformers model, or a server's.

A sentence-transformers folder (or an id of the Hub) is run with Transformers and pooled as its
``1_Pooling/config.json`` says, by mean or by the first token. Not covered: its dense layers and
prompts for queries.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from .embedding import Embedder, MiniLM
from .errors import RegistryError
from .machine import loaded_from

if TYPE_CHECKING:
    from .settings import Settings

T = TypeVar("T")


def embedder_of(settings: Settings) -> Embedder:
    """The embedder that is set: MiniLM, a server's, or a sentence-transformers model."""
    if settings.embedder_base_url:
        key = settings.embedder_api_key
        return ServedEmbedder(
            settings.embedder or "text-embedding-3-small",
            settings.embedder_base_url,
            key.get_secret_value() if key else "",
        )
    if settings.embedder in ("", MiniLM.name):
        return MiniLM()
    return SentenceModel(settings.embedder, offline=settings.offline)


class SentenceModel(Embedder):
    """A sentence-transformers model from a folder or the Hub; vectors have length 1."""

    batch = 32

    def __init__(self, source: str, *, offline: bool = False) -> None:
        folder = Path(source).expanduser()
        self._source, self._offline = source, offline
        self.name = folder.name if folder.is_dir() else source
        self._lock = Lock()

    @cached_property
    def dimension(self) -> int:  # type: ignore[override]  # known once its configuration is read
        """The length of a vector."""
        return int(self._loaded[1].config.hidden_size)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, bool]:
        def load() -> tuple[Any, Any, bool]:
            import_module("transformers")  # waits while another thread imports it
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import cached_file

            source, only_here = loaded_from(self._source, self._offline)
            found = cached_file(
                source,
                "1_Pooling/config.json",
                local_files_only=only_here,
                _raise_exceptions_for_missing_entries=False,
            )
            pooling = json.loads(Path(found).read_text(encoding="utf-8")) if found else {}
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=only_here)
            model = AutoModel.from_pretrained(source, local_files_only=only_here).eval()
            return tokenizer, model, bool(pooling.get("pooling_mode_cls_token"))

        with self._lock:
            return _guarded(f"The embedder '{self._source}'", load)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector per text, in the order given."""
        found: list[list[float]] = []
        for start in range(0, len(texts), self.batch):
            found += self._encode(texts[start : start + self.batch])
        return found

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self._encode([text])[0]

    def _encode(self, texts: list[str]) -> list[list[float]]:
        import torch

        tokenizer, model, first = self._loaded
        longest = min(512, tokenizer.model_max_length)
        inputs = tokenizer(
            texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state.float()
            kept = inputs["attention_mask"].unsqueeze(-1)
            pooled = hidden[:, 0] if first else (hidden * kept).sum(1) / kept.sum(1).clamp(min=1)
            vectors: list[list[float]] = torch.nn.functional.normalize(pooled, dim=1).tolist()
        return vectors


class ServedEmbedder(Embedder):
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, model: str, base_url: str, key: str = "") -> None:
        self.name = model
        self._url, self._key = base_url, key

    @cached_property
    def dimension(self) -> int:  # type: ignore[override]  # known once it was asked
        """The length of a vector."""
        return len(self.embed_query("a model"))

    @cached_property
    def _client(self) -> Any:
        from langchain_openai import OpenAIEmbeddings
        from pydantic import SecretStr

        return OpenAIEmbeddings(
            model=self.name,
            openai_api_base=self._url,
            openai_api_key=SecretStr(self._key or "none"),
            check_embedding_ctx_length=False,
            max_retries=2,
        )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector per text, in the order given."""
        return self._ask(lambda: self._client.embed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self._ask(lambda: self._client.embed_query(text))

    def _ask(self, call: Callable[[], T]) -> T:
        return _guarded(f"The embedder '{self.name}' at {self._url}", call)


def _guarded(what: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as exc:  # each library has its own kinds of errors
        why = " ".join(str(exc).split())[:200]
        raise RegistryError(
            f"{what} cannot be used: {why}",
            "Correct HUGGINGGRAPH_EMBEDDER and HUGGINGGRAPH_EMBEDDER_BASE_URL, or unset them.",
        ) from exc
