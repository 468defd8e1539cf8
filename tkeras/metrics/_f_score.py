"""F scores: the weighted harmonic mean of precision and recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras.config import epsilon
from tkeras.metrics._metric import METRICS, Metric

Tensor = torch.Tensor
_AVERAGES = (None, "micro", "macro", "weighted")


@METRICS.export()
class FBetaScore(Metric):
    """``(1 + beta²) * precision * recall / (beta² * precision + recall)`` of targets (batch, classes).

    Args:
        average: None for one value a class, ``"micro"`` over all counts, ``"macro"`` and ``"weighted"`` (by
            the number of targets) over the classes.
        beta: weight of recall.
        threshold: above which a prediction counts; None: the largest of each sample.
        name, dtype: see :class:`Metric`.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average not in _AVERAGES:
            raise ValueError(
                f"Invalid `average` argument value. Expected one of: {{{', '.join(map(repr, _AVERAGES))}}}. "
                f"Received: average={average}"
            )
        _check("beta", beta, "be > 0", lambda value: value > 0)
        if threshold is not None:
            _check("threshold", threshold, "verify 0 < threshold <= 1", lambda value: 0 < value <= 1)
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, y_true: Tensor, y_pred: Tensor) -> None:
        if y_pred.ndim != 2 or y_true.ndim != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received "
                f"input shapes: y_pred.shape={tuple(y_pred.shape)} and y_true.shape={tuple(y_true.shape)}."
            )
        shape = () if self.average == "micro" else (y_pred.shape[-1],)
        names = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
        for name in names:
            setattr(self, name, self.add_variable(shape, dtype=self.dtype, name=name))
        self._built = True

    true_positives: Tensor
    false_positives: Tensor
    false_negatives: Tensor
    intermediate_weights: Tensor

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; weights (batch,)."""
        y_true, y_pred = self._cast(y_true), self._cast(y_pred)
        if not self._built:
            self._build(y_true, y_pred)
        if self.threshold is None:
            largest = torch.amax(y_pred, -1, keepdim=True)
            chosen = (y_pred >= largest) & (torch.abs(y_pred) > 1e-9)
        else:
            chosen = y_pred > self.threshold
        chosen = chosen.to(y_true.dtype)
        weight = None if sample_weight is None else self._cast(sample_weight).unsqueeze(1)

        def total(values: Tensor) -> Tensor:
            values = values if weight is None else values * weight
            return values.sum() if self.average == "micro" else values.sum(0)

        self.true_positives.add_(total(chosen * y_true))
        self.false_positives.add_(total(chosen * (1 - y_true)))
        self.false_negatives.add_(total((1 - chosen) * y_true))
        self.intermediate_weights.add_(total(y_true))

    def result(self) -> Tensor:
        hits = self.true_positives
        precision = hits / (hits + self.false_positives + epsilon())
        recall = hits / (hits + self.false_negatives + epsilon())
        scores = precision * recall / (self.beta**2 * precision + recall + epsilon()) * (1 + self.beta**2)
        if self.average == "weighted":
            weights = self.intermediate_weights
            return torch.sum(scores * (weights / (weights.sum() + epsilon())))
        return scores if self.average is None else scores.mean()

    def get_config(self) -> dict[str, Any]:
        keys = ("average", "beta", "threshold")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


@METRICS.export()
class F1Score(FBetaScore):
    """F-beta score with ``beta = 1``."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config


def _check(name: str, value: Any, rule: str, holds: Callable[[float], bool]) -> None:
    if not isinstance(value, float):
        raise ValueError(
            f"Invalid `{name}` argument value. It should be a Python float. "
            f"Received: {name}={value} of type '{type(value)}'"
        )
    if not holds(value):
        raise ValueError(f"Invalid `{name}` argument value. It should {rule}. Received: {name}={value}")
