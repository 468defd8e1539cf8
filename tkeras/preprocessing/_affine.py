"""Affine maps of images, as numpy alone: rotations, shifts, shears, zooms."""

from __future__ import annotations

from typing import Any

import numpy as np

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def affine_matrix(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float, height: int, width: int
) -> np.ndarray | None:
    """The 3×3 matrix from places of the result to places of the image; None for no change.

    As in Keras, x runs along the columns and y along the rows, but the middle that the image turns about has
    ``height / 2`` along x and ``width / 2`` along y: images that are not square turn about another place.

    Args:
        theta: rotation in degrees.
        tx, ty: shift along columns and rows in pixels.
        shear: angle in degrees.
        zx, zy: zoom along columns and rows.
    """
    parts = []
    if theta:
        angle = np.deg2rad(theta)
        parts.append([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    if tx or ty:
        parts.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear:
        angle = np.deg2rad(shear)
        parts.append([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        parts.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    if not parts:
        return None
    matrix = np.eye(3)
    for part in parts:
        matrix = matrix @ np.array(part, dtype=float)
    x, y = height / 2 - 0.5, width / 2 - 0.5
    before = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    after = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    return (before @ matrix @ after)[[1, 0, 2]][:, [1, 0, 2]]


def warp(x: np.ndarray, matrix: np.ndarray, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """An image ``(height, width, channels)`` read at mapped places, with its own dtype.

    Args:
        matrix: from places of the result to places of the image.
        fill_mode: what lies outside: ``"constant"`` (``cval``), ``"nearest"``, ``"reflect"`` or ``"wrap"``.
        order: 0 for the nearest pixel, 1 for linear interpolation.

    Raises:
        ValueError: another mode or order.
    """
    if fill_mode not in FILL_MODES:
        raise ValueError(f"`fill_mode` must be one of {FILL_MODES}. Received: fill_mode={fill_mode}")
    if order not in (0, 1):
        raise ValueError(f"The order of interpolation must be 0 or 1. Received: {order}")
    height, width = x.shape[:2]
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = [matrix[axis, 0] * rows + matrix[axis, 1] * columns + matrix[axis, 2] for axis in (0, 1)]
    outside = np.zeros((height, width), bool)
    if fill_mode == "constant":
        for place, size in zip(places, (height, width), strict=True):
            outside |= (place < 0) | (place > size - 1)
    neighbours = [
        _neighbours(place, size, fill_mode, order)
        for place, size in zip(places, (height, width), strict=True)
    ]
    result = np.zeros(x.shape, "float64")
    for row, row_weight in neighbours[0]:
        for column, column_weight in neighbours[1]:
            result += (row_weight * column_weight)[..., None] * x[row, column]
    result[outside] = cval
    return result.astype(x.dtype)


def _neighbours(place: np.ndarray, size: int, mode: str, order: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Indices along one axis and their weights."""
    if mode == "wrap" and size > 1:  # the last pixel counts as the first one of the next turn
        place = np.where((place < 0) | (place > size - 1), place % (size - 1), place)
    elif mode in ("nearest", "constant"):
        place = np.clip(place, 0, size - 1)
    if order == 0:
        return [(_reflected(np.floor(place + 0.5).astype(int), size), np.ones(place.shape))]
    low = np.floor(place).astype(int)
    share = place - low
    return [(_reflected(low, size), 1 - share), (_reflected(low + 1, size), share)]


def _reflected(index: np.ndarray, size: int) -> np.ndarray:
    """Indices inside, as if the line went on as its mirror image."""
    index = index % (2 * size)
    return np.where(index >= size, 2 * size - 1 - index, index)


def to_last(x: np.ndarray, row_axis: int, col_axis: int, channel_axis: int) -> np.ndarray:
    """An image with rows, columns and channels in this order."""
    return np.transpose(x, (row_axis, col_axis, channel_axis))


def from_last(x: np.ndarray, row_axis: int, col_axis: int, channel_axis: int) -> Any:
    """The inverse of :func:`to_last`."""
    return np.transpose(x, np.argsort((row_axis, col_axis, channel_axis)))
