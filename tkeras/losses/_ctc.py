"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tkeras.losses._arguments import to_tensor
from tkeras.losses._loss import LOSSES, FunctionLoss, integer_labels


@LOSSES.export()
@integer_labels
def ctc(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Minus the log-probability of the label sequences, over all alignments (Graves et al. 2006).

    Args:
        y_true: class numbers (batch, labels), padded with 0, which is the blank.
        y_pred: logits (batch, time, classes).
    """
    y_pred, labels = to_tensor(y_pred), to_tensor(y_true, torch.int64)
    if labels.ndim != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in integer "
            f"format. Received: y_true.shape={tuple(labels.shape)}"
        )
    if y_pred.ndim != 3:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, num_classes)`. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    batch, steps, _ = y_pred.shape
    log_p = torch.log_softmax(y_pred.transpose(0, 1), -1)
    times = torch.full((batch,), steps, device=y_pred.device)
    return F.ctc_loss(log_p, labels, times, (labels != 0).sum(-1), blank=0, reduction="none")


@LOSSES.export()
class CTC(FunctionLoss):
    """Class of :func:`ctc`."""

    function = ctc
