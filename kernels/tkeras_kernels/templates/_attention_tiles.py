"""Tile sizes of the attention templates: one row a target, shrunk to the problem.

The rows come from cross-compiling the three kernels with tiles from large to small, for heads of up to 64,
128, 256 and 512 features: the first that compiles without spills and fits the shared memory of the smallest
card of its row (99 KiB for sm_80, 64 KiB for gfx942), and on sm_90 uses wgmma. The tiles of a laden call are
smaller: the offsets of a mask and the rounds of Philox take registers too. Gradients of keys and values
hold two sums and so have the smallest tiles; on sm_90 the widest of them are below the 64 keys that wgmma
takes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..runtime import Target, tunable
from ._tiles import SMALLEST, power_of_two

Pass = Literal["forward", "query", "keys"]


class AttentionTiles(NamedTuple):
    """Queries and keys of a block, warps a program, pipeline stages, and features that are multiplied at a
    time, 0 for all of them."""

    rows: int
    keys: int
    warps: int
    stages: int
    part: int = 0


_WIDTHS = (64, 128, 256, 512)
LARGEST_HEAD = _WIDTHS[-1]
"""Features of a head."""
_INTERPRET = AttentionTiles(128, 128, 4, 1)
_TILE = AttentionTiles
_Row = tuple[tuple[AttentionTiles, AttentionTiles], ...]
_SM_80: dict[tuple[Pass, str], _Row] = {
    ("forward", "half"): (
        (_TILE(128, 64, 8, 2), _TILE(64, 64, 8, 2)),
        (_TILE(64, 64, 8, 2), _TILE(64, 32, 8, 2)),
        (_TILE(64, 32, 8, 2), _TILE(64, 32, 8, 2)),
    ),
    ("forward", "tf32"): (
        (_TILE(64, 64, 8, 2), _TILE(64, 32, 8, 2)),
        (_TILE(64, 32, 8, 2), _TILE(64, 32, 8, 2)),
        (_TILE(32, 32, 4, 1), _TILE(32, 16, 4, 2)),
    ),
    ("query", "half"): (
        (_TILE(64, 64, 8, 2), _TILE(64, 32, 8, 2)),
        (_TILE(64, 32, 8, 2), _TILE(64, 32, 8, 2)),
        (_TILE(64, 32, 8, 1), _TILE(32, 16, 4, 2)),
    ),
    ("query", "tf32"): (
        (_TILE(64, 32, 8, 2), _TILE(32, 16, 4, 2)),
        (_TILE(64, 32, 8, 1), _TILE(32, 32, 4, 2)),
        (_TILE(32, 16, 4, 1), _TILE(16, 16, 4, 2)),
    ),
    ("keys", "half"): (
        (_TILE(32, 128, 8, 2), _TILE(32, 32, 4, 2)),
        (_TILE(32, 64, 8, 2), _TILE(32, 64, 8, 2)),
        (_TILE(16, 64, 8, 2), _TILE(16, 16, 4, 2)),
    ),
    ("keys", "tf32"): (
        (_TILE(32, 64, 8, 2), _TILE(16, 64, 8, 2)),
        (_TILE(16, 64, 8, 2), _TILE(16, 64, 8, 2)),
        (_TILE(16, 16, 4, 2), _TILE(16, 16, 4, 2)),
    ),
}
_SM_90: dict[tuple[Pass, str], _Row] = {
    ("forward", "half"): (
        (_TILE(128, 128, 8, 3), _TILE(128, 64, 8, 3)),
        (_TILE(128, 64, 8, 3), _TILE(64, 64, 8, 3)),
        (_TILE(64, 64, 8, 3), _TILE(64, 32, 8, 3)),
    ),
    ("forward", "tf32"): (
        (_TILE(128, 64, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 64, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 32, 8, 2), _TILE(64, 32, 8, 2)),
    ),
    ("query", "half"): (
        (_TILE(128, 64, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 64, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 32, 8, 3), _TILE(64, 32, 8, 2)),
    ),
    ("query", "tf32"): (
        (_TILE(64, 64, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 32, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 16, 8, 2), _TILE(64, 16, 8, 2)),
    ),
    ("keys", "half"): (
        (_TILE(64, 128, 8, 3), _TILE(32, 128, 8, 3)),
        (_TILE(32, 128, 8, 3), _TILE(16, 64, 8, 3)),
        (_TILE(32, 32, 4, 3), _TILE(32, 32, 4, 2)),
    ),
    ("keys", "tf32"): (
        (_TILE(32, 128, 8, 3), _TILE(32, 64, 8, 3)),
        (_TILE(32, 32, 4, 3), _TILE(16, 32, 4, 3)),
        (_TILE(16, 16, 4, 3), _TILE(16, 16, 4, 3)),
    ),
}
_GFX942: dict[tuple[Pass, str], _Row] = {
    ("forward", "half"): (
        (_TILE(64, 64, 8, 2), _TILE(64, 64, 4, 2)),
        (_TILE(64, 64, 4, 2), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 4, 2), _TILE(64, 32, 4, 2)),
    ),
    ("forward", "tf32"): (
        (_TILE(64, 64, 4, 2), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 4, 2), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 4, 1), _TILE(32, 32, 4, 1)),
    ),
    ("query", "half"): (
        (_TILE(64, 64, 4, 2), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 4, 2), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 4, 2), _TILE(32, 32, 4, 2)),
    ),
    ("query", "tf32"): (
        (_TILE(64, 32, 4, 2), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 4, 2), _TILE(32, 32, 4, 2)),
        (_TILE(32, 16, 4, 2), _TILE(32, 16, 4, 2)),
    ),
    ("keys", "half"): (
        (_TILE(32, 64, 4, 2), _TILE(32, 64, 4, 2)),
        (_TILE(16, 64, 8, 2), _TILE(16, 64, 8, 2)),
        (_TILE(16, 32, 8, 2), _TILE(16, 32, 8, 2)),
    ),
    ("keys", "tf32"): (
        (_TILE(32, 64, 4, 2), _TILE(16, 64, 8, 2)),
        (_TILE(16, 32, 4, 2), _TILE(16, 32, 4, 2)),
        (_TILE(16, 16, 4, 2), _TILE(16, 32, 4, 2)),
    ),
}
_SM_100: dict[tuple[Pass, str], _Row] = {
    **_SM_90,
    ("forward", "tf32"): (
        (_TILE(128, 64, 8, 3), _TILE(64, 32, 4, 2)),
        (_TILE(64, 64, 8, 3), _TILE(64, 32, 8, 3)),
        (_TILE(64, 32, 8, 2), _TILE(64, 32, 8, 2)),
    ),
    ("query", "tf32"): (
        (_TILE(64, 64, 8, 3), _TILE(64, 32, 4, 2)),
        (_TILE(64, 32, 8, 3), _TILE(64, 32, 8, 2)),
        (_TILE(32, 16, 4, 2), _TILE(32, 16, 4, 2)),
    ),
    ("keys", "half"): (
        (_TILE(64, 128, 8, 3), _TILE(32, 128, 8, 3)),
        (_TILE(32, 64, 8, 2), _TILE(16, 64, 8, 3)),
        (_TILE(32, 32, 4, 3), _TILE(32, 32, 4, 2)),
    ),
}
_IEEE: dict[tuple[Pass, str], _Row] = {
    ("forward", "ieee"): ((_TILE(32, 32, 4, 1),) * 2, (_TILE(16, 32, 4, 1),) * 2, (_TILE(16, 16, 4, 1),) * 2),
    ("query", "ieee"): ((_TILE(32, 32, 8, 1),) * 2, (_TILE(16, 16, 8, 1),) * 2, (_TILE(16, 16, 4, 1),) * 2),
    ("keys", "ieee"): ((_TILE(32, 32, 4, 1),) * 2, (_TILE(16, 32, 4, 1),) * 2, (_TILE(16, 16, 4, 1),) * 2),
}
"""Without tensor cores threads hold a block's operands in registers: 256 features fit them on AMD alone."""
_TABLE = {"sm_80": _SM_80, "sm_90": _SM_90, "sm_100": _SM_100, "gfx942": _GFX942}
_FEW, _FEWER = _TILE(16, 16, 8, 1, 128), _TILE(16, 16, 8, 1, 64)
_WIDE: dict[str, dict[tuple[Pass, str], AttentionTiles]] = {
    "sm_80": {
        ("forward", "half"): _TILE(32, 32, 8, 2),
        ("query", "half"): _TILE(32, 16, 8, 2),
        ("keys", "half"): _TILE(16, 32, 8, 2),
    },
    "sm_90": {
        ("forward", "half"): _TILE(32, 32, 8, 2),
        ("query", "half"): _TILE(32, 32, 8, 2),
        ("keys", "half"): _TILE(32, 32, 8, 2),
        ("forward", "tf32"): _TILE(32, 32, 8, 1, 128),
        ("query", "tf32"): _TILE(32, 32, 8, 1, 128),
    },
    "sm_100": {
        ("forward", "half"): _TILE(32, 32, 8, 2),
        ("query", "half"): _TILE(32, 32, 8, 2),
        ("keys", "half"): _TILE(16, 32, 8, 2),
    },
    "gfx942": {
        ("forward", "tf32"): _FEWER,
        ("query", "tf32"): _FEWER,
        ("keys", "tf32"): _FEWER,
    },
}
"""Heads of up to 512 features, laden or not; what is not named takes the fewest rows. In half precision 64
of them, the fewest for wgmma, spill. In float32 whole blocks of a few rows spill too, so that they are
multiplied a part of the features at a time; the sums of the gradients stay whole."""


def padded(size: int) -> int:
    """The power of two that a head's features fill."""
    return max(SMALLEST, power_of_two(size))


@tunable("attention")
def choose(
    target: Target, way: Pass, kind: str, width: int, laden: bool, rows: int, keys: int
) -> AttentionTiles:
    """Tiles for ``rows`` queries and ``keys`` keys.

    Args:
        kind: "half", "tf32" or "ieee".
        width: the larger padded size of key and value.
        laden: whether there is dropout, or a mask or bias for each query.
    """
    if target.row == "interpret":
        best = _INTERPRET
    else:
        place = next(place for place, most in enumerate(_WIDTHS) if width <= most)
        exact = kind == "ieee"
        if width > _WIDTHS[2] or (exact and width > _WIDTHS[1] and target.backend == "cuda"):
            best = _WIDE[target.row].get((way, kind), _FEWER if exact else _FEW)
        else:
            row = _IEEE if exact else _TABLE[target.row]
            best = row[way, kind][place][laden]
    high = min(best.rows, padded(rows))
    wide = min(best.keys, padded(keys))
    warps = best.warps if high * wide >= best.rows * best.keys // 2 else 4
    return AttentionTiles(high, wide, warps, best.stages, best.part)
