"""Bounding boxes: their formats, and what affine maps and crops make of them."""

from __future__ import annotations

from typing import Any

import torch

Tensor = torch.Tensor
FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh",
    "rel_center_xywh",
)  # fmt: skip


def _to_corners(boxes: Tensor, kind: str) -> Tensor:
    a, b, c, d = boxes.unbind(-1)
    if kind == "yxyx":
        a, b, c, d = b, a, d, c
    elif kind == "xywh":
        c, d = a + c, b + d
    elif kind in ("center_xywh", "center_yxhw"):
        if kind == "center_yxhw":
            a, b, c, d = b, a, d, c
        a, b, c, d = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return torch.stack([a, b, c, d], -1)


def _from_corners(boxes: Tensor, kind: str) -> Tensor:
    left, top, right, bottom = boxes.unbind(-1)
    width, height = right - left, bottom - top
    made = {
        "xyxy": (left, top, right, bottom),
        "yxyx": (top, left, bottom, right),
        "xywh": (left, top, width, height),
        "center_xywh": (left + width / 2, top + height / 2, width, height),
        "center_yxhw": (top + height / 2, left + width / 2, height, width),
    }
    return torch.stack(made[kind], -1)


def check_format(name: Any) -> str:
    """A known format of boxes."""
    if str(name).lower() not in FORMATS:
        raise ValueError(f"Expected a bounding box format among {FORMATS}. Received: {name!r}")
    return str(name).lower()


def converted(boxes: Tensor, source: str, target: str, height: Any = None, width: Any = None) -> Tensor:
    """Boxes (…, 4) from one format to another.

    Args:
        height, width: of the image, for the formats ``rel_…``.
    """
    source, target = check_format(source), check_format(target)
    if source == target:
        return boxes
    old, new = source.startswith("rel_"), target.startswith("rel_")
    corners = _to_corners(boxes, source.removeprefix("rel_"))
    if old != new:
        if height is None or width is None:
            raise ValueError(
                "`height` and `width` must be set when converting between relative and absolute formats. "
                f"Received: height={height}, width={width}"
            )
        size = torch.tensor([width, height, width, height], dtype=corners.dtype, device=corners.device)
        corners = corners * size if old else corners / size
    return _from_corners(corners, target.removeprefix("rel_"))


def clipped(data: dict[str, Any], height: float, width: float) -> dict[str, Any]:
    """Boxes (…, 4) in pixels (xyxy) cut at the edges of the image; those without area get the label -1."""
    low = torch.clamp(data["boxes"], min=0)
    limit = torch.tensor([width, height, width, height], dtype=low.dtype, device=low.device)
    boxes = torch.minimum(low, limit)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return {**data, "boxes": boxes, "labels": torch.where(area > 0, data["labels"], -1)}


def mapped(boxes: Tensor, matrix: Tensor) -> Tensor:
    """The smallest boxes (batch, count, 4) around what 2 × 3 matrices (batch, 2, 3) make of boxes."""
    left, top, right, bottom = boxes.unbind(-1)
    xs, ys = torch.stack([left, right, left, right], -1), torch.stack([top, top, bottom, bottom], -1)
    points = torch.stack([xs, ys, torch.ones_like(xs)], -1)  # (batch, count, 4, 3)
    moved = torch.einsum("bij,bnkj->bnki", matrix.to(boxes.dtype), points)
    return torch.cat([moved.amin(2), moved.amax(2)], -1)
