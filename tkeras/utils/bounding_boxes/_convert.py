"""Formats of boxes, and boxes cut, moved and clipped with their image."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.config import default_device, torch_dtype
from tkeras.layers.augmentation._boxes import clipped, converted

Tensor = torch.Tensor


def as_boxes(boxes: Any, dtype: Any = "float32") -> Tensor:
    """A tensor (…, 4) of floats."""
    made = torch.as_tensor(boxes, device=None if isinstance(boxes, Tensor) else default_device())
    if made.shape[-1:] != (4,):
        raise ValueError(f"Expected `boxes` of shape (…, 4). Received: boxes.shape={tuple(made.shape)}")
    return made.to(torch_dtype(dtype))


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Boxes in another format.

    Args:
        boxes: (count, 4) or (batch, count, 4), or a dictionary of such ``boxes`` and ``labels``.
        source, target: ``"xyxy"``, ``"yxyx"``, ``"xywh"``, ``"center_xywh"``, ``"center_yxhw"``; with
            ``rel_`` in
            front: as fractions of the image's size.
        height, width: of the image, for ``rel_…``.
        dtype: element type of the result.
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    return converted(as_boxes(boxes, dtype), source, target, height, width)


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Boxes cut at the edges of their image; the labels of those without area become -1.

    Args:
        bounding_boxes: ``boxes`` (…, count, 4) and ``labels`` (…, count).
    """
    boxes = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height, width)
    labels = torch.as_tensor(bounding_boxes["labels"], device=boxes.device)
    found = clipped({**bounding_boxes, "boxes": boxes, "labels": labels}, height, width)
    return {**found, "boxes": converted(found["boxes"], "xyxy", bounding_box_format, height, width)}


def crop(
    boxes: Any, top: float, left: float, height: float, width: float, bounding_box_format: str = "xyxy"
) -> Tensor:
    """Boxes in a window of their image, cut at its edges.

    Args:
        top, left, height, width: of the window, in pixels.
    """
    corners = convert_format(boxes, bounding_box_format, "xyxy")
    moved = corners - corners.new_tensor([left, top, left, top])
    limit = corners.new_tensor([width, height, width, height])
    return converted(torch.minimum(torch.clamp(moved, min=0), limit), "xyxy", bounding_box_format)


def pad(
    boxes: Any,
    top: float,
    left: float,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Boxes after ``top`` rows and ``left`` columns were added in front of their image."""
    corners = convert_format(boxes, bounding_box_format, "xyxy", height, width)
    moved = corners + corners.new_tensor([left, top, left, top])
    return converted(moved, "xyxy", bounding_box_format, height, width)
