"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract_ratio
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options
from tkeras.optimizers._state import fuzz


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
        rho, velocities = self.rho, group.state["velocity"]
        each.mul_(velocities, rho)
        each.addcmul_(velocities, gradients, gradients, 1.0 - rho)
        scales = each.add(velocities, self.epsilon)
        if self.centered:
            averages = group.state["average_gradient"]
            each.lerp_(averages, gradients, 1.0 - rho)
            each.addcmul_(scales, averages, averages, -1.0)
        each.sqrt_(scales)
        if self.momentum > 0:
            momenta = group.state["momentum"]
            each.mul_(momenta, self.momentum)
            subtract_ratio(momenta, gradients, scales, -rate)
            each.sub_(group.variables, momenta)
        else:
            subtract_ratio(group.variables, gradients, scales, rate)

    def get_config(self) -> dict[str, Any]:
        keys = ("rho", "momentum", "epsilon", "centered")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}
