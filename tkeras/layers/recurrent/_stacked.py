"""`StackedRNNCells`, and the questions that recurrent layers ask of any cell."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.config import default_device, torch_dtype
from tkeras.graph import KerasTensor
from tkeras.graph._tree import is_nested, map_structure
from tkeras.layers._layer import Layer
from tkeras.layers.recurrent._cell import Result, Tensor
from tkeras.layers.recurrent._run import as_list, initial_states, run, takes_training
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object


@public("keras.layers.StackedRNNCells")
class StackedRNNCells(Layer):
    """Cells on top of each other as one cell: each takes the output of the one below.

    Args:
        cells: cells, the one next to the input first.
    """

    def __init__(self, cells: Any, **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(cell, "Every one of `cells`")
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state size of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The output size of the last cell."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Build the cells, each for the output of the one below."""
        for cell in self.cells:
            build_cell(cell, tuple(input_shape))
            input_shape = (input_shape[0], output_size(cell))

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The initial state of each cell."""
        assert batch_size is not None
        like = torch.empty(batch_size, dtype=torch_dtype(self.compute_dtype), device=default_device())
        return [_like(initial_states(cell, like), cell.state_size) for cell in self.cells]

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """One step of every cell: (output of the last, states of all)."""
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            options = {"training": training} if takes_training(cell) else {}
            function: Any = cell if callable(cell) else cell.call
            inputs, new = function(inputs, as_list(state), **options)
            after.append(_like(as_list(new), state))
        return inputs, after

    _takes_sequences = True

    def _over_time(self, x: Tensor, states: Any, mask: Any, training: bool, **order: bool) -> Result:
        """All steps of the first cell, then of the next, and so on: a step needs nothing from above it."""
        after, last = [], len(self.cells) - 1
        for index, cell in enumerate(self.cells):
            x, new = run(
                cell, x, None if states is None else as_list(states[index]), mask, training,
                return_sequences=index < last or order["return_sequences"],
                go_backwards=index == 0 and order["go_backwards"],
                zero_output_for_mask=index == last and order["zero_output_for_mask"],
            )  # fmt: skip
            if index == 0 and order["go_backwards"] and mask is not None:
                mask = mask.flip(1)  # the outputs come in the order of computation
            after.append(_like(new, cell.state_size))
        return x, after

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Cells from :meth:`get_config`."""
        config = dict(config)
        cells = [
            deserialize_keras_object(cell, custom_objects=custom_objects) for cell in config.pop("cells")
        ]
        return cls(cells, **config)


def _like(states: list[Any], structure: Any) -> Any:
    """The states of one cell, without a list where ``structure`` is a single one."""
    return states if is_nested(structure) else states[0]


def check_cell(cell: Any, what: str) -> None:
    """Refuse what cannot be a cell, with words of Keras."""
    if "call" not in dir(cell):
        raise ValueError(f"{what} should have a `call` method. Received: cell={cell}")
    if "state_size" not in dir(cell):
        raise ValueError(
            f"{what} should have a `state_size` attribute (single integer or list of integers, one integer "
            f"per RNN state). Received: cell={cell}"
        )
    if not isinstance(cell.state_size, (int, list, tuple)):
        raise ValueError(
            "state_size must be an integer, or a list/tuple of integers (one for each state tensor). "
            f"Received: state_size={cell.state_size} of cell={cell}"
        )


def output_size(cell: Any) -> int:
    """Width of the output of a cell: its own word, else the size of its first state."""
    size = getattr(cell, "output_size", None)
    size = as_list(cell.state_size)[0] if size is None else size
    if not isinstance(size, int):
        raise ValueError(f"output_size must be an integer. Received: output_size={size} of cell={cell}")
    return size


def build_cell(cell: Any, step_shape: tuple[int | None, ...]) -> None:
    """Build a cell for inputs (batch, …); where its sublayers build themselves when called, run a step."""
    if not isinstance(cell, Layer) or cell.built:
        return
    cell.build(step_shape)
    cell.built = True
    if all(layer.built for layer in cell._flat_layers()):
        return

    def state(size: int) -> KerasTensor:
        return KerasTensor((step_shape[0], size), cell.compute_dtype)

    states = map_structure(state, as_list(cell.state_size))
    cell.compute_output_spec(KerasTensor(step_shape, cell.compute_dtype), states)
