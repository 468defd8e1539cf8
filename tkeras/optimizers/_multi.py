"""Several optimizers, each with variables of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Self

from tkeras.graph import Variable
from tkeras.optimizers._loss_scale import LossScaleOptimizer
from tkeras.optimizers._optimizer import OPTIMIZERS, Optimizer
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object


def _check(optimizer: Any) -> Any:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            f"Expected an optimizer other than LossScaleOptimizer and MultiOptimizer. Received: {optimizer}"
        )
    return optimizer


@public("keras.optimizers.OptimizerMap")
class OptimizerMap(MutableMapping[str, Optimizer]):
    """Patterns of variable paths to optimizers.

    Args:
        default_optimizer: for paths that no pattern matches as a whole.
        optimizer_map: pattern → optimizer.
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None):
        self.default_optimizer = _check(default_optimizer)
        self._map: dict[str, Optimizer] = {}
        for pattern, optimizer in (optimizer_map or {}).items():
            self[pattern] = optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._map:
            return self._map[key]
        matching = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}: {matching}.")
        return self._map[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self._map:
            raise ValueError(f"'{key}' already exists in the OptimizerMap with value {self._map[key]}.")
        self._map[key] = _check(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __call__(self, variable: Any) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "default_optimizer": serialize_keras_object(self.default_optimizer),
            "optimizer_map": serialize_keras_object(self._map),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """A map from :meth:`get_config`."""
        return cls(**{key: deserialize_keras_object(value, custom_objects) for key, value in config.items()})


@public("keras.optimizers.MultiOptimizer")
class MultiOptimizer(Optimizer):
    """Gives each variable to the optimizer that ``optimizer_map`` says.

    Args:
        optimizer_map: an :class:`OptimizerMap`, or a function of a variable.
        loss_scale_factor: of all optimizers.
        name: default: made from the class.
    """

    def __init__(self, optimizer_map: Any, loss_scale_factor: float | None = None, name: str | None = None):
        super().__init__(0.0, name=name, loss_scale_factor=loss_scale_factor)
        self._map = optimizer_map
        self.optimizers: list[Optimizer] = []
        for optimizer in (
            *getattr(optimizer_map, "values", tuple)(),
            getattr(optimizer_map, "default_optimizer", None),
        ):
            if optimizer is not None:
                self._place(optimizer)

    def _place(self, optimizer: Any) -> int:
        """Index of an optimizer, which joins the list if it is new."""
        for index, other in enumerate(self.optimizers):
            if other is optimizer:
                return index
        _check(optimizer).loss_scale_factor = self.loss_scale_factor
        self.optimizers.append(optimizer)
        return len(self.optimizers) - 1

    def build(self, var_list: Sequence[Any]) -> None:
        """Build each optimizer with its variables."""
        if self.built:
            return
        self._owner = {id(variable): self._place(self._map(variable)) for variable in var_list}
        for index, optimizer in enumerate(self.optimizers):
            own = [variable for variable in var_list if self._owner[id(variable)] == index]
            if own:
                optimizer.build(own)
        super().build(var_list)

    @property
    def variables(self) -> list[Variable]:
        """The state of all optimizers."""
        inner = (variable for optimizer in self.optimizers for variable in optimizer.variables)
        return [*self._variables, *inner]

    @property
    def learning_rate(self) -> Any:
        """There is one for each optimizer."""
        raise AttributeError(
            "Learning rate cannot be accessed or set on a MultiOptimizer. Use those of its `optimizers`."
        )

    @property
    def iterations(self) -> Any:
        """Number of updates done."""
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Hand each optimizer the gradients of its variables."""
        if not len(grads):
            return
        variables = self._trainable_variables if trainable_variables is None else trainable_variables
        if not self.built:
            self.build(list(variables))
        if len(grads) != len(variables):
            raise ValueError(
                f"Expected one gradient for each variable. Received: {len(grads)} gradients for "
                f"{len(variables)} variables."
            )
        self._move(variables[0].device)
        pairs = list(zip(grads, variables, strict=True))
        for index, optimizer in enumerate(self.optimizers):
            own = [pair for pair in pairs if self._owner[id(pair[1])] == index]
            if own:
                optimizer.apply([gradient for gradient, _ in own], [variable for _, variable in own])
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """That of each optimizer."""
        for index, optimizer in enumerate(self.optimizers):
            own = [variable for variable in var_list if self._owner[id(variable)] == index]
            if own:
                optimizer.finalize_variable_values(own)

    def get_config(self) -> dict[str, Any]:
        return {
            "optimizer_map": serialize_keras_object(self._map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        optimizer_map = deserialize_keras_object(config["optimizer_map"], custom_objects)
        return cls(**{**config, "optimizer_map": optimizer_map})


OPTIMIZERS.objects["multioptimizer"] = MultiOptimizer
