"""The variables of one update with their state, and arithmetic on lists of tensors."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch

_EACH = (
    "abs add add_ addcdiv_ addcmul_ clamp_max clamp_min_ copy_ div div_ lerp_ maximum_ mul mul_ norm "
    "pow rsqrt_ sign_ sqrt sqrt_ sub_ zero_"
)
each: Any = SimpleNamespace(**{name: getattr(torch, f"_foreach_{name}") for name in _EACH.split()})
"""torch's functions on lists of tensors: one call for all variables."""

Tensors = Sequence[torch.Tensor]
Rate = Any
"""A learning rate: a float for variables on the CPU, a scalar tensor for others (so that nothing waits)."""


class Group:
    """Variables that are updated together, in the order of their gradients.

    Attributes:
        variables: the variables.
        indices: their places among the variables that the optimizer was built with.
        state: slot name → state of each variable.
        decayed: those that weight decay applies to.
        constrained: those that have a constraint.
        uniform: whether they share one dtype and device, as fused kernels need.
        scratch: as large as the variable of a group that has one, which is others side by side.
        packed: the same side by side in memory, where they are small.
        blocks: gives them block by block, where some are large.
        on_cpu: whether rates and step counts are Python numbers.
    """

    def __init__(self, variables: list[Any], indices: list[int], decayed: list[Any]):
        self.variables, self.indices, self.decayed = variables, indices, decayed
        self.state: dict[str, list[Any]] = {}
        self.constrained = [v for v in variables if getattr(v, "constraint", None) is not None]
        first = variables[0]
        self.device = first.device
        self.on_cpu = first.device.type == "cpu"
        self.uniform = all(v.dtype is first.dtype and v.device == first.device for v in variables)
        self.cache: Any = None
        self.kernels: Any = None
        self.packed: Any = None
        self.blocks: Any = None
        self.scratch: torch.Tensor | None = None

    def matches(self, variables: Sequence[Any]) -> bool:
        """Whether these are the same variables, on the same device as before."""
        own = self.variables
        return (
            len(own) == len(variables)
            and all(map(operator.is_, own, variables))
            and own[0].device == self.device
        )


def subtract(params: Tensors, updates: Tensors, rate: Rate) -> None:
    """``params -= rate * updates`` in place."""
    if isinstance(rate, torch.Tensor):
        each.sub_(params, each.mul(updates, rate))
    else:
        each.add_(params, updates, alpha=-rate)


def subtract_ratio(params: Tensors, numerators: Tensors, denominators: Tensors, rate: Rate) -> None:
    """``params -= rate * numerators / denominators`` in place."""
    if isinstance(rate, torch.Tensor):
        subtract(params, each.div(numerators, denominators), rate)
    else:
        each.addcdiv_(params, numerators, denominators, -rate)


def subtract_over_root(params: Tensors, updates: Tensors, squares: Tensors, rate: Rate) -> None:
    """``params -= rate * updates / sqrt(squares)`` in place; ``squares`` are overwritten."""
    each.rsqrt_(squares)
    if isinstance(rate, torch.Tensor):
        each.mul_(squares, updates)
        subtract(params, squares, rate)
    else:
        each.addcmul_(params, updates, squares, -rate)


def clip_by_value(gradients: Tensors, limit: float) -> list[torch.Tensor]:
    """Every element within ``[-limit, limit]``."""
    clipped = each.clamp_max(gradients, limit)
    each.clamp_min_(clipped, -limit)
    return list(clipped)


def clip_by_norm(gradients: Tensors, limit: float) -> list[torch.Tensor]:
    """Each gradient scaled to a Euclidean norm of at most ``limit``."""
    norms = torch.stack(each.norm(gradients))
    return list(each.mul(gradients, list((limit / norms.clamp(min=limit)).unbind())))


def clip_by_global_norm(gradients: Tensors, limit: float) -> list[torch.Tensor]:
    """All gradients scaled so that their joint norm is at most ``limit``; NaN where it is not finite."""
    norm = torch.linalg.vector_norm(torch.stack(each.norm(gradients)))
    scale = limit * torch.clamp(1.0 / norm, max=1.0 / limit) + (norm - norm)
    return list(each.mul(gradients, scale))
