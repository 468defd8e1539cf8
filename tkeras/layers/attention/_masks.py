"""Masks of attention: True where a query may look at a key."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch


def causal_mask(queries: int, keys: int, device: Any) -> torch.Tensor:
    """(queries, keys): no key after the query."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril()


def window_mask(queries: int, keys: int, window: int, device: Any) -> torch.Tensor:
    """(queries, keys): keys less than ``window`` steps away."""
    apart = torch.arange(queries, device=device)[:, None] - torch.arange(keys, device=device)
    return apart.abs() < window


def joint_mask(query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any, *more: Any) -> Any:
    """All masks as one that broadcasts to (batch, queries, keys); None where there is none.

    Args:
        query_mask: (batch, queries).
        value_mask, key_mask: (batch, keys).
        attention_mask: (batch, queries, keys) or with axes for heads before these.
        more: (queries, keys).
    """
    masks = [] if query_mask is None else [torch.unsqueeze(query_mask.bool(), -1)]
    masks += [torch.unsqueeze(mask.bool(), -2) for mask in (value_mask, key_mask) if mask is not None]
    masks += [torch.unsqueeze(mask, 0) for mask in more if mask is not None]
    joint = reduce(torch.logical_and, masks) if masks else None
    if attention_mask is None or joint is None:
        return joint if attention_mask is None else attention_mask.bool()
    if attention_mask.dim() == joint.dim() + 1:  # it has an axis for the heads
        joint = torch.unsqueeze(joint, 1)
    return torch.logical_and(attention_mask.bool(), joint)
