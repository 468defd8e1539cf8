"""Callbacks that change the learning rate: by a schedule of epochs, or when a value stops improving."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable as Function
from typing import Any

import numpy as np

from tkeras.callbacks._callback import Callback
from tkeras.callbacks._monitor import MonitorCallback


def learning_rate_of(model: Any) -> float:
    """The learning rate of a model's optimizer.

    Raises:
        ValueError: the optimizer has none.
    """
    if not hasattr(model.optimizer, "learning_rate"):
        raise ValueError('Optimizer must have a "learning_rate" attribute.')
    return float(model.optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Args:
        schedule: ``(epoch, learning_rate) -> learning_rate``, epochs from 0; ``(epoch)`` alone works too.
        verbose: 1 to print each rate.
    """

    def __init__(self, schedule: Function[..., Any], verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Ask the schedule."""
        rate = learning_rate_of(self.model)
        value = self.schedule(epoch, rate) if _takes_two(self.schedule) else self.schedule(epoch)
        if not isinstance(value, (float, np.floating)) and not (
            hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0
        ):
            raise ValueError(f"The output of the `schedule` function should be a float. Got: {value}")
        self.model.optimizer.learning_rate = float(value)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(value)}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self.model)


def _takes_two(schedule: Function[..., Any]) -> bool:
    """Whether a function can be called with an epoch and a rate."""
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by a factor when a value has stopped improving.

    Args:
        monitor: name in the logs.
        factor: what the rate is multiplied by, below 1.
        patience: epochs without improvement before that.
        verbose: 1 to print each reduction.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        min_delta: least change that counts as better.
        cooldown: epochs after a reduction that do not count.
        min_lr: the rate never goes below.
        kwargs: ``epsilon``, the name of ``min_delta`` in Keras 2.

    Raises:
        ValueError: ``factor`` is not below 1.
    """

    _kept = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ):
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        if "epsilon" in kwargs:
            warnings.warn("`epsilon` argument is deprecated, use `min_delta` instead.", stacklevel=2)
            min_delta = kwargs.pop("epsilon")
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau got unexpected arguments: {sorted(kwargs)}")
        super().__init__(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget what earlier trainings left."""
        self._reset_best()
        self.cooldown_counter = self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a reduction was so recent that epochs do not count yet."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, count, reduce."""
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self.model)
        value = self._value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._improved(value):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        rate = learning_rate_of(self.model)
        if rate <= np.float32(self.min_lr):
            return
        reduced = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = reduced
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {reduced}.")
        self.cooldown_counter, self.wait = self.cooldown, 0
