"""`Node`: one call of a layer or function in the graph of symbolic tensors."""

from __future__ import annotations

from typing import Any

from tkeras.graph._keras_tensor import KerasHistory, KerasTensor
from tkeras.graph._tree import flatten, map_structure


def record_call(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
    """Add the node of a symbolic call, unless one of its inputs records no history."""
    leaves = flatten((list(args), kwargs))
    if all(leaf.record_history for leaf in leaves if isinstance(leaf, KerasTensor)):
        Node(operation, args, kwargs, outputs)
        return
    for leaf in flatten(outputs):
        if isinstance(leaf, KerasTensor):
            leaf.record_history = False


class Node:
    """The arguments and results of one symbolic call, linked to the layer that made it.

    Args:
        operation: the layer or function called.
        args: its positional arguments, any structure with symbolic tensors in it.
        kwargs: its keyword arguments.
        outputs: the symbolic result; its tensors get this node as history.
    """

    def __init__(
        self,
        operation: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        outputs: Any = None,
    ):
        self.operation, self.args, self.kwargs = operation, args, dict(kwargs or {})
        self.inputs = args[0] if args else None
        self.outputs = outputs
        symbolic = [leaf for leaf in flatten((list(args), self.kwargs)) if isinstance(leaf, KerasTensor)]
        self.input_tensors = symbolic
        self.output_tensors = [leaf for leaf in flatten(outputs) if isinstance(leaf, KerasTensor)]
        for tensor in symbolic:
            if tensor._keras_history is not None:
                tensor._keras_history.operation._outbound_nodes.append(self)
        index = len(operation._inbound_nodes)
        for position, tensor in enumerate(self.output_tensors):
            tensor._keras_history = KerasHistory(operation, index, position)
        operation._inbound_nodes.append(self)

    @property
    def is_input(self) -> bool:
        """True for the node of an input layer, which nothing feeds."""
        return not self.input_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made the inputs of this one."""
        histories = [tensor._keras_history for tensor in self.input_tensors]
        return [history.operation._inbound_nodes[history.node_index] for history in histories if history]

    def fill(self, values: dict[int, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The call's arguments with each symbolic tensor replaced by ``values[id(tensor)]``."""

        def value(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        return map_structure(value, list(self.args)), map_structure(value, self.kwargs)

    def __repr__(self) -> str:
        return f"<Node of {self.operation.name}: {self.input_tensors} -> {self.output_tensors}>"
