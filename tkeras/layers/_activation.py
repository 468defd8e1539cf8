"""How a layer runs its activation: inside the kernel before it where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tkeras import activations
from tkeras_kernels.pointwise import Pointwise


def split_activation(activation: Any) -> tuple[Pointwise | None, Callable[[Any], Any] | None]:
    """What the kernel applies to its result, and what is called after it; at most one of the two."""
    if activation is activations.linear:
        return None, None
    fused = activations.pointwise_of(activation)
    return (fused, None) if fused is not None else (None, activation)
