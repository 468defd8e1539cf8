"""Times of several calls side by side."""

from __future__ import annotations

import functools
import random
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tkeras_kernels.tuning import clock_sample, eager_sample, graph_sample

Call = Callable[[], Any]
_CACHES = "/sys/devices/system/cpu/cpu0/cache"
_UNKNOWN = 32 << 20
"""Where the system does not tell the size of a CPU's cache."""


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
        name: clock_sample(call) if device != "cuda" else _on_gpu(call, name in graphed)
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


def _on_gpu(call: Call, graphed: bool) -> Callable[[], float]:
    """Seconds by the events of the stream, with the L2 cache overwritten before; see
    ``tkeras_kernels.tuning``."""
    return (graph_sample if graphed else eager_sample)(call)


@functools.cache
def cache_bytes(device: str) -> int:
    """Size of the last cache: fewer bytes than that may stay in it and say nothing about the memory's rate.

    On a GPU, where the cache is overwritten before each sample, that can be what is written alone.
    """
    if device == "cuda":
        return torch.cuda.get_device_properties(torch.cuda.current_device()).L2_cache_size
    sizes = [file.read_text().strip() for file in Path(_CACHES).glob("index*/size")]
    units = {"K": 1 << 10, "M": 1 << 20}
    return max((int(size[:-1]) * units[size[-1]] for size in sizes), default=_UNKNOWN)
