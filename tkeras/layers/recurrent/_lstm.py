"""`LSTMCell` and `LSTM`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import initializers
from tkeras.layers.recurrent._cell import FusedCell, Tensor, project
from tkeras.layers.recurrent._cell_layer import CellLayer, checked_cudnn, forwards
from tkeras.saving import public
from tkeras_kernels import library, operators


@public("keras.layers.LSTMCell")
class LSTMCell(FusedCell):
    """One step of a long short-term memory (Hochreiter & Schmidhuber, 1997).

    Args:
        units: size of the states.
        activation: of the candidate and the output, a name or function.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: initial values.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after an update.
        dropout, recurrent_dropout: fractions of the inputs, of the state, dropped in training.
        seed: of the dropout.

    Input: (batch, features) and [h, c], both (batch, units). Output: h, [h, c].
    """

    operator = operators.lstm
    gates, states = 4, 2
    _config = ("activation", "recurrent_activation", "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
            units, functions={"activation": activation, "recurrent_activation": recurrent_activation},
            use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, **kwargs,
        )  # fmt: skip
        self.unit_forget_bias = unit_forget_bias

    def _initial_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        return forgetful(self, shape, dtype)

    def _step(
        self, inputs: Tensor, states: tuple[Tensor, ...], keep: Tensor | None, recurrent_keep: Tensor | None
    ) -> tuple[Tensor, ...]:
        h, c = states
        z = project(inputs, self.kernel, self.bias, keep)
        z = z + project(h, self.recurrent_kernel, None, recurrent_keep)
        return self._equate(library.lstm_cell, *z.chunk(4, 1), c)


def forgetful(cell: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """Initial bias of an LSTM, (4·units,): ones for the forget gate where ``unit_forget_bias`` says so."""
    if not cell.unit_forget_bias:
        return cell.bias_initializer(shape, dtype=dtype)
    units = shape[0] // 4
    first, rest = (cell.bias_initializer((size,), dtype=dtype) for size in (units, 2 * units))
    return torch.cat([first, initializers.Ones()((units,), dtype=dtype), rest])


@public("keras.layers.LSTM")
@forwards(LSTMCell)
class LSTM(CellLayer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997).

    Args:
        return_sequences: give the outputs of all steps instead of the last.
        return_state: give the last h and c as well.
        go_backwards: run from the last step to the first.
        stateful: start each batch with the states that the batch before ended with.
        unroll: accepted for scripts; the steps run in one call in any case.
        use_cudnn: accepted for scripts; dispatch takes what is fastest for the device and the shapes.
        activity_regularizer: penalty on the outputs.

    The other arguments are those of `LSTMCell`.

    Input: (batch, time, features). Output: (batch, units), or (batch, time, units).
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ):
        cell = LSTMCell(
            units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="lstm_cell", **self._shared(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = checked_cudnn(use_cudnn)
