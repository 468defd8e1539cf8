"""Launching a leaf over tensors that broadcast together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..runtime import launch, target_for
from ._layout import Rows, as_rows, reach

_WIDE = 2**31
_BLOCKS = {"cuda": 1024, "hip": 2048, "interpret": 1 << 16}
"""Elements a program: 8 for each thread of 4 warps, a 16-byte load of a half precision argument. The
interpreter's cost is a program, not an element."""


def pointwise_launch(
    function: Any, inputs: Sequence[torch.Tensor], dtypes: Sequence[torch.dtype]
) -> tuple[torch.Tensor, ...]:
    """Results of a leaf, one a dtype.

    Arguments of one dense layout (channels-last, say) give results in that layout, others contiguous ones.
    """
    first = inputs[0]
    outputs = tuple(torch.empty_like(first, dtype=dtype) for dtype in dtypes)
    layout = outputs[0].stride()
    if all(tensor.shape == first.shape and tensor.stride() == layout for tensor in inputs):
        if first.numel():
            _flat(function, inputs, outputs)
        return outputs
    shape = torch.broadcast_shapes(*(tensor.shape for tensor in inputs))
    outputs = tuple(first.new_empty(shape, dtype=dtype) for dtype in dtypes)
    expanded = [tensor.expand(shape) for tensor in inputs]
    if outputs[0].numel():
        rows = as_rows(shape, expanded)
        if rows is None:
            _flat(function, [tensor.contiguous() for tensor in expanded], outputs)
        else:
            _rows(function, expanded, outputs, rows)
    return outputs


def _block(on: torch.Tensor) -> int:
    return _BLOCKS[target_for(on).backend]


def _flat(function: Any, inputs: Sequence[torch.Tensor], outputs: tuple[torch.Tensor, ...]) -> None:
    from ..templates._map import map_flat

    size, block = outputs[0].numel(), _block(outputs[0])
    constants = {"FN": function, "WIDE": size + block >= _WIDE, "BLOCK": block}
    launch(map_flat, (-(-size // block),), outputs[0], (tuple(inputs), outputs, size), constants)


def _rows(
    function: Any, inputs: Sequence[torch.Tensor], outputs: tuple[torch.Tensor, ...], plan: Rows
) -> None:
    from ..templates._map import map_rows

    block = _block(outputs[0])
    wide = min(block, 1 << (plan.columns - 1).bit_length())
    high = min(block // wide, 1 << (plan.rows - 1).bit_length())
    constants = {
        "FN": function,
        "WIDE": max(reach(inputs), outputs[0].numel()) + block >= _WIDE,
        "ROWS": high,
        "COLUMNS": wide,
    }
    grid = (-(-plan.rows // high) * -(-plan.columns // wide),)
    arguments = (tuple(inputs), outputs, plan.strides, plan.rows, plan.columns, plan.middle, plan.inner)
    launch(map_rows, grid, outputs[0], arguments, constants)
