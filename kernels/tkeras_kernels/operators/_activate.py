"""Applying an optional pointwise function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ..pointwise import Pointwise


def activate(y: torch.Tensor, activation: Pointwise | None) -> torch.Tensor:
    """``activation(y)`` where ``y`` is freshly computed and not needed by the backward of what computed it.

    ReLU then runs in place: its own backward needs only its output, and a fresh allocation costs as much as
    the arithmetic on a CPU. Not so on a view, where autograd would copy whole gradients.
    """
    if activation is None:
        return y
    function = activation.torch
    return torch.relu_(y) if function is torch.relu and not y._is_view() else function(y)


def function_of(activation: Pointwise | None) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function on tensors; the identity for none."""
    return _identity if activation is None else activation.torch


def _identity(x: torch.Tensor) -> torch.Tensor:
    return x
