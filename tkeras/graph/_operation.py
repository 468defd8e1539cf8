"""`Operation`: what nodes belong to, with Keras' bookkeeping of inbound and outbound calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tkeras.graph._inference import infer
from tkeras.graph._keras_tensor import OPERATORS, KerasTensor
from tkeras.graph._naming import auto_name
from tkeras.graph._node import Node, record_call
from tkeras.graph._tree import leaves

_OPERATOR_NAMES = {function: name for name, function in OPERATORS.items()}


def any_symbolic(*structures: Any) -> bool:
    """True when a `KerasTensor` is among the leaves."""
    return any(isinstance(leaf, KerasTensor) for leaf in leaves(structures))


class NodeBookkeeping:
    """The questions about its calls that a layer or function answers from its nodes."""

    name: str
    _inbound_nodes: list[Node]
    _outbound_nodes: list[Node]

    @property
    def inbound_nodes(self) -> list[Node]:
        """One node for each symbolic call."""
        return self._inbound_nodes

    @property
    def outbound_nodes(self) -> list[Node]:
        """The calls that consume outputs of this one."""
        return self._outbound_nodes

    def _attribute_at(self, node_index: int, attribute: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {attribute}."
            )
        if not -len(self._inbound_nodes) <= node_index < len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {attribute} at node {node_index}, but the layer {self.name} has only "
                f"{len(self._inbound_nodes)} inbound nodes."
            )
        node = self._inbound_nodes[node_index]
        if attribute.startswith("input"):
            structure = node.input_tensors if len(node.args) != 1 or node.kwargs else node.args[0]
            tensors = node.output_tensors if node.is_input else structure
        else:
            tensors = node.outputs
        if isinstance(tensors, (list, tuple)) and len(tensors) == 1:
            tensors = tensors[0]
        return _shapes(tensors) if attribute.endswith("shape") else tensors

    def get_input_at(self, node_index: int) -> Any:
        """The symbolic input of call ``node_index``."""
        return self._attribute_at(node_index, "input")

    def get_output_at(self, node_index: int) -> Any:
        """The symbolic output of call ``node_index``."""
        return self._attribute_at(node_index, "output")

    def get_input_shape_at(self, node_index: int) -> Any:
        """The shape of the input of call ``node_index``."""
        return self._attribute_at(node_index, "input_shape")

    def get_output_shape_at(self, node_index: int) -> Any:
        """The shape of the output of call ``node_index``."""
        return self._attribute_at(node_index, "output_shape")

    def _only(self, attribute: str) -> Any:
        if len(self._inbound_nodes) > 1:
            raise AttributeError(
                f'Layer {self.name} has multiple inbound nodes, hence the notion of "layer {attribute}" is '
                f"ill-defined. Use `get_{attribute}_at(node_index)` instead."
            )
        return self._attribute_at(0, attribute)

    def _common_shape(self, attribute: str) -> Any:
        shapes = [self._attribute_at(index, attribute) for index in range(len(self._inbound_nodes) or 1)]
        if any(shape != shapes[0] for shape in shapes):
            raise AttributeError(
                f'The layer "{self.name}" has multiple inbound nodes, with different {attribute}s. Hence the'
                f' notion of "{attribute}" is ill-defined for the layer. Use `get_{attribute}_at(node_index)`'
                " instead."
            )
        return shapes[0]

    @property
    def input(self) -> Any:
        """The symbolic input, where there was exactly one call."""
        return self._only("input")

    @property
    def output(self) -> Any:
        """The symbolic output, where there was exactly one call."""
        return self._only("output")

    @property
    def input_shape(self) -> Any:
        """The shape of the input, where all calls agree on it."""
        return self._common_shape("input_shape")

    @property
    def output_shape(self) -> Any:
        """The shape of the output, where all calls agree on it."""
        return self._common_shape("output_shape")


def _shapes(tensors: Any) -> Any:
    if isinstance(tensors, dict):
        return {key: _shapes(value) for key, value in tensors.items()}
    if isinstance(tensors, (list, tuple)):
        return [_shapes(value) for value in tensors]
    return tensors.shape if isinstance(tensors, KerasTensor) else None


class Operation(NodeBookkeeping):
    """A named computation that can be called on tensors or, adding a node to the graph, on symbolic tensors.

    Subclasses define :meth:`call`; shapes are inferred by running it on meta tensors.
    """

    def __init__(self, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self._inbound_nodes, self._outbound_nodes = [], []

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation on tensors."""
        raise NotImplementedError(f"{type(self).__name__} must define `call`.")

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic results for symbolic arguments."""
        return infer(self.call, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            outputs = self.compute_output_spec(*args, **kwargs)
            record_call(self, args, kwargs, outputs)
            return outputs
        return self.call(*args, **kwargs)


class FunctionOperation(Operation):
    """A plain function recorded in a graph because it was called on a symbolic tensor.

    Attributes:
        label: what the function is called, in Keras' words for Python's operators.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None):
        label = _OPERATOR_NAMES.get(function) or getattr(function, "__name__", type(function).__name__)
        self.function, self.label = function, label.strip("_") or "function"
        super().__init__(name or auto_name(self.label))

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself."""
        return self.function(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic results for symbolic arguments.

        Raises:
            ValueError: the function does not take these shapes.
        """
        try:
            return infer(self.call, args, kwargs)
        except NotImplementedError:
            raise
        except (RuntimeError, IndexError) as error:
            raise ValueError(_misfit(self.name, error, args, kwargs)) from error


_OTHER = "But found element of shape {1}, which is different from the first element's shape {0}."
_WORDS = {
    "is invalid for input of size": "The total size of the tensor must be unchanged. Received: "
    "input_shape={0}",
    "same reduction dim": "Inner dimensions (`x1.shape[-1]` and `x2.shape[-2]`) must be equal, but received "
    "`x1.shape={0}` and `x2.shape={1}`",
    "tensors must match": "Every value in `xs` must have the same shape except on the `axis` dim. " + _OTHER,
    "stack expects each tensor": "Every value in `x` must have the same shape. " + _OTHER,
}
"""What torch says of shapes, and what Keras does."""


def _misfit(name: str, error: Exception, args: Any, kwargs: Any) -> str:
    """What is wrong with the shapes of a call, in Keras' words where they do not broadcast."""
    shapes = [leaf.shape for leaf in leaves((args, kwargs)) if isinstance(leaf, KerasTensor)]
    said = str(error)
    if len(shapes) == 2 and ("broadcast" in said or "must match the size of tensor" in said):
        for a, b in zip(reversed(shapes[0]), reversed(shapes[1]), strict=False):
            if a != b and None not in (a, b) and 1 not in (a, b):
                return (
                    f"Cannot broadcast shape, the failure dim has value {a}, which cannot be broadcasted to "
                    f"{b}. Input shapes are: {[*shapes[0]]} and {[*shapes[1]]}."
                )
    axis = re.match(r"Dimension out of range .*but got (-?\d+)", said)
    if axis and shapes:
        return f"axis {axis[1]} is out of bounds for an array with dimension {len(shapes[0])}."
    for words, known in _WORDS.items():
        if words in said and len(shapes) > known.count("{1}"):
            return known.format(*shapes)
    return f"{name} does not take these shapes: {said} Received: shapes {shapes}"
