"""Indices as one-hot rows, as sets (multi-hot) and as counts."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.layers.preprocessing._feature import Shape

ENCODINGS = ("one_hot", "multi_hot", "count")


def encode(indices: Any, mode: str, depth: int, dtype: torch.dtype, weights: Any = None) -> torch.Tensor:
    """Indices below ``depth`` as vectors of that size; negative ones leave no trace.

    Args:
        indices: integers of any shape.
        mode: ``"one_hot"``: a vector for each index, in place of a last axis of size 1 or after the last
            axis; ``"multi_hot"``, ``"count"``: a vector for each row of the last axis.
        weights: what each index counts, of the same shape; for ``"count"``.
    """
    index = indices.long()
    if mode == "one_hot":
        if index.ndim and index.shape[-1] == 1:
            index = index.squeeze(-1)
        index = index.unsqueeze(-1)
    elif index.ndim == 0:
        index = index.unsqueeze(0)
    index = torch.where(index < 0, depth, index)
    found = torch.zeros((*index.shape[:-1], depth + 1), dtype=dtype, device=index.device)
    if mode == "count":
        one = torch.ones((), dtype=dtype, device=index.device)
        found.scatter_add_(
            -1, index, one.expand(index.shape) if weights is None else weights.to(dtype).reshape(index.shape)
        )
    else:
        found.scatter_(-1, index, 1)
    return found[..., :depth]


def encoded_shape(shape: Any, mode: str, depth: int | None) -> Shape:
    """Shape of what :func:`encode` gives."""
    shape = tuple(shape)
    if mode == "one_hot" and not (shape and shape[-1] == 1):
        return (*shape, depth)
    return (*shape[:-1], depth)


def check_mode(layer: str, mode: Any, allowed: tuple[str, ...]) -> str:
    """The output mode if it is one of those allowed."""
    if mode not in allowed:
        raise ValueError(
            f"Unknown value for `output_mode` argument of {layer}. Allowed values are: {allowed}. "
            f"Received: output_mode={mode}"
        )
    return mode


def check_dense(sparse: bool) -> bool:
    """False; there are no sparse tensors here.

    Raises:
        ValueError: ``sparse`` is True.
    """
    if sparse:
        raise ValueError("`sparse=True` cannot be used with backend torch: the output is dense.")
    return False
