"""Optimizers with a rate for each weight made from its gradients so far: Adagrad, Adadelta, Ftrl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.initializers import Constant
from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract, subtract_over_root
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options
from tkeras.optimizers._state import fuzz


@OPTIMIZERS.export("adagrad")
class Adagrad(Optimizer):
    """``a += g²; w -= learning_rate * g / sqrt(a + epsilon)`` (Duchi et al. 2011).

    Args:
        learning_rate: see :class:`Optimizer`.
        initial_accumulator_value: value of ``a`` at the start.
        epsilon: inside of the root; None means the fuzz factor.
    """

    _packs = True

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, fuzz(epsilon)

    def _create_slots(self) -> None:
        self._add_slots("accumulator", Constant(self.initial_accumulator_value))

    def _rule(self) -> Rule:
        return Rule("adagrad", ("accumulator",), {"epsilon": self.epsilon})

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        sums = group.state["accumulator"]
        each.addcmul_(sums, gradients, gradients, 1.0)
        subtract_over_root(group.variables, gradients, each.add(sums, self.epsilon), rate)

    def get_config(self) -> dict[str, Any]:
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


@OPTIMIZERS.export("adadelta")
class Adadelta(Optimizer):
    """``a = rho * a + (1 - rho) * g²; d = g * sqrt((b + epsilon) / (a + epsilon)); w -= learning_rate * d``.

    ``b`` is the mean of ``d²`` as ``a`` is of ``g²`` (Zeiler 2012).
    """

    _packs = True

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float | None = 1e-7,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon = rho, fuzz(epsilon)

    def _create_slots(self) -> None:
        self._add_slots(("accumulated_grad", "accumulated_delta_var"))

    def _rule(self) -> Rule:
        slots = ("accumulated_grad", "accumulated_delta_var")
        return Rule("adadelta", slots, {"rho": self.rho, "epsilon": self.epsilon})

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        squares, steps = group.state["accumulated_grad"], group.state["accumulated_delta_var"]
        each.mul_(squares, self.rho)
        each.addcmul_(squares, gradients, gradients, 1.0 - self.rho)
        scales, updates = each.add(squares, self.epsilon), each.add(steps, self.epsilon)
        each.sqrt_(scales)
        each.sqrt_(updates)
        each.mul_(updates, gradients)
        each.div_(updates, scales)
        each.mul_(steps, self.rho)
        each.addcmul_(steps, updates, updates, 1.0 - self.rho)
        subtract(group.variables, updates, rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


@OPTIMIZERS.export("ftrl")
class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al. 2013).

    Args:
        learning_rate: see :class:`Optimizer`.
        learning_rate_power: how the rate falls with the sum of squared gradients; not positive.
        initial_accumulator_value: that sum at the start; not negative.
        l1_regularization_strength, l2_regularization_strength: penalties on the weights; not negative.
        l2_shrinkage_regularization_strength: penalty that works through the gradient; not negative.
        beta: added to the square root of the sum.
    """

    _packs = True

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        if learning_rate_power > 0.0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}."
            )
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        for key in _FTRL[1:5]:
            if getattr(self, key) < 0.0:
                raise ValueError(
                    f"`{key}` needs to be positive or zero. Received: {key}={getattr(self, key)}."
                )

    def _create_slots(self) -> None:
        start = Constant(self.initial_accumulator_value)
        self._add_slots(("accumulator", "linear"), [start, "zeros"])

    def _rule(self) -> Rule:
        keys = (key for key in _FTRL if key != "initial_accumulator_value")
        return Rule("ftrl", ("accumulator", "linear"), {key: getattr(self, key) for key in keys})

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        state = zip(group.state["accumulator"], group.state["linear"], strict=True)
        for variable, gradient, (total, linear) in zip(group.variables, gradients, state, strict=True):
            self._update_one(variable, gradient, total, linear, rate)

    def _update_one(
        self, variable: torch.Tensor, gradient: torch.Tensor, total: Any, linear: Any, rate: Rate
    ) -> None:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * rate)
        shrunk = gradient + 2 * self.l2_shrinkage_regularization_strength * variable
        grown = total + torch.square(gradient)
        linear.add_(shrunk - (grown**power - total**power) / rate * variable)
        quadratic = grown**power / rate + 2 * l2
        variable.copy_((linear.clamp(-l1, l1) - linear) / quadratic)
        total.copy_(grown)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{key: getattr(self, key) for key in _FTRL}}


_FTRL = (
    "learning_rate_power",
    "initial_accumulator_value",
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
    "beta",
)
