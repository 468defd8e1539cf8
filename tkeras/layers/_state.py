"""`LayerState`: the variables, sublayers and losses that belong to a layer."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import numpy as np
import torch

from tkeras.config import is_float_dtype, standardize_dtype
from tkeras.graph import Variable, Version
from tkeras.graph._naming import name_scope
from tkeras.graph._tree import flatten
from tkeras.layers._context import context
from tkeras.layers._tracking import wrap


def _tensorflow_order(add_weight: Any) -> Any:
    """Accept ``add_weight(name, shape, dtype, initializer, ...)`` as well, told by the string in front."""

    @functools.wraps(add_weight)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Variable:
        if args and isinstance(args[0], str):
            kwargs.update(
                zip(("name", "shape", "dtype", "initializer", "regularizer", "trainable"), args, strict=False)
            )
            args = ()
        return add_weight(self, *args, **kwargs)

    return wrapper


def forgot_super(layer: Any) -> str:
    """What a layer says that was not initialized."""
    return (
        f"In layer '{type(layer).__name__}', you forgot to call `super().__init__()` as the first statement"
        " in the `__init__()` method. Go add it!"
    )


class LayerState(torch.nn.Module):
    """Tracking of what is assigned to attributes, and the views Keras gives of it."""

    name: str
    _layers: list[Any]
    _variables: list[Variable]
    _metrics: list[Any]
    _losses: list[torch.Tensor]
    _generated: set[str]
    _views: dict[str, tuple[int, Any]]
    _lossy: bool
    _trainable: bool
    built: bool
    variable_dtype: Any

    def _init_state(self) -> None:
        torch.nn.Module.__init__(self)
        self.__dict__.update(_layers=[], _variables=[], _metrics=[], _losses=[])
        self.__dict__.update(_lossy=False, _trainable=True, _views={}, _generated=set())

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (torch.nn.Module, Variable, list, dict, tuple)) or getattr(
            value, "_tracked_as_metric", False
        ):
            if "_layers" not in self.__dict__:
                raise RuntimeError(forgot_super(self))
            if name.startswith("_") and isinstance(value, (list, dict, tuple)) and not flatten(value):
                kept: Any = value if isinstance(value, tuple) else wrap(value, self._track)
                super().__setattr__(name, kept)
                return
            self._untrack(self.__dict__.get(name) or self._modules.get(name) or self._parameters.get(name))
            if isinstance(value, (torch.nn.Module, Variable)):
                super().__setattr__(name, value)
                self._drop_generated_key(value)
                self._track(value)
                return
            value = wrap(value, self._track)
        self._note_setting(name, value)
        super().__setattr__(name, value)

    def _note_setting(self, name: str, value: Any) -> None:
        """Let programs know of a new value; what calls set by themselves is no setting."""
        if context.stack:
            self.__dict__.setdefault("_set_by_calls", set()).add(name)
        elif self.__dict__.get(name, self) is not value:
            self.__dict__.get("_set_by_calls", set()).discard(name)
            Version.settings += 1

    def _drop_generated_key(self, value: Any) -> None:
        """A value that now has an attribute needs no key of our making any more."""
        table = self._parameters if isinstance(value, Variable) else self._modules
        for key in [key for key in self._generated if table.get(key) is value]:
            self._generated.discard(key)
            del table[key]

    def __delattr__(self, name: str) -> None:
        value = getattr(self, name, None)
        super().__delattr__(name)
        self._untrack(value)

    def _track(self, value: Any) -> None:
        if isinstance(value, Variable):
            self._track_variable(value)
        elif isinstance(value, LayerState):
            if not any(layer is value for layer in self._layers):
                self._layers.append(value)
                if not any(module is value for module in self._modules.values()):
                    self._modules[self._free_key(value.name)] = value
                Version.bump()
        elif isinstance(value, torch.nn.Module):
            if not any(module is value for module in self._modules.values()):
                self._modules[self._free_key(type(value).__name__)] = value
        elif getattr(value, "_tracked_as_metric", False) and not any(
            metric is value for metric in self._metrics
        ):
            self._metrics.append(value)

    def _track_variable(self, variable: Variable) -> None:
        if not any(v is variable for v in self._variables):
            self._variables.append(variable)
            if not any(p is variable for p in self._parameters.values()):
                self._parameters[self._free_key(variable.name)] = variable
            Version.bump()

    def _untrack(self, value: Any) -> None:
        """Forget a value whose attribute is deleted or replaced."""
        if isinstance(value, Variable):
            self._variables[:] = [v for v in self._variables if v is not value]
            self._forget(self._parameters, value)
        elif isinstance(value, LayerState):
            self._layers[:] = [layer for layer in self._layers if layer is not value]
            self._forget(self._modules, value)

    def _forget(self, table: Any, value: Any) -> None:
        for key in [key for key, item in table.items() if item is value]:
            del table[key]
        Version.bump()

    def _free_key(self, name: str) -> str:
        key, count = name.replace(".", "_"), 0
        taken = self.__dict__.keys() | self._modules.keys() | self._parameters.keys()
        while (candidate := f"{key}_{count}" if count else key) in taken:
            count += 1
        self._generated.add(candidate)
        return candidate

    def _view(self, name: str, compute: Any) -> Any:
        """A list that is computed anew only after a change of structure."""
        version, value = self._views.get(name, (-1, None))
        if version != Version.count:
            value = compute()
            self._views[name] = (Version.count, value)
        return value

    @_tensorflow_order
    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of the layer.

        Args:
            shape: tuple of ints; default: a scalar.
            initializer: name, object or callable; default: ``glorot_uniform`` for floats, ``zeros``
                otherwise.
            dtype: element type; default: the layer's variable type.
            trainable: whether optimizers change it.
            autocast: whether a mixed-precision layer reads it in its compute type.
            regularizer: penalty added to the loss.
            constraint: projection applied after each update.
            name: last part of the variable's path.
        """
        from tkeras import constraints, initializers, regularizers

        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        if any(size is None for size in shape):
            raise ValueError(
                f'Layer "{self.name}": a weight needs known sizes. Received: shape={shape}, name={name}'
            )
        dtype = standardize_dtype(dtype or self.variable_dtype)
        initializer = initializers.get(
            initializer or ("glorot_uniform" if is_float_dtype(dtype) else "zeros")
        )
        with self._scope():
            variable = Variable(initializer, shape, dtype, trainable, autocast, aggregation, name=name)
        if not self._trainable:
            variable.trainable = False
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._track_variable(variable)
        return variable

    def _scope(self) -> Any:
        """Where variables made now belong: while building that is open already."""
        if self.__dict__.get("_building"):
            return contextlib.nullcontext()
        stack = context.stack
        outer = stack[: stack.index(self)] if any(layer is self for layer in stack) else None
        parent = None if outer is None else "/".join(layer.name for layer in dict.fromkeys(outer))
        return name_scope(self.name, override_parent=parent)

    def _flat_layers(self) -> list[Any]:
        """This layer and everything below it, each once."""
        return self._view("layers", lambda: list(_walk(self, {})))

    @property
    def weights(self) -> list[Variable]:
        """Own variables, trainable ones first, then those of the sublayers."""
        return list(self._view("weights", self._gather_weights))

    def _gather_weights(self) -> list[Variable]:
        found: dict[int, Variable] = {}
        for layer in self._flat_layers():
            for trainable in (True, False):
                found.update((id(v), v) for v in layer._variables if v._declared_trainable is trainable)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """The weights, and the states of random generators."""
        found: dict[int, Variable] = {}
        for layer in self._flat_layers():
            for trainable in (True, False):
                found.update((id(v), v) for v in layer._variables if v._declared_trainable is trainable)
            seeds = [value.state for value in vars(layer).values() if hasattr(value, "_draws_seeds")]
            found.update((id(state), state) for state in seeds)
        return list(found.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer changes; none while ``trainable`` is False."""
        return (
            list(self._view("trainable", lambda: [v for v in self.weights if v.trainable]))
            if self.trainable
            else []
        )

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer leaves alone."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """Same as :attr:`trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Everything in :attr:`variables` that an optimizer leaves alone."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The state of the metrics of this layer and its sublayers."""
        return [v for layer in self._flat_layers() for metric in layer._metrics for v in metric.variables]

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it reaches all sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flat_layers():
            layer.__dict__["_trainable"] = bool(value)
            for variable in layer._variables:
                if variable._declared_trainable:
                    variable.trainable = bool(value)
        Version.bump()

    def get_weights(self) -> list[np.ndarray]:
        """Copies of :attr:`weights` as arrays."""
        return [np.array(v.numpy()) for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Set :attr:`weights` from arrays in the same order.

        Raises:
            ValueError: another number of arrays, or an array of another shape.
        """
        weights, variables = list(weights), self.weights
        if len(weights) != len(variables):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length"
                f" {len(weights)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights, strict=True):
            if tuple(np.shape(value)) != tuple(variable.shape):
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible with provided"
                    f" weight shape {tuple(np.shape(value))}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """Number of scalars in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                "You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(v.numel() for v in self.weights)

    def add_loss(self, loss: Any) -> None:
        """Add scalar tensors to the loss of the running call."""
        for value in flatten(loss):
            made: Any = value if isinstance(value, torch.Tensor) or not callable(value) else value()
            self._losses.append(made)
        for layer in (self, *context.stack):
            layer.__dict__["_lossy"] = True

    def _clear_losses(self) -> None:
        for layer in self._flat_layers():
            layer._losses.clear()
            layer.__dict__["_lossy"] = False

    @property
    def losses(self) -> list[torch.Tensor]:
        """Losses added by the last call of this layer and its sublayers, then the weight penalties."""
        added = [loss for layer in self._flat_layers() for loss in layer._losses] if self._lossy else []
        return added + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]


def _walk(layer: Any, seen: dict[int, None]) -> Any:
    if id(layer) not in seen:
        seen[id(layer)] = None
        yield layer
        for child in layer._layers:
            yield from _walk(child, seen)
