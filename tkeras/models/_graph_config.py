"""Graphs of layers to and from Keras' configuration, that of Keras 2 included for reading."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from tkeras.graph import FunctionOperation, KerasTensor, Node
from tkeras.graph._tree import map_structure
from tkeras.layers._layer import Layer
from tkeras.saving import (
    deserialize_keras_object,
    layer_from_config,
    operation_from_config,
    operation_to_config,
    serialize_keras_object,
)

# Keras writes ``training: false`` into every call whose layer takes it, and obeys it in none: only a call
# with this
# mark was made with the argument.
_TRAINING_GIVEN = "training_given"

Place = tuple[str, int]  # a call: name of the layer, index among its calls in the graph


def graph_to_config(model: Any) -> dict[str, Any]:
    """``layers`` with their calls, ``input_layers`` and ``output_layers`` of a model made from a graph."""
    return _GraphWriter(model).config()


class _GraphWriter:
    """Numbers the calls that belong to a model and writes them."""

    def __init__(self, model: Any):
        self.model = model
        self.operations = model._plan.operations
        inside = {id(node) for node in model._plan.nodes}
        self.nodes = {
            operation: [
                node for node in operation._inbound_nodes if id(node) in inside and not self._is_given(node)
            ]
            for operation in self.operations
        }
        self.names = _unique_names(self.operations)
        self.index = {id(node): index for nodes in self.nodes.values() for index, node in enumerate(nodes)}

    def _is_given(self, node: Node) -> bool:
        """Whether a stand-in gives what the call made."""
        return any(id(tensor) in self.model._stand_ins for tensor in node.output_tensors)

    def config(self) -> dict[str, Any]:
        return {
            "layers": [self._operation(operation) for operation in self.operations],
            "input_layers": map_structure(self._end, self.model._inputs_struct),
            "output_layers": map_structure(self._end, self.model._outputs_struct),
        }

    def _operation(self, operation: Any) -> dict[str, Any]:
        nodes = [node for node in self.nodes[operation] if node.input_tensors]
        if isinstance(operation, FunctionOperation):
            config, calls = operation_to_config(operation, self.names[operation], nodes)
        else:
            config, calls = serialize_keras_object(operation), [(node.args, node.kwargs) for node in nodes]
        config["name"] = self.names[operation]
        config["inbound_nodes"] = [
            {"args": self._write(list(args)), "kwargs": self._write(kwargs)} for args, kwargs in calls
        ]
        return config

    def _write(self, value: Any) -> Any:
        """Arguments of a call, with symbolic tensors as places in the graph."""
        if isinstance(value, KerasTensor):
            inner = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": self._place(value)}
            return {"class_name": "__keras_tensor__", "config": inner}
        if isinstance(value, (list, tuple)):
            return [self._write(item) for item in value]
        if isinstance(value, Mapping):
            return {key: self._write(item) for key, item in value.items()}
        return serialize_keras_object(value)

    def _place(self, tensor: KerasTensor) -> list[Any]:
        if id(tensor) in self.model._stand_ins:
            return [self.names[self.model._stand_ins[id(tensor)]], 0, 0]
        history = tensor._keras_history
        assert history is not None
        node = history.operation._inbound_nodes[history.node_index]
        return [self.names[history.operation], self.index[id(node)], history.tensor_index]

    def _end(self, tensor: Any) -> list[Any]:
        """The place of an input or output; Keras counts the calls of graph models from 1 here."""
        name, index, position = self._place(tensor)
        shift = 0 if id(tensor) in self.model._stand_ins else _first_index(tensor._keras_history.operation)
        return [name, index + shift, position]


def _unique_names(operations: list[Any]) -> dict[Any, str]:
    """Layers keep their names, functions give way."""
    names = {operation: operation.name for operation in operations if isinstance(operation, Layer)}
    taken = set(names.values())
    for operation in operations:
        if operation not in names:
            name, count = operation.name, 0
            while name in taken:
                count += 1
                name = f"{operation.name}_{count}"
            names[operation] = name
            taken.add(name)
    return names


def _first_index(operation: Any) -> int:
    """1 for models that are a graph, 0 for everything else, `Sequential` included."""
    from tkeras.models._model import Model
    from tkeras.models._sequential import Sequential

    graph = isinstance(operation, Model) and not isinstance(operation, Sequential)
    return 1 if graph and operation._plan is not None else 0


def graph_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """The symbolic inputs and outputs of the graph that ``config`` describes, of new layers.

    Raises:
        ValueError: a call refers to what is not there, or to its own result.
    """
    return _GraphReader(config, custom_objects).ends()


class _GraphReader:
    """Makes the layers, then the calls in an order in which each finds its arguments."""

    def __init__(self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None):
        self.config, self.custom_objects = config, custom_objects
        self.layers: dict[str, Any] = {}
        self.made: dict[str, list[Node]] = {}
        self.pending: dict[str, deque[Any]] = {}
        for data in config["layers"]:
            self._add_layer(data)
        self._make_calls()

    def _add_layer(self, data: Any) -> None:
        if not isinstance(data, dict) or not isinstance(
            data.get("name", data.get("config", {}).get("name")), str
        ):
            raise ValueError(f"Expected the configuration of a layer with its name. Received: {data}")
        name = data.get("name", data.get("config", {}).get("name"))
        if name in self.layers:
            raise ValueError(f"The configuration has two layers called {name!r}.")
        operation = operation_from_config(data)
        layer = layer_from_config(data, self.custom_objects) if operation is None else operation
        self.layers[name] = layer
        self.made[name] = list(layer._inbound_nodes) if _is_input(layer) else []
        self.pending[name] = deque(data.get("inbound_nodes") or [])

    def _make_calls(self) -> None:
        ready, waiting = deque(self.layers), defaultdict[Place, list[str]](list)
        while ready:
            name = ready.popleft()
            calls = self.pending[name]
            while calls:
                missing = next((place for place in self._places(calls[0]) if not self._known(place)), None)
                if missing is not None:
                    waiting[missing].append(name)
                    break
                self._call(name, calls.popleft())
                ready.extend(waiting.pop((name, len(self.made[name]) - 1), ()))
        stuck = {name: self._lacking(name) for name, calls in self.pending.items() if calls}
        if stuck:
            raise ValueError(
                "Invalid Functional model configuration: the graph has a loop, or a call refers to one that"
                f" does not exist. Calls that lack an argument: {stuck}"
            )

    def _lacking(self, name: str) -> Place:
        return next(place for place in self._places(self.pending[name][0]) if not self._known(place))

    def _known(self, place: Place) -> bool:
        if place[0] not in self.layers:
            raise ValueError(f"Invalid Functional model configuration. Missing layer: {place[0]}")
        return 0 <= place[1] < len(self.made[place[0]])

    def _places(self, call: Any) -> Iterator[Place]:
        """The calls whose results a call takes."""
        if isinstance(call, dict) and "args" in call:
            yield from _histories(call)
        else:
            for reference in _references(call):
                yield self._legacy_place(reference)

    def _legacy_place(self, reference: list[Any]) -> Place:
        name, index = reference[0], reference[1]
        return name, index - _legacy_first_index(self.layers.get(name)) if index else index

    def _call(self, name: str, call: Any) -> None:
        if isinstance(call, dict) and "args" in call:
            args = map_structure(self._revive, deserialize_keras_object(call["args"]))
            kwargs = map_structure(self._revive, deserialize_keras_object(call.get("kwargs") or {}))
            if kwargs.get("training") is False and not call.get(_TRAINING_GIVEN):
                del kwargs["training"]
        else:
            args, kwargs = self._legacy_arguments(call)
        layer = self.layers[name]
        outputs = layer(*args, **kwargs)
        self.made[name].append(_node_of(layer, outputs))

    def _revive(self, leaf: Any) -> Any:
        place = getattr(leaf, "_pre_serialization_keras_history", None)
        return leaf if place is None else self._tensor((place[0], place[1]), place[2])

    def _tensor(self, place: Place, position: int) -> KerasTensor:
        outputs = self.made[place[0]][place[1]].output_tensors
        if not 0 <= position < len(outputs):
            raise ValueError(
                f"Layer {place[0]!r} has {len(outputs)} outputs; the configuration asks for number"
                f" {position}."
            )
        return outputs[position]

    def _legacy_arguments(self, call: Any) -> tuple[list[Any], dict[str, Any]]:
        """Keras 2 writes ``[[layer, call, output, kwargs], …]``, nested as the inputs are."""
        kwargs: dict[str, Any] = {}

        def value(item: Any) -> Any:
            if _is_reference(item):
                kwargs.update(item[3] if len(item) == 4 else {})
                return self._tensor(self._legacy_place(item), item[2])
            if isinstance(item, dict):
                return {key: value(inner) for key, inner in item.items()}
            return [value(inner) for inner in item] if isinstance(item, list) else item

        inputs = value(call)
        first = inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else inputs
        return [first], {key: value(item) for key, item in kwargs.items()}

    def ends(self) -> tuple[Any, Any]:
        inputs, outputs = self.config["input_layers"], self.config["output_layers"]
        legacy = any(
            isinstance(call, list)
            for data in self.config["layers"]
            for call in data.get("inbound_nodes") or ()
        )
        if legacy and len(inputs) == 1 and _is_reference(inputs[0]):
            inputs = inputs[0]
        if legacy and len(outputs) == 1 and _is_reference(outputs[0]):
            outputs = outputs[0]
        return self._end(inputs), self._end(outputs)

    def _end(self, place: Any) -> Any:
        if isinstance(place, dict):
            return {key: self._end(value) for key, value in place.items()}
        if not _is_reference(place):
            if not isinstance(place, list):
                raise ValueError(f"Expected [layer, call, output]. Received: {place}")
            return [self._end(value) for value in place]
        name, index, position = place[:3]
        shift = _first_index(self.layers[name]) if index else 0
        if not self._known((name, index - shift)):
            raise ValueError(f"Layer {name!r} has no call number {index}, which the model's ends refer to.")
        return self._tensor((name, index - shift), position)


def _is_input(layer: Any) -> bool:
    from tkeras.layers import InputLayer

    return isinstance(layer, InputLayer)


def _legacy_first_index(layer: Any) -> int:
    """Keras 2 counts the calls of every model that knows its inputs from 1, `Sequential` included."""
    from tkeras.models._model import Model

    return 1 if isinstance(layer, Model) and layer._plan is not None else 0


def _node_of(layer: Any, outputs: Any) -> Node:
    """The node that a call has just made."""
    if isinstance(layer, Layer):
        return layer._inbound_nodes[-1]
    for leaf in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        if isinstance(leaf, KerasTensor) and leaf._keras_history is not None:
            return leaf._keras_history.operation._inbound_nodes[leaf._keras_history.node_index]
    raise ValueError(f"{layer} gave no symbolic tensor.")


def _histories(structure: Any) -> Iterator[Place]:
    """Places of the symbolic tensors in Keras 3's form of arguments."""
    if isinstance(structure, dict):
        if structure.get("class_name") == "__keras_tensor__":
            name, index, _ = structure["config"]["keras_history"]
            yield name, index
        else:
            for value in structure.values():
                yield from _histories(value)
    elif isinstance(structure, list):
        for value in structure:
            yield from _histories(value)


def _is_reference(value: Any) -> bool:
    """Whether a value is ``[layer, call, output]``, with keyword arguments or without."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(type(number) is int for number in value[1:3])
        and (len(value) == 3 or isinstance(value[3], dict))
    )


def _references(value: Any) -> Iterator[list[Any]]:
    if _is_reference(value):
        yield value
        if len(value) == 4:
            yield from _references(value[3])
    elif isinstance(value, dict):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
