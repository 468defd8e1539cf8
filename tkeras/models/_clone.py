"""`clone_model`: the same architecture with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tkeras.graph import KerasTensor
from tkeras.graph._tree import flatten, is_nested, map_structure
from tkeras.layers._layer import Layer
from tkeras.models._config import takes_graph
from tkeras.models._model import Functional, Model
from tkeras.models._sequential import Sequential

CloneFunction = Callable[[Any], Any]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: CloneFunction | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same architecture with new layers, compiled as the given one is.

    Args:
        model: functional or sequential; a subclassed model is made again from its configuration.
        input_tensors: symbolic tensors or `InputLayer` objects to build on, in the structure of the inputs.
        clone_function: ``layer -> layer``; default: from the layer's configuration. Inputs are not passed.
        call_function: ``(layer, *args, **kwargs) -> outputs``: how the new layers are called.
        recursive: clone models inside by `clone_model` with the same functions, not by ``clone_function``.

    Raises:
        ValueError: no model, ``call_function`` with a sequential model, functions or inputs with a subclassed
            one, or other ``input_tensors`` than the model has inputs.
    """
    if kwargs.pop("cache", None) is not None:
        raise ValueError("`cache` is not supported: every call makes new layers.")
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    if not isinstance(model, Model):
        raise ValueError(f"Expected `model` to be a `Model`. Received: {model} (of type {type(model)})")
    clone = clone_function or _from_config
    if recursive:
        clone = _recursive(clone, call_function)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models. In a Sequential model,"
                " layers aren't called at model-construction time (they're merely listed). Use"
                " `call_function` with Functional models only. Received model of type"
                f" '{type(model).__name__}', with call_function={call_function}"
            )
        made = _clone_sequential(model, clone, input_tensors)
    elif model._plan is not None and takes_graph(type(model)):
        made = _clone_graph(model, clone, call_function, input_tensors)
    else:
        _check_plain(model, input_tensors, clone_function, call_function)
        made = type(model).from_config(model.get_config())
    if model.compiled and not made.compiled:
        made.compile_from_config(model.get_compile_config())
    return made


def _from_config(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _recursive(clone: CloneFunction, call_function: Callable[..., Any] | None) -> CloneFunction:
    """Clones models by `clone_model`, other layers by ``clone``."""

    def either(layer: Any) -> Any:
        if isinstance(layer, Sequential):
            return clone_model(layer, clone_function=either)
        if isinstance(layer, Model) and layer._plan is not None:
            return clone_model(layer, clone_function=either, call_function=call_function)
        return clone(layer)

    return either


def _check_plain(model: Any, *given: Any) -> None:
    names = ("input_tensors", "clone_function", "call_function")
    unused = [name for name, value in zip(names, given, strict=True) if value is not None]
    if unused:
        raise ValueError(
            f"Arguments {unused} are not supported with the subclassed model '{model.name}': its topology is"
            " Python code."
        )


def _checked(layer: Any, made: Any) -> Any:
    if not isinstance(made, Layer):
        raise ValueError(
            f"`clone_function` must return a layer. Received: {made} (of type {type(made)}) for layer"
            f" '{layer.name}'"
        )
    return made


def _tensors(input_tensors: Any) -> Any:
    """Symbolic tensors in the structure given; input layers stand for theirs."""

    def tensor(value: Any) -> Any:
        value = value.output if isinstance(value, Layer) else value
        if not isinstance(value, KerasTensor):
            raise ValueError(
                "All entries in `input_tensors` must be KerasTensors. Received invalid values: "
                f"inputs_tensors={input_tensors}"
            )
        return value

    return map_structure(tensor, input_tensors)


def _clone_sequential(model: Sequential, clone: CloneFunction, input_tensors: Any) -> Any:
    layers = [_checked(layer, clone(layer)) for layer in model.layers]
    if input_tensors is not None:
        given = flatten(_tensors(input_tensors))
        if len(given) != 1:
            raise ValueError("Argument `input_tensors` must contain a single tensor.")
        inputs = given[0]._keras_history.operation
        if len(inputs._inbound_nodes) != 1 or not inputs._inbound_nodes[0].is_input:
            from tkeras.layers import InputLayer

            inputs = InputLayer(batch_shape=given[0].shape, dtype=given[0].dtype)
        return type(model)([inputs, *layers], name=model.name, trainable=model.trainable)
    first = [_from_config(model._input_layer)] if model._input_layer is not None else []
    if not first and model._plan is not None:
        first = [_from_config(model._start._keras_history.operation)]
    return type(model)([*first, *layers], name=model.name, trainable=model.trainable)


def _clone_graph(
    model: Any, clone: CloneFunction, call_function: Callable[..., Any] | None, input_tensors: Any
) -> Any:
    if input_tensors is None:
        inputs = _new_inputs(model)
    else:
        inputs = _tensors(input_tensors)
        if is_nested(model._inputs_struct) and not is_nested(inputs):
            inputs = [inputs]
        if len(flatten(inputs)) != len(model.inputs):
            raise ValueError(
                "`input_tensors` must have the same structure as model.input\n"
                f"Reference structure: {model._inputs_struct}\nReceived structure: {inputs}"
            )
    made: dict[Any, Any] = {}

    def call(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(operation, Layer) and operation not in made:
            made[operation] = _checked(operation, clone(operation))
        operation = made.get(operation, operation)
        if call_function is None:
            return operation(*args, **kwargs)
        return call_function(operation, *args, **kwargs)

    outputs = model._plan.run(flatten(inputs), call)
    kind = Functional if type(model) is Model else type(model)
    return kind(inputs=inputs, outputs=outputs, name=model.name, trainable=model.trainable)


def _new_inputs(model: Any) -> Any:
    """Inputs of the same names, shapes and types."""
    from tkeras.layers import InputLayer

    def new(tensor: KerasTensor) -> KerasTensor:
        history = tensor._keras_history
        assert history is not None
        if isinstance(history.operation, InputLayer):
            return _from_config(history.operation).output
        return InputLayer(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=model._stand_ins[id(tensor)].name
        ).output

    return map_structure(new, model._inputs_struct)
