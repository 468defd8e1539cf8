"""Adafactor: second moments of matrices kept as one vector a side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from tkeras.graph import Variable
from tkeras.optimizers._group import Group, Rate
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.optimizers._options import Options, with_options


@OPTIMIZERS.export("adafactor")
class Adafactor(Optimizer):
    """Updates ``g / sqrt(v)`` of bounded size, in proportion to the weights (Shazeer & Stern 2018).

    Args:
        learning_rate: see :class:`Optimizer`.
        beta_2_decay: exponent of the step in the memory of the second moments.
        epsilon_1: added to squared gradients.
        epsilon_2: least size that weights count with.
        clip_threshold: largest root mean square of an update.
        relative_step: kept in the configuration; as in Keras, rates are bounded by ``1 / sqrt(step)`` anyway.
    """

    @with_options()
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def _create_slots(self) -> None:
        slots: dict[str, list[Any]] = {"row": [], "column": [], "velocity": []}
        for variable in self._trainable_variables:
            shape = tuple(variable.shape)
            sides = (shape[:-1], (*shape[:-2], shape[-1])) if len(shape) >= 2 else ((), ())
            for key, side in zip(("row", "column"), sides, strict=True):
                dtype = variable.dtype if len(shape) >= 2 else torch.int32  # Keras' place holder
                value = torch.zeros(side, dtype=dtype, device=variable.device)
                slots[key].append(self._track(value, variable.name))
            slots["velocity"].append(self.add_variable_from_reference(variable, "velocity"))
        self._slots.update(slots)

    def _rule(self) -> str:
        return "Adafactor's second moments are sums over the rows and columns of each matrix"

    def _update(self, group: Group, gradients: Sequence[torch.Tensor], rate: Rate) -> None:
        step = self._next_step(group)
        bound = step**-0.5
        memory = 1.0 - step**self.beta_2_decay
        largest = torch.minimum if isinstance(rate, torch.Tensor) else min
        rate = largest(rate, bound)
        state = zip(*(group.state[key] for key in ("row", "column", "velocity")), strict=True)
        for variable, gradient, slots in zip(group.variables, gradients, state, strict=True):
            self._update_one(variable, gradient, slots, rate, memory)

    def _update_one(
        self, variable: Variable, gradient: torch.Tensor, slots: Any, rate: Rate, memory: Any
    ) -> None:
        row, column, velocity = slots
        squares = torch.square(gradient) + self.epsilon_1
        if variable.ndim < 2:
            velocity.copy_(memory * velocity + (1 - memory) * squares)
        else:
            row.copy_(memory * row + (1 - memory) * squares.mean(-1))
            column.copy_(memory * column + (1 - memory) * squares.mean(-2))
            velocity.copy_((row / row.mean(-1, keepdim=True)).unsqueeze(-1) * column.unsqueeze(-2))
        update = gradient / torch.sqrt(velocity)
        update = update / torch.clamp(_rms(update) / self.clip_threshold, min=1.0)
        variable.sub_(torch.clamp(_rms(variable), min=self.epsilon_2) * rate * update)

    def get_config(self) -> dict[str, Any]:
        keys = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


def _rms(x: torch.Tensor) -> torch.Tensor:
    return torch.sqrt(torch.mean(torch.square(x)))
