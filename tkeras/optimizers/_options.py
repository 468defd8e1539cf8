"""The options that every optimizer takes, by keyword or, in Keras' order, by position."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any, TypedDict, TypeVar

F = TypeVar("F", bound=Callable[..., None])


class UndecayedOptions(TypedDict, total=False):
    """Keywords of every optimizer.

    clipnorm, clipvalue, global_clipnorm: bound of each gradient's norm, of each element, of the joint norm.
    use_ema: keep moving averages of the weights, with momentum ``ema_momentum``; they replace the weights
        every ``ema_overwrite_frequency`` updates and at the end of training.
    loss_scale_factor: the loss is multiplied and gradients are divided by it.
    gradient_accumulation_steps: number of batches whose mean gradient makes one update.
    name: default: made from the class.
    lr, decay: Keras 2's ``learning_rate``, and ``learning_rate / (1 + decay * iterations)``.
    """

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None
    lr: Any
    decay: float | None


class Options(UndecayedOptions, total=False):
    """The same with ``weight_decay``: share of each weight, times the rate, taken off before each update."""

    weight_decay: float | None


DEFAULTS: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
_ORDER = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
)


def with_options(after: str | None = None) -> Callable[[F], F]:
    """Decorator of an ``__init__`` that ends in ``**options``: they may be given by position too.

    Args:
        after: the parameter that they follow; default: the last one.
    """

    def decorate(init: F) -> F:
        first, *own, _ = inspect.signature(init).parameters.values()
        names = [parameter.name for parameter in own]
        place = len(names) if after is None else names.index(after) + 1
        options = [
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=DEFAULTS.get(name))
            for name in _ORDER
            if name not in names
        ]
        rest = Parameter("kwargs", Parameter.VAR_KEYWORD)
        signature = inspect.Signature([first, *own[:place], *options, *own[place:], rest])
        order = list(signature.parameters)[1:-1]

        @functools.wraps(init)
        def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
            given = dict(zip(order, args, strict=False))
            if len(args) > len(order) or given.keys() & kwargs.keys():
                signature.bind(self, *args, **kwargs)  # raises the TypeError of such a call
            init(self, **given, **kwargs)

        setattr(initialize, "__signature__", signature)  # noqa: B010 - unknown to type checkers
        return initialize  # pyright: ignore[reportReturnType]

    return decorate
