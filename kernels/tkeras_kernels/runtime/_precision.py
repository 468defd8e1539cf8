"""Precision of float32 matrix products inside the kernels."""

from __future__ import annotations

import torch

PRECISIONS = ("tf32", "ieee")
_chosen: str | None = None


def set_matmul_precision(name: str | None) -> None:
    """Multiply float32 in ``"tf32"`` or ``"ieee"``; None follows torch's own setting for CUDA matmuls."""
    global _chosen
    if name is not None and name not in PRECISIONS:
        raise ValueError(f"Expected a precision out of {', '.join(PRECISIONS)} or None. Received: {name!r}")
    _chosen = name


def get_matmul_precision() -> str:
    """``"tf32"`` or ``"ieee"``: what float32 products use now."""
    if _chosen is not None:
        return _chosen
    return "tf32" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee"
