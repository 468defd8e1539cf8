"""The part of a graph between inputs and outputs: its order, its layers, and its run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tkeras.graph._keras_tensor import KerasTensor
from tkeras.graph._node import Node
from tkeras.graph._tree import flatten, map_structure


class Plan:
    """All calls needed to get from ``inputs`` to ``outputs``, in the order Keras lists layers.

    Attributes:
        nodes: the calls in an order that can be run.
        operations: the layers and functions called, deepest first, each once.
        sets_training: whether one of the calls was given ``training``.

    Raises:
        ValueError: the graph has a cycle, or an output depends on an input that is not among ``inputs``.
    """

    def __init__(self, inputs: list[KerasTensor], outputs: Any):
        self.inputs, self.outputs = inputs, outputs
        self._given = {id(tensor) for tensor in inputs}
        order, indices = self._traverse()
        depths = self._depths(order, indices)
        by_depth: dict[int, list[Any]] = defaultdict(list)
        for operation, depth in depths.items():
            by_depth[depth].append(operation)
        self.operations = [
            operation
            for depth in sorted(by_depth, reverse=True)
            for operation in sorted(by_depth[depth], key=lambda o: indices[o])
        ]
        self.nodes = order
        self._check_connected()
        self._steps = [_step(node) for node in order if not (node.is_input or self._is_given(node))]
        self.sets_training = any("training" in node.kwargs for _, _, node, _ in self._steps)
        self._flat_inputs = [id(tensor) for tensor in inputs]
        self._single = id(outputs) if isinstance(outputs, KerasTensor) else None

    def _is_given(self, node: Node) -> bool:
        return all(id(tensor) in self._given for tensor in node.output_tensors)

    def _traverse(self) -> tuple[list[Node], dict[Any, int]]:
        """Depth first from the outputs: (nodes, producers first; order of first visit of operations)."""
        order: list[Node] = []
        indices: dict[Any, int] = {}
        done: set[Node] = set()
        active: set[Node] = set()
        stack: list[tuple[KerasTensor | Node, bool]] = [
            (t, False) for t in reversed(self._symbolic_outputs())
        ]
        while stack:
            item, leaving = stack.pop()
            if leaving:
                assert isinstance(item, Node)
                active.discard(item)
                done.add(item)
                order.append(item)
                continue
            assert isinstance(item, KerasTensor)
            history = item._keras_history
            if history is None:
                raise ValueError(
                    f"{item} was not made by `tkeras.Input` or by a layer, so no model can compute it."
                )
            node = history.operation._inbound_nodes[history.node_index]
            if node in done:
                continue
            if node in active:
                raise ValueError(
                    f"Tensor {item} from operation {history.operation.name!r} is part of a cycle."
                )
            indices.setdefault(history.operation, len(indices))
            active.add(node)
            stack.append((node, True))
            if id(item) not in self._given:
                stack.extend((tensor, False) for tensor in reversed(node.input_tensors))
        return order, indices

    def _symbolic_outputs(self) -> list[KerasTensor]:
        return [leaf for leaf in flatten(self.outputs) if isinstance(leaf, KerasTensor)]

    def _depths(self, order: list[Node], indices: dict[Any, int]) -> dict[Any, int]:
        """Distance from the outputs of every operation: the deepest of its calls."""
        nodes: dict[Node, int] = {}
        operations: dict[Any, int] = {}
        for node in reversed(order):
            depth = max(nodes.setdefault(node, 0), operations.get(node.operation, 0))
            operations[node.operation] = nodes[node] = depth
            if not self._is_given(node):
                for parent in node.parent_nodes:
                    nodes[parent] = max(depth + 1, nodes.get(parent, 0))
        for tensor in self.inputs:
            history = tensor._keras_history
            if history is not None and history.operation not in operations:
                operations[history.operation], indices[history.operation] = 0, -1
        self._node_depths = nodes
        return operations

    def _check_connected(self) -> None:
        available = set(self._given)
        reached: list[str] = []

        def check(tensor: KerasTensor, layer: str) -> None:
            if id(tensor) not in available:
                source = tensor._keras_history.operation.name if tensor._keras_history else "?"
                raise ValueError(
                    f'Graph disconnected: cannot obtain value for tensor {tensor} (from "{source}") at layer'
                    f' "{layer}". It must be among the inputs of the model. The following previous layers'
                    f" were accessed without issue: {reached}"
                )

        for node in self.nodes:
            if self._is_given(node) or node.is_input:
                continue
            for tensor in node.input_tensors:
                check(tensor, node.operation.name)
            available.update(id(tensor) for tensor in node.output_tensors)
            reached.append(node.operation.name)
        for tensor in self._symbolic_outputs():
            check(tensor, "output")

    def run(
        self, values: list[Any], call: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] | None = None
    ) -> Any:
        """The outputs for these values of the inputs.

        Args:
            values: one value for each input, tensors or symbolic tensors.
            call: how to call an operation; default: ``operation(*args, **kwargs)``.
        """
        known = dict(zip(self._flat_inputs, values, strict=True))
        for operation, source, node, target in self._steps:
            if source is not None and call is None:
                result = operation(known[source])
            else:
                args, kwargs = node.fill(known)
                result = operation(*args, **kwargs) if call is None else call(operation, tuple(args), kwargs)
            if target is not None:
                known[target] = result
            else:
                tensors = [leaf for leaf in flatten(result) if leaf is not None]
                known.update(zip((id(t) for t in node.output_tensors), tensors, strict=True))
        if self._single is not None:
            return known[self._single]
        return map_structure(
            lambda leaf: known[id(leaf)] if isinstance(leaf, KerasTensor) else leaf, self.outputs
        )


def _step(node: Node) -> tuple[Any, int | None, Node, int | None]:
    """(operation, id of its only argument or None, node, id of its only result or None)."""
    plain = len(node.args) == 1 and not node.kwargs and isinstance(node.args[0], KerasTensor)
    single = isinstance(node.outputs, KerasTensor)
    return node.operation, id(node.args[0]) if plain else None, node, id(node.outputs) if single else None
