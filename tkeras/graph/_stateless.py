"""`StatelessScope`: other values of variables for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import torch

from tkeras.graph._variable import Variable, _assignment_hooks


class StatelessScope:
    """Inside a ``with`` block variables have the values given here, and what is assigned to them is undone.

    A variable here is its own tensor, so the block computes with copies of the values: no gradient reaches
    them. ``Layer.stateless_call`` is the way to differentiate with respect to given values.

    Args:
        state_mapping: pairs (variable, value).
        collect_losses: not supported: losses of layers are in ``model.losses``.
        initialize_variables: variables made inside have their values at once, as outside.

    Raises:
        ValueError: a pair of something else, or of a variable and a value of another shape.
    """

    _open: list[StatelessScope] = []

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | Mapping[Variable, Any] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ):
        if collect_losses:
            raise ValueError("StatelessScope: `collect_losses` is not supported; see `model.losses`.")
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        self.state_mapping: dict[int, tuple[Variable, torch.Tensor]] = {}
        pairs = state_mapping.items() if isinstance(state_mapping, Mapping) else state_mapping
        for variable, value in pairs or ():
            self._take(variable, value)
        self._saved: dict[int, torch.Tensor] = {}

    def _take(self, variable: Any, value: Any) -> None:
        if not isinstance(variable, Variable):
            raise ValueError(
                "Invalid reference variable in StatelessScope: all keys in argument `mapping` must be "
                f"Variable instances. Received instead: {variable}"
            )
        value = torch.as_tensor(value, dtype=variable.dtype, device=variable.device)
        if value.shape != variable.shape:
            raise ValueError(
                "Invalid variable value in StatelessScope: all values in argument `mapping` must be tensors "
                "with a shape that matches the corresponding variable shape. For variable "
                f"{variable}, received invalid value {value} with shape {value.shape}."
            )
        self.state_mapping[id(variable)] = variable, value.detach().clone()

    def __enter__(self) -> Self:
        if not self._open:
            _assignment_hooks.append(StatelessScope.keep)
        for key, (variable, value) in self.state_mapping.items():
            self._saved[key], variable.data = variable.data, value
        self._open.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.remove(self)
        if not self._open:
            _assignment_hooks.remove(StatelessScope.keep)
        for key, old in self._saved.items():
            variable, _ = self.state_mapping[key]
            self.state_mapping[key] = variable, variable.data
            variable.data = old
        self._saved.clear()

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Let a variable have another value in the scope."""
        variable, value = update
        self._take(variable, value)
        if self in self._open:
            self._saved.setdefault(id(variable), variable.data)
            variable.data = self.state_mapping[id(variable)][1]

    def get_current_value(self, variable: Variable) -> torch.Tensor | None:
        """The value in the scope, also after it; None for a variable that has none."""
        if id(variable) not in self.state_mapping:
            return None
        inside = id(variable) in self._saved
        return variable.detach().clone() if inside else self.state_mapping[id(variable)][1]

    @classmethod
    def keep(cls, variable: Variable) -> None:
        """Before an assignment: let the open scope put the present value back at its end."""
        if cls._open and id(variable) not in cls._open[-1]._saved:
            cls._open[-1].add_update((variable, variable.detach()))
