"""What a picture of a model shows: a box for each layer, an arrow from what feeds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tkeras.graph._tree import map_structure


@dataclass
class Options:
    """What is written into the boxes."""

    shapes: bool = False
    dtype: bool = False
    names: bool = True
    activations: bool = False
    trainable: bool = False
    nested: bool = False


@dataclass
class Box:
    """One layer or function.

    Attributes:
        key: its identity in the picture.
        title: name and class; ``name`` is None where names are not shown.
        rows: (what, value) pairs below the title.
        trainable: None where that is not shown or means nothing.
        groups: names of the models that it lies in.
    """

    key: str
    name: str | None
    kind: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    trainable: bool | None = None
    groups: tuple[str, ...] = ()


def picture(model: Any, options: Options) -> tuple[list[Box], list[tuple[str, str]]]:
    """Boxes in the order of the model, and arrows between their keys.

    Raises:
        ValueError: the model is not built.
    """
    if not model.built or (model._plan is None and not getattr(model, "_chain", None)):
        if model.built:
            return [_box(model, options, ())], []
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the"
            " model on a batch of data."
        )
    drawing = _Drawing(options)
    drawing.add(model, ())
    return list(drawing.boxes.values()), list(dict.fromkeys(drawing.edges))


class _Drawing:
    def __init__(self, options: Options):
        self.options = options
        self.boxes: dict[str, Box] = {}
        self.edges: list[tuple[str, str]] = []

    def _is_opened(self, operation: Any) -> bool:
        return self.options.nested and getattr(operation, "_plan", None) is not None

    def add(self, model: Any, groups: tuple[str, ...]) -> None:
        """The boxes of a model's layers; inputs of models inside are left out."""
        for node in model._plan.nodes:
            operation = node.operation
            if self._is_opened(operation):
                self.add(operation, (*groups, operation.name))
            elif not _is_hidden_input(model, node, groups):
                self.boxes.setdefault(_key(operation), _box(operation, self.options, groups))
            self._arrows(model, node)

    def _arrows(self, model: Any, node: Any) -> None:
        for tensor in node.input_tensors:
            for source in self._sources(tensor, set()):
                for target in self._targets(node, tensor):
                    if source in self.boxes and source != target:
                        self.edges.append((source, target))

    def _sources(self, tensor: Any, seen: set[int]) -> Iterator[str]:
        """The boxes that give a tensor: those inside where it comes from an opened model."""
        history = tensor._keras_history
        operation = history.operation
        if not self._is_opened(operation) or id(tensor) in seen:
            yield _key(operation)
            return
        inner = operation.outputs[history.tensor_index]
        yield from self._sources(inner, seen | {id(tensor)})

    def _targets(self, node: Any, tensor: Any) -> Iterator[str]:
        """The boxes that take a tensor: those inside where it goes into an opened model."""
        operation = node.operation
        if not self._is_opened(operation):
            yield _key(operation)
            return
        position = next(i for i, given in enumerate(node.input_tensors) if given is tensor)
        start = operation.inputs[position]
        for inner in operation._plan.nodes:
            if any(given is start for given in inner.input_tensors):
                yield from self._targets(inner, start)


def _is_hidden_input(model: Any, node: Any, groups: tuple[str, ...]) -> bool:
    """Whether a node is the input of a model inside another, or of a `Sequential`, which do not show it."""
    return node.is_input and bool(groups or getattr(model, "_chain", None) is not None)


def _key(operation: Any) -> str:
    return str(id(operation))


def _box(operation: Any, options: Options, groups: tuple[str, ...]) -> Box:
    from tkeras.models._summary import _kind

    box = Box(_key(operation), operation.name if options.names else None, _kind(operation), groups=groups)
    activation = getattr(operation, "activation", None)
    if options.activations and activation is not None:
        box.rows.append(("Activation", getattr(activation, "__name__", type(activation).__name__)))
    nodes = operation._inbound_nodes
    if options.shapes and nodes:
        if not nodes[0].is_input:
            box.rows.append(("Input shape", _shape(operation, "input")))
        box.rows.append(("Output shape", _shape(operation, "output")))
    elif options.shapes:
        box.rows.append(("Output shape", "?"))
    if options.dtype and nodes:
        types = sorted({tensor.dtype for node in nodes for tensor in node.output_tensors})
        box.rows.append(("Output dtype", ", ".join(types)))
    if options.trainable and getattr(operation, "weights", None):
        box.trainable = bool(operation.trainable)
    return box


def _shape(operation: Any, side: str) -> str:
    """The shape on one side, several where calls differ."""
    found = []
    for node in operation._inbound_nodes:
        structure = node.outputs if side == "output" else list(node.input_tensors)
        shape = map_structure(lambda leaf: getattr(leaf, "shape", None), structure)
        text = str(shape[0] if isinstance(shape, list) and len(shape) == 1 else shape)
        if text not in found:
            found.append(text)
    return " or ".join(found)
