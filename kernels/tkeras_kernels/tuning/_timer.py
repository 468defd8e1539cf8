"""Time of a call on a GPU: replays of a CUDA graph, each with a cold cache."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch

_WARM, _REPLAYS = 3, 40
_CACHES = 3
"""So many times the L2 cache is written before each replay."""
_LEAST = 64 << 20


def graph_seconds(call: Callable[[], Any]) -> float:
    """Median seconds of ``call`` in a CUDA graph whose inputs are not in the L2 cache."""
    sample = graph_sample(call)
    return statistics.median(sample() for _ in range(_REPLAYS))


def graph_sample(call: Callable[[], Any]) -> Callable[[], float]:
    """A function that gives the seconds of one replay of ``call``, which must not wait for the device.

    The cache is overwritten before the replay, which also hides the time that the replay takes to launch.
    """
    return _sample(_captured(call).replay)


def eager_sample(call: Callable[[], Any]) -> Callable[[], float]:
    """The same of a plain call, launches included."""
    for _ in range(_WARM):
        call()
    return _sample(call)


def _sample(run: Callable[[], Any]) -> Callable[[], float]:
    device = torch.cuda.current_device()
    size = max(_CACHES * torch.cuda.get_device_properties(device).L2_cache_size, _LEAST)
    flush = torch.empty(size, dtype=torch.uint8, device="cuda")
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def sample() -> float:
        flush.zero_()
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3

    return sample


def _captured(call: Callable[[], Any]) -> torch.cuda.CUDAGraph:
    """Warm up on another stream, as capturing asks for, then capture."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph
