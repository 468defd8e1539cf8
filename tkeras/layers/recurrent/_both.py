"""Both directions of a `Bidirectional` in one operator call."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers.recurrent._cell import FusedCell, Tensor
from tkeras.layers.recurrent._cell_layer import CellLayer
from tkeras.layers.recurrent._run import cast, inside, own
from tkeras_kernels import operators, runtime


def run_both(
    layers: tuple[Any, Any], x: Tensor, starts: list[Any], mask: Any, training: bool
) -> tuple[Any, Any] | None:
    """What the two layers give, from one launch; None where each has to be called by itself."""
    first, second = layers
    if x.is_meta or runtime.without_kernels(x) or not _alike(first, second):
        return None
    begun = [
        layer._begin(x, None if start is None else layer._structured(start), mask)
        for layer, start in zip(layers, starts, strict=True)
    ]
    arguments: list[Any] = []
    weights: list[Any] = []
    for layer, (kept, states) in zip(layers, begun, strict=True):
        cell = layer.cell
        with inside(cell):
            mine = cell._floating(cast(cell, x))
            arguments += (*(states or (None,) * cell.states), kept, *cell._drawn(mine, training))
            weights += cell._weights
    sequences = {
        "return_sequences": first.return_sequences,
        "zero_output_for_mask": first.zero_output_for_mask,
    }
    found = call(
        operators.several, mine, *arguments, *weights, member=first.cell.operator.name, reads=(0, 0),
        sets=(0, 1), go_backwards=(first.go_backwards, second.go_backwards), **first.cell._options,
        **sequences,
    )  # fmt: skip
    half = len(found) // 2
    pairs = zip(layers, (found[:half], found[half:]), strict=True)
    outputs = [layer._end(x, results[0], list(results[1:])) for layer, results in pairs]
    return outputs[0], outputs[1]


def _alike(first: Any, second: Any) -> bool:
    """Whether nothing but weights, states and direction tells two layers of the library apart."""
    if type(first) is not type(second) or not isinstance(first, CellLayer):
        return False
    cells = (first.cell, second.cell)
    if not all(isinstance(cell, FusedCell) and _runs_itself(cell) for cell in cells):
        return False
    if any(_watched(layer) for layer in (first, second, *cells)):
        return False
    kinds = {(cell.units, cell.use_bias, cell._compute_type, tuple(cell._options.items())) for cell in cells}
    orders = {(layer.return_sequences, layer.zero_output_for_mask) for layer in (first, second)}
    return len(kinds) == 1 and len(orders) == 1


def _runs_itself(cell: FusedCell) -> bool:
    kind = type(cell)
    return cell._takes_sequences and own(kind, "call") and own(kind, "get_initial_state")


def _watched(layer: Any) -> bool:
    """Whether something wants to see a call of this layer."""
    hooks = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks
    kind = type(layer)
    return bool(hooks) or bool(layer.activity_regularizer) or not kind.__module__.startswith("tkeras.")
