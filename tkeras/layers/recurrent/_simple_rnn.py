"""`SimpleRNNCell` and `SimpleRNN`."""

from __future__ import annotations

from typing import Any

from tkeras.layers.recurrent._cell import FusedCell, Tensor, project
from tkeras.layers.recurrent._cell_layer import CellLayer, forwards
from tkeras.random import SeedGenerator
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.SimpleRNNCell")
class SimpleRNNCell(FusedCell):
    """``h = activation(x W + h U + b)`` (Elman, 1990), one step.

    Args:
        units: size of the state.
        activation: name or function.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: initial values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after an update.
        dropout, recurrent_dropout: fractions of the inputs, of the state, dropped in training.
        seed: of the dropout.

    Input: (batch, features) and [h (batch, units)]. Output: h, [h].
    """

    operator = operators.simple_rnn

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            units, functions={"activation": activation}, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed,
            seed_generator=SeedGenerator(seed), **kwargs,
        )  # fmt: skip

    _config = ("activation",)

    def _step(
        self, inputs: Tensor, states: tuple[Tensor, ...], keep: Tensor | None, recurrent_keep: Tensor | None
    ) -> tuple[Tensor, ...]:
        z = project(inputs, self.kernel, self.bias, keep)
        return (self.activation(z + project(states[0], self.recurrent_kernel, None, recurrent_keep)),)


@public("keras.layers.SimpleRNN")
@forwards(SimpleRNNCell)
class SimpleRNN(CellLayer):
    """A recurrent layer in which the output is fed back (Elman, 1990).

    Args:
        return_sequences: give the outputs of all steps instead of the last.
        return_state: give the last state as well.
        go_backwards: run from the last step to the first.
        stateful: start each batch with the states that the batch before ended with.
        unroll: accepted for scripts; the steps run in one call in any case.
        activity_regularizer: penalty on the outputs.

    The other arguments are those of `SimpleRNNCell`.

    Input: (batch, time, features). Output: (batch, units), or (batch, time, units).
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        cell = SimpleRNNCell(
            units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="simple_rnn_cell", **self._shared(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the seed only where one was given, as Keras leaves it out."""
        config = super().get_config()
        return config if self.seed is not None else {k: v for k, v in config.items() if k != "seed"}
