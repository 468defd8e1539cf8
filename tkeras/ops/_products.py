"""Products of matrices and tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras.config import floatx, torch_dtype
from tkeras.ops._convert import floating, is_integer, promoted, together
from tkeras.ops._op import op

Tensor = torch.Tensor


def _multiplied(function: Callable[..., Tensor], *tensors: Any) -> Tensor:
    """A product of tensors of their common type; of int8 as int32, on a GPU of integers through floats."""
    tensors = together(*tensors)
    first = tensors[0]
    if all(t.dtype is first.dtype for t in tensors) and first.is_floating_point():
        return function(*tensors)
    operands = promoted(*tensors)
    result = compute = operands[0].dtype
    if result is torch.int8 and all(t.dtype is result for t in tensors):
        result = compute = torch.int32
    if result is torch.bool or (is_integer(operands[0]) and operands[0].is_cuda):
        compute = torch_dtype(floatx())
    return function(*(operand.to(compute) for operand in operands)).to(result)


@op()
def matmul(x1: Any, x2: Any) -> Tensor:
    """Matrix product of the last two axes; of int8 as int32."""
    x1, x2 = together(x1, x2)
    if x1.dtype is x2.dtype and x1.is_floating_point():
        return torch.matmul(x1, x2)
    return _multiplied(torch.matmul, x1, x2)


@op()
def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Sum of products by Einstein's convention; of int8 as int32."""
    return _multiplied(lambda *tensors: torch.einsum(subscripts, *tensors), *operands)


def _exact(function: Callable[..., Tensor], x1: Any, x2: Any) -> Tensor:
    """A product of tensors of their common type, of integers through floats as Keras does."""
    x1, x2 = promoted(x1, x2)
    if not is_integer(x1):
        return function(x1, x2)
    return function(x1.double(), x2.double()).to(x1.dtype)


def _dot(x1: Tensor, x2: Tensor) -> Tensor:
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    if x2.ndim > 2:
        return torch.tensordot(x1, x2, ([-1], [-2]))  # pyright: ignore[reportArgumentType]
    return torch.matmul(x1, x2)


@op()
def dot(x1: Any, x2: Any) -> Tensor:
    """Sum over the last axis of ``x1`` and the last but one of ``x2``; of a number the product."""
    return _exact(_dot, x1, x2)


@op()
def inner(x1: Any, x2: Any) -> Tensor:
    """Sum over the last axes."""
    return _exact(torch.inner, x1, x2)


@op()
def vdot(x1: Any, x2: Any) -> Tensor:
    """Sum over the products of all elements, those of ``x1`` conjugated."""
    return _exact(lambda a, b: torch.vdot(a.flatten(), b.flatten()), x1, x2)


@op()
def outer(x1: Any, x2: Any) -> Tensor:
    """The products of all elements with all, a matrix."""
    x1, x2 = together(x1, x2)
    return torch.outer(x1.flatten(), x2.flatten())


@op()
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """Sum over the given axes of both, or over the last ``axes`` of ``x1`` and the first of ``x2``."""
    if not isinstance(axes, int):
        axes = tuple((a,) if isinstance(a, int) else tuple(a) for a in axes)
    return _exact(lambda a, b: torch.tensordot(a, b, axes), x1, x2)


@op()
def kron(x1: Any, x2: Any) -> Tensor:
    """Kronecker product."""
    return torch.kron(*together(x1, x2))


@op()
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Vector product of vectors of 3 (or 2, with a third component of zero) along an axis.

    Args:
        axisa, axisb: the vectors of ``x1`` and of ``x2``.
        axisc: the vectors of the result.
        axis: all three of them.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = (x.movedim(a, -1) for x, a in zip(promoted(x1, x2), (axisa, axisb), strict=True))
    flat = x1.shape[-1] == x2.shape[-1] == 2
    vectors = [torch.nn.functional.pad(x, (0, 1)) if x.shape[-1] == 2 else x for x in (x1, x2)]
    if any(vector.shape[-1] != 3 for vector in vectors):
        raise ValueError(
            f"Expected vectors of size 2 or 3. Received: sizes {x1.shape[-1]} and {x2.shape[-1]}"
        )
    product = torch.linalg.cross(*vectors, dim=-1)
    return product[..., 2] if flat else product.movedim(-1, axisc)


@op()
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Tensor:
    """Cross-correlation of two vectors.

    Args:
        mode: "full" for every overlap, "same" for the size of the longer one, "valid" for complete overlaps.
    """
    x1, x2 = promoted(x1, x2, float)
    full = torch.nn.functional.conv1d(x1[None, None], x2[None, None], padding=len(x2) - 1)[0, 0]
    longer, shorter = max(len(x1), len(x2)), min(len(x1), len(x2))
    sizes = {"full": len(full), "same": longer, "valid": longer - shorter + 1}
    if mode not in sizes:
        raise ValueError(f"Expected mode to be one of {list(sizes)}. Received: mode={mode}")
    return full.narrow(0, (len(full) - sizes[mode]) // 2, sizes[mode])


@op()
def corrcoef(x: Any) -> Tensor:
    """Pearson's correlation coefficients of the rows; 1 for a vector."""
    x = floating(x)
    rows = torch.atleast_2d(x)
    off = rows - rows.mean(-1, keepdim=True)
    off = off / torch.linalg.vector_norm(off, dim=-1, keepdim=True)
    found = off @ off.conj().mT
    return found if x.ndim > 1 else found.reshape(())
