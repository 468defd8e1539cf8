"""Dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from math import prod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..templates._attention_tiles import LARGEST_HEAD
from . import _attention_launch as launches
from ._dropout_inside import dropout_of, seeded, thinned
from ._fit import unfit
from ._operator import Case, Cost, Epilogue, Operator, Tensors, reference_gradients, register
from ._softmax import softmax

_FAR = -0.7 * 3.38953e38
"""Added to a hidden score, it swallows it: what is left is the same for all hidden keys."""
_HALF_FAR = -65504.0
Unseen = Literal["mean", "zeros"]


class Attention(Operator):
    """``dropout(softmax(query keyᵀ · scale + bias)) value`` (Vaswani et al., 2017), for one or more heads.

    Heads of key and value serve groups of query heads where they are fewer (Ainslie et al., 2023).
    """

    name = "attention"
    saves = "query, key, value, the output and two numbers a row"
    cases = (
        Case("encoder", (*((8, 512, 12, 64),) * 3, (8, 1, 1, 512)), dtypes={3: torch.bool}),
        Case("decoder", ((2, 2048, 16, 128),) * 3, {"causal": True}),
        Case("grouped", ((2, 2048, 32, 128), (2, 2048, 8, 128), (2, 2048, 8, 128)), {"causal": True}),
        Case("training", ((8, 512, 12, 64),) * 3, {"rate": 0.1, "causal": True}),
        Case("bias", ((4, 1024, 8, 32),) * 3 + (None, (1, 8, 1024, 1024))),
        Case("one_head", ((16, 256, 1, 256),) * 3),
    )

    def reference(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        *,
        scale: float | None = None,
        causal: bool = False,
        unseen: Unseen = "mean",
        rate: float = 0.0,
        generator: torch.Generator | None = None,
        seed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend.

        Args:
            query: (batch, queries, heads, size).
            key: (batch, keys, key heads, size); heads is a multiple of key heads.
            value: (batch, keys, key heads, value size).
            mask: True where a query may look; what broadcasts to (batch, heads, queries, keys).
            bias: added to the scores; of the same shape.
            scale: default ``1 / √size``.
            causal: whether a query sees no later key.
            unseen: what a query gives that may look nowhere: the mean of all values, or zeros.
            rate: fraction of the weights to drop.
            generator: source of the random numbers; torch's default one when None.
            seed: (1,) int64 in place of ``generator``: what the kernels keep is kept.

        Returns:
            (batch, queries, heads, value size).
        """
        scale = _scale(query, scale)
        if rate or unseen == "zeros":
            seen = _seen(query, key, mask, causal)
            weights = _weights(query, key, seen, bias, scale, unseen, mask is not None)
            weights = thinned(weights, rate, generator, seed)
            return torch.einsum("bhqk,bkhd->bqhd", weights, _repeated(value, query))
        added = _added(query, key, mask, bias, causal)
        heads = (x.transpose(1, 2) for x in (query, key, value))
        with sdpa_kernel(SDPBackend.MATH) if _blind(mask, causal) else nullcontext():
            out = F.scaled_dot_product_attention(
                *heads, attn_mask=added, is_causal=causal and added is None, scale=scale,
                enable_gqa=query.shape[2] != key.shape[2],
            )  # fmt: skip
        return out.transpose(1, 2)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        query, key, value, mask, bias = _five(tensors)
        if any(x.dim() != 4 for x in (query, key, value)) or not _fitting(query, key, value):
            return "shapes do not fit"
        if not key.shape[1] or not prod(key.shape[2:]) or not value.shape[3]:
            return "no keys"
        if max(query.shape[3], value.shape[3]) > LARGEST_HEAD:
            return f"heads of more than {LARGEST_HEAD} features"
        if key.dtype != query.dtype or value.dtype != query.dtype:
            return "tensors of several dtypes"
        if mask is not None and mask.dtype != torch.bool:
            return "a mask that is not boolean"
        sizes = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
        for extra in (mask, bias):
            if extra is not None and not _broadcasts(extra, sizes):
                return "mask or bias does not fit"
            if extra is not None and extra.device != query.device:
                return "tensors on several devices"
        return unfit((query, key, value, bias))

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Epilogue | None]:
        return seeded(attributes), None

    def infer(self, *tensors: Any, **attributes: Any) -> torch.Tensor:
        return launches.forward(_call(tensors, attributes), wants_statistics=False)[0]

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[torch.Tensor, Tensors]:
        out, statistics = launches.forward(_call(tensors, attributes), wants_statistics=True)
        return out, (*_five(tensors), out, statistics)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (*tensors, out, statistics), (dout,) = saved, gradients
        assert out is not None
        assert statistics is not None
        assert dout is not None
        call, dout = _call(tensors, attributes), dout.contiguous()
        wants_bias = len(needs) > 4 and needs[4]
        dquery, delta, scores = launches.query_gradient(call, out, statistics, dout, wants_bias)
        dkey = dvalue = dbias = None
        if needs[1] or needs[2]:
            dkey, dvalue = launches.key_gradients(call, statistics, delta, dout)
        if scores is not None:
            bias = tensors[4]
            assert bias is not None
            dbias = scores.sum_to_size(bias.shape).to(bias.dtype)
        found = (dquery, dkey, dvalue, None, dbias)
        return tuple(x if need else None for x, need in zip(found, needs, strict=False))

    def differentiable_backward(
        self, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        with sdpa_kernel(SDPBackend.MATH):  # the only one of torch's that can be differentiated again
            return reference_gradients(self, inputs, gradients, needs, attributes)

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        query, key, value, *extra = shapes
        assert query is not None
        assert key is not None
        assert value is not None
        batch, time, heads, size = query
        pairs = batch * heads * time * key[1]
        if attributes.get("causal"):
            pairs = batch * heads * sum(min(row + 1, key[1]) for row in range(time))
        masked, biased = (prod(x) if x is not None else 0 for x in (*extra, None, None)[:2])
        elements = prod(query) + prod(key) + prod(value) + batch * time * heads * value[3] + biased
        return Cost(flops=2 * pairs * (size + value[3]), bytes=elements * itemsize + masked)


def _scale(query: torch.Tensor, scale: float | None) -> float:
    return 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale


def _seen(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, causal: bool
) -> torch.Tensor | None:
    """``mask`` and causality as one mask."""
    if not causal:
        return mask
    earlier = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
    return earlier if mask is None else earlier & mask


def _blind(mask: torch.Tensor | None, causal: bool) -> bool:
    """Whether some query may look nowhere, or nobody knows without waiting for a device.

    Of such a row torch's fused kernels keep the logarithm of a sum that the hidden scores swallow, and their
    backward takes each of its weights for 1.
    """
    if mask is None or mask.is_meta:
        return False
    return not mask.is_cpu or not (mask[..., 0] if causal else mask.any(-1)).all()


def _added(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
    causal: bool,
) -> torch.Tensor | None:
    """All that is added to the scores; None where causality alone is left to torch."""
    if mask is None and bias is None:
        return None
    seen = _seen(query, key, mask, causal)
    if seen is None:
        return bias
    dtype = torch.float32 if query.dtype == torch.float16 else query.dtype
    far = torch.where(seen, 0.0, _FAR if mask is not None else -torch.inf).to(dtype)
    return far if bias is None else bias + far


def _weights(
    query: torch.Tensor,
    key: torch.Tensor,
    seen: torch.Tensor | None,
    bias: torch.Tensor | None,
    scale: float,
    unseen: Unseen,
    masked: bool,
) -> torch.Tensor:
    """(batch, heads, queries, keys)."""
    scores = torch.einsum("bkhd,bqhd->bhqk", _repeated(key, query), query * scale)
    scores = scores if bias is None else scores + bias
    if seen is None:
        return softmax.reference(scores)
    if unseen == "zeros" or not masked:
        weights = softmax.reference(torch.where(seen, scores, _far(scores)))
        return torch.where(seen, weights, 0.0)
    return softmax.reference(torch.where(seen, scores, scores + _far(scores)))


def _far(scores: torch.Tensor) -> float:
    return _HALF_FAR if scores.dtype == torch.float16 else _FAR


def _repeated(heads: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """A copy of key or value for each head of the query."""
    groups = query.shape[2] // heads.shape[2]
    return heads if groups == 1 else heads.repeat_interleave(groups, 2)


def _five(tensors: Sequence[Any]) -> tuple[Any, ...]:
    return (*tensors, *[None] * (5 - len(tensors)))


def _fitting(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    return (
        key.shape[:3] == value.shape[:3]
        and query.shape[0] == key.shape[0]
        and query.shape[3] == key.shape[3]
        and key.shape[2] > 0
        and query.shape[2] % key.shape[2] == 0
    )


def _broadcasts(extra: torch.Tensor, sizes: tuple[int, ...]) -> bool:
    if extra.dim() > len(sizes):
        return False
    own = zip(reversed(extra.shape), reversed(sizes), strict=False)
    return all(size in (1, whole) for size, whole in own)


def _call(tensors: Sequence[Any], attributes: Mapping[str, Any]) -> launches.Call:
    """The call as the templates take it."""
    query, key, value, mask, bias = _five(tensors)
    sizes = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
    mask = None if mask is None else mask.bool().view(torch.uint8).expand(sizes)
    return launches.Call(
        *(x if x.stride(3) == 1 or x.shape[3] == 1 else x.contiguous() for x in (query, key, value)),
        mask=mask,
        bias=None if bias is None else bias.expand(sizes),
        scale=_scale(query, attributes.get("scale")),
        causal=bool(attributes.get("causal")),
        zeros=attributes.get("unseen", "mean") == "zeros",
        dropout=dropout_of(attributes, query),
    )


attention = register(Attention())
