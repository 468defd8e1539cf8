"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options


@OPTIMIZERS.export("sgd")
class SGD(Optimizer):
    """``w -= learning_rate * g``; with momentum ``v = momentum * v - learning_rate * g; w += v``.

    With ``nesterov`` the last is ``w += momentum * v - learning_rate * g``.
    """

    _packs = True

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum}")
        self.momentum, self.nesterov = float(momentum), nesterov

    def _create_slots(self) -> None:
        if self.momentum:
            self._add_slots("momentum")

    def _rule(self) -> Rule:
        if not self.momentum:
            return Rule("sgd")
        return Rule("sgd", ("momentum",), {"momentum": self.momentum, "nesterov": self.nesterov})

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        params = group.variables
        if not self.momentum:
            subtract(params, gradients, rate)
            return
        velocities = group.state["momentum"]
        each.mul_(velocities, self.momentum)
        subtract(velocities, gradients, rate)
        if self.nesterov:
            each.add_(params, velocities, alpha=self.momentum)
            subtract(params, gradients, rate)
        else:
            each.add_(params, velocities)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
