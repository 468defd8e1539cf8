"""Circle loss: embeddings of one class near each other, others apart."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tkeras.losses._arguments import to_tensor
from tkeras.losses._loss import LOSSES, LossFunctionWrapper, integer_labels

Tensor = torch.Tensor


@LOSSES.export()
@integer_labels
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Circle loss of each sample (Sun et al. 2020).

    Args:
        y_true: class numbers (batch,) or (batch, 1).
        y_pred: embeddings (batch, size) of norm 1.
        ref_labels, ref_embeddings: what samples are compared with; default: each other.
        remove_diagonal: whether a sample is not compared with itself.
        gamma: scale. margin: how far distances may be from their optimum.
    """
    y_pred = to_tensor(y_pred)
    labels = to_tensor(y_true, torch.int64, y_pred.device).reshape(-1, 1)
    ref_embeddings = y_pred if ref_embeddings is None else to_tensor(ref_embeddings, y_pred.dtype)
    ref_labels = labels if ref_labels is None else to_tensor(ref_labels, torch.int64).reshape(-1, 1)
    distance = torch.relu(1 - y_pred @ ref_embeddings.mT)
    alike = labels == ref_labels.mT
    other = ~alike
    if remove_diagonal:
        alike = alike & ~torch.eye(*alike.shape, dtype=torch.bool, device=alike.device)
    near = -gamma * torch.relu((margin + distance) * alike) * (margin - distance)
    far = gamma * torch.relu((1 + margin - distance) * other) * (1 - margin - distance)
    nothing = float("-inf")
    losses = F.softplus(
        torch.logsumexp(torch.where(alike, near, nothing), 1)
        + torch.logsumexp(torch.where(other, far, nothing), 1)
    )
    losses._keras_mask = losses > 0  # pyright: ignore[reportAttributeAccessIssue]
    return losses


@LOSSES.export()
class Circle(LossFunctionWrapper):
    """Class of :func:`circle`."""

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ):
        arguments = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **arguments)
