"""Tile sizes of the attention templates."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..runtime import Target
from ._tiles import SMALLEST, power_of_two

Pass = Literal["forward", "query", "keys"]


class AttentionTiles(NamedTuple):
    """Queries and keys of a block, warps a program and pipeline stages."""

    rows: int
    keys: int
    warps: int
    stages: int


LARGEST_HEAD = 256
_INTERPRET = AttentionTiles(128, 128, 4, 1)
_TABLE: dict[str, dict[tuple[Pass, str, int], AttentionTiles]] = {}


def padded(size: int) -> int:
    """The power of two that a head's features fill."""
    return max(SMALLEST, power_of_two(size))


def choose(target: Target, way: Pass, kind: str, width: int, time: int, keys: int) -> AttentionTiles:
    """Tiles for heads of ``width``, the larger padded size of key and value."""
    if target.row == "interpret":
        best = _INTERPRET
    else:
        best = AttentionTiles(64, 64, 4, 2)
    rows = min(best.rows, max(SMALLEST, power_of_two(time)))
    across = min(best.keys, max(SMALLEST, power_of_two(keys)))
    return AttentionTiles(rows, across, best.warps, best.stages)
