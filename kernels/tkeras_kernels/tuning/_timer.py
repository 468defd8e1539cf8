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
    """Median seconds of ``call`` in a CUDA graph whose inputs are not in the L2 cache.

    The cache is overwritten before each replay, which also hides the time that the replay takes to launch.
    ``call`` must not wait for the device.
    """
    device = torch.cuda.current_device()
    size = max(_CACHES * torch.cuda.get_device_properties(device).L2_cache_size, _LEAST)
    graph = _captured(call)
    flush = torch.empty(size, dtype=torch.uint8, device="cuda")
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(_REPLAYS)]
    for start, end in events:
        flush.zero_()
        start.record()
        graph.replay()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(start.elapsed_time(end) for start, end in events) / 1e3


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
