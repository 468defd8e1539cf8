"""Linear algebra over the last two axes."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.ops._convert import floating, promoted, together
from tkeras.ops._op import op

Tensor = torch.Tensor


def _matrix(x: Any, square: bool = False) -> Tensor:
    x = floating(x)
    if x.ndim < 2:
        raise ValueError(f"Expected input to have rank >= 2. Received input with shape {tuple(x.shape)}.")
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"Expected a square matrix. Received non-square input with shape {tuple(x.shape)}")
    return x


@op()
def cholesky(x: Any, upper: bool = False) -> Tensor:
    """The triangular factor L of ``x = L Lᵀ``, or its transpose.

    Raises:
        ValueError: a matrix is not positive definite.
    """
    try:
        return torch.linalg.cholesky(_matrix(x, square=True), upper=upper)
    except RuntimeError as error:
        raise ValueError(f"Cholesky decomposition failed: {error}") from None


@op()
def cholesky_inverse(x: Any, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose triangular factor is ``x``."""
    return torch.cholesky_inverse(_matrix(x, square=True), upper=upper)


@op()
def det(x: Any) -> Tensor:
    """Determinant."""
    return torch.det(_matrix(x, square=True))


@op()
def logdet(x: Any) -> Tensor:
    """Logarithm of the determinant; NaN where that is negative."""
    return torch.logdet(_matrix(x, square=True))


@op()
def slogdet(x: Any) -> tuple[Tensor, Tensor]:
    """Sign of the determinant and logarithm of its absolute value."""
    return tuple(torch.linalg.slogdet(_matrix(x, square=True)))


@op()
def eig(x: Any) -> Any:
    """Eigenvalues and eigenvectors (the columns), complex."""
    return torch.linalg.eig(_matrix(x, square=True))


@op()
def eigh(x: Any) -> Any:
    """Eigenvalues, ascending, and eigenvectors (the columns) of a symmetric or Hermitian matrix."""
    return torch.linalg.eigh(_matrix(x, square=True))


@op()
def inv(x: Any) -> Tensor:
    """Inverse."""
    return torch.linalg.inv(_matrix(x, square=True))


@op()
def pinv(x: Any, rcond: float | None = None) -> Tensor:
    """Pseudoinverse; singular values below ``rcond`` times the greatest count as zero."""
    return torch.linalg.pinv(_matrix(x), rtol=rcond)


@op()
def matrix_rank(x: Any, tol: float | None = None) -> Tensor:
    """Number (int32) of singular values above ``tol``."""
    return torch.linalg.matrix_rank(_matrix(x), atol=tol).to(torch.int32)


@op()
def lu_factor(x: Any) -> tuple[Tensor, Tensor]:
    """Both triangular factors in one matrix, and the row (from 0) that each row was exchanged with."""
    factors, pivots = torch.linalg.lu_factor(_matrix(x))
    return factors, pivots - 1


@op()
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """A norm of vectors (one axis) or matrices (two).

    Args:
        ord: None (root of the sum of squares), a number, infinity, "fro" or "nuc".
        axis: None for all axes.
    """
    return torch.linalg.norm(floating(x), ord, axis, keepdims)


@op()
def qr(x: Any, mode: str = "reduced") -> Any:
    """An orthogonal and an upper triangular factor; "reduced" or "complete" in size."""
    if mode not in ("reduced", "complete"):
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    return torch.linalg.qr(_matrix(x), mode)


@op()
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, the singular values (descending) and Vᵀ; only the singular values without ``compute_uv``."""
    x = _matrix(x)
    return torch.linalg.svd(x, full_matrices) if compute_uv else torch.linalg.svdvals(x)


def _system(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    a, b = promoted(a, b, float)
    _matrix(a, square=True)
    axis = -2 if a.ndim == b.ndim else -1
    if b.ndim < 1 or a.shape[-1] != b.shape[axis]:
        raise ValueError(
            "Incompatible shapes between `a` and `b`. "
            f"Received: a.shape={tuple(a.shape)}, b.shape={tuple(b.shape)}"
        )
    return a, b


@op()
def solve(a: Any, b: Any) -> Tensor:
    """x of ``a x = b``; b (…, n) or (…, n, columns)."""
    return torch.linalg.solve(*_system(a, b))


@op()
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Tensor:
    """x of ``a x = b`` for a triangular ``a``; b (…, n) or (…, n, columns)."""
    a, b = _system(a, b)
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b.unsqueeze(-1), upper=not lower).squeeze(-1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


@op()
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Tensor:
    """The x that brings ``a x`` nearest to ``b``.

    Args:
        rcond: singular values below this times the greatest are left out.
    """
    a, b = promoted(a, b, float)
    if a.is_meta:
        return a.new_empty((*a.shape[:-2], a.shape[-1], *b.shape[a.ndim - 1 :]))
    if rcond is not None and a.is_cuda:
        return torch.linalg.pinv(a, rtol=rcond) @ b
    if rcond is not None:
        return torch.linalg.lstsq(a, b, rcond, driver="gelsd").solution
    return torch.linalg.lstsq(a, b).solution


@op()
def cdist(x: Any, y: Any) -> Tensor:
    """Euclidean distances (…, n, m) between points (…, n, d) and (…, m, d)."""
    x, y = together(x, y)
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(
            f"`cdist` inputs must have rank >= 2. Received: shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "Last dimension of inputs to `cdist` must match. "
            f"Received: shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    return torch.linalg.vector_norm(x.unsqueeze(-2) - y.unsqueeze(-3), dim=-1)
