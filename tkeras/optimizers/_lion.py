"""Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options


@OPTIMIZERS.export("lion")
class Lion(Optimizer):
    """``w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g``.

    Source: Chen et al. 2023.
    """

    _packs = True

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the (0, 1] range. Otherwise, the optimizer degenerates to "
                f"SignSGD. Received: beta_1={beta_1}."
            )
        self.beta_1, self.beta_2 = beta_1, beta_2

    def _create_slots(self) -> None:
        self._add_slots("momentum")

    def _rule(self) -> Rule:
        return Rule("lion", ("momentum",), {"beta_1": self.beta_1, "beta_2": self.beta_2})

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        momenta = group.state["momentum"]
        updates = each.mul(momenta, self.beta_1)
        each.add_(updates, gradients, alpha=1.0 - self.beta_1)
        each.sign_(updates)
        subtract(group.variables, updates, rate)
        each.mul_(momenta, self.beta_2)
        each.add_(momenta, gradients, alpha=1.0 - self.beta_2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
