"""Running emitted code in tests: as a Triton leaf in the interpreter, or as a torch function."""

from __future__ import annotations

import hashlib
import linecache
import math
from collections.abc import Callable
from typing import Any

import torch

from tkeras_kernels.expr import Graph, emit_torch, emit_triton

FLOOR = 2.0**-23


def load(source: str) -> dict[str, Any]:
    """The names of an emitted module, whose source Triton can read back."""
    name = f"<leaf-{hashlib.sha256(source.encode()).hexdigest()[:16]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(source, name, "exec"), namespace)
    return namespace


def torch_function(graph: Graph) -> Callable[..., Any]:
    """The emitted torch function of a graph."""
    return load(emit_torch(graph, "function"))["function"]


def run_torch(graph: Graph, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The outputs of the emitted torch function."""
    result = torch_function(graph)(*tensors)
    return result if isinstance(result, tuple) else (result,)


def run_triton(graph: Graph, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The emitted leaf on float32 tensors of one shape, in the interpreter; outputs start as NaN."""
    import triton

    from tests.kernels.expr_kernels import map_kernel

    leaf = load(emit_triton(graph, "leaf"))["leaf"]
    size = triton.next_power_of_2(max(1, tensors[0].numel()))
    outputs = tuple(torch.full_like(tensors[0], math.nan) for _ in graph.outputs)
    map_kernel[(1,)](tensors, outputs, tensors[0].numel(), LEAF=leaf, B=size)
    return outputs


def error(value: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest error, absolute up to magnitude 1 and relative above."""
    assert value.isfinite().all(), "not finite"
    return ((value.double() - exact).abs() / exact.abs().clamp(min=1.0)).max().item()
