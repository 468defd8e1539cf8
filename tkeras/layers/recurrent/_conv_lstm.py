"""`ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D` and their cell."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.config import standardize_data_format, torch_dtype
from tkeras.layers._input_spec import InputSpec
from tkeras.layers.convolution._spatial import spatial
from tkeras.layers.recurrent._cell import Cell, Result, Tensor, zero_states
from tkeras.layers.recurrent._cell_layer import CellLayer, forwards
from tkeras.layers.recurrent._lstm import forgetful
from tkeras.layers.recurrent._run import scan
from tkeras.random import SeedGenerator
from tkeras.saving import public
from tkeras_kernels import library, operators


class ConvLSTMCell(Cell):
    """One step of an LSTM whose products are convolutions (Shi et al., 2015); arguments as for `ConvLSTM`.

    The convolution of the inputs runs once for all steps of a sequence.

    Input: (batch, *spatial, channels) and [h, c], both (batch, *new spatial, filters). Output: h, [h, c].
    """

    gates = _masks = 4
    _config = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation",
        "recurrent_activation", "unit_forget_bias",
    )  # fmt: skip
    _takes_sequences = True

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        *,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        unit_forget_bias: bool,
        seed: int | None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, seed_generator=SeedGenerator(seed), **kwargs)
        self.rank, self.filters, self.unit_forget_bias = rank, filters, unit_forget_bias
        self.kernel_size = spatial(kernel_size, rank, "kernel_size")
        self.strides = spatial(strides, rank, "strides")
        self.dilation_rate = spatial(dilation_rate, rank, "dilation_rate")
        self.padding, self.data_format = str(padding).lower(), standardize_data_format(data_format)
        if not isinstance(filters, int) or filters <= 0:
            raise ValueError(
                "Invalid value for argument `filters`. Expected a positive integer. "
                f"Received: filters={filters}"
            )
        if self.padding not in ("valid", "same"):
            raise ValueError(
                f"The `padding` argument must be one of ('valid', 'same'). Received: padding={padding}"
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Specifying `strides > 1` is not compatible with `dilation_rate > 1`. Please provide "
                f"`strides=1` or `dilation_rate=1`. Received: strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}"
            )
        self.channel_axis = -1 if self.data_format == "channels_last" else 1
        self.state_size, self.output_size = [filters, filters], filters
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, inputs_shape: Any, states_shape: Any = None) -> None:
        """Create ``kernel`` (*window, channels, 4·filters), ``recurrent_kernel``, ``bias`` (4·filters,)."""
        channels = inputs_shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. Found None. "
                f"Full input shape received: input_shape={tuple(inputs_shape)}"
            )
        columns = 4 * self.filters
        self.__dict__["_step_shape"] = tuple(inputs_shape)
        self._add_weights(
            (*self.kernel_size, channels, columns), (*self.kernel_size, self.filters, columns), (columns,)
        )

    def _initial_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        return forgetful(self, shape, dtype)

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        """Zeros for h and c, for images of the size that the cell was built with."""
        shape = (batch_size, *self.compute_output_shape(self._step_shape)[0][1:])
        if None in shape:
            raise ValueError(
                f'Layer "{self.name}" needs to know the sizes of its images. Received: {self._step_shape}'
            )
        return zero_states(self, shape, 2)

    def compute_output_shape(self, inputs_shape: Any, states_shape: Any = None) -> Any:
        """Shapes of h and of the states, for inputs (batch, *spatial, channels)."""
        last = self.data_format == "channels_last"
        sizes = inputs_shape[1:-1] if last else inputs_shape[2:]
        axes = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        new = [_size(*axis, same=self.padding == "same") for axis in axes]
        shape = (inputs_shape[0], *new, self.filters) if last else (inputs_shape[0], self.filters, *new)
        return shape, [shape, shape]

    def _step(
        self, inputs: Tensor, states: tuple[Tensor, ...], keep: Tensor | None, recurrent_keep: Tensor | None
    ) -> tuple[Tensor, ...]:
        z = self._projected(*_dropped(inputs, keep, self.channel_axis))
        return self._gated(z, states, recurrent_keep)

    def _projected(self, inputs: Tensor, groups: int) -> Tensor:
        return call(
            operators.conv, inputs, self.kernel, self.bias, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, groups=groups, data_format=self.data_format,
        )  # fmt: skip

    def _gated(self, z: Tensor, states: tuple[Tensor, ...], keep: Tensor | None) -> tuple[Tensor, ...]:
        """New h and c from the projected inputs of one step."""
        h, c = states
        h, groups = _dropped(h, keep, self.channel_axis)
        z = z + call(
            operators.conv, h, self.recurrent_kernel, None, padding="same", groups=groups,
            data_format=self.data_format,
        )  # fmt: skip
        return self._equate(library.lstm_cell, *z.chunk(4, self.channel_axis), c)

    def _over_time(self, x: Tensor, states: Any, mask: Any, training: bool, **order: bool) -> Result:
        """All steps, see :func:`run`."""
        if not x.is_floating_point():
            x = x.to(torch_dtype(self.compute_dtype))
        keep = self._draw(x[:, 0], self.dropout) if training else None
        axis = self.channel_axis if self.channel_axis < 0 else self.channel_axis + 1
        inputs, groups = _dropped(x, None if keep is None else keep.unsqueeze(2), axis)
        z = self._projected(inputs.flatten(0, 1), groups).unflatten(0, x.shape[:2])
        if states is None:
            like = z[:, 0].chunk(4, self.channel_axis)[0]
            states = [torch.zeros_like(like), torch.zeros_like(like)]
        recurrent_keep = self._draw(states[0], self.recurrent_dropout) if training else None

        def step(z_t: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
            h, c = self._gated(z_t, before, recurrent_keep)
            return h, [h, c]

        return scan(step, z, states, mask, **order)


def _size(size: int | None, window: int, stride: int, dilation: int, same: bool) -> int | None:
    if size is None:
        return None
    return -(-size // stride) if same else (size - dilation * (window - 1) - 1) // stride + 1


def _dropped(x: Tensor, keep: Tensor | None, axis: int) -> tuple[Tensor, int]:
    """The input of a convolution and its groups: with dropout one masked copy of the channels a gate."""
    return (x, 1) if keep is None else (torch.cat([x * one for one in keep], axis), len(keep))


class ConvLSTM(CellLayer):
    """An LSTM over images, whose products are convolutions (Shi et al., 2015).

    Args:
        filters: channels of the state.
        kernel_size: size of the window, an int or one an axis.
        strides: step of the window over the inputs.
        padding: ``"valid"`` or ``"same"``, of the convolution of the inputs.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: spacing of the window over the inputs.
        activation: of the candidate and the output, a name or function.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: initial values.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after an update.
        dropout, recurrent_dropout: fractions of the inputs, of the state, dropped in training.
        seed: of the dropout.
        return_sequences: give the outputs of all steps instead of the last.
        return_state: give the last h and c as well.
        go_backwards: run from the last step to the first.
        stateful: start each batch with the states that the batch before ended with.

    Input: (batch, time, *spatial, channels). Output: (batch, *new spatial, filters), or one of them a step.
    """

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Any,
    ):
        functions = {"activation": activation, "recurrent_activation": recurrent_activation}
        cell = ConvLSTMCell(
            self.rank, filters, kernel_size, strides=strides, padding=padding, data_format=data_format,
            dilation_rate=dilation_rate, functions=functions, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="conv_lstm_cell", **self._shared(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    @property
    def _ndim(self) -> int:
        return self.rank + 3

    @property
    def _channel_axis(self) -> int:
        return -1 if self.cell.data_format == "channels_last" else 2

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Shapes of what :meth:`call` gives."""
        batch, steps, *rest = sequences_shape
        state = self.cell.compute_output_shape((batch, *rest))[0]
        outputs = (batch, steps, *state[1:]) if self.return_sequences else state
        return (outputs, state, state) if self.return_state else outputs


@public("keras.layers.ConvLSTM1D")
@forwards(ConvLSTMCell)
class ConvLSTM1D(ConvLSTM):
    """LSTM over (batch, time, steps, channels) with convolutions. Arguments: see `ConvLSTM`."""

    rank = 1


@public("keras.layers.ConvLSTM2D")
@forwards(ConvLSTMCell)
class ConvLSTM2D(ConvLSTM):
    """LSTM over (batch, time, height, width, channels) with convolutions. Arguments: see `ConvLSTM`."""

    rank = 2


@public("keras.layers.ConvLSTM3D")
@forwards(ConvLSTMCell)
class ConvLSTM3D(ConvLSTM):
    """LSTM over (batch, time, *volume, channels) with convolutions. Arguments: see `ConvLSTM`."""

    rank = 3
