"""Tile sizes of the convolution templates: one row a target, shrunk to the problem.

The rows come from cross-compiling the templates, by the measure of ``_tiles``: the largest tiles that keep
everything in registers, use the tensor cores and fit the shared memory of the smallest card of the row. Rows
of the second table serve channels that do not lie 16 by 16, the three of an image say: their addresses are
computed element by element and take registers of their own. Steps of the kernel's gradient are short: two
programs then fit a multiprocessor of sm_90, and one decodes its pixels while the other multiplies.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..runtime import Target, tunable
from ._tiles import Tiles, power_of_two

Way = Literal["forward", "back", "input", "weight"]
"""To the small side, to the large side, with a prologue either way, and the gradient of the kernel."""

MANY = 16
"""Channels below which (tap, channel) is walked as one axis: ``tl.dot`` takes no side below 16."""
_SMALLEST = 16
_WGMMA_ROWS = 64
"""Four warps multiply so many rows together on sm_90: columns shrink first below that."""
_Rows = dict[tuple[Way, str], Tiles]
_IEEE: dict[Way, Tiles] = {
    "forward": Tiles(64, 64, 16, 4, 3),
    "back": Tiles(64, 64, 16, 4, 3),
    "input": Tiles(64, 64, 16, 4, 3),
    "weight": Tiles(64, 64, 16, 8, 3),
}
_TABLE: dict[str, _Rows] = {
    "sm_80": {
        ("forward", "half"): Tiles(128, 128, 32, 8, 4),
        ("back", "half"): Tiles(128, 128, 64, 8, 3),
        ("input", "half"): Tiles(128, 128, 32, 8, 3),
        ("weight", "half"): Tiles(128, 128, 32, 8, 3),
        ("forward", "tf32"): Tiles(128, 128, 16, 8, 3),
        ("back", "tf32"): Tiles(128, 64, 32, 8, 3),
        ("input", "tf32"): Tiles(128, 64, 16, 8, 3),
        ("weight", "tf32"): Tiles(128, 64, 16, 8, 3),
    },
    "sm_90": {
        ("forward", "half"): Tiles(128, 128, 64, 8, 3),
        ("back", "half"): Tiles(128, 128, 64, 8, 3),
        ("input", "half"): Tiles(128, 128, 64, 8, 3),
        ("weight", "half"): Tiles(128, 128, 32, 8, 3),
        ("forward", "tf32"): Tiles(128, 128, 32, 8, 3),
        ("back", "tf32"): Tiles(128, 128, 32, 8, 3),
        ("input", "tf32"): Tiles(128, 128, 32, 8, 3),
        ("weight", "tf32"): Tiles(128, 128, 32, 8, 3),
    },
    "gfx942": {
        ("forward", "half"): Tiles(128, 128, 32, 8, 2),
        ("back", "half"): Tiles(128, 128, 32, 8, 2),
        ("input", "half"): Tiles(128, 128, 32, 8, 2),
        ("weight", "half"): Tiles(128, 128, 32, 8, 2),
        ("forward", "tf32"): Tiles(128, 128, 16, 8, 2),
        ("back", "tf32"): Tiles(128, 128, 16, 8, 2),
        ("input", "tf32"): Tiles(128, 64, 16, 8, 2),
        ("weight", "tf32"): Tiles(128, 64, 16, 8, 2),
    },
}
_TABLE["sm_100"] = {
    **_TABLE["sm_90"],
    ("input", "half"): Tiles(128, 128, 32, 8, 3),
    ("weight", "half"): Tiles(128, 128, 64, 8, 3),
    ("back", "tf32"): Tiles(128, 64, 32, 4, 3),
    ("forward", "tf32"): Tiles(128, 64, 32, 8, 3),
    ("input", "tf32"): Tiles(128, 64, 32, 8, 3),
}
_UNEVEN_IEEE = Tiles(64, 64, 32, 8, 2)
_UNEVEN: dict[str, dict[str, Tiles]] = {
    "sm_80": {"half": Tiles(128, 64, 32, 8, 3), "tf32": Tiles(128, 64, 16, 8, 3)},
    "sm_90": {"half": Tiles(128, 64, 32, 8, 3), "tf32": Tiles(128, 64, 32, 8, 3)},
    "gfx942": {"half": Tiles(128, 64, 32, 8, 2), "tf32": Tiles(128, 64, 16, 8, 2)},
}
_UNEVEN["sm_100"] = _UNEVEN["sm_90"]
_INTERPRET = Tiles(512, 128, 64, 4, 1)


class Pixels(NamedTuple):
    """A tile of a depthwise convolution: pixels, channels, warps."""

    rows: int
    columns: int
    warps: int


_PIXELS = Pixels(32, 64, 4)
"""Sums of 16 results a thread; 64 channels of half precision are one 128-byte line."""
_PIXELS_INTERPRETED = Pixels(1024, 128, 4)


@tunable("conv")
def choose(
    target: Target,
    way: Way,
    kind: str,
    uneven: bool,
    rows: int,
    columns: int,
    inner: int,
    copies: int,
) -> Tiles:
    """Tiles for ``copies`` (groups, phases, parts) of an output (rows, columns) summed over steps along
    ``inner``.

    Args:
        kind: "half", "tf32" or "ieee".
        uneven: addresses are computed for each element.
    """
    if target.row == "interpret":
        best = _INTERPRET
    elif uneven:
        best = _UNEVEN_IEEE if kind == "ieee" else _UNEVEN[target.row][kind]
    else:
        best = _IEEE[way] if kind == "ieee" else _TABLE[target.row][way, kind]
    high = min(best.rows, max(_SMALLEST, power_of_two(rows)))
    wide = min(best.columns, max(_SMALLEST, power_of_two(columns)))
    deep = min(best.inner, max(_SMALLEST, power_of_two(inner)))
    enough = target.multiprocessors // 2
    while max(high, wide) > 32 and copies * -(-rows // high) * -(-columns // wide) < enough:
        if high >= wide and (high > _WGMMA_ROWS or wide <= 32):
            high //= 2
        else:
            wide //= 2
    full = high >= best.rows or 2 * high * wide >= best.rows * best.columns
    return Tiles(high, wide, deep, best.warps if full else 4, best.stages)


def pixels(target: Target, rows: int, columns: int) -> Pixels:
    """Tile of a depthwise convolution."""
    best = _PIXELS_INTERPRETED if target.row == "interpret" else _PIXELS
    wide = min(best.columns, power_of_two(columns))
    high = min(best.rows * best.columns // wide, power_of_two(rows))
    return Pixels(high, wide, best.warps)


def splits(target: Target, programs: int, steps: int) -> int:
    """How many programs share a sum of ``steps`` steps, so that few sums fill the device."""
    return max(1, min(target.multiprocessors // max(programs, 1), steps // 4))
