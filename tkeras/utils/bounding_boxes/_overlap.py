"""How much boxes overlap."""

from __future__ import annotations

import math
from typing import Any

import torch

from tkeras.config import epsilon
from tkeras.utils.bounding_boxes._convert import convert_format

Tensor = torch.Tensor


def _corners(boxes: Any, bounding_box_format: str, image_shape: Any) -> Tensor:
    height, width = (None, None) if image_shape is None else image_shape[:2]
    return convert_format(boxes, bounding_box_format, "xyxy", height, width)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _shared(a: Tensor, b: Tensor) -> Tensor:
    sides = torch.clamp(torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2]), min=0)
    return sides[..., 0] * sides[..., 1]


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Tensor:
    """Intersection over union of each of ``boxes1`` with each of ``boxes2``.

    Args:
        boxes1, boxes2: (M, 4) or (batch, M, 4), and (N, 4) or (batch, N, 4).
        use_masking: whether pairs with a box whose numbers are all below 0 get ``mask_val``.
        image_shape: (height, width, …) for relative formats.

    Returns:
        (M, N) or (batch, M, N).
    """
    a = _corners(boxes1, bounding_box_format, image_shape).unsqueeze(-2)
    b = _corners(boxes2, bounding_box_format, image_shape).unsqueeze(-3)
    shared = _shared(a, b)
    found = shared / (_areas(a) + _areas(b) - shared + epsilon())
    if use_masking:
        masked = (a < 0).all(-1) | (b < 0).all(-1)
        found = torch.where(masked, mask_val, found)
    return found


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Tensor:
    """Complete intersection over union (Zheng et al., 2020) of pairs of boxes (…, 4): (…)."""
    a, b = (_corners(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    tiny = epsilon()
    shared = _shared(a, b)
    iou = shared / (_areas(a) + _areas(b) - shared + tiny)
    outer = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    diagonal = (outer**2).sum(-1) + tiny
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    angles = [torch.atan((box[..., 2] - box[..., 0]) / (box[..., 3] - box[..., 1] + tiny)) for box in (b, a)]
    shape = (4 / math.pi**2) * (angles[0] - angles[1]) ** 2
    weight = shape / (shape - iou + (1 + tiny))
    return iou - (apart / diagonal + shape * weight)
