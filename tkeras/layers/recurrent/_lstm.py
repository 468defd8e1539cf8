"""`LSTM`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import activations, constraints, initializers, regularizers
from tkeras.bridge import call
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.random import SeedGenerator, generator
from tkeras.saving import public
from tkeras_kernels import operators
from tkeras_kernels.pointwise import Pointwise


@public("keras.layers.LSTM")
class LSTM(Layer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997).

    Args:
        units: size of the state.
        activation: of the candidate and the output; a pointwise function.
        recurrent_activation: of the gates; a pointwise function.
        use_bias, unit_forget_bias: whether there is a bias; whether that of the forget gate starts at 1.
        dropout, recurrent_dropout: fractions of the inputs, of the state, dropped in training, one draw a call.
        return_sequences: give the outputs of all steps instead of the last.
        return_state: give the last h and c as well.
        go_backwards: run from the last step to the first.
        stateful: start each batch with the states that the batch before ended with.
        unroll: accepted for scripts; the steps run in one call in any case.

    Input: (batch, time, features). Output: (batch, units), or (batch, time, units).
    """

    _config = (
        "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask", "units",
        "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
        "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
    )  # fmt: skip

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
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(units, int) or units <= 0:
            raise ValueError(f"Received an invalid value for argument `units`, expected a positive integer, got {units}.")
        self.units, self.use_bias, self.unit_forget_bias = units, use_bias, unit_forget_bias
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self._fused = self._pointwise(self.activation)
        self._fused_gate = self._pointwise(self.recurrent_activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout, self.recurrent_dropout = min(1.0, max(0.0, dropout)), min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if self.dropout or self.recurrent_dropout else None
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards
        self.stateful, self.unroll, self.zero_output_for_mask = stateful, unroll, zero_output_for_mask
        self.supports_masking = True
        self.input_spec = InputSpec(ndim=3)
        self.states: Any = None

    def _pointwise(self, activation: Any) -> Pointwise:
        found = activations.pointwise_of(activation)
        if found is None:
            raise ValueError(
                f"The activations of {type(self).__name__} must work element by element. Received: {activation}"
            )
        return found

    @property
    def state_size(self) -> list[int]:
        """Sizes of h and c."""
        return [self.units, self.units]

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (features, 4·units), ``recurrent_kernel`` (units, 4·units), ``bias`` (4·units,)."""
        input_shape = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        width = input_shape[-1]
        if width is None:
            raise ValueError(f'Layer "{self.name}": the number of features must be known. Received: {tuple(input_shape)}')
        self.kernel = self.add_weight(
            (width, 4 * self.units), self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            (self.units, 4 * self.units), self.recurrent_initializer, regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint, name="recurrent_kernel",
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (4 * self.units,), self._forgetful_bias, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip
        if self.stateful and input_shape[0] is None:
            raise ValueError(
                f'If an RNN is stateful, it needs to know its batch size (layer "{self.name}"). Specify it: pass '
                "`batch_size=` to `Input`, or `batch_input_shape=` to the first layer."
            )
        self.input_spec = InputSpec(ndim=3, axes={-1: width})

    def _forgetful_bias(self, shape: tuple[int, ...], dtype: Any = None) -> torch.Tensor:
        bias = self.bias_initializer(shape, dtype=dtype)
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = initializers.Ones()((self.units,), dtype=dtype)
        return bias

    def __call__(self, sequences: Any, *args: Any, initial_state: Any = None, **kwargs: Any) -> Any:
        """Call the layer; ``sequences`` may be a list ``[sequences, h, c]``."""
        if isinstance(sequences, (list, tuple)) and initial_state is None:
            sequences, initial_state = sequences[0], list(sequences[1:]) or None
        if initial_state is not None:
            kwargs["initial_state"] = list(initial_state)
        return super().__call__(sequences, *args, **kwargs)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) → outputs, or [outputs, h, c] with ``return_state``."""
        if initial_state is None and self.stateful and self.states is not None:
            initial_state = self.states
        h, c = initial_state if initial_state is not None else (None, None)
        outputs, h, c = call(
            operators.lstm, sequences, self.kernel, self.recurrent_kernel, self.bias, h, c,
            mask, *self._dropout_masks(sequences, training),
            activation=self._fused, recurrent_activation=self._fused_gate, return_sequences=self.return_sequences,
            go_backwards=self.go_backwards, zero_output_for_mask=self.zero_output_for_mask,
        )  # fmt: skip
        if self.stateful and not sequences.is_meta:
            self.__dict__["states"] = [h.detach(), c.detach()]
        return [outputs, h, c] if self.return_state else outputs

    def _dropout_masks(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Scaled keep-masks of the inputs (1, batch, features) and of the state for each gate (4, batch, units)."""
        if not training or self.seed_generator is None or x.is_meta:
            return None, None

        def draw(rate: float, gates: int, width: int) -> Any:
            if not rate:
                return None
            source = generator(self.seed_generator, x.device)
            mask = torch.empty(gates, x.shape[0], width, dtype=x.dtype, device=x.device)
            return mask.bernoulli_(1 - rate, generator=source) / (1 - rate)

        return draw(self.dropout, 1, x.shape[-1]), draw(self.recurrent_dropout, 4, self.units)

    def _saved_variables(self) -> list[Any]:
        return []

    def _saved_parts(self) -> dict[str, Any]:
        """Files keep the weights under ``cell``, as Keras does."""
        return {"cell": _Cell(self)}

    def reset_state(self) -> None:
        """Let the next batch start from zeros."""
        self.__dict__["states"] = None

    reset_states = reset_state

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask goes on with the sequence, and ends with the last output."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        outputs = mask if self.return_sequences else None
        return [outputs, None, None] if self.return_state else outputs

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Shapes of what :meth:`call` gives."""
        batch, steps = sequences_shape[0], sequences_shape[1]
        outputs = (batch, steps, self.units) if self.return_sequences else (batch, self.units)
        return [outputs, (batch, self.units), (batch, self.units)] if self.return_state else outputs


class _Cell:
    """How files see the weights of a recurrent layer."""

    def __init__(self, layer: LSTM):
        self.name, self.weights = "lstm_cell", layer._variables

    def _saved_variables(self) -> list[Any]:
        return self.weights

    def _saved_parts(self) -> dict[str, Any]:
        return {}
