"""Library functions that ATen has itself: one call on the torch path, with ATen's own backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

Function = Callable[..., Any]


def _relu(
    negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Function | None:
    if threshold or (negative_slope and max_value is not None):
        return None
    if negative_slope:
        return partial(F.leaky_relu, negative_slope=negative_slope)
    return torch.relu if max_value is None else partial(F.hardtanh, min_val=0.0, max_val=max_value)


_PLAIN: dict[str, Function] = {
    "exponential": torch.exp,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "tanh_shrink": F.tanhshrink,
    "softsign": F.softsign,
    "relu6": F.relu6,
    "selu": F.selu,
    "silu": F.silu,
    "mish": F.mish,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "hard_tanh": F.hardtanh,
}
_WITH_PARAMETERS: dict[str, Callable[..., Function | None]] = {
    "relu": _relu,
    "leaky_relu": lambda negative_slope=0.2: partial(F.leaky_relu, negative_slope=negative_slope),
    "elu": lambda alpha=1.0: partial(F.elu, alpha=alpha),
    "celu": lambda alpha=1.0: partial(F.celu, alpha=alpha),
    "gelu": lambda approximate=False: partial(F.gelu, approximate="tanh" if approximate else "none"),
    "hard_shrink": lambda threshold=0.5: partial(F.hardshrink, lambd=threshold),
    "soft_shrink": lambda threshold=0.5: partial(F.softshrink, lambd=threshold),
    "threshold": lambda threshold, default_value: partial(
        F.threshold, threshold=threshold, value=default_value
    ),
}


def aten(function: Function, parameters: Mapping[str, Any]) -> Function | None:
    """ATen's form of a library function with these parameters bound, or None where it has none."""
    if getattr(function, "__module__", None) != "tkeras_kernels.library":
        return None
    make = _WITH_PARAMETERS.get(function.__name__)
    if make is not None:
        return make(**parameters)
    return None if parameters else _PLAIN.get(function.__name__)
