"""`get_source_inputs`."""

from __future__ import annotations

from tkeras.graph import KerasTensor


def get_source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """The input tensors that a symbolic tensor is computed from, in the order in which they are met."""
    if tensor._keras_history is None:
        return [tensor]
    found: list[KerasTensor] = []
    seen: set[int] = set()
    left = [tensor]
    while left:
        current = left.pop()
        history = current._keras_history
        if id(current) in seen or history is None:
            continue
        seen.add(id(current))
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input:
            found.append(current)
        else:
            left.extend(reversed(node.input_tensors))
    return found
