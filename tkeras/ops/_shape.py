"""Functions that move elements about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert, together
from tkeras.ops._op import op, unary

Tensor = torch.Tensor
Ints = int | list[int] | tuple[int, ...]

ravel = unary("ravel", torch.ravel, "All elements as a vector.")
fliplr = unary("fliplr", torch.fliplr, "The second axis backwards.")
flipud = unary("flipud", torch.flipud, "The first axis backwards.")


def tensors(values: Any) -> list[Any]:
    """The values as tensors."""
    return list(together(*values))


def along(x: Tensor, axis: int | None) -> tuple[Tensor, int]:
    """A tensor and the axis to go along: the flat tensor where that is None."""
    if axis is None:
        return x.flatten(), 0
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis {axis} is out of bounds for an array with dimension {x.ndim}.")
    return x, axis % x.ndim


def _sizes(shape: Any) -> tuple[int, ...]:
    return (
        tuple(int(size) for size in shape)
        if isinstance(shape, (tuple, list, torch.Tensor))
        else (int(shape),)
    )


def _reshape_spec(x: Any, newshape: Any) -> Any:
    sizes = _sizes(newshape)
    if not isinstance(x, KerasTensor) or None not in x.shape:
        return None
    return KerasTensor([None if size == -1 else size for size in sizes], x.dtype)


@op(spec=_reshape_spec)
def reshape(x: Any, newshape: Any) -> Tensor:
    """The elements in the same order in another shape; one size may be -1."""
    return torch.reshape(convert(x), newshape if type(newshape) is tuple else _sizes(newshape))


@op()
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order; reversed where none is given."""
    x = convert(x)
    return torch.permute(x, tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


@op()
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    return torch.swapaxes(convert(x), axis1, axis2)


@op()
def moveaxis(x: Any, source: Ints, destination: Ints) -> Tensor:
    """Axes moved to other places, the rest in order."""
    return torch.moveaxis(convert(x), source, destination)  # pyright: ignore[reportCallIssue, reportArgumentType]


@op()
def expand_dims(x: Any, axis: Ints) -> Tensor:
    """New axes of size 1 at these places of the result."""
    x = convert(x)
    axis = (axis,) if isinstance(axis, int) else axis
    rank = x.ndim + len(axis)
    for a in axis:
        if not -rank <= a < rank:
            raise ValueError(f"axis {a} is out of bounds for an array with dimension {rank}.")
    for a in sorted(a % rank for a in axis):
        x = torch.unsqueeze(x, a)
    return x


@op()
def squeeze(x: Any, axis: Ints | None = None) -> Tensor:
    """Without the axes of size 1, or those of them that are given."""
    x = convert(x)
    if axis is None:
        return torch.squeeze(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(
            f"Cannot squeeze axis={axis}, because the dimension is not 1. Received: shape={tuple(x.shape)}"
        )
    return torch.squeeze(x, axes)


def _broadcast_spec(x: Any, shape: Any) -> Any:
    return KerasTensor(_sizes(shape), x.dtype) if None in x.shape else None


@op(spec=_broadcast_spec)
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Repeated along axes of size 1 or missing ones, without a copy."""
    return torch.broadcast_to(convert(x), _sizes(shape))


@op()
def flip(x: Any, axis: Ints | None = None) -> Tensor:
    """Backwards along some axes, or all."""
    x = convert(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return torch.flip(x, axes)


@op()
def roll(x: Any, shift: Ints, axis: Ints | None = None) -> Tensor:
    """Moved along axes; what leaves at the end comes back at the front."""
    return torch.roll(convert(x), shift, axis)  # pyright: ignore[reportArgumentType]


@op()
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Rotated ``k`` times by 90 degrees in the plane of two axes, from the first towards the second."""
    array = convert(array)
    if array.ndim < 2:
        raise ValueError(f"Input array must have at least 2 dimensions. Received: array.ndim={array.ndim}")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    return torch.rot90(array, k, tuple(axes))


@op()
def concatenate(xs: Any, axis: int = 0) -> Tensor:
    """Tensors joined along an axis."""
    return torch.cat(tensors(xs), axis)


@op()
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """Two tensors joined along an axis; as vectors where it is None."""
    pair = tensors((x1, x2))
    return torch.cat([x.flatten() for x in pair]) if axis is None else torch.cat(pair, axis)


@op()
def stack(x: Any, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    return torch.stack(tensors(x), axis)


@op()
def hstack(xs: Any) -> Tensor:
    """Tensors joined along the second axis, vectors along the first."""
    return torch.hstack(tensors(xs))


@op()
def vstack(xs: Any) -> Tensor:
    """Tensors joined along the first axis, vectors as rows."""
    return torch.vstack(tensors(xs))


@op()
def dstack(xs: Any) -> Tensor:
    """Tensors joined along the third axis."""
    return torch.dstack(tensors(xs))


def _unstack_spec(x: Any, num: int | None = None, axis: int = 0) -> Any:
    if x.shape[axis] is not None:
        return None
    if num is None:
        raise ValueError(f"`unstack` needs `num` where the size of axis {axis} is unknown. Received: x={x}")
    rest = [size for a, size in enumerate(x.shape) if a != axis % len(x.shape)]
    return tuple(KerasTensor(rest, x.dtype) for _ in range(num))


@op(spec=_unstack_spec)
def unstack(x: Any, num: int | None = None, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, without it; ``num`` is how many, if the size of the axis does not say so."""
    x = convert(x)
    if num is not None and num != x.shape[axis]:
        raise ValueError(
            f"Expected an axis of size num={num}. Received: x.shape={tuple(x.shape)}, axis={axis}"
        )
    return torch.unbind(x, axis)


def _split_spec(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    if x.shape[axis] is not None or not isinstance(indices_or_sections, int):
        return None
    return [KerasTensor(x.shape, x.dtype) for _ in range(indices_or_sections)]


@op(spec=_split_spec)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Cut along an axis into equal parts, or at the given indices."""
    x = convert(x)
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ValueError(
            f"Expected x.shape[{axis}] to be divisible by indices_or_sections={indices_or_sections}. "
            f"Received: x.shape={tuple(x.shape)}"
        )
    return list(torch.tensor_split(x, _cuts(indices_or_sections), axis))


def _cuts(indices_or_sections: Any) -> Any:
    if isinstance(indices_or_sections, int):
        return indices_or_sections
    if hasattr(indices_or_sections, "tolist"):
        return indices_or_sections.tolist()
    return [int(index) for index in indices_or_sections]


@op(spec=_split_spec)
def array_split(x: Any, indices_or_sections: int, axis: int = 0) -> list[Tensor]:
    """Cut along an axis into parts of which the first are longer by one where they cannot be equal."""
    if not isinstance(indices_or_sections, int) or indices_or_sections <= 0:
        raise ValueError(
            "Argument `indices_or_sections` must be a positive integer. "
            f"Received: indices_or_sections={indices_or_sections}"
        )
    return list(torch.tensor_split(convert(x), indices_or_sections, axis))


def _splitting(
    name: str, function: Callable[..., Any], doc: str, axis: Callable[[int], int]
) -> Callable[..., Any]:
    def spec(x: Any, indices_or_sections: Any) -> Any:
        return _split_spec(x, indices_or_sections, axis(len(x.shape)))

    def call(x: Any, indices_or_sections: Any) -> list[Tensor]:
        return list(function(convert(x), _cuts(indices_or_sections)))

    call.__name__, call.__doc__ = name, doc
    return op(spec=spec)(call)


hsplit = _splitting(
    "hsplit", torch.hsplit, "Cut along the second axis, vectors along the first.", lambda n: n > 1
)
vsplit = _splitting("vsplit", torch.vsplit, "Cut along the first axis.", lambda n: 0)
dsplit = _splitting("dsplit", torch.dsplit, "Cut along the third axis.", lambda n: 2)


@op()
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element repeated.

    Args:
        repeats: how often: one number, or one for each element along ``axis``.
        axis: None for the flat tensor.
    """
    x, axis = along(convert(x), axis)
    if isinstance(repeats, torch.Tensor) and not x.is_meta and repeats.numel() > 1:
        return torch.repeat_interleave(x, repeats.to(x.device), axis)
    counts = [int(count) for count in repeats] if hasattr(repeats, "__len__") and len(repeats) != 1 else None
    if counts is not None:
        index = [i for i, count in enumerate(counts) for _ in range(count)]
        return torch.index_select(x, axis, torch.as_tensor(index, device=x.device))
    count = int(repeats if isinstance(repeats, int) else repeats[0])
    sizes = [*x.shape[: axis + 1], count, *x.shape[axis + 1 :]]
    return x.unsqueeze(axis + 1).expand(sizes).flatten(axis, axis + 1)


@op()
def tile(x: Any, repeats: Any) -> Tensor:
    """The whole tensor repeated along its axes."""
    return torch.tile(convert(x), _sizes(repeats))


@op()
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid; with "xy" the first two axes are exchanged."""
    return list(torch.meshgrid(*tensors(x), indexing=indexing))


def _mirrored(size: int, before: int, after: int, edge: int) -> list[int]:
    """Indices of an axis that is reflected at its ends; ``edge`` is 1 where the end itself is repeated."""
    period = max(1, 2 * size - 2 + 2 * edge)
    folded = (i % period for i in range(-before, size + after))
    return [i if i < size else period - i - edge for i in folded]


_INDICES: dict[str, Callable[[int, int, int], list[int]]] = {
    "reflect": functools.partial(_mirrored, edge=0),
    "symmetric": functools.partial(_mirrored, edge=1),
    "edge": lambda size, before, after: [min(max(i, 0), size - 1) for i in range(-before, size + after)],
    **dict.fromkeys(
        ("wrap", "circular"), lambda size, before, after: [i % size for i in range(-before, size + after)]
    ),
}


@op()
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """Elements added before and after each axis.

    Args:
        x: any shape.
        pad_width: a pair for each axis, one pair for all, or one number for all.
        mode: "constant", "reflect" (without the ends), "symmetric" (with them), "edge", "wrap" or its
            synonym "circular".
        constant_values: what is added in mode "constant"; default 0.
    """
    x = convert(x)
    pairs = _pairs(pad_width, x.ndim)
    if mode == "constant":
        flat = [size for pair in reversed(pairs) for size in pair]
        return torch.nn.functional.pad(x, flat, value=0 if constant_values is None else constant_values)
    if constant_values is not None:
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    if mode not in _INDICES:
        raise ValueError(
            f"Expected mode to be 'constant' or one of {sorted(_INDICES)}. Received: mode={mode}"
        )
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            index = _INDICES[mode](x.shape[axis], before, after)
            x = torch.index_select(x, axis, torch.as_tensor(index, device=x.device))
    return x


def _pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, int):
        pad_width = (pad_width,)
    if all(isinstance(width, int) for width in pad_width):
        pad_width = (tuple(pad_width),)
    pairs = [(int(pair[0]), int(pair[-1])) for pair in pad_width]
    pairs = pairs * rank if len(pairs) == 1 else pairs
    if len(pairs) != rank:
        raise ValueError(
            f"`pad_width` must have the same length as `x.shape`, {rank}. Received: pad_width={pad_width}"
        )
    return pairs
