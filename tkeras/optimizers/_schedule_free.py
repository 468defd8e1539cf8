"""AdamW without a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract_ratio
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options
from tkeras.optimizers._state import fuzz


@OPTIMIZERS.export("schedulefreeadamw")
class ScheduleFreeAdamW(Optimizer):
    """AdamW on a fast iterate z, gradients taken at a mix of z and the mean x of its past (Defazio 2024).

    Differs from Keras 3.15 on torch, where the old z is overwritten before it is used.

    Args:
        learning_rate: see :class:`Optimizer`.
        beta_1: share of the mean in the mix.
        beta_2: memory of the squared gradients.
        epsilon: added to the root.
        warmup_steps: number of updates in which the rate rises to ``learning_rate``.
    """

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-8,
        warmup_steps: int = 0,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, fuzz(epsilon)
        self.warmup_steps = warmup_steps

    def _create_slots(self) -> None:
        self._add_slots(("momentum", "velocity"))
        with torch.no_grad():
            for fast, variable in zip(self._slots["momentum"], self._trainable_variables, strict=True):
                fast.copy_(variable)

    def _rule(self) -> Rule:
        keys = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        parameters = {key: getattr(self, key) for key in keys}
        return Rule("schedule_free_adamw", ("momentum", "velocity"), parameters)

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        step, beta = self._next_step(group), self.beta_1
        if self.warmup_steps > 0:
            share = step / self.warmup_steps
            rate = rate * (
                torch.clamp(share, max=1.0) if isinstance(share, torch.Tensor) else min(share, 1.0)
            )
        params, fast, velocities = group.variables, group.state["momentum"], group.state["velocity"]
        each.mul_(velocities, self.beta_2)
        each.addcmul_(velocities, gradients, gradients, 1.0 - self.beta_2)
        scales = each.div(velocities, 1.0 - self.beta_2**step)
        each.sqrt_(scales)
        each.add_(scales, self.epsilon)
        # y = (1 - beta) z + beta x, so (beta x) = y - (1 - beta) z with the z of before the update
        each.add_(params, fast, alpha=-(1.0 - beta))
        each.mul_(params, 1.0 - 1.0 / step)
        subtract_ratio(fast, gradients, scales, rate)
        each.add_(params, each.mul(fast, 1.0 - beta + beta / step))

    def get_config(self) -> dict[str, Any]:
        keys = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}
