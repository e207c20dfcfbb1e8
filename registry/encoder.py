"""all-MiniLM-L6-v2's forward pass in PyTorch functions, exact or quick.

Importing Transformers for it would cost every command that searches three seconds more. A test
holds it to Transformers' ``BertModel``. Few texts (a request's) go through in bfloat16, as half the
weights' bytes have to be read; many take those of bytes, in as many threads as torch has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Barrier, RLock
from typing import Any, TypeVar

from .products import (
    Product,
    Span,
    exact,
    feed_forward_in_bytes,
    has_quick_products,
    in_bytes,
    in_halves,
)

log = logging.getLogger("hugginggraph")

Part = TypeVar("Part")
Made = TypeVar("Made")

MOST_SCORE = 80.0
"""Attention scores beyond it are taken for it, so that no exponential overflows. From the second
layer on they stay below 30; the first, where they reach 110, takes the slower softmax."""

SAMPLES = 32
"""About how many texts show what each input number spans."""

CHECKED = "A model that finds people and animals in photos, and names and counts them."
ALIKE_IN_HALVES, ALIKE_IN_BYTES = 0.999, 0.99
"""The least cosine of a quick form's vector of this text to the exact one."""

WORTH_PACKING = 64
"""Fewer texts at once are not embedded in bytes: packing takes longer than they do."""


@dataclass(frozen=True)
class Form:
    """The weights in one type of number, and the products by the name of their weights."""

    weights: dict[str, Any]
    products: dict[str, Product]


class Encoder:
    """A BERT encoder (6 layers, width 384, 12 heads) with mean pooling."""

    layers, heads, width, longest, epsilon = 6, 12, 384, 256, 1e-12
    batch = 32

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self.weights: dict[str, Any] = load_file(folder / "model.safetensors")
        self._packing = RLock()
        self.tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(self.longest)  # the file itself says 128, padded to 128
        self.tokenizer.no_padding()

    def encode(self, texts: Sequence[str], *, quick: bool = False) -> list[list[float]]:
        """A vector per text, in the order given.

        ``quick`` takes a quick form, where the CPU has what it needs: bytes for many texts, halves
        for few. Texts of about as many tokens go through together, so that hardly any padding
        does, the longest first, so that threads end together.
        """
        form = self._quick(len(texts)) if quick and has_quick_products() else self._exact
        tokens = self._tokens(texts)
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        starts = reversed(range(0, len(order), self.batch))
        batches = [order[start : start + self.batch] for start in starts]
        found = _in_threads(lambda some: self._vectors([tokens[i] for i in some], form), batches)
        by_place: dict[int, list[float]] = dict(zip(chain(*batches), chain(*found), strict=True))
        return [by_place[i] for i in range(len(tokens))]

    def _tokens(self, texts: Iterable[str]) -> list[list[int]]:
        return [encoded.ids for encoded in self.tokenizer.encode_batch(list(texts))]

    def _vectors(self, tokens: Sequence[list[int]], form: Form) -> list[list[float]]:
        """The vectors of token ids, of which the last text has the most."""
        import torch

        longest = len(tokens[-1])
        ids = torch.tensor([[*some, *[0] * (longest - len(some))] for some in tokens])
        mask = torch.arange(longest) < torch.tensor([len(some) for some in tokens])[:, None]
        with torch.inference_mode():
            hidden = self._forward(ids, mask, form).float()
            kept = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * kept).sum(1) / kept.sum(1)
            vectors: list[list[float]] = torch.nn.functional.normalize(mean, dim=1).tolist()
        return vectors

    def _forward(self, ids: Any, mask: Any, form: Form) -> Any:
        """Hidden states (batch, length, width) of token ids (batch, length)."""
        words, places, kinds = (
            form.weights[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        )
        x = words[ids] + (places[: ids.shape[1]] + kinds[0])
        x = self._norm(x, "embeddings.LayerNorm", form)
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            asked = form.products[f"{layer}.attention.self"](x, "none")
            seen = self._attend(asked, mask, first=number == 0)
            seen = form.products[f"{layer}.attention.output.dense"](seen, "none")
            x = self._norm(seen.add_(x), f"{layer}.attention.output.LayerNorm", form)
            inner = form.products[f"{layer}.intermediate.dense"](x, "gelu")
            outer = form.products[f"{layer}.output.dense"](inner, "none")
            x = self._norm(outer.add_(x), f"{layer}.output.LayerNorm", form)
        return x

    def _attend(self, asked: Any, mask: Any, *, first: bool) -> Any:
        """Attention (batch, length, width) of queries, keys and values side by side.

        Values have a column of ones, whose sum divides, and padding's are 0: softmax and mask cost
        nothing of their own.
        """
        import torch

        batch, length = mask.shape
        each = self.width // self.heads
        asked = asked.view(batch, length, 3, self.heads, each)
        if batch == 1:  # nothing is padded, and PyTorch's own does it in one step
            query, key, value = asked.permute(2, 0, 3, 1, 4)
            seen = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=1.0)
            return seen.transpose(1, 2).flatten(2)
        query, key = asked[:, :, :2].permute(2, 0, 3, 1, 4).reshape(2, -1, length, each)
        value = asked.new_ones(batch, self.heads, length, each + 1)
        value[..., :each] = asked[:, :, 2].transpose(1, 2)
        value *= mask[:, None, :, None]
        weight = torch.bmm(query, key.transpose(1, 2))
        if first:
            shown = weight.view(batch, self.heads, length, length)
            shown.masked_fill_(~mask[:, None, None, :], -torch.inf)
            weight = weight.softmax(-1)
        else:
            weight.clamp_(-MOST_SCORE, MOST_SCORE).exp_()
        seen = torch.bmm(weight, value.flatten(0, 1)).view(value.shape).transpose(1, 2)
        return (seen[..., :each] / seen[..., each:]).flatten(2)

    def _norm(self, x: Any, name: str, form: Form) -> Any:
        from torch.nn.functional import layer_norm

        weight, bias = form.weights[f"{name}.weight"], form.weights[f"{name}.bias"]
        return layer_norm(x, (self.width,), weight, bias, self.epsilon)

    @cached_property
    def _matrices(self) -> dict[str, tuple[Any, Any]]:
        """Matrix and bias of each product; queries, keys and values are one, already scaled."""
        import torch

        found = {}
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            parts = [f"{layer}.attention.self.{name}" for name in ("query", "key", "value")]
            weight = torch.cat([self.weights[f"{part}.weight"] for part in parts])
            bias = torch.cat([self.weights[f"{part}.bias"] for part in parts])
            weight[: self.width] *= (self.width // self.heads) ** -0.5
            bias[: self.width] *= (self.width // self.heads) ** -0.5
            found[f"{layer}.attention.self"] = weight, bias
            for name in ("attention.output.dense", "intermediate.dense", "output.dense"):
                full = f"{layer}.{name}"
                found[full] = self.weights[f"{full}.weight"], self.weights[f"{full}.bias"]
        return found

    @cached_property
    def _exact(self) -> Form:
        return Form(self.weights, {name: exact(*both) for name, both in self._matrices.items()})

    def _quick(self, texts: int) -> Form:
        """The quick form for so many texts, made once, whichever thread comes first."""
        with self._packing:
            return self._bytes if texts >= WORTH_PACKING else self._halves

    @cached_property
    def _halves(self) -> Form:
        """All in bfloat16: a cosine of 0.9999 to the exact vector."""
        return self._checked(
            lambda: Form(
                self._halved,
                {name: in_halves(*both) for name, both in self._matrices.items()},
            ),
            ALIKE_IN_HALVES,
        )

    @cached_property
    def _halved(self) -> dict[str, Any]:
        import torch

        return {name: weight.to(torch.bfloat16) for name, weight in self.weights.items()}

    @cached_property
    def _bytes(self) -> Form:
        return self._checked(self._in_bytes, ALIKE_IN_BYTES)

    def _checked(self, make: Callable[[], Form], alike: float) -> Form:
        """A quick form; the exact one where PyTorch lacks its products or gets them wrong."""
        tokens = self._tokens([CHECKED])
        exact = self._vectors(tokens, self._exact)[0]
        try:
            form = make()
            quick = self._vectors(tokens, form)[0]
        except (AttributeError, RuntimeError, TypeError) as exc:  # its operators are not public
            log.info("Texts are embedded in the exact form, as this PyTorch says: %s", exc)
            return self._exact
        if sum(a * b for a, b in zip(exact, quick, strict=True)) < alike:
            log.info("Texts are embedded in the exact form: the quick one is wrong here.")
            return self._exact
        return form

    def _in_bytes(self) -> Form:

        spans = self._spans()
        products: dict[str, Product] = {}
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            first, second = f"{layer}.intermediate.dense", f"{layer}.output.dense"
            for name in (f"{layer}.attention.self", f"{layer}.attention.output.dense"):
                products[name] = in_bytes(*self._matrices[name], spans[name])
            products[first], products[second] = feed_forward_in_bytes(
                self._matrices[first], self._matrices[second], spans[first], spans[second]
            )
        return Form(self._halved, products)

    def _spans(self) -> dict[str, Span]:
        """What goes into each product for texts of the catalogue."""
        import torch

        from .catalogue import cards

        seen: dict[str, list[Span]] = {}

        def watched(name: str, product: Product) -> Product:
            def run(x: Any, then: str) -> Any:
                rows = x.flatten(0, 1)
                low, high = rows.aminmax(dim=0)
                seen.setdefault(name, []).append(Span(low, high, rows.mean(0)))
                return product(x, then)

            return run

        products = {name: watched(name, run) for name, run in self._exact.products.items()}
        known = cards()
        for tokens in self._tokens(card.document for card in known[:: len(known) // SAMPLES]):
            self._vectors([tokens], Form(self.weights, products))
        return {
            name: Span(
                torch.stack([span.low for span in spans]).amin(0),
                torch.stack([span.high for span in spans]).amax(0),
                torch.stack([span.mean for span in spans]).mean(0),
            )
            for name, spans in seen.items()
        }


def _in_threads(work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
    """What the work makes of each part, in as many threads as torch has, with one of its own each.

    Threads that share each product wait for each other: on two cores that takes an eighth longer.
    """
    import torch

    threads = torch.get_num_threads()
    among = min(threads, len(parts))
    if among < 2:
        return [work(part) for part in parts]
    alone = Barrier(among + 1)

    def begin() -> None:
        torch.get_num_threads()  # a thread's first look sets it to what is set for all
        torch.set_num_threads(1)
        alone.wait()

    pool = ThreadPoolExecutor(among, "embedding", begin)
    try:
        found = pool.map(work, parts)
        alone.wait()
        torch.set_num_threads(threads)  # with 1 set, it is what threads that start later begin with
        return list(found)
    except BaseException:
        alone.abort()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
