"""`GRUCell` and `GRU`."""

from __future__ import annotations

from typing import Any

from tkeras.layers.recurrent._cell import FusedCell, Tensor, project
from tkeras.layers.recurrent._cell_layer import CellLayer, checked_cudnn, forwards
from tkeras.saving import public
from tkeras_kernels import library, operators


@public("keras.layers.GRUCell")
class GRUCell(FusedCell):
    """One step of a gated recurrent unit (Cho et al., 2014).

    Args:
        units: size of the state.
        activation: of the candidate, a name or function.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: initial values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after an update.
        dropout, recurrent_dropout: fractions of the inputs, of the state, dropped in training.
        reset_after: the reset gate scales ``h U + b``, as cuDNN computes, instead of ``h``.
        seed: of the dropout.

    Input: (batch, features) and [h (batch, units)]. Output: h, [h].
    """

    operator = operators.gru
    gates = 3
    _config = ("activation", "recurrent_activation", "reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = reset_after

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        """(2, 3·units) for input and recurrence with ``reset_after``, (3·units,) without it."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def _options(self) -> dict[str, Any]:
        return {**super()._options, "reset_after": self.reset_after}

    def _step(
        self, inputs: Tensor, states: tuple[Tensor, ...], keep: Tensor | None, recurrent_keep: Tensor | None
    ) -> tuple[Tensor, ...]:
        h, kernel, bias = states[0], self.recurrent_kernel, self.bias
        outer, inner = (bias, None) if bias is None or not self.reset_after else bias.unbind(0)
        x_z, x_r, x_h = project(inputs, self.kernel, outer, keep).chunk(3, 1)
        if self.reset_after:
            u_z, u_r, u_h = project(h, kernel, inner, recurrent_keep).chunk(3, 1)
            return (self._equate(library.gru_cell, x_z + u_z, x_r + u_r, x_h, u_h, h),)
        gate_kernel, new_kernel = kernel.split((2 * self.units, self.units), 1)
        gate_keep, new_keep = (None, None) if recurrent_keep is None else recurrent_keep.split((2, 1))
        u_z, u_r = project(h, gate_kernel, None, gate_keep).chunk(2, 1)
        reset = self.recurrent_activation(x_r + u_r) * h
        candidate = x_h + project(reset, new_kernel, None, new_keep)
        return (self._equate(library.gru_cell_reset_before, x_z + u_z, candidate, h),)


@public("keras.layers.GRU")
@forwards(GRUCell)
class GRU(CellLayer):
    """Gated recurrent unit (Cho et al., 2014).

    Args:
        return_sequences: give the outputs of all steps instead of the last.
        return_state: give the last state as well.
        go_backwards: run from the last step to the first.
        stateful: start each batch with the states that the batch before ended with.
        unroll: accepted for scripts; the steps run in one call in any case.
        use_cudnn: accepted for scripts; dispatch takes what is fastest for the device and the shapes.
        activity_regularizer: penalty on the outputs.

    The other arguments are those of `GRUCell`.

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
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ):
        cell = GRUCell(
            units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout,
            reset_after=reset_after, seed=seed, name="gru_cell", **self._shared(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = checked_cudnn(use_cudnn)
