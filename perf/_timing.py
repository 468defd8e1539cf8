"""Times of several calls side by side, and the ceilings of the device in the same run."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch

Call = Callable[[], Any]
_SAMPLE = 1e-3
"""Seconds that a sample on a CPU lasts at least: short calls are repeated within one."""
_COPY = {"cpu": 1 << 26, "cuda": 1 << 30}
_PRODUCT = {"cpu": 1024, "cuda": 8192}


class Times(NamedTuple):
    """Microseconds a call: percentiles and the number of samples."""

    p20: float
    p50: float
    p80: float
    n: int


def percentiles(seconds: Sequence[float]) -> Times:
    """Of samples in seconds."""
    ordered = sorted(seconds)
    cuts = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e6 for share in (0.2, 0.8)]
    return Times(cuts[0], statistics.median(ordered) * 1e6, cuts[1], len(ordered))


def interleaved(
    calls: Mapping[str, Call], rounds: int, device: str, graphed: Collection[str] = ()
) -> dict[str, Times]:
    """Samples of every call in each round, in an order drawn anew, so that noise meets all alike.

    Args:
        graphed: those that are replayed in a CUDA graph, on a GPU.
    """
    sample = {
        name: _on_cpu(call) if device != "cuda" else _on_gpu(call, name in graphed)
        for name, call in calls.items()
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    draw = random.Random(0)
    for _ in range(rounds):
        draw.shuffle(order)
        for name in order:
            found[name].append(sample[name]())
    return {name: percentiles(samples) for name, samples in found.items()}


def _on_cpu(call: Call) -> Callable[[], float]:
    """Seconds a call, the mean of as many as make a sample long enough."""
    start = time.perf_counter()
    call()
    once = time.perf_counter() - start
    repeats = max(1, int(_SAMPLE / max(once, 1e-9)))

    def sample() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats

    return sample


def _on_gpu(call: Call, graphed: bool) -> Callable[[], float]:
    """Seconds by the events of the stream, with the L2 cache overwritten before; see
    ``tkeras_kernels.tuning``."""
    from tkeras_kernels.tuning import eager_sample, graph_sample

    return (graph_sample if graphed else eager_sample)(call)


class Measured(NamedTuple):
    """GB/s of a copy, and GFLOP/s of a matrix product in a dtype."""

    copy: float
    product: float


def ceilings(device: str, dtype: torch.dtype, rounds: int = 7) -> Measured:
    """What this device reaches in this run; bytes of a copy count twice, read and written."""
    source = torch.empty(_COPY[device], dtype=torch.uint8, device=device).fill_(1)
    target = torch.empty_like(source)
    side = _PRODUCT[device]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    times = interleaved({"copy": lambda: target.copy_(source), "product": lambda: a @ b}, rounds, device)
    copy, product = 2 * source.numel() / times["copy"].p50, 2 * side**3 / times["product"].p50
    return Measured(copy / 1e3, product / 1e3)
