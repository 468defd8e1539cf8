"""`set_random_seed`."""

from __future__ import annotations

import random

import numpy as np
import torch


def set_random_seed(seed: int) -> None:
    """Seed Python's ``random``, numpy and torch, and restart the global seed generator.

    Raises:
        ValueError: not an int in [0, 2³²).
    """
    from tkeras.random import reset_global_seed_generator

    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"Expected `seed` argument to be an integer in [0, 2**32). Received: seed={seed}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    reset_global_seed_generator()
