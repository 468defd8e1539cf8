"""Precision, recall and their relatives."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.metrics._counts import ConfusionMetric, parse_thresholds, spread_thresholds
from tkeras.metrics._metric import METRICS
from tkeras.metrics._reduction import safe_ratio

Tensor = torch.Tensor


class _Count(ConfusionMetric):
    """The sum of the weights of one kind of decisions.

    Args:
        thresholds: one in [0, 1], several for a value each; default: 1/2.
        name, dtype: see :class:`Metric`.
    """

    kind: str

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.thresholds = thresholds, parse_thresholds(thresholds)
        self.kinds = (self.kind,)
        self._create(self.thresholds)
        self.accumulator = getattr(self, self.kind)
        self.accumulator.name = "accumulator"

    def result(self) -> Tensor:
        return self.accumulator.detach().clone().squeeze(0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


@METRICS.export()
class TruePositives(_Count):
    """Number of positive decisions on positive targets."""

    kind = "true_positives"


@METRICS.export()
class FalsePositives(_Count):
    """Number of positive decisions on negative targets."""

    kind = "false_positives"


@METRICS.export()
class TrueNegatives(_Count):
    """Number of negative decisions on negative targets."""

    kind = "true_negatives"


@METRICS.export()
class FalseNegatives(_Count):
    """Number of negative decisions on positive targets."""

    kind = "false_negatives"


class _Share(ConfusionMetric):
    """True positives / (true positives + one kind of errors).

    Args:
        thresholds: one in [0, 1], several for a value each; default: 1/2, or none with ``top_k``.
        top_k: only the ``k`` largest predictions of a sample can be positive.
        class_id: the one class that counts.
        name, dtype: see :class:`Metric`.
    """

    _direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = parse_thresholds(thresholds, 0.5 if top_k is None else -1e10)
        self._create(self.thresholds)

    def result(self) -> Tensor:
        errors = getattr(self, self.kinds[1])
        return safe_ratio(self.true_positives, self.true_positives + errors).squeeze(0)

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


@METRICS.export()
class Precision(_Share):
    """Share of the positive decisions that are right."""

    kinds = ("true_positives", "false_positives")


@METRICS.export()
class Recall(_Share):
    """Share of the positive targets that are found."""

    kinds = ("true_positives", "false_negatives")


class _At(ConfusionMetric):
    """The largest value of one share where another is at least a given value.

    Args:
        value: the least value of the other share.
        num_thresholds: how many thresholds are tried.
        class_id: the one class that counts.
        name, dtype: see :class:`Metric`.
    """

    _direction = "up"
    given: str

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self.given}` must be in the range [0, 1]. Received: {self.given}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        setattr(self, self.given, value)
        self.thresholds = spread_thresholds(num_thresholds)
        self._create(self.thresholds)

    def _best(self, given: Tensor, wanted: Tensor) -> Tensor:
        return torch.where(given >= self.value, wanted, 0.0).max().clamp(min=0)

    @property
    def _sensitivities(self) -> Tensor:
        return safe_ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def _specificities(self) -> Tensor:
        return safe_ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def _precisions(self) -> Tensor:
        return safe_ratio(self.true_positives, self.true_positives + self.false_positives)

    def get_config(self) -> dict[str, Any]:
        own = {"num_thresholds": self.num_thresholds, "class_id": self.class_id, self.given: self.value}
        return {**super().get_config(), **own}


@METRICS.export()
class SensitivityAtSpecificity(_At):
    """Best sensitivity at a specificity of at least ``specificity``."""

    given = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def result(self) -> Tensor:
        return self._best(self._specificities, self._sensitivities)


@METRICS.export()
class SpecificityAtSensitivity(_At):
    """Best specificity at a sensitivity of at least ``sensitivity``."""

    given = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def result(self) -> Tensor:
        return self._best(self._sensitivities, self._specificities)


@METRICS.export()
class PrecisionAtRecall(_At):
    """Best precision at a recall of at least ``recall``."""

    given = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def result(self) -> Tensor:
        return self._best(self._sensitivities, self._precisions)


@METRICS.export()
class RecallAtPrecision(_At):
    """Best recall at a precision of at least ``precision``."""

    given = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def result(self) -> Tensor:
        return self._best(self._precisions, self._sensitivities)
