"""Variables, functions and flow of eager code."""

from __future__ import annotations

import builtins
import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch

from tkeras import graph, ops
from tkeras.compat._tensors import Shape as TensorShape
from tkeras.compat.tensorflow._dtypes import as_dtype

__version__ = "2.16.0"
"""Of the API that the stand-in follows."""


class _Instances(type):
    """Lets ``isinstance(x, tf.Variable)`` and ``isinstance(x, tf.Tensor)`` say what scripts mean."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.kind)  # type: ignore[attr-defined]


class Tensor(metaclass=_Instances):
    """An eager tensor, which is a ``torch.Tensor``, or a symbolic one; only for ``isinstance``."""

    kind = (torch.Tensor, graph.KerasTensor)


class Variable(metaclass=_Instances):
    """``tf.Variable(value)`` makes a :class:`tkeras.Variable`."""

    kind = graph.Variable

    def __new__(
        cls,
        initial_value: Any = None,
        trainable: bool = True,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        shape: Any = None,
    ) -> Any:
        if initial_value is None:
            raise ValueError("tf.Variable: `initial_value` is required.")
        if caching_device is not None or variable_def is not None or import_scope is not None:
            raise ValueError("tf.Variable: give `initial_value`, `trainable`, `name`, `dtype`, `constraint`.")
        value = initial_value() if callable(initial_value) else initial_value
        name = name.replace("/", "_") if name else None
        kind = None if dtype is None else as_dtype(dtype).name
        value = ops.convert_to_tensor(value, dtype=kind)
        variable = graph.Variable(value, shape=shape, trainable=trainable is not False, name=name)
        variable.constraint = constraint
        return variable


class TensorSpec:
    """Shape and element type of a tensor.

    Args:
        shape: sizes, None where any will do.
        dtype: element type.
    """

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None):
        self.shape, self.dtype, self.name = TensorShape(shape), as_dtype(dtype), name

    def __repr__(self) -> str:
        return f"TensorSpec(shape={tuple(self.shape)}, dtype={self.dtype}, name={self.name})"


_COMPILATION = {
    "input_signature", "autograph", "jit_compile", "reduce_retracing", "experimental_relax_shapes",
    "experimental_compile", "experimental_follow_type_hints", "experimental_implements",
    "experimental_autograph_options", "experimental_attributes",
}  # fmt: skip


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The function itself: eager code gives the results that TensorFlow's compiled functions give.

    Options that steer TensorFlow's compilation have nothing to steer.

    Raises:
        TypeError: an option that TensorFlow does not have.
    """
    unknown = set(options) - _COMPILATION
    if unknown:
        raise TypeError(f"tf.function: unexpected arguments {sorted(unknown)}")
    if func is None:
        return functools.partial(function, **options)
    return func


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """``true_fn()`` or ``false_fn()``."""
    return ops.cond(pred, true_fn, false_fn)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
    **hints: Any,
) -> Any:
    """``body`` as long as ``cond`` holds; ``hints`` are for TensorFlow's scheduler and change no result."""
    known = {"shape_invariants", "parallel_iterations", "back_prop", "swap_memory", "name"}
    if set(hints) - known:
        raise TypeError(f"tf.while_loop: unexpected arguments {sorted(set(hints) - known)}")
    return ops.while_loop(cond, body, loop_vars, maximum_iterations)


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """The values, through which no gradient flows."""
    return ops.stop_gradient(input)


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(x, Tensor.kind)


def executing_eagerly() -> bool:
    """True: there is no other way here."""
    return True


def print(*inputs: Any, output_stream: Any = None, sep: str = " ", end: str = "\n") -> None:
    """Print values; tensors as arrays."""
    shown = [value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value for value in inputs]
    builtins.print(*shown, sep=sep, end=end, file=output_stream if hasattr(output_stream, "write") else None)


@contextlib.contextmanager
def device(device_name: Any) -> Iterator[None]:
    """New tensors on a device: ``"/CPU:0"``, ``"/GPU:0"``.

    Raises:
        ValueError: the machine has no such device.
    """
    kind, _, index = str(device_name).lower().replace("/device:", "").strip("/").partition(":")
    if kind == "gpu" and not torch.cuda.is_available():
        raise ValueError(f"tf.device: this machine has no {device_name}")
    if kind not in ("cpu", "gpu", "none", ""):
        raise ValueError(f"tf.device: expected '/CPU:0' or '/GPU:n'. Received: {device_name}")
    place = f"cuda:{index or 0}" if kind == "gpu" else "cpu"
    with torch.device(place) if kind in ("cpu", "gpu") else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Names of what is made inside begin with it."""
    with contextlib.ExitStack() as scopes:
        for part in filter(None, name.split("/")):
            scopes.enter_context(graph.name_scope(part))
        yield name


def group(*inputs: Any, name: str | None = None) -> None:
    """Nothing is left to do: eager code ran what it was given."""


def no_op(name: str | None = None) -> None:
    """Nothing."""


def get_logger() -> logging.Logger:
    """The logger that scripts silence."""
    return logging.getLogger("tensorflow")
