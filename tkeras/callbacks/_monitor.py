"""Watching one value: what early stopping, checkpoints and learning-rate reduction have in common."""

from __future__ import annotations

import math
import warnings
from typing import Any

from tkeras.callbacks._callback import Callback

_HIGHER_IS_BETTER = ("acc", "auc", "precision", "recall", "f1", "iou", "top_k", "r2", "cosine_similarity")


class MonitorCallback(Callback):
    """A callback that compares a value with the best so far.

    Args:
        monitor: name in the logs.
        mode: ``"min"``, ``"max"``, or ``"auto"``: decided by the name.
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
        if mode == "auto":
            name = monitor.removeprefix("val_")
            mode = "max" if any(part in name for part in _HIGHER_IS_BETTER) else "min"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.threshold = initial_value_threshold
        self._reset_best()

    def _reset_best(self) -> None:
        self.best = (
            self.threshold if self.threshold is not None else (math.inf if self.mode == "min" else -math.inf)
        )

    def _improved(self, value: float) -> bool:
        """Whether the value beats the best by more than ``min_delta``."""
        return self._beats(value, self.best)

    def _beats(self, value: float, other: float) -> bool:
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
        return value
