"""`remat`: compute activations again in the backward pass instead of keeping them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that keeps nothing but its inputs for the backward pass, where it runs again.

    Args:
        f: a function of tensors, such as a layer.
    """

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return f(*args, **kwargs)
        return checkpoint(f, *args, use_reentrant=False, **kwargs)

    return wrapper
