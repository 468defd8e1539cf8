"""What losses and metrics do with targets and predictions before the equation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.config import floatx, torch_dtype

_HOST = (np.ndarray, np.generic, list, tuple, int, float)


def to_tensor(x: Any, dtype: torch.dtype | None = None, device: torch.device | None = None) -> Any:
    """A tensor from a host value, cast to ``dtype`` where one is given; symbolic tensors as they are."""
    if isinstance(x, _HOST):
        plain = not isinstance(x, (np.ndarray, np.generic))
        x = torch.as_tensor(x, device=device)
        if dtype is None and plain and x.dtype == torch.float64:
            dtype = torch_dtype(floatx())
    if dtype is not None and isinstance(x, torch.Tensor) and x.dtype is not dtype:
        return x.to(dtype)
    return x


def same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Two tensors whose ranks differ by a last axis of size 1, with that axis added or dropped.

    A vector beside a matrix (batch, 1) becomes such a matrix, unless ``expand_rank_1`` is False.
    """
    if x1.ndim == x2.ndim + 1 and x1.shape[-1] == 1:
        return (x1, x2.unsqueeze(-1)) if x2.ndim == 1 and expand_rank_1 else (x1.squeeze(-1), x2)
    if x2.ndim == x1.ndim + 1 and x2.shape[-1] == 1:
        return (x1.unsqueeze(-1), x2) if x1.ndim == 1 and expand_rank_1 else (x1, x2.squeeze(-1))
    return x1, x2


def pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions as tensors of one dtype, that of the predictions, and of one rank."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    return (y_true, y_pred) if y_true.ndim == y_pred.ndim else same_rank(y_true, y_pred)


def cast_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions as tensors of one dtype, that of the predictions."""
    y_pred = to_tensor(y_pred)
    if isinstance(y_pred, torch.Tensor):
        if not y_pred.is_floating_point():
            y_pred = y_pred.to(torch_dtype(floatx()))
        y_true = to_tensor(y_true, y_pred.dtype, y_pred.device)
    return y_true, y_pred
