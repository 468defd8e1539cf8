"""Tile sizes of the row templates: how many rows and columns a program takes, and with how many warps.

A whole row is held in registers where it fits, so that it is read once. A thread has 255 registers where a
program has up to 256 of them and 128 where it has 512, and keeps 64 values of float32 there beside what
addresses and leaves need; a template says how many values of each element it holds at a time. Rows that do
not fit are walked in steps.
Where memory runs across the rows (unit stride between them) a tile takes 32 of them, 64 bytes of half
precision and two sectors of memory, and fewer columns.
"""

from __future__ import annotations

from typing import NamedTuple

from ..runtime import Target, tunable


class RowTile(NamedTuple):
    """Rows and columns a program takes at a time, and its warps; ``whole``: the columns are all there are."""

    rows: int
    columns: int
    warps: int
    whole: bool


_HELD = 64
"""Values of float32 a thread holds."""
_THREADS = 512
_STEP = 4096
"""Elements of a step along a row that is not held whole: 16 for each thread of 8 warps."""
_TILE = 2048
"""Elements of a tile of short rows: 16 for each thread of 4 warps, two 16-byte loads of half precision."""
_SMALLEST = 256
"""Elements below which a tile does not shrink, were the device idle: 8 for each thread of one warp."""
_ACROSS = 32
_INTERPRETED_TILE = 1 << 16
_INTERPRETED_ROW = 2048
"""The interpreter's cost is a program, not an element; its rows are short so that tests walk in steps too."""


def power_of_two(size: int) -> int:
    """The smallest power of two that is not below ``size``."""
    return 1 << max(size - 1, 0).bit_length()


@tunable("rows")
def choose(target: Target, outer: int, inner: int, columns: int, held: int | None, across: bool) -> RowTile:
    """Tile for rows of ``columns`` elements.

    Args:
        held: values a thread holds of each element; None for a kernel that reads a row once whether it is
            whole or not, and so takes small steps.
        across: memory runs from row to row rather than along a row.
    """
    wide, high = power_of_two(columns), power_of_two(inner)
    if target.row == "interpret":
        wide = min(wide, _INTERPRETED_ROW)
        return RowTile(min(high, _INTERPRETED_TILE // wide), wide, 4, wide >= columns)
    lanes = 64 if target.backend == "hip" else 32
    most = _THREADS * _HELD // power_of_two(held) if held else _TILE
    rows = min(high, _ACROSS) if across else 1
    if wide * rows > most:
        wide = (_STEP if held else _TILE) // rows
    tile = _fill(target, RowTile(rows, wide, 0, wide >= columns), outer, inner, _ACROSS if across else 1)
    share = 16 if held == 1 else 8
    warps = min(_THREADS // lanes, max(1, tile.rows * tile.columns // (lanes * share)))
    return tile._replace(warps=warps)


def _fill(target: Target, tile: RowTile, outer: int, inner: int, fewest: int) -> RowTile:
    """More rows a tile where rows are short, as long as every multiprocessor has two programs."""
    rows, high = tile.rows, power_of_two(inner)
    while 2 * rows <= high and 2 * rows * tile.columns <= _TILE:
        rows *= 2
    while rows > fewest and rows * tile.columns > _SMALLEST:
        if outer * -(-inner // rows) >= 2 * target.multiprocessors:
            break
        rows //= 2
    return tile._replace(rows=rows)


_CHANNELS = 64
"""Channels of a tile: 128 bytes of half precision, a cache line."""
_RUN = 512
"""Rows of a tile whose memory runs down the rows."""
_INTERPRETED_CHANNELS = 1 << 14


def choose_channels(target: Target, inner: int, columns: int, across: bool) -> RowTile:
    """Tile of a kernel that reduces rows for each column: 2048 elements, 8 for each thread.

    Where memory runs along the columns it takes whole cache lines of them, else as many rows as make up for
    few columns. Rows short of a tile leave lanes idle.
    """
    interpreted = target.row == "interpret"
    size = _INTERPRETED_CHANNELS if interpreted else _TILE
    high, wide = power_of_two(inner), power_of_two(columns)
    if across and not interpreted:
        rows = min(high, _RUN)
        tile = RowTile(rows, min(wide, size // rows), 4, False)
    else:
        channels = min(wide, _INTERPRETED_ROW if interpreted else _CHANNELS)
        tile = RowTile(min(high, size // channels), channels, 4, False)
    lanes = 64 if target.backend == "hip" else 32
    return tile._replace(warps=max(1, min(_TILE, tile.rows * tile.columns) // (lanes * 8)))
