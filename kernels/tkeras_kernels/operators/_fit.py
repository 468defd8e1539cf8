"""What every fused operator asks about its arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch._C._functorch import maybe_current_level  # pyright: ignore[reportAttributeAccessIssue]

_PLAIN = getattr(torch.Tensor, "__torch_dispatch__", None)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def unfit(tensors: Sequence[torch.Tensor | None]) -> str | None:
    """Why no kernel can take these tensors together, or None: one device, floats up to 32 bits, no
    wrappers."""
    device = None
    for tensor in tensors:
        if tensor is None:
            continue
        if tensor.dtype not in DTYPES:
            return f"no fused kernel for {str(tensor.dtype).removeprefix('torch.')}"
        if device is None:
            device = tensor.device
        elif tensor.device != device:
            return "tensors on several devices"
        if tensor.layout is not torch.strided:
            return f"no fused kernel for layout {tensor.layout}"
        if getattr(type(tensor), "__torch_dispatch__", _PLAIN) is not _PLAIN:
            return f"{type(tensor).__name__} tensors hold no memory of their own"
    if maybe_current_level() is not None:
        return "torch.func transforms the call"
    return None
