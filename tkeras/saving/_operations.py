"""Functions recorded in a graph to and from configurations: as Keras' ops, or by the name of a torch
function."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch

from tkeras.graph import OPERATORS, FunctionOperation, KerasTensor, Node
from tkeras.saving._op_table import BY_CLASS, BY_FUNCTION, Row
from tkeras.saving._registry import public_name, public_object
from tkeras.saving._torch_functions import torch_function, torch_name

Call = tuple[tuple[Any, ...] | list[Any], dict[str, Any]]

_SAME_IN_TORCH = {
    "abs",
    "sqrt",
    "square",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "floor",
    "ceil",
    "sign",
    "relu",
    "sigmoid",
    "erf",
    "rsqrt",
    "reciprocal",
    "matmul",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
}


def operation_to_config(
    operation: FunctionOperation, name: str, nodes: list[Node]
) -> tuple[dict[str, Any], list[Call]]:
    """The configuration of a recorded function, and its calls as files hold them.

    Raises:
        ValueError: a function that has no name in files.
    """
    function = operation.function
    row = _row(function)
    if row is None:
        label = torch_name(function)
        if label is None:
            raise ValueError(
                f"The graph calls {getattr(function, '__qualname__', function)!r} (as {name!r}), which has no"
                " name in files. Use a function of `tkeras.ops`, or put the call into a layer of your own."
            )
        inner = {"name": name, "function": label}
        config = {"module": "tkeras.graph", "class_name": "FunctionOperation", "config": inner}
        return {**config, "registered_name": None}, [(node.args, node.kwargs) for node in nodes]
    split = [_split(row, function, node) for node in nodes]
    config = {
        "module": row.module,
        "class_name": row.class_name,
        "config": {"name": name, **(split[0][0] if split else {})},
    }
    return {**config, "registered_name": row.class_name}, [call for _, call in split]


def _row(function: Any) -> Row | None:
    name = public_name(function)
    if name is None:
        name = next((f"keras.ops.{key}" for key, value in OPERATORS.items() if value is function), None)
    label = torch_name(function)
    if name is None and label is not None and label.rpartition(".")[2] in _SAME_IN_TORCH:
        name = f"keras.ops.{label.rpartition('.')[2]}"
    return BY_FUNCTION.get(name or "")


def _split(row: Row, function: Any, node: Node) -> tuple[dict[str, Any], Call]:
    """Arguments of one call: what the class's constructor takes, and the rest as a call."""
    from tkeras.saving._serialization import serialize_keras_object

    if not row.arguments:
        return {}, (node.args, node.kwargs)
    bound = inspect.signature(function).bind(*node.args, **node.kwargs)
    config, args, kwargs = {}, [], {}
    by_keyword = False
    for name, parameter in bound.signature.parameters.items():
        if name not in bound.arguments:
            by_keyword = by_keyword or name not in row.arguments
            continue
        value = bound.arguments[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            args += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            kwargs.update(value)
        elif name in row.arguments and not _is_symbolic(value):
            config[name] = serialize_keras_object(value)
        elif name in row.arguments or by_keyword or parameter.kind is parameter.KEYWORD_ONLY:
            kwargs[name] = value
        else:
            args.append(value)
    return config, (args, kwargs)


def _is_symbolic(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_is_symbolic(item) for item in value)
    return isinstance(value, KerasTensor)


class RecordedCall:
    """Stands for an operation of a configuration: each call records one node.

    Args:
        function: what to call.
        name: of the operation in the graph.
        arguments: further arguments, by name.
    """

    def __init__(self, function: Callable[..., Any], name: str, arguments: Mapping[str, Any]):
        self.function, self.name, self.arguments = function, name, arguments
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic result."""
        args, kwargs = self._arguments(args, kwargs)
        if public_name(self.function) is None:
            return FunctionOperation(self.function, self.name)(*args, **kwargs)
        outputs = self.function(*args, **kwargs)
        for leaf in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
            history = getattr(leaf, "_keras_history", None)
            if history is not None:
                history.operation.name = self.name
        return outputs

    def _arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self.function is operator.getitem and isinstance(args[1], list):
            return (args[0], tuple(args[1])), kwargs
        if not self.arguments:
            return args, kwargs
        signature, given, rest = inspect.signature(self.function), {**kwargs}, list(args)
        accepts_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        for key, value in self.arguments.items():
            if key in signature.parameters or accepts_any:
                given[key] = value
            elif value not in (None, False):
                raise ValueError(f"`{self.function.__name__}` takes no `{key}`. Received: {key}={value}")
        arguments: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                arguments[name], rest = tuple(rest), []
            elif name in given:
                arguments[name] = given.pop(name)
            elif parameter.kind is parameter.VAR_KEYWORD:
                arguments[name] = given
            elif rest and parameter.kind is not parameter.KEYWORD_ONLY:
                arguments[name] = rest.pop(0)
        if rest:
            raise ValueError(
                f"`{self.name}` takes {len(args) - len(rest)} arguments in the call. Received: {len(args)}"
            )
        bound = inspect.BoundArguments(signature, arguments)  # pyright: ignore[reportArgumentType]
        return bound.args, bound.kwargs


def operation_from_config(data: Mapping[str, Any]) -> RecordedCall | None:
    """What makes the calls of a recorded function again; None for a layer.

    Raises:
        ValueError: an op that is not known here.
    """
    from tkeras.saving._serialization import deserialize_keras_object

    module, class_name = data.get("module"), data.get("class_name")
    inner = data.get("config")
    if not isinstance(module, str) or not isinstance(class_name, str) or not isinstance(inner, dict):
        return None
    name = str(data.get("name") or inner.get("name"))
    if (module, class_name) == ("tkeras.graph", "FunctionOperation"):
        return RecordedCall(torch_function(str(inner.get("function"))), name, {})
    parts = module.split(".")
    if parts[0] not in ("keras", "keras_core") or not {"ops", "operations"} & set(parts):
        return None
    row = BY_CLASS.get(class_name)
    function = None if row is None else _function(row)
    if row is None or function is None:
        raise ValueError(f"The op {module}.{class_name} is not known here.")
    known = {key: value for key, value in inner.items() if key in row.arguments}
    return RecordedCall(function, name, deserialize_keras_object(known))


def _function(row: Row) -> Callable[..., Any] | None:
    short = row.function.rpartition(".")[2]
    if short in OPERATORS:
        return OPERATORS[short]
    found = public_object(row.function)
    return getattr(torch, short) if found is None and short in _SAME_IN_TORCH else found
