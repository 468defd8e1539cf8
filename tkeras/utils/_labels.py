"""Labels and arrays: one-hot encoding, normalization to length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tkeras.config import torch_dtype


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers as one-hot rows.

    Args:
        x: integers of any shape; a last axis of size 1 is dropped.
        num_classes: default: the largest number + 1.

    Returns:
        float array (or tensor, for a tensor) of the shape of ``x`` with the classes last.

    Raises:
        ValueError: a number outside [0, num_classes).
    """
    if isinstance(x, torch.Tensor):
        labels = x.long()
        labels = labels.squeeze(-1) if labels.dim() > 1 and labels.shape[-1] == 1 else labels
        count = num_classes or int(labels.max()) + 1
        return F.one_hot(labels, count).to(torch.get_default_dtype())
    labels = np.asarray(x).astype("int64")
    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    count = num_classes or int(labels.max()) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < count:
        raise ValueError(
            f"Class numbers must be in [0, {count}). Received: values from {labels.min()} to {labels.max()}"
        )
    return np.eye(count)[labels]


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Scale to length 1 along an axis; zero vectors stay."""
    if isinstance(x, torch.Tensor):
        norm = torch.linalg.vector_norm(x, order, axis, keepdim=True)
        return x / torch.where(norm == 0, 1, norm)
    if not isinstance(x, np.ndarray):
        return normalize(torch.tensor(x, dtype=torch_dtype(None)), axis, order)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
