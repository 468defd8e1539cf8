"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract_over_root
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options
from tkeras.optimizers._state import fuzz

_fused_adagrad: Any = getattr(torch, "_fused_adagrad_")  # noqa: B009 - private to type checkers


@OPTIMIZERS.export("rmsprop", "RMSProp")
class RMSprop(Optimizer):
    """``v = rho * v + (1 - rho) * g²; w -= learning_rate * g / sqrt(v + epsilon)`` (Hinton 2012).

    Args:
        learning_rate: see :class:`Optimizer`.
        rho: memory of the squared gradients.
        momentum: memory of the updates.
        epsilon: inside of the root; None means the fuzz factor.
        centered: whether the squared mean gradient is taken off ``v``.
    """

    _packs = True

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, fuzz(epsilon), centered

    def _create_slots(self) -> None:
        self._add_slots("velocity")
        if self.momentum > 0:
            self._add_slots("momentum")
        if self.centered:
            self._add_slots("average_gradient")

    def _rule(self) -> Rule:
        momentum = ("momentum",) if self.momentum > 0 else ()
        average = ("average_gradient",) if self.centered else ()
        keys = ("rho", "momentum", "epsilon", "centered")
        parameters = {key: getattr(self, key) for key in keys}
        return Rule("rmsprop", ("velocity", *momentum, *average), parameters)

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        if group.scratch is not None and self.rho < 1 and not (self.momentum > 0 or self.centered):
            self._update_packed(group, gradients, rate)
            return
        rho, velocities = self.rho, group.state["velocity"]
        each.mul_(velocities, rho)
        each.addcmul_(velocities, gradients, gradients, 1.0 - rho)
        scales = each.add(velocities, self.epsilon)
        if self.centered:
            averages = group.state["average_gradient"]
            each.lerp_(averages, gradients, 1.0 - rho)
            each.addcmul_(scales, averages, averages, -1.0)
        if self.momentum > 0:
            momenta = group.state["momentum"]
            each.mul_(momenta, self.momentum)
            subtract_over_root(momenta, gradients, scales, -rate)
            each.sub_(group.variables, momenta)
        else:
            subtract_over_root(group.variables, gradients, scales, rate)

    def _update_packed(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        """The same by torch's fused kernel for Adagrad, ``s += g²; w -= r * g / sqrt(s)``.

        With ``s = (rho * v + epsilon) / (1 - rho)`` and ``r = learning_rate / sqrt(1 - rho)``.
        """
        rest, (velocity,), (gradient,), scratch = (
            1.0 - self.rho,
            group.state["velocity"],
            gradients,
            group.scratch,
        )
        first = self.epsilon / rest
        if group.cache is None or group.cache[0] != first:
            group.cache = first, torch.tensor(first, dtype=velocity.dtype), [torch.ones(())]
        _, start, step = group.cache
        torch.add(start, velocity, alpha=self.rho / rest, out=scratch)
        velocity.mul_(self.rho).addcmul_(gradient, gradient, value=rest)
        _fused_adagrad(
            group.variables, gradients, [scratch], step,
            lr=rate / rest**0.5, lr_decay=0.0, weight_decay=0.0, eps=0.0, maximize=False,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        keys = ("rho", "momentum", "epsilon", "centered")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}
