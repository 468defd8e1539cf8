"""What makes a torch function an op: symbolic arguments are recorded, host values become tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from tkeras.graph import FunctionOperation, KerasTensor, Variable, any_symbolic
from tkeras.ops._convert import convert, is_traced, promoted, result_type, together
from tkeras.saving import public

F = TypeVar("F", bound=Callable[..., Any])
Spec = Callable[..., Any]
Casts = Mapping[torch.dtype, torch.dtype]

_PLAIN = {torch.Tensor, Variable, torch.nn.Parameter, np.ndarray, int, float, bool, str, type(None)}
_NUMBERS = {int, float}
_NO_CASTS: Casts = {}


class Unary(Protocol):
    """A function of one tensor."""

    def __call__(self, x: Any) -> torch.Tensor: ...


class Binary(Protocol):
    """A function of two tensors that broadcast together."""

    def __call__(self, x1: Any, x2: Any) -> torch.Tensor: ...


class Recorded(FunctionOperation):
    """A call of one of `tkeras.ops` on symbolic tensors.

    Args:
        function: the public function, which the node runs on tensors.
        spec: gives the symbolic result where running the function on meta tensors does not, else None.
    """

    def __init__(self, function: Callable[..., Any], spec: Spec | None = None):
        super().__init__(function)
        self._spec = spec

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic results for symbolic arguments."""
        try:
            known = self._spec(*args, **kwargs) if self._spec is not None else None
        except IndexError:  # an axis that the tensor lacks, of which running the function tells
            known = None
        return super().compute_output_spec(*args, **kwargs) if known is None else known


def op(*, spec: Spec | None = None, module: str = "tkeras.ops") -> Callable[[F], F]:
    """Decorator: make a function of tensors an op, which records one node when an argument is symbolic.

    Args:
        spec: see :class:`Recorded`.
        module: where the function is public.
    """
    return lambda function: _op(function, spec, module)


def _op(function: Any, spec: Spec | None, module: str) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _symbolic(args) or (kwargs and _symbolic(kwargs.values())):
            return Recorded(call, spec)(*args, **kwargs)
        return function(*args, **kwargs)

    return publish(call, function.__name__, module)


def _symbolic(values: Any) -> bool:
    """`any_symbolic`, quick for what calls mostly consist of."""
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            continue
        if _symbolic(value) if kind is tuple or kind is list else any_symbolic(value):
            return True
    return False


def publish(call: Any, name: str, module: str = "tkeras.ops") -> Any:
    """Give a function its public name, also for files."""
    call.__module__, call.__name__, call.__qualname__ = module, name, name
    return public(f"k{module.removeprefix('tk')}.{name}")(call)


def unary(name: str, function: Callable[[Any], Any], doc: str, casts: Casts = _NO_CASTS) -> Unary:
    """An op of one tensor from a torch function.

    Args:
        name: of the op.
        function: takes a tensor.
        doc: its docstring.
        casts: element types that are changed before the call, for torch functions that lack them.
    """

    def call(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            target = casts.get(x.dtype)
            return function(x if target is None else x.to(target))
        if isinstance(x, KerasTensor):
            return Recorded(call)(x)
        x = convert(x)
        return function(x) if is_traced(x) else call(x)

    call.__doc__ = doc
    return publish(call, name)


def binary(
    name: str, function: Callable[[Any, Any], Any], doc: str, casts: Casts = _NO_CASTS, same: Any = None
) -> Binary:
    """An op of two tensors from a torch function.

    Args:
        name: of the op.
        function: takes two tensors, or a tensor and a number.
        doc: its docstring.
        casts: element types that are changed before the call.
        same: for functions that take tensors of one element type only: those that the common one is promoted
            with, ``()`` or ``(float,)``.
    """

    def call(x1: Any, x2: Any) -> Any:
        if not (isinstance(x1, torch.Tensor) and isinstance(x2, torch.Tensor)):
            if isinstance(x1, KerasTensor) or isinstance(x2, KerasTensor):
                return Recorded(call)(x1, x2)
            x1, x2 = operands(x1, x2)
            if is_traced(x1) or is_traced(x2):
                return _trace(function, x1, x2)
        if same is not None and (same or not isinstance(x2, torch.Tensor) or x1.dtype is not x2.dtype):
            x1, x2 = promoted(x1, x2, *same)
        if casts:
            x1, x2 = (_cast(x, casts) for x in (x1, x2))
        return function(x1, x2)

    call.__doc__ = doc
    return publish(call, name)


def _trace(function: Callable[..., Any], x1: Any, x2: Any) -> Any:
    """Hand a call to the traced value; some torch functions would refuse a number beside it."""
    if isinstance(function, FunctionType):
        return function(x1, x2)
    tracer = type(x1 if is_traced(x1) else x2)
    return tracer.__torch_function__(function, (tracer,), (x1, x2))


def _cast(x: Any, casts: Casts) -> Any:
    target = casts.get(x.dtype) if isinstance(x, torch.Tensor) else None
    return x if target is None else x.to(target)


def operands(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two values as tensors; a number that takes the type of the other one stays a number."""
    if isinstance(x1, torch.Tensor) and type(x2) in _NUMBERS:
        return x1, x2 if _is_weak(x2, x1) else convert(x2, None, x1)
    if is_traced(x1) or is_traced(x2):
        return x1, x2
    if type(x1) in _NUMBERS:
        x2 = convert(x2)
        return convert(x1, result_type(x2.dtype, type(x1)) if _is_weak(x1, x2) else None, x2), x2
    x1, other = together(x1, x2)
    return x1, x2 if type(x2) in _NUMBERS and _is_weak(x2, x1) else other


def _is_weak(x: Any, other: torch.Tensor) -> bool:
    """Whether a number takes the type of ``other``."""
    if type(x) is float:
        return other.is_floating_point() or other.is_complex()
    return other.dtype is not torch.bool
