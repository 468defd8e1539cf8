"""Counts of right and wrong decisions at thresholds: what confusion metrics add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tkeras.config import epsilon
from tkeras.losses._arguments import same_rank, to_tensor
from tkeras.metrics._metric import Metric

Tensor = torch.Tensor
_LOWEST = -1e10
KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def parse_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """A list of thresholds from one, a list, or None.

    Raises:
        ValueError: one is not within [0, 1].
    """
    if thresholds is None:
        return [default]
    thresholds = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [value for value in thresholds if value is None or not 0 <= value <= 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return thresholds


def spread_thresholds(count: int) -> list[float]:
    """``count`` thresholds from 0 to 1 in even steps; 1/2 for one."""
    return [0.5] if count == 1 else [index / (count - 1) for index in range(count)]


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether these are at least three thresholds from 0 to 1 in even steps."""
    steps = len(thresholds) - 1
    return steps >= 2 and bool(np.allclose(thresholds, np.arange(steps + 1) / steps, atol=epsilon()))


class ConfusionMetric(Metric):
    """A metric of the decisions ``y_pred > threshold``, kept as sums of weights by kind and threshold.

    Attributes:
        kinds: the kinds of decisions that are kept, in the order of the state.
        thresholds: the thresholds.
        top_k: only the ``k`` largest predictions of a sample can be positive.
        class_id: the one class that counts.
    """

    kinds: tuple[str, ...] = KINDS
    top_k: int | None = None
    class_id: int | None = None
    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any

    def _create(self, thresholds: Sequence[float], labels: int | None = None) -> None:
        """Create the state, one column a label where labels are counted apart."""
        self._even = are_even(thresholds)
        self._beyond = thresholds[0] < 0.0 or thresholds[-1] > 1.0
        self._limits = torch.tensor(thresholds, dtype=self._torch_dtype)
        shape = (len(thresholds),) if labels is None else (len(thresholds), labels)
        for kind in self.kinds:
            setattr(self, kind, self.add_variable(shape, name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch: targets, predictions and weights of one shape, or weights (batch,)."""
        self._add(y_true, y_pred, sample_weight)

    def _add(
        self, y_true: Any, y_pred: Any, sample_weight: Any, by_label: bool = False, label_weights: Any = None
    ) -> None:
        y_pred, y_true = same_rank(self._cast(y_pred), self._cast(y_true))
        weight = self._weight(y_true, y_pred, sample_weight, label_weights)
        if self.top_k is not None:
            y_pred = _only_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.ndim == 1:
                raise ValueError(
                    "When class_id is provided, y_pred must be a 2D array with shape (num_samples, "
                    f"num_classes). Received: y_pred.shape={tuple(y_pred.shape)}"
                )
            y_true, y_pred = y_true[..., self.class_id, None], y_pred[..., self.class_id, None]
        weight = torch.broadcast_to(weight, y_pred.shape)
        if not by_label:
            y_true, y_pred, weight = y_true.reshape(-1, 1), y_pred.reshape(-1, 1), weight.reshape(-1, 1)
        positive = (y_true != 0).to(weight.dtype) * weight
        negative = weight - positive
        count = self._count_even if self._even else self._count
        for kind, values in zip(KINDS[:2], (positive, negative), strict=True):
            rest = KINDS[3] if kind == KINDS[0] else KINDS[2]
            if kind not in self.kinds and rest not in self.kinds:
                continue
            found = count(values, y_pred)
            for name, total in ((kind, found), (rest, values.sum(0) - found)):
                if name in self.kinds:
                    variable = getattr(self, name)
                    variable.add_(total.reshape(variable.shape))

    def _weight(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any, label_weights: Any) -> Tensor:
        weight = torch.ones((), dtype=y_pred.dtype, device=y_pred.device)
        if sample_weight is not None:
            given = to_tensor(sample_weight, y_pred.dtype, y_pred.device).unsqueeze(-1)
            weight = same_rank(y_true, given, expand_rank_1=False)[1]
        return weight if label_weights is None else weight * label_weights.to(y_pred.device)

    def _count(self, values: Tensor, y_pred: Tensor) -> Tensor:
        """Sums (thresholds, labels) of the values (samples, labels) whose prediction is above."""
        limits = self._limits = self._limits.to(y_pred.device)
        above = (y_pred > limits.reshape(-1, 1, 1)).to(values.dtype)
        return torch.einsum("tnl,nl->tl", above, values)

    def _count_even(self, values: Tensor, y_pred: Tensor) -> Tensor:
        """The same for even thresholds: each value goes to one bin, then sums from above."""
        count = len(self._limits)
        bins = torch.ceil(y_pred.clamp(0.0, 1.0) * (count - 1))
        bins = bins.clamp(min=1) if self._beyond else bins
        empty = values.new_zeros(count + 1, values.shape[1])
        sums = empty.scatter_add(0, bins.long().clamp(0, count), values)
        return torch.flip(torch.cumsum(torch.flip(sums[1:], (0,)), 0), (0,))


def _only_top_k(y_pred: Tensor, k: int) -> Tensor:
    """Predictions with all but the ``k`` largest of each sample set to the lowest."""
    best = torch.topk(y_pred, k, -1).indices
    kept = torch.zeros_like(y_pred, dtype=torch.bool).scatter_(-1, best, True)
    return torch.where(kept, y_pred, _LOWEST)
