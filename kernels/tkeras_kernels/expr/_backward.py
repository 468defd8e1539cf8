"""Choosing what the backward of a pointwise function reads: its output, its input, or nothing."""

from __future__ import annotations

from ._gradient import gradient
from ._trace import Graph


def backward_from(graph: Graph) -> tuple[str, Graph]:
    """The backward of a function with one input and one output, and what it must be given."""
    return "input", gradient(graph)
