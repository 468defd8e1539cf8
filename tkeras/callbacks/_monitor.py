"""Watching one value: what early stopping, checkpoints and learning-rate reduction have in common."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

from tkeras.callbacks._callback import Callback

_UP = {
    "AUC", "Precision", "Recall", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "PearsonCorrelation", "ConcordanceCorrelation", "CosineSimilarity", "R2Score",
}  # fmt: skip


class MonitorCallback(Callback):
    """A callback that compares a value with the best so far.

    Args:
        monitor: name in the logs.
        mode: ``"min"``, ``"max"``, or ``"auto"``: what the metric is, once there is a value.
        min_delta: least change that counts as better.
        initial_value_threshold: what the first value must beat.
    """

    _kept = ("best",)

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        min_delta: float = 0.0,
        initial_value_threshold: Any = None,
    ):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3
            )
            mode = "auto"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.threshold = initial_value_threshold
        self._reset_best()

    def _reset_best(self) -> None:
        start = {"min": math.inf, "max": -math.inf, "auto": None}[self.mode]
        self.best: Any = start if self.threshold is None else self.threshold

    def _improved(self, value: float) -> bool:
        """Whether the value beats the best by more than ``min_delta``."""
        return self._beats(value, self.best)

    def _beats(self, value: float, other: float | None) -> bool:
        if other is None:
            return True
        if self.mode == "min":
            return value < other - self.min_delta
        return value > other + self.min_delta

    def _value(self, logs: Any) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            names = ",".join((logs or {}).keys())
            warnings.warn(
                f"{type(self).__name__} conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {names}",
                stacklevel=3,
            )
        elif self.mode == "auto":
            self.mode = self._direction()
        return value

    def _direction(self) -> str:
        """Whether less or more is better.

        Raises:
            ValueError: the monitored value is neither a loss nor a metric that tells.
        """
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        for metric, names in _metrics_of(self.model):
            direction = getattr(metric, "_direction", None)
            if name in names and (direction or type(metric).__name__ in _UP):
                return "min" if direction == "down" else "max"
        raise ValueError(
            f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't able to"
            " automatically determine whether that metric should be maximized or minimized. Pass `mode='max'`"
            " in order to monitor based on the highest metric value, or pass `mode='min'` in order to use the"
            " lowest value."
        )


def _metrics_of(model: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The metrics of a model with the names that logs may have for them."""
    for metric in model.metrics:
        for part in getattr(metric, "parts", None) or ():
            yield part.metric, (part.metric.name, part.key)
        if not hasattr(metric, "parts"):
            yield metric, (metric.name,)
