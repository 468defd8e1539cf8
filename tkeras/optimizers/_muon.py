"""Muon: orthogonalized momentum for matrices, AdamW for the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.graph import Variable
from tkeras.optimizers._group import Group, Rate
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import UndecayedOptions, with_options
from tkeras.optimizers._state import fuzz


@OPTIMIZERS.export("muon")
class Muon(Optimizer):
    """Updates of weight matrices are made orthogonal by Newton-Schulz steps (Jordan 2024); others take AdamW.

    Args:
        learning_rate: see :class:`Optimizer`.
        adam_beta_1, adam_beta_2, adam_weight_decay, epsilon, adam_lr_ratio: AdamW, and its rate relative to
            ``learning_rate``.
        weight_decay: of the matrices.
        exclude_layers: patterns of paths whose matrices take AdamW.
        exclude_embeddings: whether paths with "embedding" do.
        muon_a, muon_b, muon_c: coefficients of the Newton-Schulz polynomial.
        momentum, nesterov: memory of the gradients.
        ns_steps: number of Newton-Schulz steps.
        rms_rate: updates are multiplied by it and by the root of the larger size; None for no change.
    """

    @with_options("weight_decay")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Unpack[UndecayedOptions],
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **options)
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, fuzz(epsilon)
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or ()), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.nesterov = momentum, nesterov
        self.ns_steps, self.rms_rate = ns_steps, rms_rate

    def _takes_adam(self, variable: Any) -> bool:
        if variable.ndim != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def _create_slots(self) -> None:
        momenta, velocities = [], []
        for variable in self._trainable_variables:
            adam = self._takes_adam(variable)
            momenta.append(self.add_variable_from_reference(variable, "momentum"))
            velocities.append(self.add_variable_from_reference(variable, "velocity") if adam else None)
        self._slots.update(momentum=momenta, velocity=velocities)

    def _apply_decay(self, group: Group, rate: Rate) -> None:
        for variable in group.decayed:
            decay = self.adam_weight_decay if self._takes_adam(variable) else self.weight_decay
            if decay is not None:
                variable.mul_(1.0 - decay * rate)

    def _rule(self) -> str:
        return "Muon multiplies whole matrices"

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        step = self._next_step(group)
        state = zip(group.state["momentum"], group.state["velocity"], strict=True)
        for variable, gradient, (momentum, velocity) in zip(group.variables, gradients, state, strict=True):
            if velocity is None:
                self._update_matrix(variable, gradient, momentum, rate)
            else:
                self._update_adam(variable, gradient, momentum, velocity, rate * self.adam_lr_ratio, step)

    def _update_matrix(
        self, variable: Variable, gradient: torch.Tensor, momentum: torch.Tensor, rate: Rate
    ) -> None:
        momentum.mul_(self.momentum).add_(gradient)
        update = self._orthogonal(gradient + self.momentum * momentum if self.nesterov else momentum)
        if self.rms_rate is not None:
            update = update * (max(variable.shape) ** 0.5 * self.rms_rate)
        variable.sub_(rate * update)

    def _orthogonal(self, x: torch.Tensor) -> torch.Tensor:
        """Near the orthogonal factor of ``x``'s polar decomposition, by Newton-Schulz steps."""
        tall = x.shape[-2] > x.shape[-1]
        x = x.mT if tall else x
        x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.mT
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.mT if tall else x

    def _update_adam(
        self, variable: Variable, gradient: torch.Tensor, momentum: Any, velocity: Any, rate: Rate, step: Any
    ) -> None:
        rate = rate * (1.0 - self.adam_beta_2**step) ** 0.5 / (1.0 - self.adam_beta_1**step)
        momentum.lerp_(gradient, 1.0 - self.adam_beta_1)
        velocity.mul_(self.adam_beta_2).addcmul_(gradient, gradient, value=1.0 - self.adam_beta_2)
        variable.sub_(rate * momentum / (torch.sqrt(velocity) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{key: getattr(self, key) for key in _KEYS}}


_KEYS = (
    "adam_beta_1",
    "adam_beta_2",
    "epsilon",
    "exclude_layers",
    "muon_a",
    "muon_b",
    "muon_c",
    "adam_lr_ratio",
    "momentum",
    "ns_steps",
    "nesterov",
    "exclude_embeddings",
    "adam_weight_decay",
    "rms_rate",
)
