"""Classes of pixels in colors over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tkeras.config import standardize_data_format
from tkeras.ops import convert_to_numpy
from tkeras.visualization._gallery import plot_image_gallery

_STEPS = np.array([1, 127, 31])
"""The color of class n is n times this, modulo 255."""


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Images with the classes of their pixels in colors.

    Args:
        images: (batch, height, width, 3), values from 0 to 255; channels first with such a ``data_format``.
        segmentation_masks: class numbers, like ``images`` with one channel.
        num_classes: default: one more than the largest number.
        color_mapping: class → color; default: colors of our own.
        alpha: share of the color.
        blend: mix the color with the image instead of replacing it.
        ignore_index: pixels of this class stay.
        data_format: default: ``image_data_format()``.

    Returns:
        Channels-last images: uint8 where blended, else of the type of ``images``.

    Raises:
        ValueError: images that are no batch.
        TypeError: masks that are no integers.
    """
    pixels, classes = convert_to_numpy(images), convert_to_numpy(segmentation_masks)
    if classes.dtype.kind not in "iu":
        raise TypeError(
            "`segmentation_masks` must be in integer dtype. "
            f"Received: segmentation_masks.dtype={classes.dtype}"
        )
    if pixels.ndim != 4 or classes.ndim != 4:
        raise ValueError(
            "`images` must be batched 4D tensor, and `segmentation_masks` too. "
            f"Received: images.shape={pixels.shape}, segmentation_masks.shape={classes.shape}"
        )
    if standardize_data_format(data_format) == "channels_first":
        pixels, classes = pixels.transpose(0, 2, 3, 1), classes.transpose(0, 2, 3, 1)
    classes = classes[..., 0]
    kept = classes == ignore_index
    count = int(classes[~kept].max(initial=0)) + 1 if num_classes is None else num_classes
    colors = np.arange(count)[:, None] * _STEPS % 255
    for number, color in (color_mapping or {}).items():
        colors[number] = color
    painted = colors[np.where(kept, 0, classes)].astype(pixels.dtype)
    mixed = alpha * painted + (1 - alpha) * pixels if blend else painted
    result = np.where(kept[..., None], pixels, mixed)
    return result.astype("uint8") if blend else result.astype(pixels.dtype)


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Plot each image beside its true and its predicted classes; ``kwargs`` as of :func:`plot_image_gallery`.

    Args:
        images: see :func:`draw_segmentation_masks`.
        num_classes: number of classes.
        value_range: of the images.
        y_true, y_pred: masks.
        color_mapping, blend, alpha, ignore_index, data_format: see :func:`draw_segmentation_masks`.
    """
    low, high = value_range
    plain = (convert_to_numpy(images).astype("float32") - low) * (255 / (high - low))
    masks = [mask for mask in (y_true, y_pred) if mask is not None]
    columns = [
        plain if standardize_data_format(data_format) == "channels_last" else plain.transpose(0, 2, 3, 1)
    ]
    for mask in masks:
        columns.append(
            draw_segmentation_masks(
                plain, mask, num_classes, color_mapping, alpha, blend, ignore_index, data_format
            ).astype("float32")
        )
    rows = np.concatenate(columns, axis=2)
    plot_image_gallery(rows, value_range=(0, 255), data_format="channels_last", **kwargs)
