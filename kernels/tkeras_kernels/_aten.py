"""Library functions that ATen has itself: one call on the torch path, with ATen's own backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

_PLAIN: dict[str, Callable[..., Any]] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "silu": F.silu,
    "selu": F.selu,
    "mish": F.mish,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "hard_tanh": F.hardtanh,
    "log_sigmoid": F.logsigmoid,
    "tanh_shrink": F.tanhshrink,
    "exponential": torch.exp,
}


def aten(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Callable[..., Any] | None:
    """ATen's form of a library function with these parameters bound, or None where it has none."""
    if getattr(function, "__module__", None) != "tkeras_kernels.library":
        return None
    return _PLAIN.get(function.__name__) if not parameters else None
