"""What the cells of the library share: arguments, dropout masks, and the way through the operators."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch

from tkeras import activations, constraints, initializers, random, regularizers
from tkeras.bridge import call
from tkeras.config import default_device, torch_dtype
from tkeras.graph._tree import is_nested
from tkeras.layers._layer import Layer
from tkeras.random import SeedGenerator
from tkeras_kernels import library, operators
from tkeras_kernels.pointwise import Pointwise, pointwise
from tkeras_kernels.runtime import without_kernels

Tensor = torch.Tensor
Shape = tuple[int, ...]
Result = tuple[Tensor, list[Any]]


class Cell(Layer):
    """One step of a recurrent layer; subclasses define ``gates`` and :meth:`_step`.

    Args:
        functions: the activations by the names of their attributes.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: initial values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after an update.
        dropout, recurrent_dropout: fractions of the inputs, of the state, dropped in training.
        seed: of the dropout.
    """

    gates = 1
    state_size: Any
    _config = (
        "activation", "use_bias", "kernel_initializer", "recurrent_initializer", "bias_initializer",
        "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
        "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
    )  # fmt: skip

    def __init__(
        self,
        *,
        functions: dict[str, Any],
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        seed_generator: SeedGenerator | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.use_bias = use_bias
        for name, function in functions.items():
            setattr(self, name, activations.get(function))
        self.__dict__["_fused"] = {name: _fusable(getattr(self, name)) for name in functions}
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed, self.seed_generator = seed, seed_generator or SeedGenerator(seed)
        self.reset_dropout_masks()

    def _add_weights(self, kernel: Shape, recurrent: Shape, bias: Shape) -> None:
        """Create ``kernel``, ``recurrent_kernel`` and ``bias`` of these shapes."""
        self.kernel = self.add_weight(
            kernel, self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            recurrent, self.recurrent_initializer, regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint, name="recurrent_kernel",
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                bias, self._initial_bias, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip

    def _initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        return self.bias_initializer(shape, dtype=dtype)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """One step: inputs (batch, …) and the states to (output, new states in the structure of the old)."""
        nested = is_nested(states)
        before = tuple(states) if nested else (states,)
        keep = self.get_dropout_mask(inputs) if training else None
        recurrent_keep = self.get_recurrent_dropout_mask(before[0]) if training else None
        after = self._step(inputs, before, keep, recurrent_keep)
        return after[0], list(after) if nested else after[0]

    def _step(
        self, inputs: Tensor, states: tuple[Tensor, ...], keep: Tensor | None, recurrent_keep: Tensor | None
    ) -> tuple[Tensor, ...]:
        """New states, the output first; ``keep`` are scaled dropout masks (1 or gates, batch, …) or None."""
        raise NotImplementedError

    def get_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """Scaled masks (1 or gates, batch, features) of the inputs, the same ones until they are reset."""
        if self._keep is None and self.dropout:
            self.__dict__["_keep"] = self._draw(step_input, self.dropout)
        return self._keep

    def get_recurrent_dropout_mask(self, state: Tensor) -> Tensor | None:
        """Scaled masks (gates, batch, units) of the state, the same ones until they are reset."""
        if self._recurrent_keep is None and self.recurrent_dropout:
            self.__dict__["_recurrent_keep"] = self._draw(state, self.recurrent_dropout)
        return self._recurrent_keep

    def reset_dropout_mask(self) -> None:
        """Draw a new mask of the inputs at the next step."""
        self.__dict__["_keep"] = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw a new mask of the state at the next step."""
        self.__dict__["_recurrent_keep"] = None

    def reset_dropout_masks(self) -> None:
        """Draw new masks of both at the next step."""
        self.__dict__.update(_keep=None, _recurrent_keep=None)

    _fused: dict[str, Pointwise | None]
    _keep: Tensor | None
    _recurrent_keep: Tensor | None
    _masks = 1  # how many masks are drawn: one for all gates, or one for each

    def _draw(self, like: Tensor, rate: float) -> Tensor | None:
        if like.is_meta or not rate:
            return None
        if without_kernels(like) is None:
            return random.dropout(like.new_ones(self._masks, *like.shape), rate, seed=self.seed_generator)
        ones = torch.ones_like(like)
        return torch.stack([random.dropout(ones, rate, seed=self.seed_generator) for _ in range(self._masks)])

    @property
    def _fuses(self) -> bool:
        """Whether kernels can take the activations in."""
        return None not in self._fused.values()

    def _equate(self, equation: Callable[..., Any], *tensors: Tensor) -> Any:
        """A pointwise equation of the library with the cell's activations, one kernel where it can be."""
        if not self._fuses:
            return equation(*tensors, **{name: getattr(self, name) for name in self._fused})
        fn = _bound(equation, len(tensors), tuple(self._fused.items()))
        return call(operators.map, *tensors, fn=fn)


def _fusable(activation: Any) -> Pointwise | None:
    """The activation for kernels; None where it looks along an axis, or may, because it cannot be traced."""
    found = activations.pointwise_of(activation)
    if found is None or found.function.__module__ == library.__name__ or found.graph is not None:
        return found
    return None


@lru_cache(maxsize=64)
def _bound(equation: Callable[..., Any], arity: int, functions: tuple[tuple[str, Any], ...]) -> Pointwise:
    def plain(f: Pointwise) -> Callable[..., Any]:
        return partial(f.function, **f.parameters) if f.parameters else f.function

    return pointwise(equation, arity=arity, **{name: plain(function) for name, function in functions})


class FusedCell(Cell):
    """A cell with dense weights whose steps an operator runs in one call.

    Args:
        units: size of the state.
        implementation: 1 draws an input dropout mask for each gate, 2 one for all gates.
    """

    operator: operators.Operator
    states = 1
    _config = ("units",)

    def __init__(self, units: int, *, implementation: int = 2, **kwargs: Any):
        if not isinstance(units, int) or isinstance(units, bool) or units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units}."
            )
        super().__init__(**kwargs)
        self.units = self.output_size = units
        self.state_size = units if self.states == 1 else [units] * self.states
        self.implementation = 1 if self.recurrent_dropout else implementation
        if self.implementation == 1:
            self._masks = self.gates

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (features, gates·units), ``recurrent_kernel`` (units, gates·units), ``bias``."""
        width, columns = input_shape[-1], self.gates * self.units
        if width is None:
            raise ValueError(
                f'Layer "{self.name}": the number of features must be known. Received: {tuple(input_shape)}'
            )
        self._add_weights((width, columns), (self.units, columns), self._bias_shape)

    @property
    def _bias_shape(self) -> Shape:
        return (self.gates * self.units,)

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        """Zeros (batch_size, units) for every state."""
        return zero_states(self, (batch_size, self.units), self.states)

    @property
    def _takes_sequences(self) -> bool:
        return self._fuses

    def _over_time(self, x: Tensor, states: Any, mask: Any, training: bool, **options: bool) -> Result:
        """All steps in one call, see :func:`run`."""
        x = self._floating(x)
        outputs, *states = call(
            self.operator, x, *self._weights, *(states or (None,) * self.states), mask,
            *self._drawn(x, training), **self._options, **options,
        )  # fmt: skip
        return outputs, states

    @property
    def _options(self) -> dict[str, Any]:
        """Attributes of the operator besides the order of the steps."""
        return dict(self._fused)

    @property
    def _weights(self) -> tuple[Any, ...]:
        """As the operator takes them."""
        return self.kernel, self.recurrent_kernel, self.bias

    def _floating(self, x: Tensor) -> Tensor:
        return x if x.is_floating_point() else x.to(torch_dtype(self.compute_dtype))

    def _drawn(self, x: Tensor, training: bool) -> tuple[Tensor | None, Tensor | None]:
        """Dropout masks of the inputs and of the state for one sequence (batch, time, features)."""
        if not training or not (self.dropout or self.recurrent_dropout):
            return None, None
        keep = self._draw(x[:, 0], self.dropout)
        return keep, self._draw(x.new_empty(x.shape[0], self.units), self.recurrent_dropout)


def zero_states(cell: Cell, shape: tuple[Any, ...], count: int) -> list[Tensor]:
    """States of zeros in the compute type of a cell."""
    dtype, device = torch_dtype(cell.compute_dtype), default_device()
    return [torch.zeros(shape, dtype=dtype, device=device) for _ in range(count)]


def project(x: Tensor, kernel: Tensor, bias: Tensor | None, keep: Tensor | None) -> Tensor:
    """``x @ kernel + bias``, with dropout masks (1 or gates, batch, width) applied to ``x``."""
    if keep is None or len(keep) == 1:
        x = x if keep is None else x * keep[0]
        return x @ kernel if bias is None else torch.addmm(bias, x, kernel)
    z = torch.cat([(x * one) @ part for one, part in zip(keep, kernel.chunk(len(keep), 1), strict=True)], 1)
    return z if bias is None else z + bias
