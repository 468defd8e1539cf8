"""`RNN`: a layer that runs any cell over time."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.config import default_device, torch_dtype
from tkeras.graph import MetaMode, Variable, name_scope
from tkeras.graph._tree import flatten, map_structure, pack_as
from tkeras.layers._layer import Layer
from tkeras.layers.recurrent._run import as_list, initial_states, run
from tkeras.layers.recurrent._stacked import StackedRNNCells, build_cell, check_cell, output_size
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object


@public("keras.layers.RNN")
class RNN(Layer):
    """Runs a cell over the time axis.

    Cells of the library run in one fused call. Where kernels run so does any other whose step can be traced:
    products of states with weights, and pointwise functions. Else the steps are a loop on the host, and
    ``tkeras_kernels.runtime.report()`` says why.

    Args:
        cell: a layer or object with ``call(inputs, states) -> (output, new states)`` and ``state_size``, an
            int or a list of them, and optionally ``output_size`` and ``get_initial_state(batch_size=None)``;
            or a list of cells, one on top of the other.
        return_sequences: give the outputs of all steps instead of the last.
        return_state: give the last states as well: ``(outputs, *states)``.
        go_backwards: run from the last step to the first; the outputs come in that order.
        stateful: start each batch with the states that the batch before ended with.
        unroll: accepted for scripts; it makes no difference to how the steps run.
        zero_output_for_mask: outputs of masked steps are zeros instead of those of the step before.

    Input: (batch, time, …). Output: (batch, output_size), or (batch, time, output_size).

    Example:
        >>> RNN([LSTMCell(32), LSTMCell(16)], return_sequences=True)(torch.rand(8, 10, 5)).shape
        torch.Size([8, 10, 16])
    """

    _config = (
        "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask",
    )  # fmt: skip

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        check_cell(cell, "Argument `cell`")
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state, self.go_backwards = (
            return_sequences,
            return_state,
            go_backwards,
        )
        self.stateful, self.unroll, self.zero_output_for_mask = stateful, unroll, zero_output_for_mask
        self.supports_masking = True
        self.__dict__["states"] = None

    states: Any

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the states."""
        return as_list(self.cell.state_size)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell for one step, and the states of a stateful layer."""
        build_cell(self.cell, (sequences_shape[0], *sequences_shape[2:]))
        if not self.stateful:
            return
        if sequences_shape[0] is None:
            raise ValueError(
                "When using `stateful=True` in a RNN, the batch size must be static: "
                f'layer "{self.name}" needs to know its batch size. Pass `batch_size=` to `Input`, or '
                f"`batch_input_shape=` to the first layer. Received: sequences_shape={tuple(sequences_shape)}"
            )
        if not MetaMode._open:
            self._create_states(sequences_shape[0])

    def _create_states(self, batch_size: int) -> None:
        """Variables that are no weights: they go with the batches, not with the model."""
        dtype = torch_dtype(self.variable_dtype)

        def variable(value: Any) -> Variable:
            return Variable(value.to(dtype), trainable=False, name="rnn_state")

        with name_scope(self.name, override_parent=""):
            self.__dict__["states"] = map_structure(variable, self.get_initial_state(batch_size))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The states that a batch of this size starts with."""
        like = torch.empty(batch_size, dtype=torch_dtype(self.compute_dtype), device=default_device())
        return initial_states(self.cell, like)

    def reset_state(self, states: Any = None) -> None:
        """Let the next batch of a stateful layer start from zeros, or from these states."""
        if self.states is None:
            return
        kept = flatten(self.states)
        for variable, value in zip(kept, kept if states is None else flatten(states), strict=True):
            variable.assign(torch.zeros_like(variable) if states is None else value)

    def reset_states(self, states: Any = None) -> None:
        """Keras 2's name of :meth:`reset_state`."""
        self.reset_state(states)

    def __call__(self, sequences: Any, initial_state: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; ``sequences`` may be a list ``[sequences, *initial_state]``."""
        kwargs.update(zip(("mask", "training"), args, strict=False))
        sequences, initial_state = split_states(sequences, initial_state)
        if initial_state is not None:
            kwargs["initial_state"] = self._structured(initial_state)
        return super().__call__(sequences, **kwargs)

    def _structured(self, initial_state: Any) -> list[Any]:
        sizes, given = self.state_size, flatten(initial_state)
        if len(given) != len(flatten(sizes)):
            raise ValueError(
                f'Layer "{self.name}" expected an `initial_state` of {len(flatten(sizes))} tensors. '
                f"Received: {len(given)}"
            )
        return pack_as(sizes, given)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """(batch, time, …) → outputs, or (outputs, *states) with ``return_state``."""
        mask, initial_state = self._begin(sequences, initial_state, mask)
        outputs, states = run(
            self.cell, sequences, initial_state, mask, training, return_sequences=self.return_sequences,
            go_backwards=self.go_backwards, zero_output_for_mask=self.zero_output_for_mask,
        )  # fmt: skip
        return self._end(sequences, outputs, states)

    def _begin(self, sequences: Any, initial_state: Any, mask: Any) -> tuple[Any, Any]:
        """The mask and the states that a run starts with, None for those of the cell."""
        mask = self._checked(mask[0] if isinstance(mask, (list, tuple)) else mask)
        if self.stateful and not sequences.is_meta:
            self._match(len(sequences))
        if initial_state is None:
            return mask, self._start(sequences)
        return mask, map_structure(lambda state: self._state(state, sequences), as_list(initial_state))

    def _end(self, sequences: Any, outputs: Any, states: Any) -> Any:
        """What the layer gives after a run."""
        if self.stateful and not sequences.is_meta:
            for variable, value in zip(flatten(self.states), flatten(states), strict=True):
                variable.assign(value)
        kind = self._compute_type
        if outputs.dtype is not kind:
            outputs = outputs.to(kind)
        if not self.return_state:
            return outputs
        return outputs, *map_structure(lambda state: state.to(kind), states)

    def _checked(self, mask: Any) -> Any:
        """A mask (batch, time), also from (batch, time, 1)."""
        if mask is None or mask.dim() == 2:
            return mask
        if mask.dim() == 3 and mask.shape[2] == 1:
            return mask[..., 0]
        raise ValueError(
            f'Layer "{self.name}" expected a mask of shape (batch, time). Received: shape={tuple(mask.shape)}'
        )

    def _state(self, state: Any, sequences: torch.Tensor) -> torch.Tensor:
        kind = getattr(self.cell, "_compute_type", None) or self._compute_type
        return torch.as_tensor(state).to(sequences.device, kind)

    def _start(self, sequences: torch.Tensor) -> Any:
        """The states to start with where the caller gives none; None for those of the cell."""
        if self.stateful and not sequences.is_meta:  # copies: autograd keeps them, the variables change
            return map_structure(lambda state: self._state(state.detach().clone(), sequences), self.states)
        own = type(self).get_initial_state is not RNN.get_initial_state
        return self.get_initial_state(len(sequences)) if own else None

    def _match(self, batch_size: int) -> None:
        """Create the states at the first batch, and refuse a batch of another size."""
        if self.states is None:
            self._create_states(batch_size)
        expected = len(flatten(self.states)[0])
        if batch_size != expected:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as the batch "
                f'size of the initial state (layer "{self.name}").\n- Expected batch size: {expected}\n'
                f"- Received batch size: {batch_size}"
            )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask goes on with the sequence, and ends with the last output."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        outputs = mask if self.return_sequences else None
        return [outputs, *(None for _ in flatten(self.state_size))] if self.return_state else outputs

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Shapes of what :meth:`call` gives."""
        batch, width = sequences_shape[0], output_size(self.cell)
        outputs = (batch, sequences_shape[1], width) if self.return_sequences else (batch, width)
        if not self.return_state:
            return outputs
        return outputs, *map_structure(lambda size: (batch, size), self.state_size)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """torch moves and casts a module with this; the states go along."""
        for state in flatten(self.states) if self.states is not None else ():
            state.data = fn(state.data)
        return super()._apply(fn, recurse)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from :meth:`get_config`."""
        config = dict(config)
        return cls(deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects), **config)


def split_states(sequences: Any, initial_state: Any) -> tuple[Any, Any]:
    """Sequences and initial states (None for none) from Keras' two ways of giving them."""
    if initial_state is None and isinstance(sequences, (list, tuple)):
        sequences, *initial_state = sequences
        initial_state = initial_state or None
    return sequences, initial_state
