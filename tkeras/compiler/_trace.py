"""Programs of models, layers and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tkeras.bridge import recording
from tkeras.compiler._program import Program, Value, map_values, values_in
from tkeras.compiler._tracer import Tracer, tensors_in
from tkeras.config import default_device, torch_dtype
from tkeras.graph import KerasTensor, infer
from tkeras.graph._tree import map_structure


@contextmanager
def _custom_functions(tracer: Tracer) -> Iterator[None]:
    """Functions with a backward of their own are recorded as one call."""
    own = torch.autograd.Function.__dict__["apply"]

    def apply(cls: Any, *args: Any) -> Any:
        bound = own.__get__(None, cls)
        return (
            bound(*args)
            if tracer._busy or recording.active is not tracer
            else tracer.__torch_function__(bound, (), args)
        )

    torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.autograd.Function.apply = own


def trace(target: Any, specs: Any, training: bool | None = None, name: str | None = None) -> Program:
    """The program of a model, a layer or a function of tensors.

    Args:
        target: what is traced; a layer that has no variables yet gets them.
        specs: its inputs: tensors, symbolic tensors or shapes (float32); for a layer the structure of its
            first argument, for a function a tuple of its arguments.
        training: passed to a layer.
        name: of the program; default: that of the target.

    Raises:
        TraceError: the target's control flow depends on values, or it does what a program cannot hold.
    """
    from tkeras.layers import Layer

    if isinstance(target, Layer):
        arguments: Any = (specs,)
        options = {} if training is None else {"training": training}
        symbols = _map_specs(_symbol, specs)
        if not all(layer.built for layer in target._flat_layers()):
            _build(target, symbols, options)
    else:
        arguments, options = specs if isinstance(specs, tuple) and not is_shape(specs) else (specs,), {}
    example = _map_specs(_example, arguments)
    label = name or getattr(target, "name", None) or getattr(target, "__name__", "program")
    return record(lambda *args: target(*args, **options), example, label, _input_names(target, example))


def _build(layer: Any, symbols: Any, options: dict[str, Any]) -> None:
    """Give a layer its variables: from shapes alone, or, where its code looks at values, from zeros."""
    try:
        infer(layer, (symbols,), options)
    except Exception:  # noqa: BLE001 - the call on zeros raises by itself if the layer is wrong
        zeros = _map_specs(lambda spec: _example(spec).zero_(), symbols)
        with torch.no_grad():
            layer(zeros)


def record(function: Callable[..., Any], arguments: Any, name: str, names: list[str]) -> Program:
    """Trace a function of these arguments, tensors in any structure."""
    tracer = Tracer()
    inputs: list[Value] = []
    labels = iter(names)

    def enter(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        value, token = tracer.input(leaf, next(labels))
        inputs.append(value)
        return token

    tokens = map_structure(enter, arguments)
    before, recording.active = recording.active, tracer
    state = torch.get_rng_state()
    try:
        with torch.enable_grad(), tracer, _custom_functions(tracer):
            made = function(*tokens)
    finally:
        recording.active = before
        torch.set_rng_state(state)  # what was drawn on the way counts for nothing
    outputs = map_values(lambda leaf: tracer.value_of(leaf) if isinstance(leaf, torch.Tensor) else leaf, made)
    read = {value for op in tracer.ops for value in op.inputs} | {*values_in(outputs)}
    captured = {value: tensor for value, tensor in tracer.captured.items() if value in read}
    return Program(name, tuple(inputs), captured, tuple(tracer.ops), outputs)


def is_shape(spec: Any) -> bool:
    """Whether a spec is a shape: a tuple or list of sizes."""
    return (
        isinstance(spec, (tuple, list))
        and bool(spec)
        and all(size is None or type(size) is int for size in spec)
    )


def _map_specs(function: Callable[[Any], Any], specs: Any) -> Any:
    """The same structure with ``function`` applied to every spec."""
    if isinstance(specs, dict):
        return {key: _map_specs(function, item) for key, item in specs.items()}
    if isinstance(specs, (list, tuple)) and not is_shape(specs):
        return type(specs)([_map_specs(function, item) for item in specs])
    return function(specs)


def _symbol(spec: Any) -> Any:
    if isinstance(spec, torch.Tensor):
        return KerasTensor(spec.shape, str(spec.dtype).removeprefix("torch."))
    return KerasTensor(spec) if is_shape(spec) else spec


def _example(spec: Any) -> Any:
    """A tensor like a spec, of which only shape, type and device count."""
    if isinstance(spec, torch.Tensor):
        return spec
    symbol = _symbol(spec)
    if not isinstance(symbol, KerasTensor):
        return spec
    if None in symbol.shape:
        raise ValueError(f"A program needs known sizes. Received: shape={symbol.shape}")
    sizes: Any = symbol.shape
    return torch.empty(sizes, dtype=torch_dtype(symbol.dtype), device=default_device())


def _input_names(target: Any, example: Any) -> list[str]:
    own = getattr(target, "_input_names", None)
    count = len(tensors_in(example))
    if own and len(own) == count:
        return list(own)
    if callable(target) and not isinstance(target, torch.nn.Module):
        code = getattr(target, "__code__", None)
        if code is not None and code.co_argcount == count:
            return list(code.co_varnames[:count])
    return ["x"] if count == 1 else [f"x{index}" for index in range(count)]
