"""Boxes as what a detector learns: shifts and logarithms of sizes relative to anchors."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.utils.bounding_boxes._convert import as_boxes, convert_format

Tensor = torch.Tensor


def _variance(variance: Any, like: Tensor) -> Tensor:
    if variance is None:
        return like.new_ones(4)
    if len(variance) != 4:
        raise ValueError(f"`variance` must be length 4. Received: variance={variance}")
    return like.new_tensor(variance)


def _check(encoding: str) -> None:
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(
            "`encoding_format` should be one of 'center_xywh' or 'center_yxhw'. "
            f"Received: encoding_format={encoding}"
        )


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Tensor:
    """Boxes relative to anchors: shifts by the anchor's size, then logarithms of the quotients of sizes.

    Args:
        anchors: (N, 4).
        boxes: (N, 4) or (batch, N, 4).
        variance: four numbers that the result is divided by.
        image_shape: (height, width, …) for relative formats.
    """
    _check(encoding_format)
    height, width = (None, None) if image_shape is None else image_shape[:2]
    anchor = convert_format(anchors, anchor_format, encoding_format, height, width)
    box = convert_format(boxes, box_format, encoding_format, height, width)
    size = torch.clamp(anchor[..., 2:], min=1e-8)
    shift = (box[..., :2] - anchor[..., :2]) / size
    growth = torch.log(torch.clamp(box[..., 2:], min=1e-8) / size)
    return torch.cat([shift, growth], -1) / _variance(variance, box)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Inverse of :func:`encode_box_to_deltas`; dictionaries by level are decoded level by level."""
    if isinstance(anchors, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {key: decode_deltas_to_boxes(anchors[key], boxes_delta[key], *rest) for key in anchors}
    _check(encoded_format)
    height, width = (None, None) if image_shape is None else image_shape[:2]
    anchor = convert_format(anchors, anchor_format, encoded_format, height, width)
    delta = as_boxes(boxes_delta) * _variance(variance, anchor)
    centre = delta[..., :2] * anchor[..., 2:] + anchor[..., :2]
    box = torch.cat([centre, torch.exp(delta[..., 2:]) * anchor[..., 2:]], -1)
    return convert_format(box, encoded_format, box_format, height, width)
