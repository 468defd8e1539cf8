"""Attention."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from tkeras.bridge import call
from tkeras.config import is_flash_attention_enabled
from tkeras.ops._convert import convert, promoted
from tkeras.ops._op import op
from tkeras_kernels import operators

Tensor = torch.Tensor
_FAR, _HALF_FAR = -0.7 * 3.38953e38, -0.7 * 65500.0


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
    bias = None if bias is None else convert(bias, query.dtype, query)
    flash_attention = is_flash_attention_enabled() if flash_attention is None else flash_attention
    if flash_attention is None:
        return call(operators.attention, query, key, value, seen, bias, scale=scale, causal=is_causal)
    others = [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION] if flash_attention else others):
        if seen is not None:  # added, it leaves the choice of the kernel to the caller
            if is_causal:
                ones = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device)
                seen, is_causal = seen & ones.tril(), False
            far = _HALF_FAR if query.dtype is torch.float16 else _FAR
            bias = torch.where(seen, 0.0, far).to(query.dtype)
        return operators.attention.reference(query, key, value, None, bias, scale=scale, causal=is_causal)
