"""A matrix product with its bias: exact, or as the CPU's bfloat16 and eight-bit numbers do it.

Weights are packed once and GELU is part of the product. Inputs in bytes are in 255 steps of what
they span in texts of the catalogue. The operators are those that ``torch.compile`` uses; they are
not documented, and where one is missing these functions raise what PyTorch does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

Product: TypeAlias = Callable[[Any, str], Any]
"""Rows times a matrix plus a bias, then "gelu" or "none"."""

SHARE = 0.65
"""How much of the difference between input numbers goes into the weights, as in SmoothQuant."""

ROOM = 1.10
"""How much wider spans are taken than they were seen, for texts unlike those of the catalogue."""

WIDEST = 16
"""So many of a feed-forward part's 1,536 inner numbers stay out of bytes: one or two of them reach
24, where the rest stays below 6."""

ROWS = 2048
"""About how many rows a product has; packing is best for so many, and right for any."""


@dataclass(frozen=True)
class Span:
    """The least, the most and the mean of each number that goes into a product."""

    low: Any
    high: Any
    mean: Any


@dataclass(frozen=True)
class Steps:
    """What one step of a byte is, and the byte that stands for zero."""

    size: float
    zero: int

    @classmethod
    def over(cls, low: Any, high: Any) -> Steps:
        """Steps for numbers of which each spans this much."""
        size = ROOM * float(high.max() - low.min()) / 255
        return cls(size, round(-ROOM * float(low.min()) / size))


def exact(weight: Any, bias: Any) -> Product:
    """A product of float32 numbers."""

    def product(x: Any, then: str) -> Any:
        from torch.nn.functional import gelu, linear

        found = linear(x, weight, bias)
        return gelu(found) if then == "gelu" else found

    return product


def in_halves(weight: Any, bias: Any) -> Product:
    """A product of bfloat16 numbers."""
    import torch

    half = torch.bfloat16
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.to(half).contiguous(), ROWS)
    bias = bias.to(half)
    run = torch.ops.mkldnn._linear_pointwise
    return lambda x, then: run(x, packed, bias, then, [], "none")


def in_bytes(weight: Any, bias: Any, span: Span, *, out: Steps | None = None) -> Product:
    """A product of unsigned eight-bit inputs and signed eight-bit weights; bfloat16 in and out.

    Inputs are divided and weights multiplied by a factor for each input number, so that one step
    does for all inputs (Xiao et al. 2023). With ``out`` bytes come out, in these steps.
    """
    import torch

    factor = torch.maximum(span.high, -span.low).clamp(min=1e-3) ** SHARE
    factor /= weight.abs().amax(0).clamp(min=1e-5) ** (1 - SHARE)
    steps = Steps.over(span.low / factor, span.high / factor)
    run = _of_bytes(weight * factor, bias, span.mean / factor, steps, out)
    to_steps = 1 / (factor * steps.size)

    def product(x: Any, then: str) -> Any:
        given = x.float().mul_(to_steps).add_(steps.zero + 0.5).clamp_(0, 255)
        # to uint8 at once would take twice as long as all of this
        return run(given.to(torch.int16).to(torch.int8).view(torch.uint8), then)

    return product


def feed_forward_in_bytes(
    first: tuple[Any, Any], second: tuple[Any, Any], span: Span, inner: Span
) -> tuple[Product, Product]:
    """Both products of a feed-forward part, the first one's GELU giving the bytes of the second.

    What the `WIDEST` inner numbers bring is computed beside it in bfloat16, as in LLM.int8
    (Dettmers et al. 2022), so that the steps need not reach as far as they do. ``span`` is that of
    the first product's inputs, ``inner`` that of the second one's.
    """
    import torch

    wide = torch.zeros_like(inner.high, dtype=torch.bool)
    wide[inner.high.topk(WIDEST).indices] = True
    steps = Steps.over(inner.low[~wide], inner.high[~wide])
    most = in_bytes(*first, span, out=steps)
    weight, bias = second
    most_out = _of_bytes(weight.masked_fill(wide, 0), bias, inner.mean, steps)
    few = in_halves(first[0][wide], first[1][wide])
    few_out = in_halves(weight[:, wide], torch.zeros_like(bias))

    def both_out(both: tuple[Any, Any], then: str) -> Any:
        return most_out(both[0], then).add_(few_out(both[1], then))

    return lambda x, then: (most(x, then), few(x, then)), both_out


def _of_bytes(weight: Any, bias: Any, mean: Any, steps: Steps, out: Steps | None = None) -> Product:
    """A product of bytes in these steps, to bfloat16 or to the steps of ``out``.

    Weights have a step for each output, and what their rounding moves an output by on average is
    taken off its bias (Nagel et al. 2019); ``mean`` is that of the inputs.
    """
    import torch

    sizes = weight.abs().amax(1) / 127
    rounded = (weight / sizes[:, None]).round().to(torch.int8)
    bias = bias + (weight - rounded * sizes[:, None]) @ mean
    packed = torch.ops.onednn.qlinear_prepack(rounded, [ROWS, weight.shape[1]])
    zeros = torch.zeros(len(sizes), dtype=torch.int64)
    kind = torch.uint8 if out else torch.bfloat16
    to = out or Steps(1.0, 0)
    run = torch.ops.onednn.qlinear_pointwise
    return lambda x, then: run(
        x, steps.size, steps.zero, packed, sizes, zeros, bias,
        to.size, to.zero, kind, then, [], "none",
    )  # fmt: skip


@cache
def has_quick_products() -> bool:
    """Whether this CPU multiplies bfloat16 and bytes in hardware; elsewhere it saves nothing."""
    import torch

    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_vnni") and (found.get("avx512_bf16") or found.get("amx_bf16")))
