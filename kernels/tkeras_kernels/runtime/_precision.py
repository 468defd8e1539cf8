"""Precision of float32 matrix products inside the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

PRECISIONS = ("tf32", "ieee")
_chosen: str | None = None
_scoped: ContextVar[str | None] = ContextVar("tkeras_precision", default=None)


def set_matmul_precision(name: str | None) -> None:
    """Multiply float32 in ``"tf32"`` or ``"ieee"``; None follows torch's own settings for CUDA, which are one
    for matrix products (``"ieee"`` by default) and one for convolutions (``"tf32"``)."""
    global _chosen
    if name is not None and name not in PRECISIONS:
        raise ValueError(f"Expected a precision out of {', '.join(PRECISIONS)} or None. Received: {name!r}")
    _chosen = name


def get_matmul_precision() -> str:
    """``"tf32"`` or ``"ieee"``: what float32 products use now."""
    chosen = _scoped.get() or _chosen
    if chosen is not None:
        return chosen
    return "tf32" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee"


def get_convolution_precision() -> str:
    """``"tf32"`` or ``"ieee"``: what float32 convolutions use now."""
    if _chosen is not None:
        return _chosen
    torchs = torch.backends.cudnn.conv.fp32_precision  # pyright: ignore[reportAttributeAccessIssue]
    return "tf32" if torchs == "tf32" else "ieee"


@contextmanager
def convolution_precision() -> Iterator[None]:
    """Matrix products inside the block are those of a convolution."""
    token = _scoped.set(get_convolution_precision())
    try:
        yield
    finally:
        _scoped.reset(token)
