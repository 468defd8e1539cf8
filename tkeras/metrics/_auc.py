"""Area under a curve of decisions at thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch

from tkeras.config import epsilon
from tkeras.losses._arguments import to_tensor
from tkeras.metrics._counts import ConfusionMetric, spread_thresholds
from tkeras.metrics._metric import METRICS
from tkeras.metrics._reduction import safe_ratio
from tkeras.saving import deserialize_keras_object

Tensor = torch.Tensor
_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = ("interpolation", "minoring", "majoring")


@METRICS.export("auc")
class AUC(ConfusionMetric):
    """Riemann sum under a curve.

    Args:
        num_thresholds: how many thresholds from 0 to 1 are used.
        curve: ``"ROC"``, ``"PR"`` (precision over recall) or ``"PRGAIN"`` (Flach & Kull 2015).
        summation_method: ``"interpolation"`` (mid-point; for PR after Davis & Goadrich 2006), ``"minoring"``
            or ``"majoring"``.
        name, dtype: see :class:`Metric`.
        thresholds: the thresholds between 0 and 1, in place of their number.
        multi_label: whether each column of (batch, labels) has a curve of its own; the result is their mean.
        num_labels: number of columns, where known.
        label_weights: weights of the columns.
        from_logits: whether sigmoid is still to be applied.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _choice("AUC curve", curve, str.upper, _CURVES)
        self.summation_method = _choice("AUC summation method", summation_method, str.lower, _SUMMATIONS)
        self._from_thresholds = thresholds is not None
        if thresholds is None:
            if num_thresholds <= 1:
                raise ValueError(
                    "Argument `num_thresholds` must be an integer > 1. "
                    f"Received: num_thresholds={num_thresholds}"
                )
            inner = spread_thresholds(num_thresholds)[1:-1]
        else:
            inner = sorted(thresholds)
        self.thresholds = [0.0 - epsilon(), *inner, 1.0 + epsilon()]
        self.num_thresholds = len(self.thresholds)
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else to_tensor(label_weights, self._torch_dtype)
        self._built = False
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        if num_labels or not multi_label:
            self._build(num_labels)

    def _build(self, labels: int | None) -> None:
        self._create(self.thresholds, labels)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch: targets 0 and 1, and probabilities, of one shape."""
        y_pred = to_tensor(y_pred)
        if not self._built:
            if y_pred.ndim != 2:
                raise ValueError(
                    "`y_pred` must have rank 2 when `multi_label=True`. "
                    f"Received: y_pred.shape={tuple(y_pred.shape)}"
                )
            self._build(y_pred.shape[1])
        if self.from_logits:
            y_pred = torch.sigmoid(y_pred)
        weights = None if self.multi_label else self.label_weights
        self._add(y_true, y_pred, sample_weight, self.multi_label, weights)

    def result(self) -> Tensor:
        if self.curve == "PR" and self.summation_method == "interpolation":
            terms = self._interpolated_precision()
        else:
            x, y = self._points()
            if self.summation_method == "interpolation":
                heights = (y[:-1] + y[1:]) / 2.0
            else:
                choose = torch.minimum if self.summation_method == "minoring" else torch.maximum
                heights = choose(y[:-1], y[1:])
            terms = (x[:-1] - x[1:]) * heights
        areas = terms.sum(0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return areas.mean()
        weights = self.label_weights.to(areas.device)
        return safe_ratio((areas * weights).sum(), weights.sum())

    def _points(self) -> tuple[Tensor, Tensor]:
        """Abscissae and ordinates of the curve at the thresholds."""
        hits, wrong = self.true_positives, self.false_positives
        missed, rejected = self.false_negatives, self.true_negatives
        recall = safe_ratio(hits, hits + missed)
        if self.curve == "ROC":
            return safe_ratio(wrong, wrong + rejected), recall
        if self.curve == "PR":
            return recall, safe_ratio(hits, hits + wrong)
        odds = safe_ratio(hits + missed, rejected + wrong)
        recall_gain = torch.where(hits == 0.0, 0.0, 1.0 - odds * safe_ratio(missed, hits))
        precision_gain = torch.where(hits == 0.0, 1.0, 1.0 - odds * safe_ratio(wrong, hits))
        return recall_gain.clamp(min=0.0), precision_gain

    def _interpolated_precision(self) -> Tensor:
        """Areas between neighbouring thresholds, true positives being linear in positives there."""
        hits = self.true_positives
        chosen = hits + self.false_positives
        gained = hits[:-1] - hits[1:]
        slope = safe_ratio(gained, (chosen[:-1] - chosen[1:]).clamp(min=0))
        intercept = hits[1:] - slope * chosen[1:]
        both = (chosen[:-1] > 0) & (chosen[1:] > 0)
        ratio = torch.where(both, safe_ratio(chosen[:-1], chosen[1:].clamp(min=0)), 1.0)
        targets = (hits[1:] + self.false_negatives[1:]).clamp(min=0)
        return safe_ratio(slope * (gained + intercept * torch.log(ratio)), targets)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**{**config, "label_weights": deserialize_keras_object(config.get("label_weights"))})

    def get_config(self) -> dict[str, Any]:
        keys = ("num_thresholds", "curve", "summation_method", "multi_label", "num_labels", "from_logits")
        weights = None if self.label_weights is None else self.label_weights.tolist()
        config = {**super().get_config(), **{key: getattr(self, key) for key in keys}}
        config["label_weights"] = weights
        return {**config, "thresholds": self.thresholds[1:-1]} if self._from_thresholds else config


def _choice(what: str, value: str, case: Callable[[str], str], allowed: tuple[str, ...]) -> str:
    found = case(value)
    if found not in allowed:
        names = ", ".join(f'"{name}"' for name in allowed)
        raise ValueError(f'Invalid {what} value: "{value}". Expected values are [{names}]')
    return found
