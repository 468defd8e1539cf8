"""Launching the gather template: rows of a table, and the table's gradient."""

from __future__ import annotations

from math import gcd, isqrt
from typing import NamedTuple

import torch

from ..runtime import launch, target_for
from ..templates._row_tiles import power_of_two

_WARPS = 4
_SHARE = 8
"""Elements of a tile a thread: 16 bytes of half precision."""
_INTERPRETED_TILE = 1 << 15
"""The interpreter's cost is a program, not an element."""
_COLUMNS = 256
"""Of a tile of the gradient: a program has four rows or more on their way together."""
_CHUNKS = (32, 1024)
"""Fewest and most places of a chunk; see ``templates/_gather``."""


class _Tile(NamedTuple):
    rows: int
    columns: int


def _tile(on: torch.Tensor, width: int, most: int | None = None) -> _Tile:
    target = target_for(on)
    lanes = 64 if target.backend == "hip" else 32
    size = _INTERPRETED_TILE if target.row == "interpret" else _SHARE * _WARPS * lanes
    columns = min(power_of_two(width), most or size)
    return _Tile(size // columns, columns)


def gather(ids: torch.Tensor, table: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """``table[ids]``: (*ids, width), as ``dtype`` if one is given."""
    from ..templates._gather import gather_rows

    flat, table = ids.reshape(-1), table if table.stride(1) == 1 else table.contiguous()
    rows, width = table.shape
    y = table.new_empty((*ids.shape, width), dtype=dtype)
    if y.numel():
        tile = _tile(table, width)
        pitch = table.stride(0)
        grid = (-(-flat.numel() // tile.rows) * -(-width // tile.columns),)
        constants = {"EVEN": gcd(16, width, pitch), "ROWS": tile.rows, "COLUMNS": tile.columns}
        arguments = (flat, table, y, flat.numel(), rows, width, pitch)
        launch(gather_rows, grid, table, arguments, constants, warps=_WARPS)
    return y


def gather_backward(ids: torch.Tensor, dy: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """The gradient of a table of the shape and dtype of ``table``."""
    from ..templates._gather import add_segments, join_segments

    rows, width = table.shape
    gradient = dy.new_zeros((rows, width), dtype=table.dtype)
    count = ids.numel()
    if not count or not gradient.numel():
        return gradient
    flat = dy.reshape(count, width)
    flat = flat if flat.stride(1) == 1 else flat.contiguous()
    ordered, order = torch.sort(ids.reshape(-1), stable=True)
    low, high = _CHUNKS
    chunk = min(max(power_of_two(isqrt(count)), low), high)
    chunks = -(-count // chunk)
    parts = dy.new_empty((2 * chunks, width), dtype=torch.float32)
    tile = _tile(table, width, _COLUMNS)
    across = -(-width // tile.columns)
    constants = {"CHUNK": chunk, "ROWS": min(tile.rows, chunk), "COLUMNS": tile.columns}
    pitch = flat.stride(0)
    arguments = (ordered, order, flat, gradient, parts, count, rows, width, pitch)
    evened = constants | {"EVEN": gcd(16, width, pitch)}
    launch(add_segments, (count * across,), table, arguments, evened, warps=_WARPS)
    if chunks > 1:
        arguments = (ordered, gradient, parts, count, rows, width)
        launch(join_segments, ((chunks - 1) * across,), table, arguments, constants, warps=_WARPS)
    return gradient
