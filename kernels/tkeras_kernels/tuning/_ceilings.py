"""What a device reaches at most: a copy and a matrix product, measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ._timer import graph_seconds

_COPY = {"cpu": 1 << 26, "cuda": 1 << 30}
_PRODUCT = {"cpu": 1024, "cuda": 8192}
_SAMPLE = 1e-3


class Ceilings(NamedTuple):
    """GB/s of a copy, and GFLOP/s of a matrix product in a dtype."""

    copy: float
    product: float


def measure_ceilings(device: str, dtype: torch.dtype) -> Ceilings:
    """Measure both on ``"cpu"`` (the best of several, since others use it too) or ``"cuda"``.

    The bytes of a copy count twice, read and written.
    """
    source = torch.empty(_COPY[device], dtype=torch.uint8, device=device).fill_(1)
    target = torch.empty_like(source)
    side = _PRODUCT[device]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    copy = seconds(lambda: target.copy_(source), device, 15, min)
    product = seconds(lambda: a @ b, device, 15, min)
    return Ceilings(2 * source.numel() / copy / 1e9, 2 * side**3 / product / 1e9)


def seconds(
    call: Callable[[], Any],
    device: str,
    rounds: int = 7,
    middle: Callable[[list[float]], float] = statistics.median,
) -> float:
    """Seconds of a call: in a CUDA graph with a cold cache, or the ``middle`` of rounds on a CPU's clock."""
    if device == "cuda":
        return graph_seconds(call)
    sample = clock_sample(call)
    return middle([sample() for _ in range(rounds)])


def clock_sample(call: Callable[[], Any]) -> Callable[[], float]:
    """A function that gives the seconds of a call on a CPU, as a mean of short ones."""
    start = time.perf_counter()
    call()
    repeats = max(1, int(_SAMPLE / max(time.perf_counter() - start, 1e-9)))

    def sample() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats

    return sample
