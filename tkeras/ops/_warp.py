"""Images sampled at moved points; layouts as in `_image`."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

from tkeras import random
from tkeras.config import standardize_dtype
from tkeras.ops._convert import convert, infers_shapes, is_integer, together
from tkeras.ops._filter import filtered, gaussian
from tkeras.ops._image import channels_first, image_op, restored

Tensor = torch.Tensor

_ORDERS = {"nearest": 0, "bilinear": 1}


def _mirror(index: Tensor, size: int) -> Tensor:
    return (
        torch.abs(torch.remainder(index + size - 1, max(1, 2 * size - 2)) - (size - 1))
        if size > 1
        else index * 0
    )


def _reflect(index: Tensor, size: int) -> Tensor:
    return torch.div(_mirror(2 * index + 1, 2 * size + 1) - 1, 2, rounding_mode="floor")


_PLACES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "constant": lambda index, size: torch.clamp(index, 0, size - 1),
    "nearest": lambda index, size: torch.clamp(index, 0, size - 1),
    "wrap": lambda index, size: torch.remainder(index, size),
    "mirror": _mirror,
    "reflect": _reflect,
}
"""Where an index outside an axis points to."""


def _neighbours(coordinate: Tensor, order: int) -> list[tuple[Tensor, Any]]:
    """The indices around a coordinate, with what each counts."""
    if order == 0:
        return [(torch.round(coordinate).long() if coordinate.is_floating_point() else coordinate.long(), 1)]
    lower = torch.floor(coordinate) if coordinate.is_floating_point() else coordinate
    upper = coordinate - lower
    return [(lower.long(), 1 - upper), (lower.long() + 1, upper)]


def _check(interpolation: str, fill_mode: str) -> None:
    for name, value, known in (("interpolation", interpolation, _ORDERS), ("fill_mode", fill_mode, _PLACES)):
        if value not in known:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected one of {sorted(known)}. "
                f"Received: {name}={value}"
            )


def _sampled(
    x: Tensor,
    lead: tuple[Tensor, ...],
    coordinates: Sequence[Tensor],
    order: int,
    fill_mode: str,
    fill_value: Any,
) -> Tensor:
    """``x[(*lead, *coordinates)]`` with interpolation between integer coordinates; axes that follow stay."""
    sizes = x.shape[len(lead) : len(lead) + len(coordinates)]
    trailing = x.ndim - len(lead) - len(coordinates)
    if is_integer(x):
        fill_value = int(fill_value)
    result: Any = 0
    axes = [_neighbours(coordinate, order) for coordinate in coordinates]
    for corner in itertools.product(*axes):
        pairs = list(zip((index for index, _ in corner), sizes, strict=True))
        value = x[(*lead, *(_PLACES[fill_mode](index, size) for index, size in pairs))]
        if fill_mode == "constant":
            inside = functools.reduce(operator.and_, ((index >= 0) & (index < size) for index, size in pairs))
            value = torch.where(_spread(inside, trailing), value, fill_value)
        weight = functools.reduce(operator.mul, (weight for _, weight in corner))
        result = result + (_spread(weight, trailing) * value if isinstance(weight, Tensor) else value)
    return (torch.round(result) if is_integer(x) and result.is_floating_point() else result).to(x.dtype)


def _spread(x: Tensor, trailing: int) -> Tensor:
    return x.reshape(*x.shape, *(1,) * trailing)


@image_op
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """``inputs`` at coordinates between its elements.

    Args:
        inputs: rank n.
        coordinates: (n, …): one tensor for each axis.
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" (without the ends) or "reflect".
        fill_value: the constant.
    """
    x, *points = together(inputs, *coordinates)
    if len(points) != x.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs with "
            f"shape: {tuple(x.shape)} and coordinate leading dim of {len(points)}"
        )
    if points[0].ndim < 1:
        raise ValueError(
            f"Invalid coordinates rank: expected at least rank 2. Received: rank {points[0].ndim + 1}"
        )
    if order not in (0, 1):
        raise NotImplementedError(f"map_coordinates requires order 0 or 1. Received: order={order}")
    _check("nearest", fill_mode)
    return _sampled(x, (), points, order, fill_mode, fill_value)


def _projected(x: Tensor, transform: Tensor, interpolation: str, fill_mode: str, fill_value: float) -> Tensor:
    """(batch, channels, height, width) sampled at ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)``.

    ``k = c0 x + c1 y + 1`` for transforms ``a0 a1 a2 b0 b1 b2 c0 c1`` of shape (1 or batch, 8).
    """
    batch, _, height, width = x.shape
    x = x.movedim(1, -1)
    rows, columns = (torch.arange(n, dtype=transform.dtype, device=x.device) for n in (height, width))
    a0, a1, a2, b0, b1, b2, c0, c1 = transform.reshape(-1, 8, 1, 1).unbind(1)
    rows, columns = rows.unsqueeze(1), columns.unsqueeze(0)
    k = c0 * columns + c1 * rows + 1
    points = ((b0 * columns + b1 * rows + b2) / k, (a0 * columns + a1 * rows + a2) / k)
    points = [point.expand(batch, height, width) for point in points]
    return _from_points(x, points, interpolation, fill_mode, fill_value)


def _from_points(
    x: Tensor, points: list[Tensor], interpolation: str, fill_mode: str, fill_value: float
) -> Tensor:
    """``x`` (batch, height, width, channels) at points (batch, height, width), with channels first."""
    sample = torch.arange(x.shape[0], device=x.device).reshape(-1, 1, 1)
    return _sampled(x, (sample,), points, _ORDERS[interpolation], fill_mode, fill_value).movedim(-1, 1)


@image_op
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images whose point (x, y) shows what was at ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)``.

    Args:
        images: rank 3 or 4.
        transform: (8,) or (batch, 8): ``a0 a1 a2 b0 b1 b2 c0 c1``, where ``k = c0 x + c1 y + 1``.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: the constant.
    """
    _check(interpolation, fill_mode)
    x, last, single = channels_first(images, data_format)
    transform = convert(transform, None, x)
    if transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms) of 8 "
            f"numbers. Received input with shape: transform.shape={tuple(transform.shape)}"
        )
    transform = transform if transform.is_floating_point() else transform.float()
    moved = _projected(x, transform.reshape(-1, 8), interpolation, fill_mode, fill_value)
    return restored(moved, last, single)


@image_op
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images in the perspective that moves four points to four others.

    Args:
        images: rank 3 or 4.
        start_points, end_points: (4, 2) or (batch, 4, 2): x and y before and after.
        interpolation: "nearest" or "bilinear".
        fill_value: what lies outside.
    """
    _check(interpolation, "constant")
    x, last, single = channels_first(images, data_format)
    _, start, end = together(x, start_points, end_points)
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ValueError(
            "Expected start_points and end_points of the same shape, (4, 2) or (batch, 4, 2). Received: "
            f"start_points.shape={tuple(start.shape)}, end_points.shape={tuple(end.shape)}"
        )
    wide = torch.float64 if x.dtype is torch.float64 else torch.float32
    transform = _homography(start.to(wide).reshape(-1, 4, 2), end.to(wide).reshape(-1, 4, 2))
    return restored(_projected(x, transform, interpolation, "constant", fill_value), last, single)


def _homography(start: Tensor, end: Tensor) -> Tensor:
    """The transforms (batch, 8) that map the points ``end`` (batch, 4, 2) to ``start``."""
    ones, zeros = torch.ones_like(end[..., :1]), torch.zeros_like(end[..., :1])
    known, nothing = torch.cat([end, ones], -1), torch.cat([zeros, zeros, zeros], -1)
    x = torch.cat([known, nothing, -start[..., :1] * end], -1)
    y = torch.cat([nothing, known, -start[..., 1:] * end], -1)
    return torch.linalg.solve(torch.cat([x, y], 1), torch.cat([start[..., 0], start[..., 1]], 1))


@image_op
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with every point moved at random, neighbours alike (Simard et al. 2003).

    Args:
        images: rank 3 or 4.
        alpha: how far.
        sigma: over what distance points are neighbours.
        interpolation, fill_mode, fill_value: as of :func:`affine_transform`.
        seed: an int, a `SeedGenerator` or None.
    """
    _check(interpolation, fill_mode)
    x, last, single = channels_first(images, data_format)
    batch, _, height, width = x.shape
    dtype = torch.float32 if is_integer(x) else x.dtype
    if infers_shapes():
        return torch.empty_like(convert(images))
    noise = random.normal((batch, 2, height, width), dtype=standardize_dtype(dtype), seed=seed).to(x.device)
    bell = gaussian(int(6 * sigma) | 1, sigma, noise)
    shift = filtered(noise * sigma, bell, bell, pad=True) * alpha
    rows, columns = (torch.arange(n, device=x.device) for n in (height, width))
    points = [rows.unsqueeze(1) + shift[:, 0], columns + shift[:, 1]]
    moved = _from_points(x.movedim(1, -1), points, interpolation, fill_mode, fill_value)
    return restored(moved, last, single)
