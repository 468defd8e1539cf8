"""Where variables and inputs are placed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch

_chosen: ContextVar[torch.device | None] = ContextVar("device", default=None)


@cache
def _accelerator() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def default_device() -> torch.device:
    """The one of an open :func:`device` scope, torch's default device where the user set one,
    else the GPU where there is one, else the CPU.

    The GPU is looked for at the first call, never at import.
    """
    inside = _chosen.get()
    if inside is not None:
        return inside
    chosen = torch.get_default_device()
    return _accelerator() if chosen.type == "cpu" else chosen


@contextmanager
def device(device_name: str) -> Iterator[torch.device]:
    """Place what is made in the block.

    Args:
        device_name: ``"cpu"``, ``"gpu"``, ``"gpu:1"``, or torch's own names.
    """
    found = torch.device(str(device_name).lower().replace("gpu", "cuda"))
    if found.type == "cpu":
        found = torch.device("cpu")
    token = _chosen.set(found)
    try:
        with found:
            yield found
    finally:
        _chosen.reset(token)
