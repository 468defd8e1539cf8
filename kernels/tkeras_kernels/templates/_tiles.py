"""Tile sizes of the matmul templates: one row a target, shrunk to the problem.

The rows come from cross-compiling the templates: the largest tiles that keep everything in registers (no
spills), use the tensor cores (wgmma on sm_90), and fit the shared memory of the smallest card of the row: 99
KiB for sm_80, which serves consumer cards, 64 KiB for gfx942. Kernels with a prologue hold one more operand
in registers, so they take shorter steps. "ieee" products of float32 have no tensor core and take small tiles.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..runtime import Target, tunable

Way = Literal["forward", "input", "weight"]


class Tiles(NamedTuple):
    """A tile (rows, columns), the length of a step along the summed axis, warps a program and pipeline
    stages."""

    rows: int
    columns: int
    inner: int
    warps: int
    stages: int
    persistent: bool = False
    """Whether the programs stay and fetch by TMA (``_matmul_persistent.py``); sm_90 and later alone."""


class Held(NamedTuple):
    """What takes registers besides the sums: rounds of Philox, or offsets of loads an element wide."""

    dropout: bool = False
    narrow: bool = False


_IEEE = Tiles(64, 64, 16, 4, 3)
_TABLE: dict[str, dict[tuple[Way, str], Tiles]] = {
    "sm_80": {
        ("forward", "half"): Tiles(128, 128, 32, 8, 4),
        ("input", "half"): Tiles(128, 128, 32, 8, 3),
        ("weight", "half"): Tiles(128, 128, 32, 8, 3),
        ("forward", "tf32"): Tiles(128, 128, 16, 8, 3),
        ("input", "tf32"): Tiles(128, 64, 16, 8, 3),
        ("weight", "tf32"): Tiles(128, 64, 16, 8, 3),
    },
    "sm_90": {
        ("forward", "half"): Tiles(128, 128, 64, 8, 3),
        ("input", "half"): Tiles(128, 128, 64, 8, 3),
        ("weight", "half"): Tiles(128, 128, 64, 8, 3),
        ("forward", "tf32"): Tiles(128, 128, 32, 8, 3),
        ("input", "tf32"): Tiles(128, 128, 32, 8, 3),
        ("weight", "tf32"): Tiles(128, 128, 32, 8, 3),
    },
    "gfx942": {
        ("forward", "half"): Tiles(128, 128, 32, 8, 2),
        ("input", "half"): Tiles(128, 128, 32, 8, 2),
        ("weight", "half"): Tiles(128, 128, 32, 8, 2),
        ("forward", "tf32"): Tiles(128, 128, 16, 8, 2),
        ("input", "tf32"): Tiles(128, 64, 16, 8, 2),
        ("weight", "tf32"): Tiles(128, 64, 16, 8, 2),
    },
}
_TABLE["sm_100"] = _TABLE["sm_90"]
_INTERPRET = Tiles(128, 128, 128, 4, 1)
SMALLEST = 16
"""``tl.dot`` takes no side below 16."""


def power_of_two(size: int) -> int:
    """The smallest power of two that is not below ``size``."""
    return 1 << max(size - 1, 0).bit_length()


_NOTHING = Held()


@tunable("matmul")
def choose(
    target: Target,
    way: Way,
    kind: str,
    rows: int,
    columns: int,
    inner: int,
    batches: int = 1,
    held: Held = _NOTHING,
) -> Tiles:
    """Tiles for ``batches`` outputs of (rows, columns) summed over ``inner``; ``kind`` is "half", "tf32" or
    "ieee"."""
    if target.row == "interpret":
        best = _INTERPRET
    else:
        best = _lightened(_IEEE if kind == "ieee" else _TABLE[target.row][way, kind], way, held)
    high = min(best.rows, max(SMALLEST, power_of_two(rows)))
    wide = min(best.columns, max(SMALLEST, power_of_two(columns)))
    deep = min(best.inner, max(SMALLEST, power_of_two(inner)))
    few = target.multiprocessors // 2
    while max(high, wide) > 32 and batches * -(-rows // high) * -(-columns // wide) < few:
        if high >= wide:
            high //= 2
        else:
            wide //= 2
    whole = (high, wide, deep) == best[:3]
    warps = best.warps if 2 * high * wide >= best.rows * best.columns else 4
    return Tiles(high, wide, deep, warps, best.stages, best.persistent and whole)


def _lightened(tiles: Tiles, way: Way, held: Held) -> Tiles:
    """Half the columns beside dropout, half the step beside narrow loads; a weight gradient, which sums the
    bias too, takes half of both beside them."""
    few = held.dropout or (held.narrow and way == "weight")
    columns = tiles.columns // 2 if few and tiles.columns > 64 else tiles.columns
    inner = tiles.inner // 2 if held.narrow and tiles.inner > SMALLEST else tiles.inner
    return tiles._replace(columns=columns, inner=inner)


def splits(target: Target, tiles: Tiles, rows: int, columns: int, inner: int) -> int:
    """How many programs share the sum of one tile, so that small outputs of long sums fill the device."""
    programs = -(-rows // tiles.rows) * -(-columns // tiles.columns)
    steps = -(-inner // tiles.inner)
    return max(1, min(target.multiprocessors // programs, steps // 4))


_WORTH_ADDING = 4


def sum_splits(target: Target, tiles: Tiles, rows: int, columns: int, inner: int, batches: int) -> int:
    """The same where another launch has to add the splits and finish them: only where at least four of them
    share a sum, each with eight steps or more of its own."""
    programs = batches * -(-rows // tiles.rows) * -(-columns // tiles.columns)
    parts = min(target.multiprocessors // programs, -(-inner // tiles.inner) // 8)
    return parts if parts >= _WORTH_ADDING else 1
