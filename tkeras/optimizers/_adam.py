"""Adam and those that differ from it by a line: AdamW, Adamax, Nadam, Lamb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.config import floatx, torch_dtype
from tkeras.graph import auto_name
from tkeras.optimizers._fused import Rule
from tkeras.optimizers._group import Group, Rate, each, subtract, subtract_ratio
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, UndecayedOptions, with_options
from tkeras.optimizers._state import fuzz

_fused_adamw: Any = getattr(torch, "_fused_adamw_")  # noqa: B009 - private to type checkers
_NEVER = float("inf")
"""A step count at which torch's kernels correct no bias: the learning rate has the correction in it."""


class _Moments(Optimizer):
    """What these share: means of gradients and of squared gradients.

    Args:
        learning_rate: see :class:`Optimizer`.
        beta_1, beta_2: memory of the gradients and of the squared gradients.
        epsilon: added to the root; None means the fuzz factor.
    """

    slots = ("momentum", "velocity")
    rule: str

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, fuzz(epsilon)

    def _create_slots(self) -> None:
        self._add_slots(self.slots)

    def _rule(self) -> Rule:
        parameters = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return Rule(self.rule, self.slots, parameters)

    def _remember(self, group: Group, gradients: Sequence[torch.Tensor]) -> tuple[list[Any], list[Any]]:
        """Both means, with the gradients taken into them."""
        momenta, velocities = group.state["momentum"], group.state["velocity"]
        each.lerp_(momenta, gradients, 1.0 - self.beta_1)
        each.mul_(velocities, self.beta_2)
        each.addcmul_(velocities, gradients, gradients, 1.0 - self.beta_2)
        return momenta, velocities

    def get_config(self) -> dict[str, Any]:
        keys = ("beta_1", "beta_2", "epsilon")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


@OPTIMIZERS.export("adam")
class Adam(_Moments):
    """``w -= learning_rate * m̂ / (sqrt(v̂) + epsilon)``, m and v the means of g and g² (Kingma & Ba 2014).

    As in Keras, epsilon is added before the bias of v is corrected. With ``amsgrad`` v is the largest so far.
    """

    rule = "adam"

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = amsgrad

    def _create_slots(self) -> None:
        super()._create_slots()
        if self.amsgrad:
            self._add_slots("velocity_hat")

    def _rule(self) -> Rule:
        plain = super()._rule()
        if not self.amsgrad:
            return plain
        return Rule("adam", (*self.slots, "velocity_hat"), {**plain.parameters, "amsgrad": True})

    def _decays_inside(self, group: Group) -> bool:
        """Whether the fused kernel takes the weight decay along."""
        return group.uniform and group.on_cpu and len(group.decayed) == len(group.variables)

    def _apply_decay(self, group: Group, rate: Rate) -> None:
        if not self._decays_inside(group):
            super()._apply_decay(group, rate)

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        step = self._next_step(group)
        correction = (1.0 - self.beta_2**step) ** 0.5 / (1.0 - self.beta_1**step)
        if group.uniform and gradients[0].dtype is group.variables[0].dtype:
            inside = self.weight_decay and self._decays_inside(group)
            decay = self.weight_decay / correction if inside else 0.0
            self._update_fused(group, gradients, rate * correction, decay)
            return
        if self._decays_inside(group):
            super()._apply_decay(group, rate)
        rate = rate * correction
        momenta, velocities = self._remember(group, gradients)
        if self.amsgrad:
            largest = group.state["velocity_hat"]
            each.maximum_(largest, velocities)
            velocities = largest
        scales = each.sqrt(velocities)
        each.add_(scales, self.epsilon)
        subtract_ratio(group.variables, momenta, scales, rate)

    def _update_fused(
        self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate, decay: float
    ) -> None:
        if group.cache is None:
            group.cache = [torch.tensor(_NEVER, device=group.device)] * len(group.variables)
        state = group.state
        _fused_adamw(
            group.variables,
            [gradient.contiguous() for gradient in gradients],  # it walks memory, whatever the strides
            state["momentum"],
            state["velocity"],
            state["velocity_hat"] if self.amsgrad else [],
            group.cache,
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            weight_decay=decay,
            eps=self.epsilon,
            amsgrad=self.amsgrad,
            maximize=False,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amsgrad": self.amsgrad}


@OPTIMIZERS.export("adamw")
class AdamW(Adam):
    """Adam with weight decay apart from the gradients (Loshchilov & Hutter 2019)."""

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[UndecayedOptions],
    ):
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options
        )


@OPTIMIZERS.export("adamax")
class Adamax(_Moments):
    """Adam with the largest recent ``|g|`` in place of ``sqrt(v̂)`` (Kingma & Ba 2014, section 7)."""

    slots = ("momentum", "norm")
    rule = "adamax"
    _packs = True

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        momenta, norms = group.state["momentum"], group.state["norm"]
        each.lerp_(momenta, gradients, 1.0 - self.beta_1)
        each.mul_(norms, self.beta_2)
        each.maximum_(norms, each.abs(gradients))
        scales = each.add(norms, self.epsilon)
        subtract_ratio(group.variables, momenta, scales, rate / (1.0 - self.beta_1 ** self._next_step(group)))


@OPTIMIZERS.export("nadam")
class Nadam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2015)."""

    rule = "nadam"
    _packs = True
    _parts = False  # each call multiplies the product of momenta

    def _create_slots(self) -> None:
        super()._create_slots()
        dtype = self._trainable_variables[0].dtype if self._trainable_variables else torch_dtype(floatx())
        self._product = self._track(torch.ones((), dtype=dtype), auto_name("variable"))

    def _rule(self) -> Rule:
        return super()._rule()._replace(product=self._product)

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        step = self._next_step(group)
        present = self.beta_1 * (1.0 - 0.5 * 0.96**step)
        coming = self.beta_1 * (1.0 - 0.5 * 0.96 ** (step + 1))
        self._product.mul_(present)
        product = float(self._product) if group.on_cpu else self._product
        momenta, velocities = self._remember(group, gradients)
        updates = each.mul(momenta, coming / (1.0 - product * coming))
        each.add_(updates, each.mul(gradients, (1.0 - present) / (1.0 - product)))
        scales = each.div(velocities, 1.0 - self.beta_2**step)
        each.sqrt_(scales)
        each.add_(scales, self.epsilon)
        subtract_ratio(group.variables, updates, scales, rate)


@OPTIMIZERS.export("lamb")
class Lamb(_Moments):
    """Adam with each update scaled to the norm of its variable (You et al. 2020)."""

    rule = "lamb"

    def _rule(self) -> Rule:
        return super()._rule()._replace(scaled=True)

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        step = self._next_step(group)
        momenta, velocities = self._remember(group, gradients)
        scales = each.div(velocities, 1.0 - self.beta_2**step)
        each.sqrt_(scales)
        each.add_(scales, self.epsilon)
        updates = each.div(momenta, 1.0 - self.beta_1**step)
        each.div_(updates, scales)
        sizes = torch.stack(each.norm(group.variables))
        norms = torch.stack(each.norm(updates))
        ratios = torch.where((sizes > 0) & (norms > 0), sizes / norms, 1.0)
        each.mul_(updates, list(ratios.unbind()))
        subtract(group.variables, updates, rate)
