"""Loss scaling for training in float16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch

from tkeras.config import get_backend
from tkeras.graph import Variable
from tkeras.optimizers._fused import Guard, finite
from tkeras.optimizers._group import Group, each
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object


@public("keras.optimizers.LossScaleOptimizer", "keras.mixed_precision.LossScaleOptimizer")
class LossScaleOptimizer(Optimizer):
    """Multiplies the loss so that small gradients do not vanish, and divides the gradients again.

    An update with a gradient that is not finite is left out and halves the scale; after
    ``dynamic_growth_steps`` good updates in a row the scale doubles. On a device all of that is decided
    there, so that nothing waits and a graph can hold it: in the kernel of the inner optimizer where it has
    one, else by an update that is taken back.

    Args:
        inner_optimizer: what applies the gradients.
        initial_scale: the scale at the start.
        dynamic_growth_steps: see above.
        name: default: made from the class.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"Expected an optimizer as `inner_optimizer`. Received: {inner_optimizer}")
        self.inner_optimizer = inner_optimizer
        super().__init__(0.0, name=name)
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None

    def build(self, var_list: Sequence[Any]) -> None:
        """Create the scale and the state of the inner optimizer."""
        if self.built:
            return
        self.step_counter = self._track(torch.zeros((), dtype=torch.int32), "step_counter")
        self.dynamic_scale = self._track(torch.tensor(float(self.initial_scale)), "dynamic_scale")
        self.inner_optimizer.build(var_list)
        super().build(var_list)
        self._move(self._trainable_variables[0].device)

    @property
    def variables(self) -> list[Variable]:
        """The scale, then the state of the inner optimizer."""
        return [*self._variables, *self.inner_optimizer.variables]

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Unscale and apply gradients, unless one of them is not finite."""
        if not len(grads):
            return
        if not self.built:
            self.build(list(trainable_variables or ()))
        inner = self.inner_optimizer
        with torch.no_grad():
            good = None
            if type(inner).apply is Optimizer.apply:
                group, grads = inner._match(grads, trainable_variables)
                trainable_variables = group.variables
                good = self._fused(group, grads)
            if good is None:
                good = self._unfused(grads, trainable_variables)
            counter = torch.where(good, self.step_counter + 1, 0)
            grown = counter >= self.dynamic_growth_steps
            self.dynamic_scale.mul_(torch.where(good, torch.where(grown, 2.0, 1.0), 0.5))
            self.step_counter.copy_(torch.where(grown, 0, counter))

    def _fused(self, group: Group, grads: Sequence[Any]) -> torch.Tensor | None:
        """Update in the inner optimizer's kernel, and whether the gradients were finite; None, and nothing
        done, where it has none."""
        inner = self.inner_optimizer
        if not inner._takes_guard(group):
            return None
        good = finite(group, grads)
        if good is None or not inner._guarded_step(group, grads, Guard(self.dynamic_scale, good)):
            return None
        return good > 0

    def _unfused(self, grads: Sequence[Any], variables: Sequence[Any] | None) -> torch.Tensor:
        """Update by the inner optimizer's ``apply``, and whether the gradients were finite."""
        inner = self.inner_optimizer
        present = [gradient for gradient in grads if gradient is not None]
        good = torch.isfinite(torch.stack(each.norm(present, float("inf")))).all()
        unscaled = iter(each.div(present, self.dynamic_scale))
        given = [None if gradient is None else next(unscaled) for gradient in grads]
        if good.is_cpu and get_backend() != "interpret":  # where asking costs nothing
            if good:
                inner.apply(given, variables)
            return good
        inner._move(good.device)
        changing = [*(self._trainable_variables if variables is None else variables), *inner.variables]
        before = [variable.detach().clone() for variable in changing]
        inner.apply(given, variables)
        each.copy_(changing, [torch.where(good, *pair) for pair in zip(changing, before, strict=True)])
        return good

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    @property
    def iterations(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the present scale."""
        return loss * (self.dynamic_scale if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """That of the inner optimizer."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        inner = config["inner_optimizer"]
        if isinstance(inner, dict):
            inner = deserialize_keras_object(inner, custom_objects)
        return cls(**{**config, "inner_optimizer": inner})


OPTIMIZERS.objects["lossscaleoptimizer"] = LossScaleOptimizer
