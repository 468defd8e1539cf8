"""`StatelessCall`: a layer as a function of its variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch


class StatelessCall:
    """What layers have of Keras' functional form."""

    built: bool
    trainable_variables: list[Any]
    non_trainable_variables: list[Any]
    _flat_layers: Any
    _losses: list[torch.Tensor]

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Call the layer with other values of its variables, which stay as they are.

        Args:
            trainable_variables: tensors, one for each of the layer's own; gradients reach them.
            non_trainable_variables: the same.
            args, kwargs: of the call.
            return_losses: also give the losses.

        Returns:
            ``(outputs, non_trainable_variables)`` with the values after the call, and the list of losses.

        Raises:
            ValueError: the layer is not built, or another number of values than it has variables.
        """
        name = type(self).__name__
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {name} must be built (i.e. its variables must have been already"
                " created). You can build it by calling it on some data."
            )
        own = {"trainable": self.trainable_variables, "non_trainable": self.non_trainable_variables}
        given = {"trainable": list(trainable_variables), "non_trainable": list(non_trainable_variables)}
        for kind, variables in own.items():
            if len(given[kind]) != len(variables):
                raise ValueError(
                    f"Argument `{kind}_variables` must be a list of tensors corresponding 1:1 to"
                    f" {name}().{kind}_variables. Received list with length {len(given[kind])}, but expected"
                    f" {len(variables)} variables."
                )
        values = [torch.as_tensor(_value(value)).to(v.dtype) for v, value in _pairs(own, given)]
        variables = own["trainable"] + own["non_trainable"]
        kept = [(layer._losses, [*layer._losses]) for layer in self._flat_layers()]
        with _holding(variables, values), self._reading(variables[: len(own["trainable"])], values):
            outputs = self(*args, **kwargs)  # type: ignore[operator]
            after = [variable.detach().clone() for variable in own["non_trainable"]]
            added = [loss for layer in self._flat_layers() for loss in layer._losses]
        for losses, before in kept:
            losses[:] = before
        if not return_losses:
            return outputs, after
        penalties = [
            variable.regularizer(value)
            for variable, value in zip(own["trainable"], values, strict=False)
            if getattr(variable, "regularizer", None) is not None
        ]
        return outputs, after, added + penalties

    @contextmanager
    def _reading(self, variables: list[Any], values: list[torch.Tensor]) -> Iterator[None]:
        """Layers read tensors in the place of variables."""
        by_id = {id(v): value for v, value in zip(variables, values, strict=False)}
        places = [
            (layer._parameters, key, variable)
            for layer in self._flat_layers()
            for key, variable in layer._parameters.items()
            if id(variable) in by_id
        ]
        for table, key, variable in places:
            table[key] = by_id[id(variable)]
        try:
            yield
        finally:
            for table, key, variable in places:
                table[key] = variable


def _pairs(own: dict[str, list[Any]], given: dict[str, list[Any]]) -> list[tuple[Any, Any]]:
    return [pair for kind in own for pair in zip(own[kind], given[kind], strict=True)]


def _value(value: Any) -> Any:
    return value.value if hasattr(value, "path") and not isinstance(value, torch.Tensor) else value


@contextmanager
def _holding(variables: list[Any], values: list[torch.Tensor]) -> Iterator[None]:
    """Variables have other values, in memory of their own."""
    before = [variable.data for variable in variables]
    for variable, value in zip(variables, values, strict=True):
        variable.data = value.detach().clone().reshape(variable.shape).to(variable.device)
    try:
        yield
    finally:
        for variable, data in zip(variables, before, strict=True):
            variable.data = data
