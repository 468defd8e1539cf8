"""Tiles beside those of the analytic tables, without those that cannot fit the shared memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..runtime import Plan, replaced

_SIDES = {"rows": (16, 256), "columns": (16, 256), "inner": (16, 128), "keys": (16, 256)}
"""``tl.dot`` takes no side below 16; above the others sums no longer fit the registers."""
_ROW_ELEMENTS = 1 << 14
"""Elements of a tile of the row kernels, which hold it in registers."""


def neighbours(plan: Plan) -> Iterator[dict[str, Any]]:
    """Fields that differ: half and twice each side, and programs that end where they would stay."""
    tiles, whole = plan.tiles, getattr(plan.tiles, "whole", False)
    stays = getattr(tiles, "persistent", False)
    if stays:
        yield {"persistent": False}
    for name, (least, most) in _SIDES.items():
        side = getattr(tiles, name, None)
        if side is None or (whole and name == "columns"):
            continue
        for other in (side // 2, side * 2):
            fields: dict[str, Any] = {name: other, **({"persistent": False} if stays else {})}
            if hasattr(tiles, "whole"):
                fits = other >= 1 and _elements(replaced(tiles, fields)) <= _ROW_ELEMENTS
            else:
                fits = least <= other <= most and _shared(plan, fields) <= plan.target.shared
            if fits:
                yield fields


def _elements(tiles: Any) -> int:
    return tiles.rows * tiles.columns


def _shared(plan: Plan, fields: dict[str, Any]) -> int:
    """Bytes of the operands that the stages hold; a compiler takes more, never less."""
    tiles, facts = replaced(plan.tiles, fields), plan.facts
    size = 2 if facts["kind"] == "half" else 4
    if hasattr(tiles, "keys"):
        held, walked = (tiles.keys, tiles.rows) if facts["way"] == "keys" else (tiles.rows, tiles.keys)
        if tiles.part:
            return size * facts["width"] * walked
        return size * facts["width"] * (held + 2 * tiles.stages * walked)
    return size * tiles.stages * tiles.inner * (tiles.rows + tiles.columns)
