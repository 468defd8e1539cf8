"""Attention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from tkeras.ops._convert import convert, promoted
from tkeras.ops._op import op

Tensor = torch.Tensor


@op()
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """``softmax(query keyᵀ · scale + bias) value`` (Vaswani et al. 2017).

    Args:
        query: (batch, queries, heads, size).
        key: (batch, keys, key heads, size); heads is a multiple of key heads, each of which serves a group.
        value: like ``key``.
        bias: added before the softmax; what broadcasts to (batch, heads, queries, keys).
        mask: True where a query may look; of the same shape; not together with ``bias``.
        scale: default ``1 / √size``.
        is_causal: whether a query sees no later key.
        flash_attention: True demands torch's flash attention, False forbids it, None leaves it to torch.
        attn_logits_soft_cap: not supported: only None.

    Returns:
        (batch, queries, heads, size). A query that may look nowhere gets the mean of all values.
    """
    if attn_logits_soft_cap is not None:
        raise ValueError(f"Expected attn_logits_soft_cap=None. Received: {attn_logits_soft_cap}")
    query, key, value = promoted(query, key, value)
    if any(x.ndim != 4 for x in (query, key, value)):
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received shapes of query, key and value: "
            f"{tuple(query.shape)}, {tuple(key.shape)}, {tuple(value.shape)}."
        )
    if bias is not None and mask is not None:
        raise ValueError("Only one of `bias` and `mask` can be provided. Received both.")
    seen = None if mask is None else convert(mask, None, query).bool()
    if is_causal and (seen is not None or bias is not None):
        earlier = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
        seen, is_causal = earlier if seen is None else seen & earlier, False
    heads = [x.transpose(1, 2) for x in (query, key, value)]
    added = seen
    if bias is not None:
        bias = convert(bias, query.dtype, query)
        added = bias if seen is None else torch.where(seen, bias, -torch.inf)
    elif mask is not None and seen is not None:
        somewhere = seen.any(-1, keepdim=True)
        heads[0] = torch.where(somewhere, heads[0], 0.0)
        added = seen | ~somewhere
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        heads[1:] = [x.repeat_interleave(groups, 1) for x in heads[1:]]

    def attend() -> Tensor:
        return F.scaled_dot_product_attention(*heads, attn_mask=added, is_causal=is_causal, scale=scale)

    if flash_attention is None:
        return attend().transpose(1, 2)
    others = [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION] if flash_attention else others):
        return attend().transpose(1, 2)
