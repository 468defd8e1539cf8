"""Where variables and inputs are placed."""

from __future__ import annotations

from functools import cache

import torch


@cache
def _accelerator() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def default_device() -> torch.device:
    """torch's default device where the user set one, else the GPU where there is one, else the CPU.

    The GPU is looked for at the first call, never at import.
    """
    chosen = torch.get_default_device()
    return _accelerator() if chosen.type == "cpu" else chosen
