"""`GraphMixin`: a model whose call is the run of a graph of layers; `Functional`: nothing but that."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from tkeras.config import default_device, torch_dtype
from tkeras.graph import KerasTensor, Plan, Version
from tkeras.graph._tree import flatten, is_nested, leaves, map_structure
from tkeras.layers._arguments import convert as convert_leaf
from tkeras.layers._context import context
from tkeras.layers._input_spec import describe
from tkeras.layers._layer import Layer


class GraphMixin:
    """What a model made from symbolic inputs and outputs adds to a layer."""

    name: str
    _plan: Plan | None = None
    _checks_sizes = True

    def _init_graph(self, inputs: Any, outputs: Any) -> None:
        for kind, structure in (("inputs", inputs), ("outputs", outputs)):
            for leaf in leaves(structure):
                if not isinstance(leaf, KerasTensor):
                    raise ValueError(
                        f"All `{kind}` values must be KerasTensors. Received: {kind}={structure} including"
                        f" invalid value {leaf} of type {type(leaf)}"
                    )
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1:
            self.__dict__["_wrapped_input"] = True
        flat = flatten(inputs)
        if len({id(tensor) for tensor in flat}) != len(flat):
            raise ValueError(f"The `inputs` of a model must be different tensors. Received: inputs={inputs}")
        plan = Plan(flat, outputs)
        stand_ins = _stand_ins(plan)
        self.__dict__.update(_plan=plan, _stand_ins=stand_ins, _inputs_struct=inputs, _outputs_struct=outputs)
        names = [layer.name for layer in plan.operations if isinstance(layer, Layer)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f'The name "{twice[0]}" is used {names.count(twice[0])} times in the model. All layer names'
                " should be unique."
            )
        for operation in plan.operations:
            if isinstance(operation, Layer):
                self._track(operation)  # type: ignore[attr-defined]
        self.__dict__["_input_names"] = [
            stand_ins.get(id(tensor), tensor._keras_history.operation).name  # type: ignore[union-attr]
            for tensor in flat
        ]
        self.__dict__["_input_types"] = [torch_dtype(t.dtype) if t.dtype != "string" else None for t in flat]
        self.__dict__["_input_shapes"] = [t.shape for t in flat]
        self.__dict__["built"] = True
        Version.bump()

    _inputs_struct: Any
    _outputs_struct: Any
    _stand_ins: dict[int, Any]
    _input_names: list[str]

    def _graph(self, attribute: str) -> Plan:
        if self._plan is None:
            raise AttributeError(
                f"Model '{self.name}' of type {type(self).__name__} has no `{attribute}`: its topology is"
                " Python code (a subclassed model), not a graph of layers. Build it with the functional API"
                " or `Sequential` to inspect it."
            )
        return self._plan

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return list(self._graph("inputs").inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return [leaf for leaf in flatten(self._graph("outputs").outputs) if isinstance(leaf, KerasTensor)]

    @property
    def input(self) -> Any:
        """The symbolic input in the structure it was given in."""
        self._graph("input")
        struct = self._inputs_struct
        return struct[0] if isinstance(struct, (list, tuple)) and len(struct) == 1 else struct

    @property
    def output(self) -> Any:
        """The symbolic output in the structure it was given in."""
        self._graph("output")
        struct = self._outputs_struct
        return struct[0] if isinstance(struct, (list, tuple)) and len(struct) == 1 else struct

    @property
    def input_shape(self) -> Any:
        """Shape of the input, or the structure of shapes."""
        return map_structure(lambda tensor: tensor.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, or the structure of shapes."""
        return map_structure(lambda tensor: tensor.shape, self.output)

    @property
    def input_names(self) -> list[str]:
        """Names of the input layers."""
        self._graph("input_names")
        return list(self._input_names)

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that make the outputs; names in losses, metrics and logs."""
        self._graph("output_names")
        names: list[str] = []
        for tensor in self.outputs:
            assert tensor._keras_history is not None
            name = tensor._keras_history.operation.name
            count = names.count(name)
            names.append(f"{name}_{count}" if count else name)
        return names

    def _run_graph(self, inputs: Any, mask: Any = None) -> Any:
        assert self._plan is not None
        values = self._arrange(inputs)
        if mask is not None:
            for value, one in zip(values, flatten(mask), strict=True):
                if one is not None:
                    value._keras_mask = one
        if context.training is not None and self._plan.sets_training:
            return self._plan.run(values, _without_training)  # the model's own flag wins, as in Keras
        return self._plan.run(values)

    _input_types: list[torch.dtype | None]
    _input_shapes: list[tuple[int | None, ...]]

    def _arrange(self, inputs: Any) -> list[Any]:
        """The values of the inputs in order, checked, with the type and rank that the model expects."""
        if isinstance(inputs, dict):
            values = self._by_name(inputs)
        else:
            values = flatten(inputs) if is_nested(inputs) else [inputs]
        if len(values) != len(self._input_names):
            names = self._expected_names()
            example = ", ".join(f"'{name}': ..." for name in names)
            raise ValueError(
                f'Layer "{self.name}" expects {len(names)} named input(s) with keys {names}, but it received'
                f" {len(values)} input tensors. Pass inputs as a dict, e.g. `layer({{{example}}})`, or as a"
                f" list. Received shapes: {[tuple(getattr(value, 'shape', ())) for value in values]}"
            )
        return [self._fit(index, value) for index, value in enumerate(values)]

    def _by_name(self, inputs: dict[str, Any]) -> list[Any]:
        if isinstance(self._inputs_struct, dict) and set(inputs) == set(self._inputs_struct):
            return flatten(inputs)
        names = self._expected_names()
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}". You passed a data dictionary with keys'
                f" {list(inputs)}."
                f" Expected the following keys: {names}"
            )
        unknown = [name for name in inputs if name not in names]
        if unknown:
            warnings.warn(f"Model '{self.name}' has inputs {names} and ignores {unknown}.", stacklevel=2)
        return [inputs[name] for name in names]

    def _expected_names(self) -> list[str]:
        return sorted(self._inputs_struct) if isinstance(self._inputs_struct, dict) else self._input_names

    def _fit(self, index: int, value: Any) -> Any:
        expected, kind = self._input_shapes[index], self._input_types[index]
        if not isinstance(value, (torch.Tensor, KerasTensor)):
            value = convert_leaf(value, None)
            if isinstance(value, np.ndarray) and kind is not None:
                raise ValueError(
                    f'Input "{self._input_names[index]}" of layer "{self.name}" expects numbers ({kind}). '
                    f"Received: an array of dtype {value.dtype}"
                )
            if not isinstance(value, (torch.Tensor, np.ndarray)):
                value = torch.as_tensor(value, device=default_device())
        shape = value.shape
        if len(shape) != len(expected) or any(
            e is not None and e != s for e, s in zip(expected, shape, strict=True)
        ):
            value = self._adjust_rank(index, value, expected)
        if isinstance(value, torch.Tensor) and kind is not None and value.dtype is not kind:
            both_float = value.is_floating_point() and kind.is_floating_point
            both_int = not value.is_floating_point() and not kind.is_floating_point and kind is not torch.bool
            if value.is_complex() and not kind.is_complex:
                raise ValueError(
                    f'Input "{self._input_names[index]}" of layer "{self.name}" expects {kind}. '
                    f"Received: {value.dtype}"
                )
            if not (both_float or both_int):
                mask = getattr(value, "_keras_mask", None)
                value = value.to(kind)
                if mask is not None:
                    value._keras_mask = mask  # type: ignore[attr-defined]
        return value

    def _adjust_rank(self, index: int, value: Any, expected: tuple[int | None, ...]) -> Any:
        """Add or drop a last axis of size 1, as Keras does; refuse everything else."""
        shape, name = tuple(value.shape), self._input_names[index]
        if len(shape) == len(expected) + 1 and shape[-1] == 1:
            value = value.squeeze(-1)
        elif len(shape) == len(expected) - 1 and expected[-1] == 1:
            symbolic: Any = value
            value = torch.unsqueeze(symbolic, -1) if isinstance(value, KerasTensor) else value[..., None]
        elif len(shape) != len(expected):
            raise ValueError(
                f"Invalid input shape for input {describe(value)} with name '{name}' and path ''. Expected"
                f" shape {expected}, but input has incompatible shape {shape}"
            )
        if self._checks_sizes and not _fits(tuple(value.shape), expected):
            raise ValueError(
                f"Input {index} with name '{name}' of layer '{self.name}' is incompatible with the layer:"
                f" expected shape={expected}, found shape={shape}"
            )
        return value

    def _symbolic_outputs(self, inputs: Any) -> Any:
        """Shapes of the outputs for symbolic inputs, found by running the graph on them layer by layer."""
        assert self._plan is not None
        values = self._arrange(inputs)
        if [value.shape for value in values] == self._input_shapes:
            return map_structure(
                lambda t: KerasTensor(t.shape, t.dtype) if isinstance(t, KerasTensor) else t,
                self._plan.outputs,
            )

        def spec(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return operation.compute_output_spec(*args, **kwargs)

        return self._plan.run(values, spec)


def _without_training(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs.pop("training", None)
    return operation(*args, **kwargs)


def _fits(shape: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        e is None or s is None or e == s for e, s in zip(expected, shape, strict=True)
    )


def _stand_ins(plan: Plan) -> dict[int, Any]:
    """Input layers by id for inputs that a layer made, whose maker the model does not contain."""
    from tkeras.layers import InputLayer

    made = {}
    for tensor in plan.inputs:
        history = tensor._keras_history
        if history is not None and not history.operation._inbound_nodes[history.node_index].is_input:
            made[id(tensor)] = InputLayer(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE"
            )
    if made:
        run = {node.operation for node in plan.nodes if node.is_input or not plan._is_given(node)}
        plan.operations = [*made.values(), *(operation for operation in plan.operations if operation in run)]
    return made
