"""Learning rates as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch

from tkeras.config import floatx, torch_dtype
from tkeras.saving import Namespace, public

SCHEDULES = Namespace("keras.optimizers.schedules", "learning rate schedule")

Number = Any
"""A Python number or a float tensor; results are of the same kind."""


@public("keras.optimizers.schedules.LearningRateSchedule")
class LearningRateSchedule:
    """Gives the learning rate of a step: subclasses define ``__call__(step)`` and ``get_config``."""

    def __call__(self, step: Any) -> Any:
        """The learning rate at ``step`` (0 at the first update), a scalar tensor."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be "
            "serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A schedule from :meth:`get_config`."""
        return cls(**config)


class NumericSchedule(LearningRateSchedule):
    """A schedule that computes on Python numbers, for variables on the CPU, as well as on tensors."""

    arguments: ClassVar[tuple[str, ...]]

    def value(self, step: Number) -> Number:
        """The learning rate at ``step``."""
        raise NotImplementedError

    def __call__(self, step: Any) -> torch.Tensor:
        dtype = torch_dtype(floatx())
        if isinstance(step, torch.Tensor):
            return self.value(step.detach().to(dtype))
        return torch.as_tensor(self.value(step), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in self.arguments}

    def _check(self, steps: str) -> None:
        if getattr(self, steps) <= 0:
            raise ValueError(f"Argument `{steps}` must be > 0. Received: {steps}={getattr(self, steps)}")


def _apply(name: str, x: Number) -> Number:
    return getattr(torch, name)(x) if isinstance(x, torch.Tensor) else getattr(math, name)(x)


def _minimum(x: Number, bound: float) -> Number:
    return torch.clamp(x, max=bound) if isinstance(x, torch.Tensor) else min(x, bound)


def _where(condition: Any, x: Number, y: Number) -> Number:
    return torch.where(condition, x, y) if isinstance(condition, torch.Tensor) else x if condition else y


@SCHEDULES.export()
class ExponentialDecay(NumericSchedule):
    """``initial_learning_rate * decay_rate^(step / decay_steps)``, the exponent whole with ``staircase``."""

    arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name
        self._check("decay_steps")

    def value(self, step: Number) -> Number:
        periods = step / self.decay_steps
        if self.staircase:
            periods = _apply("floor", periods)
        return self.initial_learning_rate * self.decay_rate**periods


@SCHEDULES.export()
class InverseTimeDecay(ExponentialDecay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``; with ``staircase`` whole periods."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def value(self, step: Number) -> Number:
        periods = step / self.decay_steps
        if self.staircase:
            periods = _apply("floor", periods)
        return self.initial_learning_rate / (1.0 + self.decay_rate * periods)


@SCHEDULES.export()
class PiecewiseConstantDecay(NumericSchedule):
    """``values[i]`` up to and including step ``boundaries[i]``, the last value beyond."""

    arguments = ("boundaries", "values", "name")

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, "
                f"and values={values} of length {len(values)}."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def value(self, step: Number) -> Number:
        rate: Number = self.values[-1]
        if isinstance(step, torch.Tensor):
            rate = torch.full_like(step, rate)
        for boundary, below in zip(reversed(self.boundaries), list(reversed(self.values))[1:], strict=True):
            rate = _where(step <= boundary, below, rate)
        return rate


@SCHEDULES.export()
class PolynomialDecay(NumericSchedule):
    """From the initial to the end rate as ``(1 - step / decay_steps)^power``.

    With ``cycle``, ``decay_steps`` grows to the next multiple that the step has not passed.
    """

    arguments = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name
        self._check("decay_steps")

    def value(self, step: Number) -> Number:
        steps: Number = self.decay_steps
        if self.cycle:
            steps = steps * _where(step == 0, 1.0, _apply("ceil", step / steps))
        else:
            step = _minimum(step, steps)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1.0 - step / steps) ** self.power + self.end_learning_rate


@SCHEDULES.export()
class CosineDecay(NumericSchedule):
    """Half a cosine from the initial rate to ``alpha`` times it, after an optional linear warm-up.

    With ``warmup_target`` the rate first rises from the initial rate to it, in ``warmup_steps``.
    """

    arguments = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate, self.decay_steps, self.alpha = initial_learning_rate, decay_steps, alpha
        self.name, self.warmup_target, self.warmup_steps = name, warmup_target, warmup_steps
        self._check("decay_steps")

    def _decayed(self, step: Number, peak: float) -> Number:
        cosine = 0.5 * (1.0 + _apply("cos", math.pi * step / self.decay_steps))
        return peak * ((1 - self.alpha) * cosine + self.alpha)

    def value(self, step: Number) -> Number:
        target, warmup, first = self.warmup_target, self.warmup_steps, self.initial_learning_rate
        if target is None:
            return self._decayed(_minimum(step, self.decay_steps), first)
        step = _minimum(step, self.decay_steps + warmup)
        rising = (target - first) * (step / max(warmup, 1)) + first
        return _where(step < warmup, rising, self._decayed(step - warmup, target))


@SCHEDULES.export()
class CosineDecayRestarts(NumericSchedule):
    """Cosine decay over and over: each period ``t_mul`` times as long, from a rate ``m_mul`` times as high.

    Source: Loshchilov & Hutter 2017.
    """

    arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name
        self._check("first_decay_steps")

    def value(self, step: Number) -> Number:
        done, growth = step / self.first_decay_steps, self.t_mul
        if growth == 1.0:
            restarts = _apply("floor", done)
            done = done - restarts
        else:
            restarts = _apply("floor", _apply("log", 1.0 - done * (1.0 - growth)) / math.log(growth))
            done = (done - (1.0 - growth**restarts) / (1.0 - growth)) / growth**restarts
        cosine = 0.5 * self.m_mul**restarts * (1.0 + _apply("cos", math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)
